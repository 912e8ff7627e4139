"""Page tokens: only what a replica gave out comes back, and nothing in them helps to guess the secret."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import blake2b

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quitanda.domain.outcomes import Problem, Reason, Refused, invalid
from quitanda.v1 import replica_pb2 as pb
from quitanda_replica.reads.page_tokens import TOKEN_LENGTH_MAX, PageTokens

SECRET = "a secret of the tests"
TOKEN = pb.PageToken(replica="replica1", snapshot_id=7, revision=12, kind=pb.ListItem.KIND_CUSTOMERS, after_id="ana")
MALFORMED = invalid("page_token", Problem.MALFORMED)


def fast_seal(data: bytes) -> bytes:
    """Seal as versions before did: one unsalted hash away from the secret."""
    key = blake2b(SECRET.encode(), digest_size=32, person=b"quitanda.page").digest()
    return blake2b(data, key=key, digest_size=12, person=b"quitanda.page").digest()


def text_of(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")


def test_a_token_comes_back_as_it_was_written():
    tokens = PageTokens(SECRET)

    assert tokens.read(tokens.write(TOKEN)) == TOKEN


def test_every_replica_of_the_cluster_reads_the_others_tokens():
    assert PageTokens(SECRET).read(PageTokens(SECRET).write(TOKEN)) == TOKEN


def test_a_token_under_another_secret_is_malformed():
    assert PageTokens(SECRET).read(PageTokens("another secret").write(TOKEN)) == MALFORMED


def test_while_the_secret_is_being_changed_tokens_of_both_secrets_are_read():
    first, second = PageTokens("old secret", "new secret"), PageTokens("new secret", "old secret")

    assert first.read(second.write(TOKEN)) == second.read(first.write(TOKEN)) == TOKEN
    assert PageTokens("new secret").read(second.write(TOKEN)) == TOKEN
    assert PageTokens("new secret").read(first.write(TOKEN)) == MALFORMED


def test_a_token_of_a_version_before_has_expired():
    data = TOKEN.SerializeToString(deterministic=True)
    refusal = PageTokens(SECRET).read(text_of(fast_seal(data) + data))

    assert isinstance(refusal, Refused)
    assert (refusal.reason, refusal.field) == (Reason.PAGE_TOKEN_EXPIRED, "page_token")


def test_the_fast_hash_of_the_secret_seals_nothing_any_more():
    data = TOKEN.SerializeToString(deterministic=True)
    written = PageTokens(SECRET).write(TOKEN)
    sealed = urlsafe_b64decode(written.removeprefix("2.") + "=" * (-len(written.removeprefix("2.")) % 4))

    assert sealed[12:] == data
    assert sealed[:12] != fast_seal(data)
    assert PageTokens(SECRET).read("2." + text_of(fast_seal(data) + data)) == MALFORMED


@pytest.mark.parametrize(
    "text", ["2.", "2", ".", "2.abc", "abc", "x" * (TOKEN_LENGTH_MAX + 1), "2." + "A" * 400, "\N{SNOWMAN}", "2.\ud800"]
)
def test_anything_else_is_malformed(text):
    assert PageTokens(SECRET).read(text) == MALFORMED


@given(st.text(max_size=600))
def test_no_text_raises_or_is_taken(text):
    assert isinstance(PageTokens(SECRET).read(text), Refused)


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_changed_token_is_never_taken(at, change):
    written = PageTokens(SECRET).write(TOKEN)
    sealed = bytearray(urlsafe_b64decode(written[2:] + "=" * (-len(written[2:]) % 4)))
    sealed[at % len(sealed)] ^= change

    assert PageTokens(SECRET).read("2." + text_of(bytes(sealed))) == MALFORMED
