"""The gRPC service `quitanda.v1.Replica`: bounds, deadlines, and one log line for each command."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias, get_args

import structlog
from google.protobuf.message import DecodeError
from grpc import ServicerContext

from quitanda.domain.commands import PortalCommand, command_name
from quitanda.domain.outcomes import AuthenticationProblem, Problem, Reason, invalid, refused
from quitanda.error_status import describe
from quitanda.errors import QuitandaError, Rejected
from quitanda.runtime import tracing
from quitanda.runtime.access_log import OK
from quitanda.runtime.malformed_requests import explain_repeated
from quitanda.v1 import replica_pb2 as pb
from quitanda.v1.admin_portal_pb2 import (
    BackupPart,
    RaiseLevelRequest,
    RaiseLevelResponse,
    TransferLeadershipRequest,
    TransferLeadershipResponse,
)
from quitanda.v1.replica_pb2_grpc import ReplicaServicer
from quitanda_replica.admin.replica_admin import ReplicaAdmin
from quitanda_replica.admin.replica_status import StatusReport
from quitanda_replica.level_check import LevelCheck
from quitanda_replica.metrics import CommandMetrics
from quitanda_replica.raft.node import RaftNode
from quitanda_replica.reads.reads import Reads

if TYPE_CHECKING:  # it loads OpenTelemetry
    from quitanda_replica.command_spans import EntrySpans

BeginSpans: TypeAlias = "Callable[[Sequence[pb.Request], Sequence[str]], EntrySpans | None]"
"""Begins the spans of the commands of one call, by the context of each; None where none is traced."""

COMMANDS_PER_CALL_MAX: Final = 512
COMMAND_BYTES_PER_CALL_MAX: Final = 2 * 1024 * 1024
"""Bounds of one log entry: it is applied in one go, and every replica holds it in memory."""

READS_PER_CALL_MAX: Final = 4_096
"""Questions in one call; how large the answer may be is a bound of its own (reads)."""

SECONDS_DEFAULT: Final = 10.0
SECONDS_MAX: Final = 30.0
"""How long a call waits that brings no deadline of its own, and the longest that any may wait."""

VERIFY_SECONDS_MAX: Final = 3_600.0
"""The longest that reading the whole state may take."""

_NO_PRINCIPAL: Final = refused(Reason.UNAUTHENTICATED, "principal", problem=AuthenticationProblem.MISSING.value)
"""The rules decide what names no principal, so it must not come into the log where callers prove who they are."""

_OF_PORTALS: Final = frozenset(map(command_name, get_args(PortalCommand)))

_ANSWER_MARGIN: Final = 0.02
"""Seconds kept back, so that the answer "unknown" arrives before the caller's own deadline."""

_log = structlog.get_logger("quitanda.requests")


class Replica(ReplicaServicer):
    """Answers the portals; what is raised here is turned into a status by the server's interceptor."""

    def __init__(
        self,
        raft: RaftNode,
        reads: Reads,
        status: StatusReport,
        admin: ReplicaAdmin,
        metrics: CommandMetrics,
        levels: LevelCheck,
        begin_spans: "BeginSpans | None" = None,
        *,
        demands_principals: bool = False,
    ) -> None:
        """`begin_spans` is there while tracing is on. A replica with an identity demands principals."""
        self._raft = raft
        self._reads = reads
        self._status = status
        self._admin = admin
        self._metrics = metrics
        self._levels = levels
        self._begin_spans = begin_spans
        self._demands_principals = demands_principals

    def Execute(self, request: pb.ExecuteRequest, context: ServicerContext) -> pb.ExecuteResponse:  # noqa: N802
        """Order the commands as one entry, and answer when it is durable on a majority and applied here."""
        begun = time.perf_counter()
        if not request.requests:
            return pb.ExecuteResponse()
        entry = pb.LogEntry(requests=request.requests).SerializeToString()
        commands = _decoded(entry, request.requests)
        self._metrics.called(len(commands))
        spans = None
        if self._begin_spans is not None:
            spans = self._begin_spans(commands, tracing.batch_traceparents(context.invocation_metadata()))
        try:
            response = self._execute(entry, commands, _timeout(context), spans)
        except QuitandaError as error:
            self._tell(commands, [(describe(error).reason, 0)] * len(commands), begun, spans)
            raise
        outcomes = map(pb.Outcome.FromString, response.outcomes)
        self._tell(commands, [(_reason(outcome), outcome.revision) for outcome in outcomes], begun, spans)
        return response

    def Read(self, request: pb.ReadRequest, context: ServicerContext) -> pb.ReadResponse:  # noqa: N802
        """Answer linearizable reads, all at one snapshot."""
        if len(request.reads) > READS_PER_CALL_MAX:
            raise Rejected(invalid("reads", Problem.TOO_MANY, limit=READS_PER_CALL_MAX))
        return self._reads.read(request, _timeout(context))

    def GetStatus(self, request: pb.GetStatusRequest, context: ServicerContext) -> pb.GetStatusResponse:  # noqa: ARG002, N802
        """Tell what this replica knows of itself."""
        return pb.GetStatusResponse(status=self._status.read())

    def TransferLeadership(  # noqa: N802
        self, request: TransferLeadershipRequest, context: ServicerContext
    ) -> TransferLeadershipResponse:
        """Let another replica lead."""
        return self._admin.transfer_leadership(request.to, _timeout(context))

    def RaiseLevel(self, request: RaiseLevelRequest, context: ServicerContext) -> RaiseLevelResponse:  # noqa: N802
        """Raise the level of rules that all replicas decide by."""
        return RaiseLevelResponse(level=self._admin.raise_level(request.level, _timeout(context)))

    def Backup(self, request: pb.BackupRequest, context: ServicerContext) -> Iterator[BackupPart]:  # noqa: ARG002, N802
        """Send the whole state; how long that may take is the caller's deadline, which gRPC watches."""
        return self._admin.backup(_timeout(context))

    def Verify(self, request: pb.VerifyRequest, context: ServicerContext) -> pb.VerifyResponse:  # noqa: N802
        """Compare the state with its digest; where it does not match or cannot be read, answer so, and stop."""
        verification, stop = self._admin.verify(request.compared_revision, _timeout(context, VERIFY_SECONDS_MAX))
        if stop is not None:
            context.add_callback(stop)
        return pb.VerifyResponse(verification=verification)

    def _execute(
        self, entry: bytes, commands: list[pb.Request], timeout: float, spans: "EntrySpans | None"
    ) -> pb.ExecuteResponse:
        """Put the entry in the log, with the requests as the bytes that came, unless one must not come there."""
        deadline = time.monotonic() + timeout
        if len(commands) > COMMANDS_PER_CALL_MAX:
            raise Rejected(invalid("requests", Problem.TOO_MANY, limit=COMMANDS_PER_CALL_MAX))
        if self._demands_principals and not all(map(_may_come, commands)):
            raise Rejected(_NO_PRINCIPAL)
        self._levels.demand(commands, timeout)
        if len(entry) > COMMAND_BYTES_PER_CALL_MAX:
            raise Rejected(invalid("requests", Problem.TOO_LARGE, limit=COMMAND_BYTES_PER_CALL_MAX))
        return pb.ExecuteResponse.FromString(
            self._raft.submit(entry, spans).result(max(0.0, deadline - time.monotonic()))
        )

    def _tell(
        self, commands: list[pb.Request], answers: list[tuple[str, int]], begun: float, spans: "EntrySpans | None"
    ) -> None:
        milliseconds = round((time.perf_counter() - begun) * 1000, 3)
        log = _log.bind()  # once for all lines: the logger of the module looks its configuration up with each line
        if spans is not None:
            spans.end(answers)
        for number, (command, (reason, revision)) in enumerate(zip(commands, answers, strict=True)):
            name = command.WhichOneof("command") or ""
            self._metrics.answered(name, reason)
            facts = {} if spans is None else spans.log_fields(number)
            if command.HasField("principal"):
                facts["credential_id"] = command.principal.credential_id[:64]
            log.info(
                "command",
                request_id=command.request_id[:64],
                scope=command.scope[:64],
                command=name,
                reason=reason,
                revision=revision,
                milliseconds=milliseconds,
                **facts,
            )


def _decoded(entry: bytes, requests: Sequence[bytes]) -> list[pb.Request]:
    """Read the commands of an entry for the log lines; Rejected, naming the request at fault, where one is none."""
    try:
        return list(pb.DecodedEntry.FromString(entry).requests)
    except DecodeError:
        raise Rejected(explain_repeated("requests", requests, pb.Request.DESCRIPTOR)) from None


def _may_come(command: pb.Request) -> bool:
    """Whether the command names its principal, or is a portal's own, which no caller asks for."""
    return command.HasField("principal") or command.WhichOneof("command") in _OF_PORTALS


def _reason(outcome: pb.Outcome) -> str:
    return outcome.refused.reason if outcome.HasField("refused") else OK


def _timeout(context: Any, longest: float = SECONDS_MAX) -> float:
    """Give the seconds that this call may wait."""
    remaining = context.time_remaining()
    if remaining is None:
        return SECONDS_DEFAULT
    return max(0.0, min(float(remaining) - _ANSWER_MARGIN, longest))
