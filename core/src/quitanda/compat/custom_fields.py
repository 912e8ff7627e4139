"""Fields of the course's documents that the contract does not name, among the extra fields that are stored.

A name that Quitanda uses itself, such as `version`, is stored as `course.version`; a name that is written so
already gets one prefix more. So every name is kept, and shown as it was given. Pure.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from quitanda.codec.custom_fields import extra_from_values
from quitanda.domain.model import CustomFields

PREFIX: Final = "course."


def stored_name(name: str, reserved: Collection[str]) -> str:
    """Give the name under which a field is stored; `reserved` are those that it may not have there."""
    return PREFIX + name if _is_reserved(name, reserved) else name


def shown_name(name: str, reserved: Collection[str]) -> str:
    """Give the name under which a stored field is shown."""
    return name.removeprefix(PREFIX) if _is_reserved(name, reserved) else name


def stored(fields: Mapping[str, Any], reserved: Collection[str]) -> CustomFields:
    """Keep fields whose values were parsed from JSON."""
    return extra_from_values({stored_name(name, reserved): value for name, value in fields.items()})


def shown(extra: CustomFields, reserved: Collection[str], own: Collection[str]) -> Iterator[tuple[str, str]]:
    """Give the names and JSON texts of stored fields; those under the contract's `own` names cannot be shown."""
    for name, text in extra:
        shown_as = shown_name(name, reserved)
        if shown_as not in own:
            yield shown_as, text


def _is_reserved(name: str, reserved: Collection[str]) -> bool:
    """Tell whether a name, less its prefixes, cannot be stored as it is; a blank one cannot either."""
    while name.startswith(PREFIX):
        name = name.removeprefix(PREFIX)
    return name in reserved or not name.strip()
