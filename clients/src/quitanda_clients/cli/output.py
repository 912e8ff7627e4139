"""How commands write their answers to standard output: for people, or in a format for programs."""

from typing import TYPE_CHECKING, Any, Protocol

from quitanda_clients.cli.options import OutputFormat

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from quitanda.backup import Contents, Header
    from quitanda.codec.change_records import HistoryEntry
    from quitanda.domain.model import Document, Kind
    from quitanda.v1.admin_portal_pb2 import ListWebhooksResponse, ReplicaStatus, VerifyClusterResponse
    from quitanda.v1.documents_pb2 import Webhook
    from quitanda_clients.cli.repeated_letters import RepeatedLetter
    from quitanda_clients.cli.report_views import ShopReport
    from quitanda_clients.commands.cluster_health import ClusterHealth
    from quitanda_clients.reports.stock_card import StockMovement
    from quitanda_clients.results import DeleteResult, DocumentResult, Listing


class AnswerOutput(Protocol):
    """How a command shows its answer. There is one implementation for each format."""

    def document(self, result: "DocumentResult[Any]", done: str = "") -> None:
        """Show one document; `done` tells people what was done to it."""

    def document_id(self, result: "DocumentResult[Any]") -> None:
        """Show only the id of one document."""

    def listing(self, name: str, listing: "Listing[Any]", view: str = "") -> None:
        """Show a list of `customers`, `products` or `orders`; `view` names its columns (`LISTS`) if `name` does not."""

    def deleted(self, kind: str, document_id: str, result: "DeleteResult") -> None:
        """Say that a customer or product is deleted, and what the cascade did."""

    def history(self, kind: str, document_id: str, listing: "Listing[HistoryEntry]") -> None:
        """Show the changes of a document."""

    def report(self, report: "ShopReport") -> None:
        """Show a report."""

    def stock_card(self, product_id: str, listing: "Listing[StockMovement]") -> None:
        """Show the movements of a product's units on hand, the oldest first; `truncated`: there are older ones."""

    def replicas(self, replicas: "Sequence[ReplicaStatus]", health: "ClusterHealth") -> None:
        """Show the state of the replicas, and whether all is well."""

    def leadership(self, leader: str, term: int) -> None:
        """Say which replica leads now."""

    def level(self, level: int) -> None:
        """Say at which level of rules the cluster is now."""

    def backup(self, path: "Path", header: "Header", contents: "Contents", size: int) -> None:
        """Show what a backup of `size` bytes holds."""

    def certificate(self, process: "Path", ca: "Path", ends: "datetime") -> None:
        """Show which files were written, and when the certificate ends."""

    def verification(self, answer: "VerifyClusterResponse") -> None:
        """Show how the replicas' states compare."""

    def webhook(self, answer: Any, done: str) -> None:
        """Show what was done to a webhook: the message of the contract, with the webhook and a new secret, if any."""

    def webhooks(self, answer: "ListWebhooksResponse") -> None:
        """Show webhooks, and how far each has got."""

    def dead_letters(self, webhook: "Webhook") -> None:
        """Show the dead letters of a webhook, and the ones that wait."""

    def repeated(self, webhook_id: str, letters: "Sequence[RepeatedLetter]") -> None:
        """Show of each dead letter whether it is sent once more, or why not."""

    def summary(self, counts: dict[str, int], beside: dict[str, Any]) -> None:
        """Show the counts of an import; only programs see `beside`."""

    def changed(self, document: "Document", revision: int) -> None:
        """Show, in one line, a product or an order that changed."""

    def gone(self, kind: "Kind", document_id: str, revision: int) -> None:
        """Say, in one line, that a product or an order was deleted."""


def make_output(chosen: OutputFormat) -> AnswerOutput:
    """Make the output of a format; only its libraries are loaded."""
    match chosen:
        case OutputFormat.JSON:
            from quitanda_clients.cli.json_output import JsonOutput  # noqa: PLC0415

            return JsonOutput()
        case OutputFormat.CSV:
            from quitanda_clients.cli.csv_output import CsvOutput  # noqa: PLC0415

            return CsvOutput()
        case OutputFormat.TABLE:
            from quitanda_clients.cli.table_output import TableOutput  # noqa: PLC0415

            return TableOutput()
