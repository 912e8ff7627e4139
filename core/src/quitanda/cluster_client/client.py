"""The portals' way to the replicas."""

from collections.abc import Mapping, Sequence

from prometheus_client import CollectorRegistry

from quitanda.cluster_client.answers import Executed, ReadAnswer, ReadItem
from quitanda.cluster_client.options import ClusterOptions
from quitanda.domain.commands import Request
from quitanda.v1 import admin_portal_pb2


class ClusterClient:
    """Asks whichever replica leads; for one event loop, made while it runs, closed at the end.

    `replicas` are gRPC addresses by name ("replica1": "127.0.0.1:7011").
    """

    def __init__(
        self,
        replicas: Mapping[str, str],
        options: ClusterOptions | None = None,
        *,
        registry: CollectorRegistry | None = None,
    ) -> None:
        raise NotImplementedError

    async def execute(self, request: Request, timeout: float) -> Executed:
        """Have the request executed once, within `timeout` seconds; a refusal is an outcome.

        Raises Overloaded and Unavailable (it did not and will not happen) and OutcomeUnknown (it may
        have happened: repeat it with the same request id).
        """
        raise NotImplementedError

    async def read(self, reads: Sequence[ReadItem], timeout: float) -> ReadAnswer:
        """Read everything at one snapshot, which holds every write acknowledged before this call began.

        No reads at all just asks for the revision. Exception: a `List` with a page token shows the snapshot at
        which its list began; ask for it alone. Its result is Refused(PAGE_TOKEN_EXPIRED) where the
        replica that kept the snapshot is gone.

        Raises Overloaded and Unavailable.
        """
        raise NotImplementedError

    async def statuses(self, timeout: float) -> list[admin_portal_pb2.ReplicaStatus]:
        """What each replica knows of itself, in the order of their names; never raises."""
        raise NotImplementedError

    async def ready(self) -> bool:
        """Whether a leader answered lately, or answers now."""
        raise NotImplementedError

    async def close(self) -> None:
        """End all calls: their callers get Unavailable, or OutcomeUnknown where a write was on its way."""
        raise NotImplementedError
