"""What a password must be, and what is kept of it."""

import pytest

from quitanda.domain.limits import PASSWORD_HASH_LENGTH_MAX
from quitanda.identity.passwords import check_password, hash_password, is_password, is_possible

GOOD = "nine green bottles"


@pytest.mark.parametrize(
    ("password", "problem"),
    [
        (GOOD, None),
        ("x" * 11 + "y", None),
        ("é" * 6 + "ç" * 6, None),
        ("short", "too_short"),
        ("", "too_short"),
        ("ab" * 64, None),
        ("ab" * 64 + "c", "too_long"),
        ("x" * 100_000, "too_long"),
        ("\ufdfa" * 10, "too_long"),  # one character that becomes eighteen
        ("a" * 12, "easy_to_guess"),
        ("ana-maria-silva", "easy_to_guess"),
        ("ANA-Maria-Silva ", "easy_to_guess"),
        ("qt1_nine green bottles", "like_a_token"),
        (" \uff51t1_nine green bottles", "like_a_token"),  # a wide q, which becomes q
        ("nine qt1_ bottles", None),
    ],
)
def test_what_may_become_a_password(password, problem):
    wrong = check_password(password, "ana-maria-silva")
    assert (wrong and dict(wrong.details)["problem"]) == problem
    if problem in (None, "easy_to_guess", "like_a_token"):
        assert is_possible(password)
    else:
        assert not is_possible(password)


@pytest.mark.parametrize(("password", "length"), [("\ufdfa" * 10, "180"), ("ab" * 65, "130"), ("x" * 50_000, "50000")])
def test_whoever_chose_a_password_that_is_too_long_is_told_its_length_as_it_counts(password, length):
    """Found by reading: ten characters that become 180 were told to be ten, and over the limit of 128."""
    assert dict(check_password(password, "ana").details)["length"] == length


def test_a_hash_is_argon2id_with_its_parameters_and_another_salt_each_time():
    first, second = hash_password(GOOD), hash_password(GOOD)

    assert first.startswith("$argon2id$v=19$m=65536,t=3,p=1$")
    assert first != second
    assert len(first) <= PASSWORD_HASH_LENGTH_MAX
    assert is_password(GOOD, first)
    assert not is_password(GOOD + "!", first)


def test_the_same_text_from_another_keyboard_is_the_same_password():
    assert is_password("cafe\u0301 com leite", hash_password("café com leite"))
    assert is_password("\uff43aixa de 12 ovos", hash_password("caixa de 12 ovos"))


@pytest.mark.parametrize("kept", ["", "no hash", "$argon2id$v=19$m=8,t=1,p=1$$", "$argon2id$" + "x" * 100])
def test_what_is_no_hash_is_nobodys(kept):
    assert not is_password(GOOD, kept)
