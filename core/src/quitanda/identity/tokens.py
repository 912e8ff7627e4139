"""The tokens by which staff and customers prove who they are.

A token is the text `qt1_<credential id>_<secret>`. The credential's id is public. The secret is 32 random bytes;
whoever has it is the credential's holder. Both are written in base32 (RFC 4648) with small letters and without padding.
The fixed beginning lets programs find tokens that were published by mistake.

The replicated state keeps only the SHA-256 of the secret's text. A slow hash would add nothing: nobody can guess 256
random bits, and a portal checks a token with each call.
"""

import hashlib
import hmac
import re
import secrets
from base64 import b32encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import zip_longest
from typing import Final

from quitanda.domain.limits import CREDENTIAL_ID_LENGTH, TOKEN_ALPHABET

PREFIX: Final = "qt1"
"""The first part of every token: the form's name and version."""

SECRET_LENGTH: Final = 52
"""Characters of a secret."""

SECRET_KEY_BYTES: Final = 32
"""Bytes of a key that secrets are derived from (`derived_secret`)."""

_SECRET_BYTES: Final = 32
_ID_BYTES: Final = 8
_SEPARATOR: Final = "_"
_ALPHABET: Final = re.compile(f"[{TOKEN_ALPHABET}]*")
_DERIVED_FOR: Final = b"quitanda derived secret v1"
"""Keeps these secrets apart from whatever else is ever computed with the same key."""

_NO_HASHES: Final = ("0" * 64,) * 2
"""Compared with where there is no hash; no secret has this one. A credential has at most two: current and previous."""


class TokenProblem(StrEnum):
    """What is wrong with a text that should be a token. It says nothing of any credential."""

    MISSING = "missing"
    NOT_A_TOKEN = "not_a_token"  # noqa: S105 - a problem, not a secret
    WRONG_LENGTH = "wrong_length"
    ALPHABET = "alphabet"


@dataclass(frozen=True, slots=True)
class Token:
    """A credential's id and its secret. The secret stays out of what is printed of this object."""

    credential_id: str
    secret: str = field(repr=False)

    def text(self) -> str:
        """Write the token as its holder keeps and sends it."""
        return _SEPARATOR.join((PREFIX, self.credential_id, self.secret))


def new_token() -> Token:
    """Make a token with a new id and a new secret."""
    return Token(new_credential_id(), new_secret())


def new_credential_id() -> str:
    """Draw the id of a new credential: 60 random bits."""
    return _base32(secrets.token_bytes(_ID_BYTES))[:CREDENTIAL_ID_LENGTH]


def new_secret() -> str:
    """Draw a new secret: 256 random bits."""
    return _base32(secrets.token_bytes(_SECRET_BYTES))


def first_customer_token(key: bytes, customer_id: str, request_id: str) -> Token:
    """Derive the token of a customer who is created by the request `request_id`.

    Every portal that has the key derives the same token. So an administrator whose answer was lost repeats the request
    through any portal, and gets the token that the first attempt stored.
    """
    digest = _derive(key, "first customer credential id", customer_id, request_id)
    credential_id = _base32(digest)[:CREDENTIAL_ID_LENGTH]
    return Token(credential_id, derived_secret(key, "first customer secret", customer_id, request_id))


def derived_secret(key: bytes, *facts: str) -> str:
    """Derive a secret from a key of SECRET_KEY_BYTES and what it is for: HMAC-SHA-256 (RFC 2104).

    The same key and facts give the same secret; of other facts nobody without the key can tell anything. ValueError
    where the key has another length.
    """
    return _base32(_derive(key, *facts))


def parse_token(text: str | None) -> Token | TokenProblem:
    """Read a token, or say what is wrong with its form."""
    if not text:
        return TokenProblem.MISSING
    prefix, separator, rest = text.partition(_SEPARATOR)
    credential_id, second_separator, secret = rest.partition(_SEPARATOR)
    if prefix != PREFIX or not separator or not second_separator:
        return TokenProblem.NOT_A_TOKEN
    if len(credential_id) != CREDENTIAL_ID_LENGTH or len(secret) != SECRET_LENGTH:
        return TokenProblem.WRONG_LENGTH
    if not (_ALPHABET.fullmatch(credential_id) and _ALPHABET.fullmatch(secret)):
        return TokenProblem.ALPHABET
    return Token(credential_id, secret)


def hash_secret(secret: str) -> str:
    """Compute what the state keeps of a secret: 64 hexadecimal digits."""
    return hashlib.sha256(secret.encode()).hexdigest()


def matching_hash(secret: str, hashes: Sequence[str]) -> int | None:
    """Return the place of the hash that is the secret's, or None.

    It takes the same time whichever hash matches, whether one does, and whether there is any. So a caller does not
    learn from the time whether a credential exists. "" stands for a hash that the credential does not have.
    """
    asked = hash_secret(secret)
    kept = [each or no_hash for each, no_hash in zip_longest(hashes, _NO_HASHES, fillvalue=_NO_HASHES[0])]
    matching = [place for place, each in enumerate(kept) if hmac.compare_digest(asked, each)]
    return matching[0] if matching else None


def _derive(key: bytes, *facts: str) -> bytes:
    if len(key) != SECRET_KEY_BYTES:
        message = f"a key of {SECRET_KEY_BYTES} bytes is needed, not one of {len(key)}"
        raise ValueError(message)
    # Each fact with its length before it, so that no two lists of facts look the same.
    told = b"".join(len(fact.encode()).to_bytes(4, "big") + fact.encode() for fact in facts)
    return hmac.digest(key, _DERIVED_FOR + told, "sha256")


def _base32(data: bytes) -> str:
    return b32encode(data).decode().rstrip("=").lower()
