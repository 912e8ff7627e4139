"""Reads the values of options and arguments that have a form of their own.

A text that no request can carry (not a number, too many decimals) is wrong use, and the message names the option. Any
other value is for the portal to judge.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, tzinfo
from typing import TYPE_CHECKING, Final

import typer

from quitanda_clients.cli.moments import read_iso
from quitanda_clients.i18n.languages import Language, parse_language
from quitanda_clients.i18n.speech import TIME_ZONE_VARIABLE, say, speech

if TYPE_CHECKING:
    from quitanda.domain.commands import ItemQuantity
    from quitanda.domain.model import CustomFields


_THOUSANDS: Final = re.compile(r"[+-]?[0-9]{1,3}(?:\.[0-9]{3})+", re.ASCII)
"""Whole numbers with points between the thousands, as Portuguese writes them."""


def whole_number(text: str) -> int:
    """Read an integer (see `quitanda.codec.numbers`), however large it is."""
    from quitanda.codec.numbers import exact_number  # noqa: PLC0415 - only commands with numbers load it

    _refuse_thousands(text)
    number = exact_number(text)
    if number is None or number != int(number):
        raise typer.BadParameter(say("'{typed}' is not a whole number", typed=text))
    return int(number)


def units_on_hand(text: str) -> int:
    """Read the number of units that a product shall have; with a sign it looks like a change."""
    if text[:1] in {"+", "-"}:
        raise typer.BadParameter(
            say(
                "'{typed}' has a sign, but this option sets the units on hand. To add or remove units, use "
                "`quitanda-admin product adjust-stock PID {typed}`",
                typed=text,
            )
        )
    return whole_number(text)


def units_in_order(text: str) -> int:
    """Read the number of units that an order shall hold; with `+` it looks like a change."""
    if text.startswith("+"):
        raise typer.BadParameter(
            say(
                "'{typed}' has a sign, but this command sets the units, it does not add. Give the number that "
                "the order shall hold",
                typed=text,
            )
        )
    return whole_number(text)


def moment(text: str) -> int:
    """Read a date, or a date and a time, in UTC unless it says otherwise; give milliseconds since 1970.

    A moment, not a duration: a command that is repeated with its request id then asks for the same.
    """
    try:
        return read_iso(text)
    except (ValueError, OverflowError):
        raise typer.BadParameter(
            say("'{typed}' is neither a date such as 2027-01-31 nor 2027-01-31T18:00", typed=text)
        ) from None


def day(text: str) -> date:
    """Read a day."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(say("'{typed}' is not a day such as 2027-01-31", typed=text)) from None


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
            say(
                "'{typed}' is neither a time zone that this machine knows, such as America/Sao_Paulo, nor a "
                "difference to UTC such as -03:00",
                typed=text,
            )
        ) from None


def machine_or_zone(environment: Mapping[str, str]) -> tzinfo | None:
    """Read QUITANDA_TIME_ZONE, which may say that times are those of another place than this machine's (None)."""
    named = environment.get(TIME_ZONE_VARIABLE, "").strip()
    return time_zone(named) if named else None


def language(text: str) -> Language:
    """Read --lang: the tag of a language, or a locale."""
    if (found := parse_language(text)) is None:
        raise typer.BadParameter(say("'{typed}' is not a language that Quitanda speaks; give en or pt-BR", typed=text))
    return found


def deadline(text: str) -> int:
    """Read when an order expires, as `moment`; `never` is 0."""
    return 0 if text == "never" else moment(text)


def version(text: str) -> int:
    """Read a document's version."""
    number = whole_number(text)
    if number < 1:
        raise typer.BadParameter(say("'{typed}' is not a version; versions begin at 1", typed=text))
    return number


def price(text: str, option: str = "--price") -> int:
    """Read a price as minor units, exactly.

    Raises Rejected for a number that no portal accepts (negative, too large).
    """
    from quitanda.codec.money import parse_price  # noqa: PLC0415
    from quitanda.domain.outcomes import Problem, Refused  # noqa: PLC0415 - only commands with prices load it
    from quitanda.errors import Rejected  # noqa: PLC0415

    try:
        _refuse_thousands(text)
    except typer.BadParameter as error:
        raise typer.BadParameter(error.message, param_hint=option) from None
    parsed = parse_price(_with_point(text), option.removeprefix("--"))
    if not isinstance(parsed, Refused):
        return parsed
    problem = dict(parsed.details)["problem"]
    if problem == Problem.NOT_A_NUMBER:
        example = "2,50" if speech().language is Language.PORTUGUESE else "2.50"
        raise typer.BadParameter(
            say("'{typed}' is not a price; write a number such as {example}", typed=text, example=example),
            param_hint=option,
        )
    if problem == Problem.TOO_MANY_DECIMALS:
        raise typer.BadParameter(say("'{typed}' has more than two decimals", typed=text), param_hint=option)
    raise Rejected(parsed)


def _refuse_thousands(text: str) -> None:
    """Refuse `1.500` where the language writes a point between thousands: programs read it as one and a half."""
    if speech().language is Language.PORTUGUESE and _THOUSANDS.fullmatch(text.strip()):
        whole = text.strip().replace(".", "")
        raise typer.BadParameter(
            say("'{typed}' can be read in two ways; write {whole} without a point", typed=text, whole=whole)
        )


def _with_point(text: str) -> str:
    """Turn a decimal comma into a point where the language writes a comma; a point is one in every language."""
    if speech().language is not Language.PORTUGUESE:
        return text
    from quitanda_clients.i18n.formats import Formats  # noqa: PLC0415 - Babel takes long to load

    return Formats(speech().language, UTC, "").plain_amount(text)


def custom_fields(typed: Iterable[str]) -> "CustomFields":
    """Read --field: `NAME=TEXT`, or `NAME:=value in JSON` (`NAME:=null` removes the field in an update)."""
    from quitanda.codec.custom_fields import extra_from_pairs  # noqa: PLC0415
    from quitanda.domain.outcomes import Refused  # noqa: PLC0415 - only commands with fields load it
    from quitanda_clients.i18n.refusal_texts import refusal_text  # noqa: PLC0415

    extra = extra_from_pairs([_custom_field(text) for text in typed])
    if isinstance(extra, Refused):
        raise typer.BadParameter(refusal_text(extra), param_hint="--field")
    return extra


def _custom_field(text: str) -> tuple[str, str]:
    from quitanda.codec.json_text import dump_json  # noqa: PLC0415

    name, equals, value = text.partition("=")
    if not equals:
        raise typer.BadParameter(say("'{typed}' is neither NAME=TEXT nor NAME:=JSON", typed=text), param_hint="--field")
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
            raise typer.BadParameter(
                say("'{typed}' is not PID=QTY, for example caneta=3", typed=text), param_hint="--item"
            )
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
    said = (
        say("the id is there twice; give it once, as the argument or as {name}", name=name)
        if typed
        else say("the id is missing; give it once, as the argument or as {name}", name=name)
    )
    raise typer.BadParameter(said, param_hint=name)
