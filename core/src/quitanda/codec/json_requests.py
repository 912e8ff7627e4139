"""The client portal's operations as JSON objects (over MQTT): what is asked for, and the envelope around it.

A request is {"request_id", "reply_to", "correlation", ...fields}. Field names are those of the gRPC contract, except
that money is a decimal number. A field that the operation does not know is refused: it would otherwise
be a misspelt one that silently has no effect. The customer is named by the topic.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from quitanda.codec.json_fields import FieldReader
from quitanda.domain.outcomes import Refused
from quitanda.operations import PortalKind, document_operations_of

_ENVELOPE: Final = frozenset({"request_id", "reply_to", "correlation"})
_CONSISTENCIES: Final[Mapping[str | None, bool]] = {None: False, "linearizable": False, "cached": True}


@dataclass(frozen=True, slots=True)
class Envelope:
    """Where the answer goes (`reply_to`, a client session), and which request it answers.

    `request_id` is empty where the client gave none.
    """

    request_id: str
    reply_to: str


def read_envelope(fields: Mapping[str, Any]) -> Envelope | Refused:
    """Take the envelope of a request."""
    reader = FieldReader({name: value for name, value in fields.items() if name in _ENVELOPE})
    return reader.finish(Envelope(reader.optional_text("request_id") or "", reader.text("reply_to")))


def create_order(customer_id: str, fields: Mapping[str, Any], *, order_id: str, created_at_ms: int) -> Any:
    """Read {"items"?, "extra"?}, with the id and the time that the portal chose."""
    return _CLIENT["create_order"].from_fields(
        customer_id, fields, {"order_id": order_id, "created_at_ms": created_at_ms}
    )


_CLIENT: Final = document_operations_of(PortalKind.CLIENT)
OPERATIONS: Final[Mapping[str, Any]] = {
    name: row.from_fields for name, row in _CLIENT.items() if name != "create_order"
}
