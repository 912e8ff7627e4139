"""Asking the other replicas for their digests, now and then."""

from collections.abc import Callable, Mapping
from typing import Final

import grpc

from quitanda.runtime.addresses import Address
from quitanda.runtime.grpc_options import channel_options
from quitanda.v1 import replica_pb2 as pb
from quitanda.v1.replica_pb2_grpc import ReplicaStub
from quitanda_replica.integrity.divergence import DivergenceDetector, StateDiverged

ASK_SECONDS: Final = 1.0
"""Pause between two questions, and the longest wait for an answer."""


def counts(*, own_cluster: str, cluster: str, catching_up: bool) -> bool:
    """Decide whether what another replica says of its state says anything about the own one.

    One that catches up repeats what somebody else says. One that came up with a disk of another cluster, for example
    with that of before a restore, numbers other entries: its digests contradict everybody's, and nobody is wrong.
    """
    return not catching_up and cluster == own_cluster


class PeerDigests:
    """Asks all others at once, and lets the judge compare; what it finds goes to `on_fatal`."""

    def __init__(
        self,
        peers: Mapping[str, Address],
        judge: DivergenceDetector,
        on_fatal: Callable[[BaseException], None],
        cluster: Callable[[], str],
    ) -> None:
        """`cluster` gives the id of this replica's cluster, as `RaftStatus` does."""
        self._judge = judge
        self._cluster = cluster
        self._on_fatal = on_fatal
        self._closed = False
        self._channels = {
            # a connection of its own, whose back-off delays nobody else in the process
            name: grpc.insecure_channel(str(address), (*channel_options(), ("grpc.use_local_subchannel_pool", 1)))
            for name, address in peers.items()
        }
        self._stubs = {name: ReplicaStub(channel) for name, channel in self._channels.items()}

    def ask(self) -> None:
        """Ask once. Replicas that do not answer are left out; so are those that still catch up."""
        if self._closed:
            return
        try:
            self._judge.heard(self._told())
        except StateDiverged as error:
            self._on_fatal(error)
        except ValueError:
            if not self._closed:  # otherwise it is what gRPC says of a channel that was closed meanwhile
                raise

    def close(self) -> None:
        """Close the connections; a question under way ends."""
        self._closed = True
        for channel in self._channels.values():
            channel.close()

    def _told(self) -> dict[str, tuple[int, int]]:
        request = pb.GetStatusRequest()
        calls = {name: stub.GetStatus.future(request, timeout=ASK_SECONDS) for name, stub in self._stubs.items()}
        told: dict[str, tuple[int, int]] = {}
        for name, call in calls.items():
            try:
                status = call.result().status
            except (grpc.RpcError, grpc.FutureCancelledError):
                continue
            if status.state_digest and counts(
                own_cluster=self._cluster(), cluster=status.cluster, catching_up=status.catching_up
            ):
                told[name] = status.revision, int(status.state_digest, 16)
        return told
