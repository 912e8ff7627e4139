"""What commands print on stdout: one JSON object, or tables for people."""

import json
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import typer

from quitanda.domain.model import Document
from quitanda.wire.documents import OrderSummary, kind_of, present_document, present_summary

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from google.protobuf.message import Message

    from quitanda.backup import Contents, Header
    from quitanda.status import Failure
    from quitanda.v1.admin_portal_pb2 import ReplicaStatus, VerifyClusterResponse
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

    def leadership(self, leader: str, term: int) -> None:
        """Say who leads now."""

    def backup(self, path: "Path", header: "Header", contents: "Contents", size: int) -> None:
        """Show what a backup of `size` bytes holds."""

    def verification(self, answer: "VerifyClusterResponse") -> None:
        """Show how the replicas' states compare."""

    def failed(self, reason: str, message: str) -> None:
        """Say on stderr that something failed on this side."""

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
        _print_json(json.dumps({"replicas": _dicts(replicas)}, ensure_ascii=False))

    def leadership(self, leader: str, term: int) -> None:
        """Print `{"leader": …, "term": …}`."""
        _print_json(json.dumps({"leader": leader, "term": term}))

    def backup(self, path: "Path", header: "Header", contents: "Contents", size: int) -> None:
        """Print the header's fields with `file`, `keys`, `chunks` and `bytes`."""
        counted = {"keys": contents.keys, "chunks": contents.chunks, "bytes": size}
        told = {name: value for name, value in header.as_fields().items() if name != "keys_expected"}
        _print_json(json.dumps({"file": str(path)} | told | counted, ensure_ascii=False))

    def verification(self, answer: "VerifyClusterResponse") -> None:
        """Print `{"revision": …, "replicas": […]}`, fields as in the gRPC contract."""
        _print_json(json.dumps({"revision": answer.revision, "replicas": _dicts(answer.replicas)}, ensure_ascii=False))

    def failed(self, reason: str, message: str) -> None:
        """Print an error like every other one."""
        error = {"reason": reason, "message": message, "retryable": False, "definite": True, "field": "", "details": {}}
        typer.echo(json.dumps({"error": error}), err=True)

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

    def leadership(self, leader: str, term: int) -> None:
        """Print one sentence."""
        typer.echo(f"{leader} leads now (term {term}).")

    def backup(self, path: "Path", header: "Header", contents: "Contents", size: int) -> None:
        """Print what there is, one fact in a line."""
        from quitanda_clients.cli import tables  # noqa: PLC0415

        tables.show_backup(path, header, contents, size)

    def verification(self, answer: "VerifyClusterResponse") -> None:
        """Print a table, and below it what is wrong or not known."""
        from quitanda_clients.cli import tables  # noqa: PLC0415

        tables.show_verification(answer)

    def failed(self, reason: str, message: str) -> None:
        """Print one line."""
        typer.echo(f"Failed ({reason}): {message}", err=True)

    def summary(self, counts: dict[str, int], refused: "Sequence[tuple[int, Failure]]") -> None:  # noqa: ARG002
        """Print one line; refused rows are told on stderr."""
        typer.echo(", ".join(f"{name.replace('_', ' ')}: {count}" for name, count in counts.items()))


def _shown(document: Document | OrderSummary) -> str:
    return present_summary(document) if isinstance(document, OrderSummary) else present_document(document)


def _print_json(text: str) -> None:
    typer.echo(text.encode())  # bytes: JSON is UTF-8 whatever the terminal's encoding is


def _dicts(messages: "Sequence[Message]") -> list[dict[str, Any]]:
    """Turn protobuf messages into JSON's values; 64-bit integers, which ProtoJSON writes as strings, are numbers."""
    from google.protobuf.json_format import MessageToDict  # noqa: PLC0415 - only these commands pay for it

    return [
        _numbers(MessageToDict(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True))
        for message in messages
    ]


def _numbers(fields: dict[str, Any]) -> dict[str, Any]:
    counted = ("term", "revision", "commit_index", "last_log_index", "customers", "products", "orders", "keys")
    return {name: int(value) if name in counted else value for name, value in fields.items()}
