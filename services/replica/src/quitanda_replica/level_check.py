"""Refusing what needs a higher level of rules than the cluster is at, before it comes into the log."""

from collections.abc import Callable, Iterable
from typing import Final, get_args

from quitanda.codec.protobuf import request_from_proto
from quitanda.domain import levels
from quitanda.domain.commands import OwnCommand, command_name
from quitanda.domain.outcomes import Problem, Refused, invalid
from quitanda.errors import Rejected
from quitanda.v1 import replica_pb2 as pb

OF_REPLICAS: Final = tuple(map(command_name, get_args(OwnCommand)))
"""The commands that a leader proposes by itself, by their fields in a request."""


class LevelCheck:
    """Reads the cluster's level from the committed state (`read_level`). Any thread may call it.

    The rules refuse a command that is too new as well. A field that is too new they ignore, as every version decides
    alike; whoever sent it must learn that here.
    """

    def __init__(self, read_level: Callable[[], int], read_point: Callable[[float], object]) -> None:
        """`read_point` waits until the state here holds all that was acknowledged before (`RaftNode.read_point`)."""
        self._read_level = read_level
        self._read_point = read_point
        self._level = levels.FIRST_LEVEL

    def demand(self, requests: Iterable[pb.Request], timeout: float) -> None:
        """Raise Rejected where a request needs a higher level (LEVEL_TOO_LOW), or is the replicas' own.

        Raising the level takes the permission of all replicas (`LevelRaiser`), the first credential is what stands in
        the replicas' identity folders (`FirstCredential`), and the time is what the leader's machine shows
        (`OrderExpirer`), so no portal may send any of them. A replica that
        lags or does not lead may not know yet that the level was raised. So before it refuses, it waits up to `timeout`
        seconds for a read point. Raises NotLeader, Overloaded, Unavailable, as that does: nothing happened.
        """
        requests = list(requests)
        for request in requests:
            if (name := request.WhichOneof("command")) in OF_REPLICAS:
                raise Rejected(invalid(name or "", Problem.UNKNOWN_FIELD))
        if self._too_low(requests):
            self._read_point(timeout)
            if too_low := self._too_low(requests):
                raise Rejected(too_low)

    def _too_low(self, requests: Iterable[pb.Request]) -> Refused | None:
        """Return the refusal of the first request that needs more than the level of the state here."""
        if self._level < levels.SUPPORTED_LEVEL:  # it never falls, so it is read only as long as it may rise
            self._level = self._read_level()
        if self._level >= levels.SUPPORTED_LEVEL:
            return None
        for message in requests:
            request = request_from_proto(message)
            if not isinstance(request, Refused) and (too_low := levels.check_request(request, self._level)):
                return too_low
        return None
