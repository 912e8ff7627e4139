"""Webhooks as they are stored, and as the admin portal's contract shows them: without their secrets."""

import json
from collections.abc import Callable
from typing import Any, Final, TypeVar

from quitanda.codec.documents import compile_reader, compile_writer
from quitanda.codec.messages import MessageCodec
from quitanda.domain.webhook_model import SenderLease, Webhook
from quitanda.v1 import documents_pb2

Record = TypeVar("Record")

webhook_text: Final[Callable[[Webhook], str]] = compile_writer(Webhook)
"""Write the stored form of a webhook, secrets included: JSON without spaces, equal for equal webhooks."""

lease_text: Final[Callable[[SenderLease], str]] = compile_writer(SenderLease)
"""Write the stored form of the lease."""

WEBHOOK_CODEC: Final = MessageCodec(Webhook, documents_pb2.Webhook, bounded=False)
"""How the admin portal's contract shows a webhook: what the message has no field for (the secrets) is left out."""

_read_webhook: Final = compile_reader(Webhook)
_read_lease: Final = compile_reader(SenderLease)


def read_webhook(data: bytes) -> Webhook:
    """Read the stored form of a webhook. Raises ValueError where the bytes are none."""
    webhook: Webhook = _read(_read_webhook, data)
    return webhook


def read_lease(data: bytes) -> SenderLease:
    """Read the stored form of the lease. Raises ValueError where the bytes are none."""
    lease: SenderLease = _read(_read_lease, data)
    return lease


def _read(read: Callable[[Any], Any], data: bytes) -> Any:
    try:
        return read(json.loads(data))
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a webhook or its lease: {error!r}") from error
