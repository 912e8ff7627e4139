"""What commands print on stdout: one JSON object, or tables for people."""

import json
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import typer

from quitanda.domain.model import Document
from quitanda.wire.documents import OrderSummary, kind_of, present_document, present_summary

if TYPE_CHECKING:
    from collections.abc import Sequence

    from quitanda.status import Failure
    from quitanda.v1.admin_portal_pb2 import ReplicaStatus
    from quitanda_clients.answers import Answer, Deleted, Listing

DocumentT = TypeVar("DocumentT", bound=Document)
ShownT = TypeVar("ShownT", bound=Document | OrderSummary)


class Output(Protocol):
    """How a command shows what it was answered."""

    def document(self, answer: "Answer[DocumentT]") -> None:
        """Show one document."""

    def listing(self, name: str, listing: "Listing[ShownT]") -> None:
        """Show a list of `customers`, `products` or `orders`."""

    def deleted(self, kind: str, document_id: str, deleted: "Deleted") -> None:
        """Say that a customer or product is gone, and what the cascade did."""

    def replicas(self, replicas: "Sequence[ReplicaStatus]") -> None:
        """Show the state of the replicas."""

    def summary(self, counts: dict[str, int], refused: "Sequence[tuple[int, Failure]]") -> None:
        """Show what an import came to."""

    def changed(self, product: Document, revision: int) -> None:
        """Show, in one line, a product that changed."""

    def gone(self, product_id: str, revision: int) -> None:
        """Say, in one line, that a product was deleted."""


class JsonOutput:
    """One JSON object in one line, in UTF-8; documents in the form of MQTT replies (exact prices)."""

    def document(self, answer: "Answer[DocumentT]") -> None:
        """Print `{"revision": …, "customer" | "product" | "order": {…}}`."""
        self.changed(answer.document, answer.revision)

    def changed(self, product: Document, revision: int) -> None:
        """Print the same object as for one document."""
        _print_json(f'{{"revision":{revision},"{kind_of(product).value}":{present_document(product)}}}')

    def gone(self, product_id: str, revision: int) -> None:
        """Print `{"revision": …, "product_id": …, "deleted": true}`."""
        _print_json(json.dumps({"revision": revision, "product_id": product_id, "deleted": True}))

    def listing(self, name: str, listing: "Listing[ShownT]") -> None:
        """Print `{"revision": …, "<name>": […], "truncated": true | false}`."""
        documents = ",".join(map(_shown, listing.documents))
        truncated = json.dumps(listing.truncated)
        _print_json(f'{{"revision":{listing.revision},"{name}":[{documents}],"truncated":{truncated}}}')

    def deleted(self, kind: str, document_id: str, deleted: "Deleted") -> None:
        """Print `{"revision": …, "<kind>_id": …, "orders_affected": …}`."""
        _print_json(
            json.dumps(
                {
                    "revision": deleted.revision,
                    f"{kind}_id": document_id,
                    "orders_affected": deleted.orders_affected,
                }
            )
        )

    def replicas(self, replicas: "Sequence[ReplicaStatus]") -> None:
        """Print `{"replicas": […]}`, fields as in the gRPC contract."""
        from google.protobuf.json_format import MessageToDict  # noqa: PLC0415 - only this command pays for it

        shown = [
            _numbers(
                MessageToDict(replica, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
            )
            for replica in replicas
        ]
        _print_json(json.dumps({"replicas": shown}, ensure_ascii=False))

    def summary(self, counts: dict[str, int], refused: "Sequence[tuple[int, Failure]]") -> None:
        """Print `{"created": …, …, "refused_rows": [{"line", "reason", "message", "field"}]}`."""
        rows = [
            {"line": line, "reason": failure.reason, "message": failure.message, "field": failure.field}
            for line, failure in refused
        ]
        _print_json(json.dumps({**counts, "refused_rows": rows}, ensure_ascii=False))


class TextOutput:
    """Tables for people; colours only on a terminal."""

    def document(self, answer: "Answer[DocumentT]") -> None:
        """Print the document's fields, an order's items as a table."""
        from quitanda_clients.cli import tables  # noqa: PLC0415 - rich is loaded only when it is used

        tables.show_document(answer.document)

    def changed(self, product: Document, revision: int) -> None:
        """Print one line."""
        from quitanda_clients.cli import tables  # noqa: PLC0415

        tables.show_change(product, revision)

    def gone(self, product_id: str, revision: int) -> None:
        """Print one line."""
        typer.echo(f"{revision}  {product_id}  deleted")

    def listing(self, name: str, listing: "Listing[ShownT]") -> None:
        """Print a table and, if there is more, how to see it."""
        from quitanda_clients.cli import tables  # noqa: PLC0415

        tables.show_list(name, listing.documents)
        if listing.truncated:
            typer.echo(f"There are more; only the first {len(listing.documents)} are shown (--limit).", err=True)

    def deleted(self, kind: str, document_id: str, deleted: "Deleted") -> None:
        """Print one sentence."""
        also = {
            "customer": f" {deleted.orders_affected} orders were cancelled.",
            "product": f" It was taken out of {deleted.orders_affected} orders.",
        }
        typer.echo(f"Deleted the {kind} {document_id}.{also[kind] if deleted.orders_affected else ''}")

    def replicas(self, replicas: "Sequence[ReplicaStatus]") -> None:
        """Print a table."""
        from quitanda_clients.cli import tables  # noqa: PLC0415

        tables.show_replicas(replicas)

    def summary(self, counts: dict[str, int], refused: "Sequence[tuple[int, Failure]]") -> None:  # noqa: ARG002
        """Print one line; refused rows are told on stderr."""
        typer.echo(", ".join(f"{name.replace('_', ' ')}: {count}" for name, count in counts.items()))


def _shown(document: Document | OrderSummary) -> str:
    return present_summary(document) if isinstance(document, OrderSummary) else present_document(document)


def _print_json(text: str) -> None:
    typer.echo(text.encode())  # bytes: JSON is UTF-8 whatever the terminal's encoding is


def _numbers(fields: dict[str, Any]) -> dict[str, Any]:
    """Turn 64-bit integers, which ProtoJSON writes as strings, back into numbers."""
    counted = ("term", "revision", "commit_index", "last_log_index", "customers", "products", "orders")
    return {name: int(value) if name in counted else value for name, value in fields.items()}
