"""Asking the other replicas, at this moment, what they know of themselves."""

import threading
from collections.abc import Callable, Mapping
from typing import Final

import grpc

from quitanda.runtime.addresses import Address
from quitanda.runtime.grpc_options import channel_options, secure_channel_options
from quitanda.runtime.link_credentials import channel_credentials
from quitanda.runtime.link_identity import LinkIdentity
from quitanda.runtime.link_refusals import refusal
from quitanda.v1 import replica_pb2 as pb
from quitanda.v1.admin_portal_pb2 import ReplicaStatus
from quitanda.v1.replica_pb2_grpc import ReplicaStub

_OWN_CONNECTION: Final = ("grpc.use_local_subchannel_pool", 1)
"""So that its back-off delays nobody else in the process."""


class PeerStatuses:
    """Calls `GetStatus` of all other replicas at once. Any thread may call it.

    With an identity the connections are TLS, and each peer's certificate must have the peer's name.
    """

    def __init__(self, peers: Mapping[str, Address], identity: LinkIdentity | None = None) -> None:
        self._peers = peers
        self._identity = identity
        self._lock = threading.Lock()
        self._generation = 0
        self._replaced: dict[str, grpc.Channel] = {}
        self._channels = self._open()
        self._closed = False

    def ask(self, timeout: float) -> dict[str, ReplicaStatus | str]:
        """Return what each replica answers within `timeout` seconds, by name, or why there is no answer of it.

        Every call asks anew. An answer that another replica gave, as an address leads to the wrong one, is none.
        """
        request = pb.GetStatusRequest()
        with self._lock:
            if self._closed:
                return dict.fromkeys(self._peers, "this replica stops")
            self._follow_identity()
            calls = {
                name: ReplicaStub(channel).GetStatus.future(request, timeout=timeout)
                for name, channel in self._channels.items()
            }
        return {name: self._answer(name, call.result) for name, call in calls.items()}

    def close(self) -> None:
        """Close the connections; a question that is under way ends."""
        with self._lock:
            self._closed = True
            for channel in (*self._channels.values(), *self._replaced.values()):
                channel.close()

    def _follow_identity(self) -> None:
        """Open new channels where there are other certificates; questions that are under way keep the old ones."""
        if self._identity is None or self._identity.current().generation == self._generation:
            return
        for channel in self._replaced.values():
            channel.close()
        self._replaced, self._channels = self._channels, self._open()

    def _open(self) -> dict[str, grpc.Channel]:
        if self._identity is None:
            options = (*channel_options(), _OWN_CONNECTION)
            return {name: grpc.insecure_channel(str(address), options) for name, address in self._peers.items()}
        certificates = self._identity.current()
        self._generation = certificates.generation
        credentials = channel_credentials(certificates)
        return {
            name: grpc.secure_channel(str(address), credentials, (*secure_channel_options(name), _OWN_CONNECTION))
            for name, address in self._peers.items()
        }

    def _answer(self, name: str, result: Callable[[], pb.GetStatusResponse]) -> ReplicaStatus | str:
        try:
            status = result().status
        except grpc.FutureCancelledError:
            return "the question was cancelled"
        except grpc.RpcError as error:
            if not isinstance(error, grpc.Call):
                return "no answer"
            why = refusal(error.details() or "", self._identity)
            return f"no answer: {error.code().name}" + (f" ({why})" if why else "")
        return status if status.name == name else f"{status.name or 'another process'} answers at its address"
