"""How the clients' requests travel: over gRPC to the portals, or over MQTT through a broker."""

from collections.abc import AsyncGenerator
from typing import Any, Protocol

from quitanda.codec.watches import WatchDocuments, WatchedChanges
from quitanda.operations import DocumentOperation, OperationAnswer, WatchOperation


class RequestTransport(Protocol):
    """Sends requests about documents; `grpc.GrpcTransport` and `mqtt.MqttTransport` implement it."""

    token: str
    """By which each request proves who asks; empty for no proof."""

    async def send(self, operation: DocumentOperation, asked: Any, request_id: str) -> OperationAnswer:
        """Send a request, with the same id, until it is answered or time is up.

        `asked` is what `operation.to_message` takes; `request_id` is empty for a read. Raises errors.Rejected for a
        refusal, errors.Unavailable if nothing happened, errors.OutcomeUnknown if a write may have been applied.
        """

    def watch(self, operation: WatchOperation, watched: WatchDocuments) -> AsyncGenerator[WatchedChanges, None]:
        """Begin a watch, and yield what changes until it is lost, which raises errors.Unavailable.

        Raises errors.Rejected for a refusal, also later; to be closed.
        """

    async def close(self) -> None:
        """Close the connections; calls in flight end with an error."""
