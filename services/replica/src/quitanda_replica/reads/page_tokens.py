"""Page tokens: where a list goes on, sealed so that only what a replica gave out comes back.

    token = "2.", base64 (URL alphabet, no padding) of: seal (12 bytes), PageToken (protobuf)

A token without "2." was given out by a version before, whose seal told anybody who held one how to guess the
cluster's secret quickly. Its key is not derived any more, so it cannot be checked: it counts as expired.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import blake2b
from hmac import compare_digest
from typing import Final

from google.protobuf.message import DecodeError

from quitanda.domain.outcomes import Problem, Reason, Refused, invalid, refused
from quitanda.v1 import replica_pb2 as pb
from quitanda_replica.cluster_keys import KeyLabel, derive_key

FIELD: Final = "page_token"
"""The field at fault where a token is refused."""

TOKEN_LENGTH_MAX: Final = 512
"""Characters; the longest that is given out has about 300."""

_FORMAT: Final = "2."
_SEAL_BYTES: Final = 12
_PERSON: Final = b"quitanda.page"


class PageTokens:
    """Writes and reads page tokens. The seal's key comes from the cluster's secret, so every replica knows it."""

    def __init__(self, cluster_secret: str, accepted_secret: str = "") -> None:
        """`accepted_secret`: another secret by which a token may be sealed, while the secret is being changed."""
        secrets = filter(None, (cluster_secret, accepted_secret))
        self._keys = [derive_key(secret, KeyLabel.PAGE_TOKENS) for secret in secrets]

    def write(self, token: pb.PageToken) -> str:
        """Write the token as text for clients; they need not understand it."""
        data = token.SerializeToString(deterministic=True)
        return _FORMAT + urlsafe_b64encode(_seal(self._keys[0], data) + data).decode().rstrip("=")

    def read(self, text: str) -> pb.PageToken | Refused:
        """Read the token in a text.

        Refused as malformed where no replica of this cluster wrote it, as expired where an earlier version may have.
        """
        seal, data = _parts(text.removeprefix(_FORMAT))
        if text.startswith(_FORMAT):
            genuine = any(compare_digest(seal, _seal(key, data)) for key in self._keys)
            token = _decoded(data) if genuine else None
            return invalid(FIELD, Problem.MALFORMED) if token is None else token
        if (token := _decoded(data)) is not None and token.replica and token.after_id:
            return refused(Reason.PAGE_TOKEN_EXPIRED, FIELD)
        return invalid(FIELD, Problem.MALFORMED)


def _seal(key: bytes, data: bytes) -> bytes:
    return blake2b(data, key=key, digest_size=_SEAL_BYTES, person=_PERSON).digest()


def _parts(text: str) -> tuple[bytes, bytes]:
    """Return seal and content; both empty where the text is no base64."""
    try:
        sealed = urlsafe_b64decode(text + "=" * (-len(text) % 4)) if len(text) <= TOKEN_LENGTH_MAX else b""
    except ValueError:
        sealed = b""
    return sealed[:_SEAL_BYTES], sealed[_SEAL_BYTES:]


def _decoded(data: bytes) -> pb.PageToken | None:
    try:
        return pb.PageToken.FromString(data)
    except DecodeError:
        return None
