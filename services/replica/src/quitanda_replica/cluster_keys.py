"""Every key that comes from the cluster's secret, and the only place where the secret is turned into one.

The secret is chosen by a person, so whoever has anything made with a key of it can try secrets until one fits. What
makes that slow is the master key (scrypt, RFC 7914), derived once in a process. Each use has a key of its own, derived
from the master by HKDF-SHA256 (RFC 5869) under the label of the use: none of them tells anything of another one or of
the master. A use that is new gets a label that is new; a key may be given to somebody who must not know the secret.
"""

import hashlib
from enum import Enum
from functools import lru_cache
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

KEY_BYTES: Final = 32
_SCRYPT_COST: Final = 1 << 14
"""16 MiB and some 50 ms for each guess."""
_SCRYPT_SALT: Final = b"quitanda raft"
"""The same everywhere: replicas must agree on the key before they can tell each other anything."""


class KeyLabel(Enum):
    """What a key is for. A label is never used again for anything else."""

    RAFT_CHANNEL = b"quitanda raft channel v2"
    """Connections between replicas (`raft.secure_channel`); each has keys of its own, derived from this one."""
    PAGE_TOKENS = b"quitanda page tokens v2"
    """Seals of page tokens (page_tokens), which clients hold."""


def derive_key(secret: str, label: KeyLabel) -> bytes:
    """Return the key of one use, KEY_BYTES long. The first call with a secret takes some 50 ms."""
    return HKDFExpand(algorithm=SHA256(), length=KEY_BYTES, info=label.value).derive(_master_key(secret))


@lru_cache(maxsize=2)  # two while the secret is being changed
def _master_key(secret: str) -> bytes:
    return hashlib.scrypt(secret.encode(), salt=_SCRYPT_SALT, n=_SCRYPT_COST, r=8, p=1, dklen=KEY_BYTES)
