"""Values of options and arguments that have a form of their own.

What cannot be put into a request (not a number, too many decimals) is wrong use and names the option;
what can be is for the portal to judge.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from quitanda.domain.commands import ItemQuantity
    from quitanda.domain.model import CustomFields


def whole_number(text: str) -> int:
    """Read an integer (see `quitanda.codec.numbers`); whether it is too large is not judged here."""
    from quitanda.codec.numbers import exact_number  # noqa: PLC0415 - only commands with numbers pay for it

    number = exact_number(text)
    if number is None or number != int(number):
        raise typer.BadParameter(f"'{text}' is not a whole number")
    return int(number)


def quantity_to_set(text: str) -> int:
    """Read the units that there shall be: a number with a sign looks like one to add or to take."""
    if text[:1] in {"+", "-"}:
        raise typer.BadParameter(
            f"'{text}' has a sign, but this sets the units on hand; to add or to take some: "
            f"`quitanda-admin product adjust-stock PID {text}`"
        )
    return whole_number(text)


def units_to_hold(text: str) -> int:
    """Read the units that an order shall hold: a number with `+` looks like one to add."""
    if text.startswith("+"):
        raise typer.BadParameter(f"'{text}' has a sign, but this sets the units, it does not add; give their number")
    return whole_number(text)


def version(text: str) -> int:
    """Read a document's version."""
    number = whole_number(text)
    if number < 1:
        raise typer.BadParameter(f"'{text}' is not a version; versions begin at 1")
    return number


def price(text: str, option: str = "--price") -> int:
    """Read a price as minor units, exactly.

    Raises Rejected for a number that no portal would take (negative, too large).
    """
    from quitanda.codec.money import parse_price  # noqa: PLC0415
    from quitanda.domain.outcomes import Problem, Refused  # noqa: PLC0415 - only commands with prices pay for it
    from quitanda.errors import Rejected  # noqa: PLC0415

    parsed = parse_price(text, "price")
    if not isinstance(parsed, Refused):
        return parsed
    if dict(parsed.details)["problem"] == Problem.NOT_A_NUMBER:
        raise typer.BadParameter(f"'{text}' is not a price; write a number such as 2.50", param_hint=option)
    if dict(parsed.details)["problem"] == Problem.TOO_MANY_DECIMALS:
        raise typer.BadParameter(f"'{text}' has more than two decimals", param_hint=option)
    raise Rejected(parsed)


def extra_fields(given: Iterable[str]) -> "CustomFields":
    """Read --field: `name=text`, or `name:=value in JSON` (`name:=null` removes the field in an update)."""
    from quitanda.codec.custom_fields import extra_from_pairs  # noqa: PLC0415
    from quitanda.domain.outcomes import Refused  # noqa: PLC0415 - only commands with fields pay for it
    from quitanda.error_status import describe  # noqa: PLC0415

    extra = extra_from_pairs([_field(text) for text in given])
    if isinstance(extra, Refused):
        raise typer.BadParameter(describe(extra).message, param_hint="--field")
    return extra


def _field(text: str) -> tuple[str, str]:
    from quitanda.codec.json_text import dump_json  # noqa: PLC0415

    name, equals, value = text.partition("=")
    if not equals:
        raise typer.BadParameter(f"'{text}' is not name=text or name:=JSON", param_hint="--field")
    if name.endswith(":"):
        return name[:-1], value
    return name, dump_json(value)


def order_items(given: Iterable[str]) -> "Sequence[ItemQuantity]":
    """Read --item: `PID=QUANTITY`."""
    from quitanda.domain.commands import ItemQuantity  # noqa: PLC0415

    items = []
    for text in given:
        product_id, equals, quantity = text.rpartition("=")
        if not equals:
            raise typer.BadParameter(f"'{text}' is not PID=QUANTITY, for example caneta=3", param_hint="--item")
        try:
            items.append(ItemQuantity(product_id, whole_number(quantity)))
        except typer.BadParameter as error:
            raise typer.BadParameter(f"'{text}': {error.message}", param_hint="--item") from None
    return items


def one_id(argument: str | None, option: str | None, name: str) -> str:
    """Choose between an id given as an argument and as an option."""
    given = [text for text in (argument, option) if text is not None]
    if len(given) == 1:
        return given[0]
    problem = "is needed" if not given else "is given twice"
    raise typer.BadParameter(f"the id {problem}; give it as the argument or as {name}", param_hint=name)
