"""How people and programs see moments, which are in milliseconds since 1970-01-01T00:00Z."""

from datetime import UTC, datetime, timedelta
from typing import Final

from quitanda_clients.i18n.speech import say, say_minute, say_second

_EPOCH: Final = datetime.fromtimestamp(0, UTC)


def iso_time(moment_ms: int) -> str:
    """Write a moment by ISO 8601."""
    try:
        return datetime.fromtimestamp(moment_ms / 1_000, UTC).isoformat(timespec="milliseconds")
    except (OverflowError, ValueError, OSError):
        return str(moment_ms)


def read_iso(text: str) -> int:
    """Read what `iso_time` wrote, or another time by ISO 8601; in UTC unless it says otherwise. Raises ValueError."""
    read = datetime.fromisoformat(text)
    return ((read if read.tzinfo else read.replace(tzinfo=UTC)) - _EPOCH) // timedelta(milliseconds=1)


def iso_said(text: str) -> str:
    """Write a time by ISO 8601 as people of the language do, to the second; what is none stays as it is."""
    try:
        return say_second(read_iso(text))
    except ValueError:
        return text


def minute_told(moment_ms: int) -> str:
    """Write a moment as `say_minute`; nothing for 0, which stands for "not told"."""
    return say_minute(moment_ms) if moment_ms else ""


def expiry(expires_at_ms: int) -> str:
    """Write when something expires, as `say_minute`; 0 stands for never."""
    return say_minute(expires_at_ms) if expires_at_ms else say("never")


def iso_told(moment_ms: int) -> str:
    """Write a moment as `iso_time`; nothing for 0."""
    return iso_time(moment_ms) if moment_ms else ""
