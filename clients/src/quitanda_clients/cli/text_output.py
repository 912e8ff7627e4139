"""Answers for people: sentences and tables; colours only on a terminal."""

from typing import TYPE_CHECKING, Any

import typer

from quitanda.domain.model import Customer, Document, Product
from quitanda_clients.cli import tables
from quitanda_clients.cli.printable import printable
from quitanda_clients.cli.streams import tell

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from quitanda.backup import Contents, Header
    from quitanda.v1.admin_portal_pb2 import ReplicaStatus, VerifyClusterResponse
    from quitanda_clients.cli.output import DocumentT, ShownT
    from quitanda_clients.commands.cluster_health import Health
    from quitanda_clients.results import Answer, Deleted, Listing


class TextOutput:
    """Implements `output.Output`."""

    def document(self, answer: "Answer[DocumentT]", done: str = "") -> None:
        """Print what was done to the document, with its id; then its fields, an order's items as a table."""
        if done:
            typer.echo(f"{done} {printable(document_id(answer.document))}")
        tables.show_document(answer.document)

    def document_id(self, answer: "Answer[DocumentT]") -> None:
        """Print the id alone."""
        typer.echo(printable(document_id(answer.document)))

    def changed(self, product: Document, revision: int) -> None:
        """Print one line."""
        tables.show_change(product, revision)

    def gone(self, product_id: str, revision: int) -> None:
        """Print one line."""
        typer.echo(f"{revision}  {printable(product_id)}  deleted")

    def listing(self, name: str, listing: "Listing[ShownT]") -> None:
        """Print a table and, if there is more, how to see it."""
        tables.show_list(name, listing.documents)
        if listing.truncated:
            tell(f"There are more; only the first {len(listing.documents)} are shown (--limit).")

    def deleted(self, kind: str, document_id: str, deleted: "Deleted") -> None:
        """Print one sentence."""
        also = {
            "customer": f" {deleted.orders_affected} orders were cancelled.",
            "product": f" It was taken out of {deleted.orders_affected} orders.",
        }
        typer.echo(f"Deleted the {kind} {printable(document_id)}.{also[kind] if deleted.orders_affected else ''}")

    def replicas(self, replicas: "Sequence[ReplicaStatus]", health: "Health") -> None:
        """Print in one line whether all is well, and a table."""
        typer.echo(printable(health.summary))
        tables.show_replicas(replicas)

    def leadership(self, leader: str, term: int) -> None:
        """Print one sentence."""
        typer.echo(f"{printable(leader)} leads now (term {term}).")

    def backup(self, path: "Path", header: "Header", contents: "Contents", size: int) -> None:
        """Print what there is, one fact in a line."""
        tables.show_backup(path, header, contents, size)

    def verification(self, answer: "VerifyClusterResponse") -> None:
        """Print a table, and below it what is wrong or not known."""
        tables.show_verification(answer)

    def summary(self, counts: dict[str, int], beside: dict[str, Any]) -> None:  # noqa: ARG002
        """Print one line; refused rows are told on stderr."""
        typer.echo(", ".join(f"{name.replace('_', ' ')}: {count}" for name, count in counts.items()))


def document_id(document: Document) -> str:
    """Give the id of a customer, a product or an order."""
    match document:
        case Customer():
            return document.customer_id
        case Product():
            return document.product_id
        case _:
            return document.order_id
