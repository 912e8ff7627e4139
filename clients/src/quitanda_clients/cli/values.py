"""Reads the values of options and arguments that have a form of their own.

A text that no request can carry (not a number, too many decimals) is wrong use, and the message names the option. Any
other value is for the portal to judge.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, tzinfo
from typing import TYPE_CHECKING

import typer

from quitanda_clients.cli.moments import read_iso

if TYPE_CHECKING:
    from quitanda.domain.commands import ItemQuantity
    from quitanda.domain.model import CustomFields


def whole_number(text: str) -> int:
    """Read an integer (see `quitanda.codec.numbers`), however large it is."""
    from quitanda.codec.numbers import exact_number  # noqa: PLC0415 - only commands with numbers load it

    number = exact_number(text)
    if number is None or number != int(number):
        raise typer.BadParameter(f"'{text}' is not a whole number")
    return int(number)


def units_on_hand(text: str) -> int:
    """Read the number of units that a product shall have; with a sign it looks like a change."""
    if text[:1] in {"+", "-"}:
        raise typer.BadParameter(
            f"'{text}' has a sign, but this option sets the units on hand. To add or remove units, use "
            f"`quitanda-admin product adjust-stock PID {text}`"
        )
    return whole_number(text)


def units_in_order(text: str) -> int:
    """Read the number of units that an order shall hold; with `+` it looks like a change."""
    if text.startswith("+"):
        raise typer.BadParameter(
            f"'{text}' has a sign, but this command sets the units, it does not add. Give the number that the order "
            "shall hold"
        )
    return whole_number(text)


def moment(text: str) -> int:
    """Read a date, or a date and a time, in UTC unless it says otherwise; give milliseconds since 1970.

    A moment, not a duration: a command that is repeated with its request id then asks for the same.
    """
    try:
        return read_iso(text)
    except (ValueError, OverflowError):
        raise typer.BadParameter(f"'{text}' is neither a date such as 2027-01-31 nor 2027-01-31T18:00") from None


def day(text: str) -> date:
    """Read a day."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"'{text}' is not a day such as 2027-01-31") from None


def time_zone(text: str) -> tzinfo:
    """Read a time zone: a name such as `America/Sao_Paulo`, or a difference to UTC such as `-03:00`."""
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError  # noqa: PLC0415 - few commands need it

    if text == "UTC":
        return UTC
    try:
        if text[:1] in {"+", "-"}:
            return datetime.strptime(text, "%z").tzinfo or UTC
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise typer.BadParameter(
            f"'{text}' is neither a time zone that this machine knows, such as America/Sao_Paulo, nor a difference to "
            "UTC such as -03:00"
        ) from None


def deadline(text: str) -> int:
    """Read when an order expires, as `moment`; `never` is 0."""
    return 0 if text == "never" else moment(text)


def version(text: str) -> int:
    """Read a document's version."""
    number = whole_number(text)
    if number < 1:
        raise typer.BadParameter(f"'{text}' is not a version; versions begin at 1")
    return number


def price(text: str, option: str = "--price") -> int:
    """Read a price as minor units, exactly.

    Raises Rejected for a number that no portal accepts (negative, too large).
    """
    from quitanda.codec.money import parse_price  # noqa: PLC0415
    from quitanda.domain.outcomes import Problem, Refused  # noqa: PLC0415 - only commands with prices load it
    from quitanda.errors import Rejected  # noqa: PLC0415

    parsed = parse_price(text, option.removeprefix("--"))
    if not isinstance(parsed, Refused):
        return parsed
    problem = dict(parsed.details)["problem"]
    if problem == Problem.NOT_A_NUMBER:
        raise typer.BadParameter(f"'{text}' is not a price; write a number such as 2.50", param_hint=option)
    if problem == Problem.TOO_MANY_DECIMALS:
        raise typer.BadParameter(f"'{text}' has more than two decimals", param_hint=option)
    raise Rejected(parsed)


def custom_fields(typed: Iterable[str]) -> "CustomFields":
    """Read --field: `NAME=TEXT`, or `NAME:=value in JSON` (`NAME:=null` removes the field in an update)."""
    from quitanda.codec.custom_fields import extra_from_pairs  # noqa: PLC0415
    from quitanda.domain.outcomes import Refused  # noqa: PLC0415 - only commands with fields load it
    from quitanda.error_status import describe  # noqa: PLC0415

    extra = extra_from_pairs([_custom_field(text) for text in typed])
    if isinstance(extra, Refused):
        raise typer.BadParameter(describe(extra).message, param_hint="--field")
    return extra


def _custom_field(text: str) -> tuple[str, str]:
    from quitanda.codec.json_text import dump_json  # noqa: PLC0415

    name, equals, value = text.partition("=")
    if not equals:
        raise typer.BadParameter(f"'{text}' is neither NAME=TEXT nor NAME:=JSON", param_hint="--field")
    if name.endswith(":"):
        return name[:-1], value
    return name, dump_json(value)


def order_items(typed: Iterable[str]) -> "Sequence[ItemQuantity]":
    """Read --item: `PID=QTY`."""
    from quitanda.domain.commands import ItemQuantity  # noqa: PLC0415

    items = []
    for text in typed:
        product_id, equals, quantity = text.rpartition("=")
        if not equals:
            raise typer.BadParameter(f"'{text}' is not PID=QTY, for example caneta=3", param_hint="--item")
        try:
            items.append(ItemQuantity(product_id, whole_number(quantity)))
        except typer.BadParameter as error:
            raise typer.BadParameter(f"'{text}': {error.message}", param_hint="--item") from None
    return items


def one_id(argument: str | None, option: str | None, name: str) -> str:
    """Take the id from the argument or from the option: exactly one of them must be there."""
    typed = [text for text in (argument, option) if text is not None]
    if len(typed) == 1:
        return typed[0]
    problem = "is missing" if not typed else "is there twice"
    raise typer.BadParameter(f"the id {problem}; give it once, as the argument or as {name}", param_hint=name)
