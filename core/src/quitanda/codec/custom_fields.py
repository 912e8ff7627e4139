"""Fields that Quitanda does not know: kept with a document, as exact JSON texts."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from quitanda.codec.json_text import dump_json, parse_json
from quitanda.domain.limits import JSON_DEPTH_MAX
from quitanda.domain.model import CustomFields
from quitanda.domain.outcomes import Problem, Refused, invalid

_SHOWN_NAME_LENGTH: Final = 64

DOCUMENT_LEVEL: Final = 1
"""Brackets of a document around the value of one of its fields."""

ITEM_LEVEL: Final = 3
"""The same for a field of an order's item: the order, its list of items, the item."""


def extra_from_map(
    texts: Mapping[str, str], field: str = "extra", level: int = DOCUMENT_LEVEL
) -> CustomFields | Refused:
    """Check that each value is a JSON text and bring it into the canonical form.

    `field` says where the fields stand; a refusal names the one at fault. The whole document nests at most
    JSON_DEPTH_MAX deep.
    """
    return extra_from_pairs(texts.items(), field, level)


def extra_from_pairs(
    pairs: Iterable[tuple[str, str]], field: str = "extra", level: int = DOCUMENT_LEVEL
) -> CustomFields | Refused:
    """Like `extra_from_map`, for pairs; a name that comes twice is refused."""
    canonical: dict[str, str] = {}
    for name, text in pairs:
        place = f"{field}.{name[:_SHOWN_NAME_LENGTH]}"
        if name in canonical:
            return invalid(place, Problem.DUPLICATE)
        parsed = parse_json(text, place, depth_max=JSON_DEPTH_MAX - level)
        if isinstance(parsed, Refused):
            return parsed
        canonical[name] = dump_json(parsed.value)
    return tuple(sorted(canonical.items()))


def extra_from_values(values: Mapping[str, Any]) -> CustomFields:
    """Keep values that were parsed from JSON already."""
    return tuple(sorted((name, dump_json(value)) for name, value in values.items()))
