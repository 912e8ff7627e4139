# Only what quitanda_replica.raft and the tests use of PySyncObj 0.3.17, its private names included: they are the seams.
from collections.abc import Callable, Iterable
from typing import Any

from pysyncobj.node import Node
from pysyncobj.transport import Transport

class SyncObjConf:
    def __init__(self, **kwargs: Any) -> None: ...

class SyncObj:
    _SyncObj__raftState: int
    _SyncObj__newAppendEntriesTime: float
    _SyncObj__connectedNodes: set[Node]
    def _SyncObj__getEntries(self, fromIDx: int, count: int | None, maxSizeBytes: int | None) -> list[Any]: ...
    _SyncObj__raftCurrentTerm: int
    _SyncObj__votedForNodeId: str | None
    _SyncObj__raftCommitIndex: int
    _SyncObj__raftLastApplied: int
    _SyncObj__raftLeader: Node | None
    _SyncObj__raftElectionDeadline: float
    _SyncObj__raftLog: Any
    _SyncObj__raftNextIndex: dict[Node, int]
    _SyncObj__raftMatchIndex: dict[Node, int]
    _SyncObj__needLoadDumpFile: bool
    def __init__(
        self,
        selfNode: Node,
        otherNodes: Iterable[Node],
        conf: SyncObjConf | None = None,
        *,
        transport: Transport | None = None,
    ) -> None: ...
    @property
    def raftLastApplied(self) -> int: ...
    def _doDestroy(self) -> None: ...
    def doTick(self, timeToWait: float = 0.0) -> None: ...
    def transferLeadership(self, node: Node | None = None, callback: Callable[..., None] | None = None) -> None: ...
    def _SyncObj__connectedToAnyone(self) -> bool: ...
    def _SyncObj__onBecomeLeader(self) -> None: ...
    def _SyncObj__sendAppendEntries(self) -> None: ...
    def _SyncObj__setCurrentTerm(self, term: int, votedForNodeId: str | None) -> None: ...
    def _SyncObj__generateRaftTimeout(self) -> float: ...
    def _SyncObj__doApplyCommand(self, command: bytes) -> object: ...
    def _SyncObj__applyLogEntries(self) -> bool: ...

class FAIL_REASON:
    SUCCESS: int
    QUEUE_FULL: int
    MISSING_LEADER: int
    NOT_LEADER: int

def replicated(*arguments: Any, **options: Any) -> Any: ...
