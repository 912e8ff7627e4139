"""What an administrator's client can do about webhooks. The answers are the messages of the contract."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from quitanda.errors import QuitandaError
from quitanda.operations import Operation
from quitanda.v1 import admin_portal_pb2
from quitanda_clients.portal_client import PortalClient
from quitanda_clients.request_ids import new_request_id

if TYPE_CHECKING:
    from quitanda_clients.transports.grpc import GrpcTransport


class WebhookClient(PortalClient):
    """The part of `AdminClient` that is about webhooks. Errors are those of `PortalClient`."""

    _grpc: "GrpcTransport"
    _cluster: Mapping[str, Operation]

    async def list_webhooks(self) -> admin_portal_pb2.ListWebhooksResponse:
        """Fetch all webhooks, by id, with their dead letters."""
        response: admin_portal_pb2.ListWebhooksResponse = await self._call("list_webhooks")
        return response

    async def create_webhook(
        self, url: str, events: str, *, request_id: str | None = None
    ) -> admin_portal_pb2.CreateWebhookResponse:
        """Tell an address of events, whose names have commas between them; the answer has the secret."""
        response: admin_portal_pb2.CreateWebhookResponse = await self._change(
            "create_webhook", request_id, url=url, events=events
        )
        return response

    async def update_webhook(
        self,
        webhook_id: str,
        *,
        url: str | None = None,
        events: str | None = None,
        enabled: bool | None = None,
        request_id: str | None = None,
    ) -> admin_portal_pb2.UpdateWebhookResponse:
        """Change what is given. While a webhook is not enabled, its events wait."""
        response: admin_portal_pb2.UpdateWebhookResponse = await self._change(
            "update_webhook", request_id, webhook_id=webhook_id, url=url, events=events, enabled=enabled
        )
        return response

    async def rotate_webhook_secret(
        self, webhook_id: str, *, request_id: str | None = None
    ) -> admin_portal_pb2.RotateWebhookSecretResponse:
        """Sign with a new secret, which the answer has, and until the next time with the one before, too."""
        response: admin_portal_pb2.RotateWebhookSecretResponse = await self._change(
            "rotate_webhook_secret", request_id, webhook_id=webhook_id
        )
        return response

    async def delete_webhook(
        self, webhook_id: str, *, request_id: str | None = None
    ) -> admin_portal_pb2.DeleteWebhookResponse:
        """Forget a webhook with its dead letters."""
        response: admin_portal_pb2.DeleteWebhookResponse = await self._change(
            "delete_webhook", request_id, webhook_id=webhook_id
        )
        return response

    async def repeat_dead_letters(
        self, webhook_id: str, letter_id: int = 0, *, request_id: str | None = None
    ) -> admin_portal_pb2.RepeatDeadLettersResponse:
        """Have a dead letter sent once more; with 0 all of them."""
        response: admin_portal_pb2.RepeatDeadLettersResponse = await self._change(
            "repeat_dead_letters", request_id, webhook_id=webhook_id, letter_id=letter_id
        )
        return response

    async def send_test_event(
        self, webhook_id: str, *, request_id: str | None = None
    ) -> admin_portal_pb2.SendTestEventResponse:
        """Have an event sent that is only a test; it is among the letters until it arrived."""
        response: admin_portal_pb2.SendTestEventResponse = await self._change(
            "send_test_event", request_id, webhook_id=webhook_id
        )
        return response

    async def _call(self, name: str, **fields: Any) -> Any:
        operation = self._cluster[name]
        return await self._grpc.call(operation, operation.request_class(**fields))

    async def _change(self, name: str, request_id: str | None, **fields: Any) -> Any:
        request_id = request_id or new_request_id()
        try:
            response = await self._call(name, request_id=request_id, **fields)
        except QuitandaError as error:
            error.request_id = request_id
            raise
        self._seen(response.revision)
        return response
