"""Refusing what needs a higher level of rules than the cluster is at, before it comes into the log."""

from collections.abc import Callable, Iterable

from quitanda.codec.protobuf import request_from_proto
from quitanda.domain import levels
from quitanda.domain.outcomes import Problem, Refused, invalid
from quitanda.errors import Rejected
from quitanda.v1 import replica_pb2 as pb


class LevelCheck:
    """Reads the cluster's level from the committed state (`read_level`). Any thread may call it.

    The rules refuse a command that is too new as well. A field that is too new they ignore, as every version decides
    alike; whoever sent it must learn that here.
    """

    def __init__(self, read_level: Callable[[], int]) -> None:
        self._read_level = read_level
        self._level = levels.FIRST_LEVEL

    def demand(self, requests: Iterable[pb.Request]) -> None:
        """Raise Rejected where a request needs a higher level (LEVEL_TOO_LOW), or is the replicas' own.

        Raising the level takes the permission of all replicas (`LevelRaiser`), so no portal may send it.
        """
        requests = list(requests)
        if any(request.HasField("raise_level") for request in requests):
            raise Rejected(invalid("raise_level", Problem.UNKNOWN_FIELD))
        if self._level < levels.SUPPORTED_LEVEL:  # it never falls, so it is read only as long as it may rise
            self._level = self._read_level()
        if self._level >= levels.SUPPORTED_LEVEL:
            return
        for message in requests:
            request = request_from_proto(message)
            if not isinstance(request, Refused) and (too_low := levels.check(request.command, self._level)):
                raise Rejected(too_low)
