"""Fields that Quitanda does not know: kept with a document, as exact JSON texts."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from quitanda.codec.json_text import dump_json, parse_json
from quitanda.domain.limits import JSON_DEPTH_MAX
from quitanda.domain.model import DOCUMENT_DEPTH, CustomFields
from quitanda.domain.outcomes import Problem, Refused, invalid

_SHOWN_NAME_LENGTH: Final = 64


def extra_from_pairs(
    pairs: Iterable[tuple[str, str]], field: str = "extra", depth: int = DOCUMENT_DEPTH
) -> CustomFields | Refused:
    """Check that each value is a JSON text and bring it into the canonical form; refuse a name that comes twice.

    `field` says where the fields stand; a refusal names the one at fault. The whole document nests at most
    JSON_DEPTH_MAX deep, of which `depth` brackets stand around the value.
    """
    canonical: dict[str, str] = {}
    for name, text in pairs:
        place = f"{field}.{name[:_SHOWN_NAME_LENGTH]}"
        if name in canonical:
            return invalid(place, Problem.DUPLICATE)
        parsed = parse_json(text, place, depth_max=JSON_DEPTH_MAX - depth)
        if isinstance(parsed, Refused):
            return parsed
        canonical[name] = dump_json(parsed.value)
    return tuple(sorted(canonical.items()))


def extra_from_values(values: Mapping[str, Any]) -> CustomFields:
    """Keep values that were parsed from JSON already."""
    return tuple(sorted((name, dump_json(value)) for name, value in values.items()))
