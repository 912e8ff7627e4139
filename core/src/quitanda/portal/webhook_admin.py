"""The operations on webhooks, as administrators ask for them."""

import base64
import hashlib
import os
import time
from collections.abc import Callable
from typing import Any, Final

from quitanda.cluster_client import ClusterClient, ReadWebhooks, WebhooksRead
from quitanda.codec.webhooks import WEBHOOK_CODEC
from quitanda.domain import refusals
from quitanda.domain.commands import Principal, Request
from quitanda.domain.outcomes import Problem, Refused, invalid
from quitanda.domain.validation import check_for_any_level
from quitanda.domain.webhook_commands import CreateWebhook, DeleteWebhook
from quitanda.domain.webhook_model import Webhook
from quitanda.errors import InternalError, Rejected
from quitanda.operations import WebhookOperation
from quitanda.v1 import admin_portal_pb2 as pb

SECRET_BYTES: Final = 32
SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - what a secret begins with
"""What a secret that is shown begins with; the rest is base64, as in the Standard Webhooks specification."""

_ID_BYTES: Final = 8
_NANOSECONDS_PER_MILLISECOND: Final = 1_000_000


class WebhookAdmin:
    """Performs each `WebhookOperation` of the table. `plain_http`: addresses need not begin with https://."""

    def __init__(
        self,
        cluster: ClusterClient,
        random_bytes: Callable[[int], bytes] = os.urandom,
        *,
        plain_http: bool = False,
    ) -> None:
        self._cluster = cluster
        self._random_bytes = random_bytes
        self._plain_http = plain_http

    async def list(self, timeout: float) -> pb.ListWebhooksResponse:
        """Show all webhooks. Raises Unavailable and Overloaded."""
        revision, found = await self._read(timeout)
        webhooks = map(WEBHOOK_CODEC.write, found.webhooks)
        return pb.ListWebhooksResponse(revision=revision, webhooks=webhooks, sender=found.lease.holder)

    async def change(
        self, operation: WebhookOperation, asked: Any, request_id: str, timeout: float, principal: Principal | None
    ) -> Any:
        """Carry out what a request message asks for, within `timeout` seconds, and show the webhook as it is then.

        Raises Rejected, Unavailable and Overloaded (nothing happened), and OutcomeUnknown.
        """
        command = operation.from_message(asked, self._chosen(operation, request_id))
        if isinstance(command, Refused):
            raise Rejected(command)
        now_ms = time.time_ns() // _NANOSECONDS_PER_MILLISECOND
        request = Request("", request_id, command, principal, now_ms)
        if wrong := check_for_any_level(request) or self._check_scheme(getattr(command, "url", None)):
            raise Rejected(wrong)
        executed = await self._cluster.execute(request, timeout)
        if isinstance(executed.outcome, Refused):
            raise Rejected(executed.outcome, executed.revision)
        told = {"revision": executed.revision, "request_id": request_id}
        if isinstance(command, DeleteWebhook):
            return operation.response_class(**told)
        webhook = await self._webhook(command.webhook_id, timeout)
        if operation.tells_secret:
            told["secret"] = SECRET_PREFIX + base64.b64encode(bytes.fromhex(webhook.secret)).decode()
        return operation.response_class(webhook=WEBHOOK_CODEC.write(webhook), **told)

    def _chosen(self, operation: WebhookOperation, request_id: str) -> dict[str, Any]:
        """Choose what the caller may not. A repeated request names the same webhook; the first secret counts."""
        if not operation.tells_secret:
            return {}
        secret = {"secret": self._random_bytes(SECRET_BYTES).hex()}
        if operation.carries is not CreateWebhook:
            return secret
        name = hashlib.blake2b(request_id.encode(), digest_size=_ID_BYTES, person=b"quitanda.webhook").hexdigest()
        return {**secret, "webhook_id": f"wh-{name}", "created_at_ms": time.time_ns() // _NANOSECONDS_PER_MILLISECOND}

    def _check_scheme(self, url: str | None) -> Refused | None:
        if url is None or self._plain_http or url.startswith("https://"):
            return None
        return invalid("url", Problem.PLAIN_HTTP)

    async def _webhook(self, webhook_id: str, timeout: float) -> Webhook:
        _, found = await self._read(timeout)
        for webhook in found.webhooks:
            if webhook.webhook_id == webhook_id:
                return webhook
        raise Rejected(refusals.webhook_not_found(webhook_id))

    async def _read(self, timeout: float) -> tuple[int, WebhooksRead]:
        answer = await self._cluster.read((ReadWebhooks(),), timeout)
        (found,) = answer.results
        if not isinstance(found, WebhooksRead):
            raise InternalError(f"webhooks were answered with a {type(found).__name__}")
        return answer.revision, found
