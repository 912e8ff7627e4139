"""Refusing what needs a higher level of rules than the cluster is at, before it comes into the log."""

from collections.abc import Callable, Sequence

from quitanda.codec.protobuf import request_from_proto
from quitanda.domain import levels
from quitanda.domain.outcomes import Problem, Refused, invalid
from quitanda.errors import Rejected
from quitanda.v1 import replica_pb2 as pb


class LevelCheck:
    """Knows the cluster's level from the committed state (`read_level`). Any thread may call it.

    The rules refuse a command that is too new as well. A field that is too new they ignore, as every version decides
    alike; whoever sent it must learn that here.
    """

    def __init__(self, read_level: Callable[[], int]) -> None:
        self._read_level = read_level
        self._level = levels.FIRST_LEVEL

    def refusals(self, requests: Sequence[pb.Request]) -> dict[int, Refused]:
        """Return what is wrong with the requests that need a higher level, by their position.

        Raises Rejected where a request is the replicas' own: raising the level takes the permission of all replicas.
        """
        if any(request.HasField("raise_level") for request in requests):
            raise Rejected(invalid("raise_level", Problem.UNKNOWN_FIELD))
        if self._level < levels.SUPPORTED_LEVEL:  # it never falls, so it is read only as long as it may rise
            self._level = self._read_level()
        if self._level >= levels.SUPPORTED_LEVEL:
            return {}
        checked = {position: self._check(request) for position, request in enumerate(requests)}
        return {position: refusal for position, refusal in checked.items() if refusal is not None}

    def _check(self, message: pb.Request) -> Refused | None:
        request = request_from_proto(message)
        return None if isinstance(request, Refused) else levels.check(request.command, self._level)
