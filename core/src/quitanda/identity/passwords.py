"""The passwords that people choose: what one must be, and what the state keeps of it.

A hash is argon2id (RFC 9106) in the PHC string format, which names its parameters and has its salt: 16 bytes from the
system. One computation takes 64 MiB of memory and some tenths of a second, so callers bound how many there are at a
time (`quitanda.portal.passwords`). A password counts in the Unicode form NFKC, so that what is typed on another
keyboard is the same one.
"""

import os
import unicodedata
from typing import Final

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from quitanda.domain.outcomes import Problem, Refused, invalid
from quitanda.identity.tokens import PREFIX

PASSWORD_LENGTH_MIN: Final = 12
PASSWORD_LENGTH_MAX: Final = 128
"""Characters, in the form NFKC."""

PASSWORD_FIELD: Final = "password"  # noqa: S105 - the name of a field

_TYPED_MAX: Final = 4 * PASSWORD_LENGTH_MAX
"""Characters that are looked at before they are normalized."""

_MEMORY_KIB: Final = 64 * 1024
_PASSES: Final = 3
_SALT_BYTES: Final = 16
_HASH_BYTES: Final = 32
_NO_HASH: Final = (
    f"$argon2id$v=19$m={_MEMORY_KIB},t={_PASSES},p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
)
"""Compared with where there is no hash, so that it costs the same."""


def check_password(password: str, name: str, field: str = PASSWORD_FIELD) -> Refused | None:
    """Say why a text may not become the password of somebody who signs in as `name`, or None.

    What looks like a token is none: a form that takes both could not tell them apart, and a token is no password.
    """
    normal = _normal(password)
    if len(password) > _TYPED_MAX or len(normal) > PASSWORD_LENGTH_MAX:
        length = max(len(normal), len(password))
        return invalid(field, Problem.TOO_LONG, limit=PASSWORD_LENGTH_MAX, length=length)
    if len(normal) < PASSWORD_LENGTH_MIN:
        return invalid(field, Problem.TOO_SHORT, limit=PASSWORD_LENGTH_MIN, length=len(normal))
    if normal.strip().casefold() == _normal(name).strip().casefold() or len(set(normal)) == 1:
        return invalid(field, Problem.EASY_TO_GUESS)
    if normal.strip().startswith(f"{PREFIX}_"):
        return invalid(field, Problem.LIKE_A_TOKEN)
    return None


def is_possible(password: str) -> bool:
    """Whether a text may be somebody's password; no computation is spent on another one."""
    return len(password) <= _TYPED_MAX and PASSWORD_LENGTH_MIN <= len(_normal(password)) <= PASSWORD_LENGTH_MAX


def hash_password(password: str) -> str:
    """Compute what the state keeps of a password; each time with another salt."""
    kdf = Argon2id(
        salt=os.urandom(_SALT_BYTES), length=_HASH_BYTES, iterations=_PASSES, lanes=1, memory_cost=_MEMORY_KIB
    )
    return kdf.derive_phc_encoded(_normal(password).encode())


def is_password(password: str, password_hash: str) -> bool:
    """Whether the hash is the password's; with an empty hash it takes as long, and is not."""
    try:
        Argon2id.verify_phc_encoded(_normal(password).encode(), password_hash or _NO_HASH)
    except (InvalidKey, ValueError):
        return False
    return bool(password_hash)


def _normal(text: str) -> str:
    return unicodedata.normalize("NFKC", text[: _TYPED_MAX + 1])
