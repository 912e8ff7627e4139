"""How commands print their answers on stdout: for people, or in one of the formats for programs."""

from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from quitanda.codec.documents import OrderSummary, present_document, present_summary
from quitanda.domain.model import Document
from quitanda_clients.cli.settings import Format

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from quitanda.backup import Contents, Header
    from quitanda.v1.admin_portal_pb2 import ReplicaStatus, VerifyClusterResponse
    from quitanda_clients.commands.cluster_health import Health
    from quitanda_clients.results import Answer, Deleted, Listing

DocumentT = TypeVar("DocumentT", bound=Document)
ShownT = TypeVar("ShownT", bound=Document | OrderSummary)


class Output(Protocol):
    """How a command shows what it was answered."""

    def document(self, answer: "Answer[DocumentT]", done: str = "") -> None:
        """Show one document; `done` says, for people, what was done to it."""

    def document_id(self, answer: "Answer[DocumentT]") -> None:
        """Show only the id of one document."""

    def listing(self, name: str, listing: "Listing[ShownT]") -> None:
        """Show a list of `customers`, `products` or `orders`."""

    def deleted(self, kind: str, document_id: str, deleted: "Deleted") -> None:
        """Say that a customer or product is gone, and what the cascade did."""

    def replicas(self, replicas: "Sequence[ReplicaStatus]", health: "Health") -> None:
        """Show the state of the replicas, and whether all is well."""

    def leadership(self, leader: str, term: int) -> None:
        """Say who leads now."""

    def backup(self, path: "Path", header: "Header", contents: "Contents", size: int) -> None:
        """Show what a backup of `size` bytes holds."""

    def verification(self, answer: "VerifyClusterResponse") -> None:
        """Show how the replicas' states compare."""

    def summary(self, counts: dict[str, int], beside: dict[str, Any]) -> None:
        """Show what an import came to; `beside` is told to programs only."""

    def changed(self, product: Document, revision: int) -> None:
        """Show, in one line, a product that changed."""

    def gone(self, product_id: str, revision: int) -> None:
        """Say, in one line, that a product was deleted."""


def make_output(chosen: Format) -> Output:
    """Make the output of a format; only its libraries are loaded."""
    match chosen:
        case Format.JSON:
            from quitanda_clients.cli.json_output import JsonOutput  # noqa: PLC0415

            return JsonOutput()
        case Format.CSV:
            from quitanda_clients.cli.csv_output import CsvOutput  # noqa: PLC0415

            return CsvOutput()
        case Format.TABLE:
            from quitanda_clients.cli.text_output import TextOutput  # noqa: PLC0415

            return TextOutput()


def present(document: Document | OrderSummary) -> str:
    """Write a document, or an order's line in a list, as JSON."""
    return present_summary(document) if isinstance(document, OrderSummary) else present_document(document)
