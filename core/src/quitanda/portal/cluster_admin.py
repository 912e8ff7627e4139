"""The operations on the cluster itself, and the history of documents, as administrators ask for them."""

from collections.abc import AsyncGenerator, Mapping
from typing import Final

from quitanda.cluster_client import ClusterClient, HistoryPage, ListHistory
from quitanda.codec.change_records import HISTORY_ENTRY_CODEC
from quitanda.codec.queries import page_size_or_refused
from quitanda.domain.limits import LEVEL_MAX
from quitanda.domain.model import Kind
from quitanda.domain.outcomes import Problem, Refused, invalid
from quitanda.domain.value_checks import check_id
from quitanda.errors import InternalError, Rejected, Unavailable
from quitanda.v1 import admin_portal_pb2 as pb

VERIFY_SECONDS_MAX: Final = 3_600.0
"""The longest that replicas may take to read their whole state, where the caller gives so much."""

REVISION_SECONDS_MAX: Final = 3.0
"""How long a leader is looked for that says at which revision the replicas are compared."""

NOT_COMPARED: Final = 0


class ClusterAdmin:
    """Performs each `ClusterOperation` of the table by the method of its name, within `timeout` seconds.

    `time_limits` has the seconds that an operation may take which takes longer than other calls.
    """

    time_limits: Final[Mapping[str, float]] = {"verify_cluster": VERIFY_SECONDS_MAX}

    def __init__(self, cluster: ClusterClient) -> None:
        self._cluster = cluster

    async def get_cluster_status(
        self,
        request: pb.GetClusterStatusRequest,  # noqa: ARG002 - it has no fields
        timeout: float,
    ) -> pb.GetClusterStatusResponse:
        """Say what each replica knows of itself; a replica that does not answer is said to be unreachable."""
        return pb.GetClusterStatusResponse(replicas=await self._cluster.administration.statuses(timeout))

    async def list_history(self, request: pb.ListHistoryRequest, timeout: float) -> pb.ListHistoryResponse:
        """Read one page of a document's changes. Raises Rejected, Unavailable and Overloaded."""
        kind = next((each for each in Kind if each.value == request.kind), None)
        if kind is None:
            raise Rejected(invalid("kind", Problem.UNKNOWN_VALUE, choices=", ".join(Kind)))
        page_size = page_size_or_refused(request.page_size)
        if wrong := check_id("id", request.id):
            raise Rejected(wrong)
        if isinstance(page_size, Refused):
            raise Rejected(page_size)
        item = ListHistory(kind, request.id, page_size, request.page_token)
        (page,) = (await self._cluster.read((item,), timeout)).results
        match page:
            case HistoryPage():
                entries = map(HISTORY_ENTRY_CODEC.write, page.entries)
                return pb.ListHistoryResponse(
                    revision=page.revision, entries=entries, next_page_token=page.next_page_token
                )
            case Refused():
                raise Rejected(page)
            case _:
                raise InternalError(f"a history was answered with a {type(page).__name__}")

    async def transfer_leadership(
        self, request: pb.TransferLeadershipRequest, timeout: float
    ) -> pb.TransferLeadershipResponse:
        """Let the named replica lead, or with '' any other one. Raises Rejected, Unavailable, OutcomeUnknown."""
        wrong = check_id("to", request.to) if request.to else None
        if isinstance(wrong, Refused):
            raise Rejected(wrong)
        return await self._cluster.administration.transfer_leadership(request.to, timeout)

    async def raise_level(self, request: pb.RaiseLevelRequest, timeout: float) -> pb.RaiseLevelResponse:
        """Raise the cluster's level, with 0 as far as the leader can. Raises Rejected, Unavailable, OutcomeUnknown."""
        if request.level > LEVEL_MAX:
            raise Rejected(invalid("level", Problem.TOO_LARGE, limit=LEVEL_MAX))
        return await self._cluster.administration.raise_level(request.level, timeout)

    async def backup_cluster(
        self,
        request: pb.BackupClusterRequest,  # noqa: ARG002 - it has no fields
        timeout: float,
    ) -> AsyncGenerator[pb.BackupPart, None]:
        """Begin a backup within `timeout` seconds; return its parts, to be closed. Raises Unavailable.

        How long the whole stream may take is the caller's deadline, which gRPC watches.
        """
        return await self._cluster.administration.backup(timeout)

    async def verify_cluster(
        self,
        request: pb.VerifyClusterRequest,  # noqa: ARG002 - it has no fields
        timeout: float,
    ) -> pb.VerifyClusterResponse:
        """Let each replica compare its state with its digest, and tell all digests at one revision.

        Where no leader tells the present revision, the replicas are not compared with each other (revision 0).
        """
        try:
            revision = (await self._cluster.read((), min(timeout, REVISION_SECONDS_MAX))).revision
        except Unavailable:
            revision = NOT_COMPARED
        replicas = await self._cluster.administration.verify(revision, timeout)
        return pb.VerifyClusterResponse(revision=revision, replicas=replicas)
