"""A token proves its holder, says what is wrong with its form, and is derived alike by all who have the key."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quitanda.identity.tokens import (
    Token,
    TokenProblem,
    derived_secret,
    first_customer_token,
    hash_secret,
    matching_hash,
    new_credential_id,
    new_secret,
    new_token,
    parse_token,
)

KEY = bytes(range(32))
OTHER_KEY = bytes(32)


def test_a_new_token_has_the_documented_form():
    text = new_token().text()

    assert re.fullmatch(r"qt1_[a-z2-7]{12}_[a-z2-7]{52}", text)


def test_a_token_is_read_as_it_was_written():
    token = new_token()

    assert parse_token(token.text()) == token


def test_no_two_tokens_are_alike():
    made = [new_token() for _ in range(1000)]

    assert len({each.credential_id for each in made}) == 1000
    assert len({each.secret for each in made}) == 1000


def test_what_is_printed_of_a_token_has_no_secret():
    token = new_token()

    assert token.secret not in repr(token)
    assert token.secret not in str(token)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (None, TokenProblem.MISSING),
        ("", TokenProblem.MISSING),
        ("secret", TokenProblem.NOT_A_TOKEN),
        ("qt1", TokenProblem.NOT_A_TOKEN),
        ("qt1_abcdefghijkl", TokenProblem.NOT_A_TOKEN),
        (f"qt2_{'a' * 12}_{'b' * 52}", TokenProblem.NOT_A_TOKEN),
        (f" qt1_{'a' * 12}_{'b' * 52}", TokenProblem.NOT_A_TOKEN),
        (f"QT1_{'a' * 12}_{'b' * 52}", TokenProblem.NOT_A_TOKEN),
        (f"qt1_{'a' * 11}_{'b' * 52}", TokenProblem.WRONG_LENGTH),
        (f"qt1_{'a' * 12}_{'b' * 51}", TokenProblem.WRONG_LENGTH),
        (f"qt1_{'a' * 12}_{'b' * 53}", TokenProblem.WRONG_LENGTH),
        (f"qt1_{'a' * 12}_{'b' * 52}\n", TokenProblem.WRONG_LENGTH),
        (f"qt1_{'a' * 12}_{'b' * 51}\n", TokenProblem.ALPHABET),
        (f"qt1_{'a' * 12}_{'B' * 52}", TokenProblem.ALPHABET),
        (f"qt1_{'a' * 12}_{'1' * 52}", TokenProblem.ALPHABET),
        (f"qt1_{'a' * 11}é_{'b' * 52}", TokenProblem.ALPHABET),
        (f"qt1_{'a' * 12}_{'b' * 51}_", TokenProblem.ALPHABET),
    ],
)
def test_a_text_that_is_no_token_has_a_named_problem(text, problem):
    assert parse_token(text) is problem


@given(st.text())
def test_any_text_is_read_or_has_a_problem(text):
    read = parse_token(f"qt1_{text}")

    assert isinstance(read, TokenProblem) or read.text() == f"qt1_{text}"


def test_a_secret_matches_its_own_hash_only():
    current, previous, other = new_secret(), new_secret(), new_secret()
    hashes = (hash_secret(current), hash_secret(previous))

    assert matching_hash(current, hashes) == 0
    assert matching_hash(previous, hashes) == 1
    assert matching_hash(other, hashes) is None
    assert matching_hash(current, ()) is None
    assert matching_hash(current, (hash_secret(current), "")) == 0
    assert matching_hash("", ("", "")) is None


def test_a_repeated_creation_of_a_customer_gives_the_same_token():
    first = first_customer_token(KEY, "ana", "request-1")

    assert first_customer_token(KEY, "ana", "request-1") == first
    assert parse_token(first.text()) == first


@pytest.mark.parametrize(
    "other",
    [
        first_customer_token(KEY, "bia", "request-1"),
        first_customer_token(KEY, "ana", "request-2"),
        first_customer_token(OTHER_KEY, "ana", "request-1"),
        first_customer_token(KEY, "anar", "equest-1"),
    ],
)
def test_another_customer_request_or_key_gives_another_token(other):
    first = first_customer_token(KEY, "ana", "request-1")

    assert other.credential_id != first.credential_id
    assert other.secret != first.secret


def test_a_derived_secret_stays_the_same_in_later_versions():
    # Portals of two versions must derive the same secret for a request that is repeated.
    assert first_customer_token(KEY, "ana", "request-1") == Token(
        "vhw5u6dpu3h7", "lnvgiajuiaarhiepvrmtdlepvcxfxdcwhvhaoahsvqx4ek2s5nza"
    )


def test_a_key_of_another_length_is_refused():
    with pytest.raises(ValueError, match="a key of 32 bytes"):
        derived_secret(bytes(31), "ana")


def test_a_credential_id_alone_can_be_drawn():
    assert re.fullmatch("[a-z2-7]{12}", new_credential_id())
