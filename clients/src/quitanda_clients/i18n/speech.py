"""What a program says to the person at its terminal: in a language, a time zone and a currency that she chose.

A command has one language from its beginning to its end, so this is a variable of its context. English texts are the
keys of the catalogues; a program that chooses nothing speaks English.
"""

from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING, Final

from quitanda_clients.i18n.languages import LANG_VARIABLE, Language, parse_language

if TYPE_CHECKING:
    import gettext

CURRENCY_VARIABLE: Final = "QUITANDA_CURRENCY"
TIME_ZONE_VARIABLE: Final = "QUITANDA_TIME_ZONE"
"""What the page reads as well."""

LOCALE_VARIABLES: Final = ("LC_ALL", "LC_MESSAGES", "LANG")
"""Where POSIX systems keep a person's language; the first one that is set counts."""

MARKED: Final = str
"""Marks a text that is said elsewhere than where it stands: `MARKED as N_`."""

_MINUTE: Final = {Language.ENGLISH: "%Y-%m-%d %H:%M", Language.PORTUGUESE: "%d/%m/%Y %H:%M"}
_SECONDS: Final = ":%S"


@dataclass(frozen=True, slots=True)
class Speech:
    """How a program speaks. Without a `currency` (ISO 4217) amounts have none; without a `zone` it is the machine's."""

    language: Language = Language.ENGLISH
    currency: str = ""
    zone: tzinfo | None = None


_ENGLISH: Final = Speech()
_SPEECH: Final[ContextVar[Speech]] = ContextVar("speech", default=_ENGLISH)


def speech() -> Speech:
    """Give how the program speaks now."""
    return _SPEECH.get()


def speak(chosen: Speech) -> None:
    """Speak so from now on, in this context."""
    _SPEECH.set(chosen)


def chosen_language(typed: Sequence[str], environment: Mapping[str, str]) -> Language:
    """Choose the language: by `--lang`, which counts where it is typed last, by QUITANDA_LANG, or by the locale."""
    for tag in (*reversed(typed), environment.get(LANG_VARIABLE, "")):
        if tag.strip():
            return parse_language(tag) or Language.ENGLISH
    locale = next((environment[name] for name in LOCALE_VARIABLES if environment.get(name)), "")
    return parse_language(locale) or Language.ENGLISH


def say(text: str, /, **facts: object) -> str:
    """Give a text in the language of the person, with its facts in the places that name them."""
    translated = text if speech().language is Language.ENGLISH or not text else _texts().gettext(text)
    return translated.format(**facts) if facts else translated


def say_number(singular: str, plural: str, count: int) -> str:
    """Give a text about a number, which has its place as `count`."""
    if speech().language is Language.ENGLISH:
        return (singular if count == 1 else plural).format(count=count)
    return _texts().ngettext(singular, plural, count).format(count=count)


def say_money(minor_units: int) -> str:
    """Write an amount as the language does, with the shop's currency where there is one."""
    if speech().language is Language.ENGLISH and not speech().currency:
        from quitanda.codec.money import format_price  # noqa: PLC0415 - only answers with prices load it

        return format_price(minor_units)
    from quitanda_clients.i18n.formats import Formats  # noqa: PLC0415 - Babel takes long to load

    formats = Formats(speech().language, UTC, speech().currency)
    if not speech().currency:
        return formats.amount(minor_units)
    return formats.money(minor_units).replace("\N{NO-BREAK SPACE}", " ")


def say_minute(moment_ms: int) -> str:
    """Write a moment (milliseconds since 1970-01-01T00:00Z) to the minute, in local time with its zone."""
    return _said_moment(moment_ms, _MINUTE[speech().language])


def say_second(moment_ms: int) -> str:
    """Write a moment to the second, in local time with its zone."""
    return _said_moment(moment_ms, _MINUTE[speech().language] + _SECONDS)


def _said_moment(moment_ms: int, form: str) -> str:
    try:
        return datetime.fromtimestamp(moment_ms / 1_000, UTC).astimezone(speech().zone).strftime(f"{form} %Z")
    except (OverflowError, ValueError, OSError):  # a clock far outside the calendar
        return f"{moment_ms} ms"


def _texts() -> "gettext.NullTranslations":
    from quitanda_clients.i18n.catalogue import texts_of_commands  # noqa: PLC0415 - Babel takes long to load

    return texts_of_commands(speech().language)
