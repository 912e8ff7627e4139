"""Money, numbers and times as a language writes them, and amounts as people who speak it type them."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Final

from babel import dates, numbers

from quitanda.domain.limits import MINOR_UNITS_PER_UNIT
from quitanda_clients.i18n.languages import Language

_DECIMALS: Final = 2
_GROUPED: Final = {
    Language.ENGLISH: re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?", re.ASCII),
    Language.PORTUGUESE: re.compile(r"[0-9]{1,3}(?:\.[0-9]{3})+(?:,[0-9]+)?", re.ASCII),
}
_COMMA: Final = re.compile(r"[+-]?[0-9]+,[0-9]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Formats:
    """How values are shown: in a language, in a time zone, with the shop's currency (ISO 4217)."""

    language: Language
    zone: tzinfo
    currency: str

    def money(self, minor_units: int) -> str:
        """Write an amount with the currency: `R$ 2,50`."""
        amount = Decimal(minor_units) / MINOR_UNITS_PER_UNIT
        return numbers.format_currency(amount, self.currency, locale=self.language.locale)

    def amount(self, minor_units: int) -> str:
        """Write an amount as people type it: without the currency, and without signs between thousands."""
        units, rest = divmod(abs(minor_units), MINOR_UNITS_PER_UNIT)
        sign = "-" if minor_units < 0 else ""
        return f"{sign}{units}{self.decimal_sign}{rest:0{_DECIMALS}d}"

    @property
    def decimal_sign(self) -> str:
        """The sign before the decimals."""
        return "," if self.language is Language.PORTUGUESE else "."

    def number(self, number: int) -> str:
        """Write a whole number, with signs between thousands."""
        return numbers.format_decimal(number, locale=self.language.locale)

    def moment(self, milliseconds: int) -> str:
        """Write a time (milliseconds since 1970-01-01T00:00Z) with its zone; empty for 0, which stands for none."""
        if not milliseconds:
            return ""
        moment = self.local(milliseconds)
        shown = dates.format_datetime(moment, "medium", tzinfo=moment.tzinfo, locale=self.language.locale)
        return f"{shown} {moment.strftime('%Z')}"

    def minute(self, milliseconds: int) -> str:
        """Write a time as `moment`, but to the minute: for lists, which have little room."""
        if not milliseconds:
            return ""
        moment = self.local(milliseconds)
        day = dates.format_date(moment, "medium", locale=self.language.locale)
        time = dates.format_time(moment, "short", tzinfo=moment.tzinfo, locale=self.language.locale)
        return f"{day} {time} {moment.strftime('%Z')}"

    def local(self, milliseconds: int) -> datetime:
        """Give a time in the zone; in UTC where its last hours are in the year 10000 there."""
        moment = datetime.fromtimestamp(milliseconds / 1_000, UTC)
        try:
            return moment.astimezone(self.zone)
        except OverflowError:
            return moment

    def day(self, day: str) -> str:
        """Write a day, which is given by ISO 8601."""
        return dates.format_date(date.fromisoformat(day), "medium", locale=self.language.locale)

    def until(self, milliseconds: int, now_ms: int) -> str:
        """Write how long it is until a time, or since: `in 2 hours`, `3 days ago`."""
        left = timedelta(milliseconds=milliseconds - now_ms)
        return dates.format_timedelta(left, add_direction=True, locale=self.language.locale)

    @property
    def zone_name(self) -> str:
        """The zone in which times are written: `America/Sao_Paulo`."""
        return str(self.zone)

    def plain_amount(self, typed: str) -> str:
        """Turn an amount that somebody typed into one with a decimal point and no other signs.

        A decimal comma counts where the language writes one; `1.234` is a thousand and more there, and `12.50` is what
        it is everywhere. What is no amount is returned as it is.
        """
        text = typed.strip()
        if _GROUPED[self.language].fullmatch(text):
            group = "." if self.decimal_sign == "," else ","
            return text.replace(group, "").replace(",", ".")
        if self.decimal_sign == "," and _COMMA.fullmatch(text):
            return text.replace(",", ".")
        return text
