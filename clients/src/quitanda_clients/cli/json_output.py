"""Writes answers for programs: one JSON object in one line, in UTF-8; documents look as in MQTT replies."""

import json
from typing import TYPE_CHECKING, Any, Final

import typer

from quitanda.codec.documents import OrderSummary, kind_of, present_document, present_summary
from quitanda.domain.model import Document, Kind
from quitanda_clients.cli.repeated_letters import REPEATED_COLUMNS, cells_of_repeated
from quitanda_clients.cli.streams import printable_json

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from google.protobuf.message import Message

    from quitanda.backup import Contents, Header
    from quitanda.codec.change_records import HistoryEntry
    from quitanda.v1.admin_portal_pb2 import ListWebhooksResponse, ReplicaStatus, VerifyClusterResponse
    from quitanda.v1.documents_pb2 import Webhook
    from quitanda_clients.cli.repeated_letters import RepeatedLetter
    from quitanda_clients.cli.report_views import ShopReport
    from quitanda_clients.commands.cluster_health import ClusterHealth
    from quitanda_clients.reports.stock_card import StockMovement
    from quitanda_clients.results import DeleteResult, DocumentResult, Listing


class JsonOutput:
    """Implements `output.AnswerOutput`."""

    def document(self, result: "DocumentResult[Any]", done: str = "") -> None:  # noqa: ARG002 - for people
        """Print `{"revision": …, "customer" | "product" | "order": {…}}`, and the `request_id` of a write."""
        request_id = f',"request_id":{json.dumps(result.request_id)}' if result.request_id else ""
        token = f',"token":{json.dumps(result.token)}' if result.token else ""
        _print(_document(result.document, result.revision, request_id + token))

    def document_id(self, result: "DocumentResult[Any]") -> None:
        """Print the same object: programs take what they need."""
        self.document(result)

    def changed(self, document: Document, revision: int) -> None:
        """Print the same object as for one document."""
        _print(_document(document, revision))

    def gone(self, kind: Kind, document_id: str, revision: int) -> None:
        """Print `{"revision": …, "product_id" | "order_id": …, "deleted": true}`."""
        _print_fields({"revision": revision, f"{kind.value}_id": document_id, "deleted": True})

    def listing(self, name: str, listing: "Listing[Any]", view: str = "") -> None:  # noqa: ARG002 - of columns
        """Print `{"revision": …, "<name>": […], "truncated": true | false}`."""
        documents = ",".join(map(_in_list, listing.documents))
        truncated = json.dumps(listing.truncated)
        _print(f'{{"revision":{listing.revision},"{name}":[{documents}],"truncated":{truncated}}}')

    def deleted(self, kind: str, document_id: str, result: "DeleteResult") -> None:
        """Print `{"revision": …, "<kind>_id": …, "orders_affected": …, "request_id": …}`."""
        _print_fields(
            {
                "revision": result.revision,
                f"{kind}_id": document_id,
                "orders_affected": result.orders_affected,
                "request_id": result.request_id,
            }
        )

    def history(self, kind: str, document_id: str, listing: "Listing[HistoryEntry]") -> None:
        """Print `{"revision": …, "kind": …, "id": …, "entries": […], "truncated": true | false}`."""
        from quitanda_clients.cli.history_view import entry_text  # noqa: PLC0415 - only this command pays for it

        entries = ",".join(map(entry_text, listing.documents))
        about = f'"kind":{json.dumps(kind)},"id":{json.dumps(document_id)}'
        truncated = json.dumps(listing.truncated)
        _print(f'{{"revision":{listing.revision},{about},"entries":[{entries}],"truncated":{truncated}}}')

    def report(self, report: "ShopReport") -> None:
        """Print `{"revision": …, "report": …, …, "rows": […], "totals": […], …}`."""
        from quitanda_clients.cli.report_views import report_text  # noqa: PLC0415 - only these commands pay for it

        _print(report_text(report))

    def stock_card(self, product_id: str, listing: "Listing[StockMovement]") -> None:
        """Print `{"revision": …, "product_id": …, "movements": […], "truncated": true | false}`."""
        from quitanda_clients.cli.stock_card_view import movement_text  # noqa: PLC0415 - only this command pays for it

        movements = ",".join(map(movement_text, listing.documents))
        about = f'"product_id":{json.dumps(product_id)}'
        truncated = json.dumps(listing.truncated)
        _print(f'{{"revision":{listing.revision},{about},"movements":[{movements}],"truncated":{truncated}}}')

    def replicas(self, replicas: "Sequence[ReplicaStatus]", health: "ClusterHealth") -> None:
        """Print `{"well": …, "summary": …, "replicas": […]}`, fields of the replicas as in the gRPC contract."""
        _print_fields({"well": health.well, "summary": health.summary, "replicas": _dicts(replicas)})

    def leadership(self, leader: str, term: int) -> None:
        """Print `{"leader": …, "term": …}`."""
        _print_fields({"leader": leader, "term": term})

    def level(self, level: int) -> None:
        """Print `{"level": …}`."""
        _print_fields({"level": level})

    def backup(self, path: "Path", header: "Header", contents: "Contents", size: int) -> None:
        """Print the header's fields with `file`, `keys`, `chunks` and `bytes`."""
        counts = {"keys": contents.keys, "chunks": contents.chunks, "bytes": size}
        fields = {name: value for name, value in header.as_fields().items() if name != "keys_expected"}
        _print_fields({"file": str(path)} | fields | counts)

    def certificate(self, process: "Path", ca: "Path", ends: "datetime") -> None:
        """Print `{"process": FILE, "ca": FILE, "expires_at_ms": …}`."""
        _print_fields({"process": str(process), "ca": str(ca), "expires_at_ms": int(ends.timestamp()) * 1_000})

    def verification(self, answer: "VerifyClusterResponse") -> None:
        """Print `{"revision": …, "replicas": […]}`, fields as in the gRPC contract."""
        _print_fields({"revision": answer.revision, "replicas": _dicts(answer.replicas)})

    def webhook(self, answer: Any, done: str) -> None:  # noqa: ARG002 - for people
        """Print the message of the contract: `{"revision": …, "webhook": {…}, "request_id": …}`, maybe a `secret`."""
        (fields,) = _dicts([answer])
        _print_fields(fields)

    def webhooks(self, answer: "ListWebhooksResponse") -> None:
        """Print `{"revision": …, "webhooks": […], "sender": …}`."""
        (fields,) = _dicts([answer])
        _print_fields(fields)

    def dead_letters(self, webhook: "Webhook") -> None:
        """Print `{"webhook_id": …, "letters": […]}`."""
        (fields,) = _dicts([webhook])
        _print_fields({"webhook_id": webhook.webhook_id, "letters": fields["letters"]})

    def repeated(self, webhook_id: str, letters: "Sequence[RepeatedLetter]") -> None:
        """Print `{"webhook_id": …, "letters": [{"letter_id", "repeated", "reason", "message"}]}`."""
        rows = [dict(zip(REPEATED_COLUMNS, cells_of_repeated(letter), strict=True)) for letter in letters]
        _print_fields({"webhook_id": webhook_id, "letters": rows})

    def summary(self, counts: dict[str, int], beside: dict[str, Any]) -> None:
        """Print `{"rows": …, "created": …, …, "refused_rows": [{"line", "reason", "message", "field"}], …}`."""
        _print_fields({**counts, **beside})


def _in_list(document: Document | OrderSummary) -> str:
    return present_summary(document) if isinstance(document, OrderSummary) else present_document(document)


def _document(document: Document, revision: int, beside: str = "") -> str:
    return f'{{"revision":{revision},"{kind_of(document).value}":{present_document(document)}{beside}}}'


def _print_fields(fields: dict[str, Any]) -> None:
    # A file's name may be any bytes, also bytes that are not Unicode text.
    _print(json.dumps(fields, ensure_ascii=False).encode(errors="backslashreplace").decode())


def _print(text: str) -> None:
    typer.echo(printable_json(text).encode())  # bytes: JSON is UTF-8 whatever the terminal's encoding is


def _dicts(messages: "Sequence[Message]") -> list[dict[str, Any]]:
    """Turn protobuf messages into JSON values; 64-bit integers, which ProtoJSON writes as strings, become numbers."""
    from google.protobuf.json_format import MessageToDict  # noqa: PLC0415 - only these commands pay for it

    return [
        _numbers(MessageToDict(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True))
        for message in messages
    ]


def _numbers(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: _number(name, value) for name, value in fields.items()}


def _number(name: str, value: Any) -> Any:
    if isinstance(value, dict):
        return _numbers(value)
    if isinstance(value, list):
        return [_number(name, each) for each in value]
    return int(value) if name in _COUNTED and isinstance(value, str) else value


_COUNTED: Final = frozenset(
    (
        *("term", "revision", "commit_index", "last_log_index", "customers", "products", "orders", "keys"),
        *("created_at_ms", "position", "delivered", "missed", "dropped", "letter_id", "number", "at_ms", "attempts"),
    )
)
"""Fields of messages that hold 64 bits."""
