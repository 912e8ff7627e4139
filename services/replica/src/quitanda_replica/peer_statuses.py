"""Asking the other replicas, at this moment, what they know of themselves."""

from collections.abc import Callable, Mapping

import grpc

from quitanda.runtime.addresses import Address
from quitanda.runtime.grpc_options import channel_options
from quitanda.v1 import replica_pb2 as pb
from quitanda.v1.admin_portal_pb2 import ReplicaStatus
from quitanda.v1.replica_pb2_grpc import ReplicaStub


class PeerStatuses:
    """Calls `GetStatus` of all other replicas at once. Any thread may call it."""

    def __init__(self, peers: Mapping[str, Address]) -> None:
        self._channels = {
            # a connection of its own, whose back-off delays nobody else in the process
            name: grpc.insecure_channel(str(address), (*channel_options(), ("grpc.use_local_subchannel_pool", 1)))
            for name, address in peers.items()
        }
        self._stubs = {name: ReplicaStub(channel) for name, channel in self._channels.items()}
        self._closed = False

    def ask(self, timeout: float) -> dict[str, ReplicaStatus | str]:
        """Return what each replica answers within `timeout` seconds, by name, or why there is no answer of it.

        Every call asks anew. An answer that another replica gave, as an address leads to the wrong one, is none.
        """
        if self._closed:
            return dict.fromkeys(self._stubs, "this replica stops")
        request = pb.GetStatusRequest()
        try:
            calls = {name: stub.GetStatus.future(request, timeout=timeout) for name, stub in self._stubs.items()}
        except ValueError:
            if not self._closed:  # otherwise it is what gRPC says of a channel that was closed meanwhile
                raise
            return dict.fromkeys(self._stubs, "this replica stops")
        return {name: _answer(name, call.result) for name, call in calls.items()}

    def close(self) -> None:
        """Close the connections; a question that is under way ends."""
        self._closed = True
        for channel in self._channels.values():
            channel.close()


def _answer(name: str, result: Callable[[], pb.GetStatusResponse]) -> ReplicaStatus | str:
    try:
        status = result().status
    except grpc.FutureCancelledError:
        return "the question was cancelled"
    except grpc.RpcError as error:
        return f"no answer: {error.code().name}" if isinstance(error, grpc.Call) else "no answer"
    return status if status.name == name else f"{status.name or 'another process'} answers at its address"
