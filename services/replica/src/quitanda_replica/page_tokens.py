"""Page tokens: where a list goes on, sealed so that only what a replica gave out comes back."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import blake2b
from hmac import compare_digest
from typing import Final

from google.protobuf.message import DecodeError

from quitanda.domain.outcomes import Problem, Refused, invalid
from quitanda.v1 import replica_pb2 as pb

FIELD: Final = "page_token"
"""The field at fault where a token is refused."""

TOKEN_LENGTH_MAX: Final = 512
"""Characters; the longest that is given out has about 300."""

_SEAL_BYTES: Final = 12
_PERSON: Final = b"quitanda.page"


class PageTokens:
    """Writes and reads page tokens. The seal's key comes from the cluster's secret, so every replica knows it."""

    def __init__(self, cluster_secret: str) -> None:
        self._key = blake2b(cluster_secret.encode(), digest_size=32, person=_PERSON).digest()

    def write(self, token: pb.PageToken) -> str:
        """Write the token as text for clients; they need not understand it."""
        data = token.SerializeToString(deterministic=True)
        return urlsafe_b64encode(self._seal(data) + data).decode().rstrip("=")

    def read(self, text: str) -> pb.PageToken | Refused:
        """Read the token in a text; refused as malformed where no replica of this cluster wrote it."""
        try:
            sealed = urlsafe_b64decode(text + "=" * (-len(text) % 4)) if len(text) <= TOKEN_LENGTH_MAX else b""
            seal, data = sealed[:_SEAL_BYTES], sealed[_SEAL_BYTES:]
            if compare_digest(seal, self._seal(data)):
                return pb.PageToken.FromString(data)
        except (ValueError, DecodeError):
            pass  # neither base64 nor a message: malformed, as below
        return invalid(FIELD, Problem.MALFORMED)

    def _seal(self, data: bytes) -> bytes:
        return blake2b(data, key=self._key, digest_size=_SEAL_BYTES, person=_PERSON).digest()
