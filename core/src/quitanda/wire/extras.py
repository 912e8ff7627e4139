"""Fields that Quitanda does not know: kept with a document, as exact JSON texts."""

from collections.abc import Iterable, Mapping
from typing import Any

from quitanda.domain.limits import JSON_DEPTH_MAX
from quitanda.domain.model import Extra
from quitanda.domain.outcomes import Problem, Refused, invalid
from quitanda.wire.json_text import dump_json, parse_json


def extra_from_map(texts: Mapping[str, str]) -> Extra | Refused:
    """Check that each value is a JSON text and bring it into the canonical form; `field` is the one at fault."""
    return extra_from_pairs(texts.items())


def extra_from_pairs(pairs: Iterable[tuple[str, str]]) -> Extra | Refused:
    """Like `extra_from_map`, for pairs; a name that comes twice is refused."""
    canonical: dict[str, str] = {}
    for name, text in pairs:
        if name in canonical:
            return invalid(_field(name), Problem.DUPLICATE)
        parsed = parse_json(text, _field(name), depth_max=JSON_DEPTH_MAX - 1)
        if isinstance(parsed, Refused):
            return parsed
        canonical[name] = dump_json(parsed.value)
    return tuple(sorted(canonical.items()))


def extra_from_values(values: Mapping[str, Any]) -> Extra:
    """Keep values that were parsed from JSON already."""
    return tuple(sorted((name, dump_json(value)) for name, value in values.items()))


def _field(name: str) -> str:
    """Name the field for a refusal; bounded, as the name is the caller's."""
    return f"extra.{name[:64]}"
