"""What a webhook's receiver gets: the body, and the headers that sign it.

Names and form of the signature are those of the Standard Webhooks specification, so receivers can use its libraries.
"""

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Final

from quitanda.codec.documents import present_document
from quitanda.domain.model import Document, Kind
from quitanda.domain.webhook_model import TEST_EVENT, Webhook

ID_HEADER: Final = "webhook-id"
TIMESTAMP_HEADER: Final = "webhook-timestamp"
SIGNATURE_HEADER: Final = "webhook-signature"
_VERSION: Final = "v1"


@dataclass(frozen=True, slots=True)
class WebhookMessage:
    """An event as it is sent; the same event always has the same `event_id`."""

    event_id: str
    event: str
    document_id: str
    number: int
    revision: int
    at_ms: int

    @property
    def kind(self) -> Kind | None:
        """The kind of the document that the event is about; None for a test."""
        return None if self.event == TEST_EVENT else Kind(self.event.partition("_")[0])

    def body(self, document: Document | None) -> bytes:
        """Write the body, with the document as it is now; null where there is none any more."""
        facts = {
            "event_id": self.event_id,
            "event": self.event,
            "document_id": self.document_id,
            "change_number": self.number,
            "revision": self.revision,
            "at_ms": self.at_ms,
        }
        told = json.dumps(facts, ensure_ascii=False, separators=(",", ":"))
        shown = "null" if document is None else present_document(document)
        return f'{told[:-1]},"document":{shown}}}'.encode()


def event_id(webhook: Webhook, number: int, letter_id: int = 0) -> str:
    """Name an event so that it has this name however often it is sent; tests have no number, but their letter's id."""
    return f"{webhook.webhook_id}.{number}" if number else f"{webhook.webhook_id}.test.{letter_id}"


def headers(webhook: Webhook, name: str, body: bytes, now_seconds: int) -> list[tuple[str, str]]:
    """Sign a body with the webhook's secret, and with the one before it, if there is one."""
    secrets = [secret for secret in (webhook.secret, webhook.previous_secret) if secret]
    signed = f"{name}.{now_seconds}.".encode() + body
    return [
        ("Content-Type", "application/json"),
        ("User-Agent", "Quitanda"),
        (ID_HEADER, name),
        (TIMESTAMP_HEADER, str(now_seconds)),
        (SIGNATURE_HEADER, " ".join(f"{_VERSION},{_signature(secret, signed)}" for secret in secrets)),
    ]


def _signature(secret: str, signed: bytes) -> str:
    return base64.b64encode(hmac.digest(bytes.fromhex(secret), signed, hashlib.sha256)).decode()
