"""Money, numbers and times as each language writes them, and amounts as people type them."""

from zoneinfo import ZoneInfo

import pytest

from quitanda.errors import Rejected
from quitanda_clients.form_fields import read_moment
from quitanda_clients.i18n.formats import Formats
from quitanda_clients.i18n.languages import Language

ZONE = ZoneInfo("America/Sao_Paulo")
ENGLISH = Formats(Language.ENGLISH, ZONE, "BRL")
PORTUGUESE = Formats(Language.PORTUGUESE, ZONE, "BRL")


def test_money_and_numbers_have_the_languages_signs():
    assert ENGLISH.money(123_456) == "R$1,234.56"
    assert PORTUGUESE.money(123_456).replace("\xa0", " ") == "R$ 1.234,56"
    assert PORTUGUESE.number(1_234_567) == "1.234.567"
    assert (ENGLISH.amount(5), PORTUGUESE.amount(123_450)) == ("0.05", "1234,50")


def test_a_time_is_local_and_has_its_zone():
    assert PORTUGUESE.moment(1_700_000_000_000).endswith("19:13:20 -03")
    assert "2023" in ENGLISH.moment(1_700_000_000_000)
    assert ENGLISH.moment(0) == ""


@pytest.mark.parametrize(
    ("formats", "typed", "plain"),
    [
        (PORTUGUESE, "2,50", "2.50"),
        (PORTUGUESE, " 1.234,50 ", "1234.50"),
        (PORTUGUESE, "1.234", "1234"),
        (PORTUGUESE, "12.50", "12.50"),
        (PORTUGUESE, "1.2.3", "1.2.3"),
        (ENGLISH, "1,234.50", "1234.50"),
        (ENGLISH, "2.50", "2.50"),
        (ENGLISH, "2,50", "2,50"),
        (ENGLISH, "abc", "abc"),
        (PORTUGUESE, "", ""),
        (PORTUGUESE, "-3", "-3"),
    ],
)
def test_an_amount_is_read_as_the_language_writes_it(formats, typed, plain):
    assert formats.plain_amount(typed) == plain


@pytest.mark.parametrize("formats", [ENGLISH, PORTUGUESE])
@pytest.mark.parametrize("minor_units", [0, 1, 99, 100, 12_345, 1_000_000_000])
def test_what_is_shown_for_typing_is_read_as_the_same(formats, minor_units):
    plain = formats.plain_amount(formats.amount(minor_units))

    assert round(float(plain) * 100) == minor_units


@pytest.mark.parametrize("typed", ["2030-01-01T00:00", "2030-01-01T00:00:00", "2030-01-01T00:00:00.000"])
def test_a_local_time_is_read_with_and_without_seconds(typed):
    assert read_moment(typed, "expires_at_ms", PORTUGUESE) == 1_893_466_800_000


@pytest.mark.parametrize("typed", ["2030-01-01T00:00:00Z<script>", "2030-01-01T00:00 or later", "0001-01-01T00:00"])
def test_a_time_with_something_behind_it_or_before_all_shops_is_none(typed):
    with pytest.raises(Rejected) as refused:
        read_moment(typed, "expires_at_ms", PORTUGUESE)
    assert dict(refused.value.refused.details)["problem"] == "malformed"
