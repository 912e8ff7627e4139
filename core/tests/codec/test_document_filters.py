"""What a search finds: words without accents and case, prices, stock."""

import pytest

from quitanda.codec.document_filters import DocumentFilter, check_filter, passes, searched_fields
from quitanda.domain.limits import NAME_LENGTH_MAX, PRICE_MAX
from quitanda.domain.model import Credential, Customer, Product
from quitanda.domain.outcomes import Problem

COFFEE = Product("cafe-500g", "Café Moído Extra-Forte", "Torrado em São Paulo; embalagem à vácuo", 1_890, 4, (), 1, 5)
TEA = Product("cha.verde", "Chá verde", "", 700, 0, (), 2)
ANA = Customer("ana", "Ana Conceição d'Ávila", (), 3)
SHARP_S = Customer("strauss", "Herr Strauß", (), 4)


def finds(document, *fields, **set_fields):
    return passes(DocumentFilter(*fields, **set_fields))(searched_fields(document))


@pytest.mark.parametrize(
    ("document", "words", "found"),
    [
        (COFFEE, "", True),
        (COFFEE, "café", True),
        (COFFEE, "CAFE", True),
        (COFFEE, "cafe\u0301", True),
        (COFFEE, "moido sao", True),
        (COFFEE, "paulo extra cafe", True),
        (COFFEE, "forte", True),
        (COFFEE, "500", True),
        (COFFEE, "cafe-500g", True),
        (COFFEE, "oido", False),
        (COFFEE, "cafe cha", False),
        (COFFEE, "a vac", True),
        (COFFEE, "vácuos", False),
        (TEA, "verde", True),
        (TEA, "cha.ver", True),
        (ANA, "CONCEICAO avila", True),
        (ANA, "onceicao", False),
        (SHARP_S, "STRAUSS", True),
        (SHARP_S, "strauß", True),
    ],
)
def test_words_are_beginnings_of_words_without_accents_and_case(document, words, found):
    assert finds(document, words) is found


def test_a_text_in_another_script_is_found_by_its_own_words():
    assert finds(Product("p", "Сыр Россия", "", 1, 1, (), 1), "россия")
    assert finds(Product("p", "日本 茶", "", 1, 1, (), 1), "日本")


@pytest.mark.parametrize(
    ("lowest", "highest", "found"),
    [
        (None, None, True),
        (1_890, 1_890, True),
        (1_891, None, False),
        (None, 1_889, False),
        (0, PRICE_MAX, True),
        (1_890, None, True),
        (None, 1_890, True),
    ],
)
def test_both_bounds_of_a_price_belong_to_the_range(lowest, highest, found):
    assert finds(COFFEE, price_from=lowest, price_to=highest) is found


def test_what_is_in_stock_and_what_is_low_is_told_apart():
    assert finds(COFFEE, in_stock=True, low=True)
    assert not finds(TEA, in_stock=True)
    assert not finds(TEA, low=True)


def test_all_that_is_set_must_be_so_together():
    assert finds(COFFEE, "cafe", 1_000, 2_000, in_stock=True, low=True)
    assert not finds(COFFEE, "cafe", 2_000, 3_000, in_stock=True, low=True)


@pytest.mark.parametrize(
    ("wanted", "field", "problem"),
    [
        (DocumentFilter("x" * (NAME_LENGTH_MAX + 1)), "words", Problem.TOO_LONG),
        (DocumentFilter("a\0b"), "words", Problem.CONTROL_CHARACTER),
        (DocumentFilter(" -!? "), "words", Problem.MISSING),
        (DocumentFilter("  "), "words", Problem.MISSING),
        (DocumentFilter(price_from=-1), "price_from", Problem.NEGATIVE),
        (DocumentFilter(price_to=PRICE_MAX + 1), "price_to", Problem.TOO_LARGE),
        (DocumentFilter(price_from=2, price_to=1), "price_from", Problem.TOO_LARGE),
        (DocumentFilter(low=1), "low", Problem.WRONG_TYPE),
    ],
)
def test_a_filter_that_nothing_could_mean_is_refused(wanted, field, problem):
    refused = check_filter(wanted)

    assert (refused.field, dict(refused.details)["problem"]) == (field, problem)


@pytest.mark.parametrize("wanted", [DocumentFilter(), DocumentFilter("é", 0, 0), DocumentFilter(price_from=PRICE_MAX)])
def test_a_filter_at_its_bounds_is_accepted(wanted):
    assert check_filter(wanted) is None


def test_nobody_searches_for_credentials():
    with pytest.raises(TypeError, match="Credential"):
        searched_fields(Credential("a" * 12, "admin", "", "x", 1, 0, 0, 1))
