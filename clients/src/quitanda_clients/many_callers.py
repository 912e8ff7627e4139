"""Clients for many callers over one set of connections: for a process that calls the portals for people."""

import asyncio
from collections.abc import Sequence

from quitanda.errors import Unavailable
from quitanda.operations import PortalKind
from quitanda.runtime.addresses import Address
from quitanda.runtime.link_identity import LinkIdentity
from quitanda_clients.client import AdminClient, ShopClient
from quitanda_clients.results import TIMEOUT_DEFAULT
from quitanda_clients.transports.grpc import GrpcTransport


class ManyCallers:
    """Makes a client for each caller, by her token; making one costs next to nothing.

    The clients share the connections, so none of them is to be closed; `close` ends the calls of all. Raises
    NoTokenError where a token would leave this machine without TLS, for want of an `identity`.
    """

    def __init__(
        self,
        admin_portals: Sequence[Address],
        client_portals: Sequence[Address],
        *,
        timeout: float = TIMEOUT_DEFAULT,
        identity: LinkIdentity | None = None,
    ) -> None:
        self._admin = GrpcTransport(PortalKind.ADMIN, admin_portals, timeout=timeout, identity=identity)
        self._client = GrpcTransport(PortalKind.CLIENT, client_portals, timeout=timeout, identity=identity)

    def admin(self, token: str) -> AdminClient:
        """Make a client of staff."""
        return AdminClient(over=self._admin.for_caller(token))

    def shop(self, customer_id: str, token: str) -> ShopClient:
        """Make a customer's client."""
        return ShopClient(customer_id, self._client.for_caller(token))

    async def unready(self, seconds: float) -> str:
        """Say which portals do not say within so many seconds that they can answer; empty if one of each kind does."""
        kinds = ((PortalKind.ADMIN, self._admin), (PortalKind.CLIENT, self._client))
        problems = await asyncio.gather(*(_unready(kind, transport, seconds) for kind, transport in kinds))
        return "; ".join(filter(None, problems))

    async def close(self) -> None:
        """Close the connections; calls in flight end with an error."""
        await self._admin.close()
        await self._client.close()


async def _unready(kind: PortalKind, transport: GrpcTransport, seconds: float) -> str:
    try:
        await transport.wait_until_ready(seconds)
    except Unavailable as error:
        return f"no {kind.value}: {error}"
    return ""
