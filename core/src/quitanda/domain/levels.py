"""Levels: by which rules the replicas decide, so that versions that differ never decide differently.

The level is part of the replicated state. Every replica decides a command by the rules of the level that it finds
there, whatever its version could do beyond that, and a command of the log (`RaiseLevel`) raises it. A command, or a
field of one, that came later than level 1 says since which level it counts: `since: ClassVar[int] = 3` in the command's
class, and `field(default=..., metadata=since(3))`. Such a field has a default, at which it means nothing.

How a rule is changed, step by step, is told in docs/adr/0016-how-a-rule-is-changed.md.
"""

from collections.abc import Iterator
from dataclasses import Field, fields, is_dataclass, replace
from typing import Any, Final, TypeVar, get_args

from quitanda.domain.commands import CREDENTIALS_LEVEL, Command, Request
from quitanda.domain.field_types import describe
from quitanda.domain.outcomes import Reason, Refused, refused

FIRST_LEVEL: Final = 1
"""The level of a state that says nothing of levels: the rules of version 0.1.0."""

SUPPORTED_LEVEL: Final = 4
"""The highest level whose rules this version knows.

2: the state records its level; the rules are those of level 1. 3: credentials.
4: orders have states, and may have deadlines; a customer's live orders are bounded; products may have a reorder level;
webhooks; passwords, and sessions that begin with them.
"""

_T = TypeVar("_T")


class LevelNotSupported(Exception):
    """The state, or what would become part of it, is at a level that this version does not know: it must not go on."""

    def __init__(self, level: int, what: str) -> None:
        """Say that `what` (the state, a backup, an entry of the log) is at `level`."""
        super().__init__(
            f"{what} is at level {level}, and this version supports level {SUPPORTED_LEVEL} at most; "
            f"a version is needed that supports level {level}"
        )
        self.level = level


def check_supported(level: int, what: str) -> None:
    """Raise LevelNotSupported where this version cannot decide by the rules of the level that `what` is at."""
    if level > SUPPORTED_LEVEL:
        raise LevelNotSupported(level, what)


def needed(command: object) -> int:
    """Return the lowest level at which all of the command counts."""
    if type(command) in _OF_FIRST_LEVEL:
        return FIRST_LEVEL
    return max((level for _, level in _later_parts(command, FIRST_LEVEL)), default=FIRST_LEVEL)


def check(command: object, level: int) -> Refused | None:
    """Refuse a command that needs a higher level than the cluster is at; the first field that does is named."""
    for path, least in _later_parts(command, level):
        return refused(Reason.LEVEL_TOO_LOW, path, level=level, needed=least)
    return None


def check_request(request: Request, level: int) -> Refused | None:
    """Refuse a request that needs a higher level than the cluster is at, in its command or to be known by a principal.

    Below the level of principals nobody would look at one, so a request that names one must not come into the log.
    """
    if request.principal is not None and level < CREDENTIALS_LEVEL:
        return refused(Reason.LEVEL_TOO_LOW, "principal", level=level, needed=CREDENTIALS_LEVEL)
    return check(request.command, level)


def check_command(command: object, level: int) -> Refused | None:
    """Refuse a command that does not exist yet at the level, whatever its fields."""
    least = _since_of(command)
    return refused(Reason.LEVEL_TOO_LOW, level=level, needed=least) if least > level else None


def request_as_of(request: Request, level: int) -> Request:
    """Return the request as a version reads it that knows `level` at most."""
    command = as_of(request.command, level)
    principal = request.principal if level >= CREDENTIALS_LEVEL else None
    told = request.received_at_ms if level >= CREDENTIALS_LEVEL else 0
    if command is request.command and principal is request.principal and told == request.received_at_ms:
        return request
    return replace(request, command=command, principal=principal, received_at_ms=told)


def as_of(command: _T, level: int) -> _T:
    """Return the command as a version reads it that knows `level` at most: later fields have their defaults.

    Total: what is no command is returned as it is.
    """
    if level >= SUPPORTED_LEVEL or type(command) in _OF_FIRST_LEVEL or not is_dataclass(command):
        return command
    changes = {}
    for part in fields(command):
        value = getattr(command, part.name)
        if _since(part) > level:
            read: object = part.default
        elif type(value) is tuple:
            read = tuple(as_of(item, level) for item in value)
        else:
            continue
        if read != value:
            changes[part.name] = read
    return replace(command, **changes) if changes else command  # type: ignore[type-var]


def _later_parts(value: object, level: int, prefix: str = "") -> Iterator[tuple[str, int]]:
    """Yield what counts only above the level: '' for the command itself, the paths of its fields that are given."""
    if not is_dataclass(value):
        return
    if (least := _since_of(value)) > level:
        yield prefix.removesuffix("."), least
    for part in fields(value):
        given = getattr(value, part.name)
        if _since(part) > level and given != part.default:
            yield f"{prefix}{part.name}", _since(part)
        elif type(given) is tuple:
            for index, item in enumerate(given):
                yield from _later_parts(item, level, f"{prefix}{part.name}[{index}].")


def _since_of(command: object) -> int:
    return getattr(type(command), "since", FIRST_LEVEL)


def _since(part: "Field[Any]") -> int:
    return int(part.metadata.get("since", FIRST_LEVEL))


def _has_later_parts(record: type) -> bool:
    parts = describe(record)
    is_later = getattr(record, "since", FIRST_LEVEL) > FIRST_LEVEL
    return is_later or any(p.since > FIRST_LEVEL or (p.item is not None and _has_later_parts(p.item)) for p in parts)


_OF_FIRST_LEVEL: Final = dict.fromkeys(each for each in get_args(Command) if not _has_later_parts(each))
"""The commands of which every part counts at every level. Most do, and each command that is sent is looked at."""
