"""How the callers of a system prove who they are, where it asks for that."""

import ssl
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Self

import grpc
import grpc.aio

CHANNEL_OPTIONS: Final = (
    ("grpc.use_local_subchannel_pool", 1),  # each channel has a connection of its own
    ("grpc.enable_retries", 0),
    ("grpc.enable_http_proxy", 0),
)

Metadata = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Proofs:
    """What callers need; with nothing in it they call as in the open mode.

    `ca` is the file with the authority's certificates, `tokens` are those of customers by their ids, and `certificates`
    is the folder of the customers' certificates for the broker: of each customer a file with the key and certificate.
    """

    ca: str = ""
    tokens: dict[str, str] = field(default_factory=dict)
    certificates: str = ""

    def to_json(self) -> dict[str, Any]:
        """Write it as JSON's types."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Read what `to_json` has written."""
        return cls(**value)

    def channel(self, address: str) -> grpc.aio.Channel:
        """Open a connection to a portal."""
        if not self.ca:
            return grpc.aio.insecure_channel(address, options=CHANNEL_OPTIONS)
        credentials = grpc.ssl_channel_credentials(Path(self.ca).read_bytes())
        return grpc.aio.secure_channel(address, credentials, options=CHANNEL_OPTIONS)

    def metadata(self) -> dict[str, Metadata]:
        """Give what a call of each customer carries."""
        return {customer_id: bearing(token) for customer_id, token in self.tokens.items()}

    def broker_context(self, customer_id: str) -> ssl.SSLContext | None:
        """Give the settings of a customer's connection to the broker; None where it has no TLS."""
        if not self.ca:
            return None
        context = ssl.create_default_context(cafile=self.ca)
        context.load_cert_chain(self.certificate(customer_id))
        return context

    def certificate(self, customer_id: str) -> Path:
        """Name the file of a customer's key and certificate."""
        return Path(self.certificates) / f"{customer_id}.pem"


def bearing(token: str) -> Metadata:
    """Give the metadata that a token travels in."""
    return (("authorization", f"Bearer {token}"),)
