"""Writes answers for people: sentences and tables, with colours only on a terminal.

Text from outside goes in as plain text, never as rich's markup.
"""

from collections.abc import Container, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import typer

from quitanda.codec.documents import id_of
from quitanda.domain.model import Document, Kind, Order, Product
from quitanda_clients.cli import webhook_views
from quitanda_clients.cli.document_views import (
    CUSTOMERS,
    LISTS,
    ORDER_ITEM,
    PRODUCTS,
    FieldView,
    shown_fields,
)
from quitanda_clients.cli.exception_texts import exception_text
from quitanda_clients.cli.moments import iso_said
from quitanda_clients.cli.streams import print_error, printable
from quitanda_clients.cli.table_layout import Column, TableRows, plain, show_fields, show_table, stdout_console
from quitanda_clients.cli.wording import counted
from quitanda_clients.i18n.speech import MARKED as N_
from quitanda_clients.i18n.speech import say, say_minute, say_money

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from quitanda.backup import Contents, Header
    from quitanda.codec.change_records import HistoryEntry
    from quitanda.v1.admin_portal_pb2 import (
        ListWebhooksResponse,
        ReplicaStatus,
        ReplicaVerification,
        VerifyClusterResponse,
    )
    from quitanda.v1.documents_pb2 import Webhook
    from quitanda_clients.cli.repeated_letters import RepeatedLetter
    from quitanda_clients.cli.report_views import ShopReport
    from quitanda_clients.commands.cluster_health import ClusterHealth
    from quitanda_clients.reports.stock_card import StockMovement
    from quitanda_clients.results import DeleteResult, DocumentResult, Listing

DIGEST_SHOWN: Final = 12
"""Characters of a state digest that people compare."""

ROLES: Final = {0: N_("unknown"), 1: N_("follower"), 2: N_("candidate"), 3: N_("leader")}

REPLICAS: Final = (
    Column("replica"),
    Column("role"),
    Column("term", "right", spare=2),
    Column("revision", "right"),
    Column("commit", "right", spare=5),
    Column("last entry", "right", spare=6),
    Column("leader", spare=3),
    Column("connected to", folds=True, spare=4),
    Column("customers", "right", spare=7),
    Column("products", "right", spare=8),
    Column("orders", "right", spare=9),
    Column("level", "right", spare=10),
    Column("state digest", spare=1),
)


_DELETED: Final = {
    **{view.kind.value: view.says["deleted"] for view in (CUSTOMERS, PRODUCTS)},
    Kind.CREDENTIAL.value: N_("Deleted the credential {document_id}."),
}
_NOTHING_RECORDED: Final = {
    **{view.kind.value: view.says["nothing recorded"] for view in (CUSTOMERS, PRODUCTS)},
    Kind.ORDER.value: N_("Nothing is recorded of the order {document_id}."),
    Kind.CREDENTIAL.value: N_("Nothing is recorded of the credential {document_id}."),
}


COUNTS: Final = (
    *(N_("dry run"), N_("rows"), N_("created"), N_("updated"), N_("unchanged"), N_("already imported")),
    *(N_("changed since"), N_("refused"), N_("invalid"), N_("not imported"), N_("revision")),
    *(N_("customers"), N_("products"), N_("orders")),
)
"""The names in summaries of imports and exports."""


class TableOutput:
    """Implements `output.AnswerOutput`."""

    def document(self, result: "DocumentResult[Any]", done: str = "") -> None:
        """Print what was done to the document, with its id; then its fields, and an order's items as a table."""
        document: Document = result.document
        if done:
            typer.echo(f"{done} {printable(id_of(document))}")
        console = stdout_console()
        show_fields(
            console, shown_fields(document), [say(each) for each in ("customer", "product", "order", "credential")]
        )
        if isinstance(document, Order):
            show_table(console, *_items(document))
        if result.token:
            typer.echo(say("token: {token}", token=result.token))  # in one line, however narrow the terminal is
            print_error(say("Keep the token now: nobody can show it again. Whoever has it may do what its holder may."))

    def document_id(self, result: "DocumentResult[Any]") -> None:
        """Print the id alone."""
        typer.echo(printable(id_of(result.document)))

    def changed(self, document: Document, revision: int) -> None:
        """Print one line."""
        match document:
            case Product():
                on_hand = say("{count} on hand", count=document.quantity)
                about = f"{on_hand}  {say_money(document.price)}  {document.name}"
            case Order():
                total = f"{counted(document.item_count, 'product')}  {say_money(document.total)}"
                about = f"{say(document.state)}  {total}  {document.customer_id}"
            case _:
                return
        stdout_console().print(plain(f"{revision}  {id_of(document)}  {about}"), soft_wrap=True)

    def gone(self, kind: Kind, document_id: str, revision: int) -> None:  # noqa: ARG002 - all are of one kind
        """Print one line."""
        typer.echo(f"{revision}  {printable(document_id)}  {say('deleted')}")

    def listing(self, name: str, listing: "Listing[Any]", view: str = "") -> None:
        """Print a table and, if there is more, how to see it."""
        views = LISTS[view or name]
        show_table(stdout_console(), columns_of(views), rows_of(views, listing.documents))
        if listing.truncated:
            print_error(say("There are more; these are the first {count} (--limit).", count=len(listing.documents)))

    def deleted(self, kind: str, document_id: str, result: "DeleteResult") -> None:
        """Print one sentence, and a second one about the orders."""
        view = CUSTOMERS if kind == CUSTOMERS.kind.value else PRODUCTS
        also = view.cascade_result(result.orders_affected) if result.orders_affected else ""
        typer.echo(say(_DELETED[kind], document_id=printable(document_id)) + also)

    def history(self, kind: str, document_id: str, listing: "Listing[HistoryEntry]") -> None:
        """Print a table with a line for each change and, if there is more, how to see it."""
        from quitanda_clients.cli.history_view import HISTORY, cells_of  # noqa: PLC0415 - only this command needs it

        if not listing.documents:
            print_error(say(_NOTHING_RECORDED[kind], document_id=document_id))
            return
        show_table(stdout_console(), HISTORY, TableRows([cells_of(each) for each in listing.documents]))
        if listing.truncated:
            print_error(say("There are more; these are the first {count} (--limit).", count=len(listing.documents)))

    def report(self, report: "ShopReport") -> None:
        """Print a table, its totals at the end, and one sentence."""
        totals = [replace(row, key=say("total")) for row in report.totals]
        rows = rows_of(report.views, [*report.rows, *totals])
        rows.bold = frozenset(range(len(report.rows), len(rows.cells)))
        if rows.cells:
            show_table(stdout_console(), columns_of(report.views), rows)
        typer.echo(report.sentence)

    def stock_card(self, product_id: str, listing: "Listing[StockMovement]") -> None:
        """Print a table with a line for each movement and, if there is more, how to see it."""
        from quitanda_clients.cli.stock_card_view import (  # noqa: PLC0415 - only this command needs it
            STOCK_CARD,
            cells_of_movement,
        )

        if not listing.documents:
            print_error(say("No movement of the product {product_id} is recorded.", product_id=product_id))
            return
        show_table(stdout_console(), STOCK_CARD, TableRows([cells_of_movement(each) for each in listing.documents]))
        if listing.truncated:
            print_error(
                say("There are older movements; these are the last {count} (--limit).", count=len(listing.documents))
            )

    def replicas(self, replicas: "Sequence[ReplicaStatus]", health: "ClusterHealth") -> None:
        """Print in one line whether all is well, then a table."""
        typer.echo(printable(health.summary))
        console = stdout_console()
        show_table(console, REPLICAS, TableRows([_replica_cells(replica) for replica in replicas]))
        for replica in replicas:
            if replica.error:
                console.print(plain(f"{replica.name}: {replica.error}"))
            for peer in replica.peers:
                if peer.refused:
                    console.print(plain(f"{replica.name} refuses {peer.name}: {peer.refused}"))

    def leadership(self, leader: str, term: int) -> None:
        """Print one sentence."""
        typer.echo(say("{leader} leads now (term {term}).", leader=printable(leader), term=term))

    def level(self, level: int) -> None:
        """Print one sentence."""
        typer.echo(say("The cluster is at level {level}.", level=level))

    def backup(self, path: "Path", header: "Header", contents: "Contents", size: int) -> None:
        """Print what the backup holds, one fact in a line."""
        documents = (
            counted(count, name)
            for count, name in ((header.customers, "customer"), (header.products, "product"), (header.orders, "order"))
        )
        facts = [
            (N_("backup"), str(path)),
            (N_("taken"), say("{time} from {replica}", time=iso_said(header.taken_at), replica=header.replica)),
            (N_("revision"), say("{revision} (term {term})", revision=header.revision, term=header.term)),
            (N_("documents"), ", ".join(documents)),
            (
                N_("size"),
                say(
                    "{keys} in {chunks}, {bytes}",
                    keys=counted(contents.keys, "key"),
                    chunks=counted(contents.chunks, "chunk"),
                    bytes=counted(size, "byte"),
                ),
            ),
            (N_("state digest"), contents.state_digest),
            (N_("level"), str(header.level)),
        ]
        if (disk := header.one_disk) is not None:
            committed = say(
                "known as committed to {commit_index}, ends at {last_log_index} (term {term})",
                commit_index=disk.commit_index,
                last_log_index=disk.last_log_index,
                term=disk.term,
            )
            facts += [
                (N_("cluster"), disk.cluster or say("without an id")),
                (N_("its log"), committed),
                (N_("may lack"), exception_text(disk.explain(header.revision))),
            ]
        whole = [say(each) for each in ("backup", "state digest", "cluster")]
        show_fields(stdout_console(), [(say(label), text) for label, text in facts], whole)

    def certificate(self, process: "Path", ca: "Path", ends: "datetime") -> None:
        """Print which file has what."""
        typer.echo(
            say(
                "{process}: the key and its certificate, valid until {ends}",
                process=process,
                ends=say_minute(int(ends.timestamp()) * 1_000),
            )
        )
        typer.echo(say("{ca}: by which the broker's certificate is checked", ca=ca))

    def verification(self, answer: "VerifyClusterResponse") -> None:
        """Print a table, and below it what is wrong or not known."""
        compared = say("digest at {revision}", revision=answer.revision) if answer.revision else N_("digest")
        columns = (
            Column("replica"),
            Column("revision", "right", spare=1),
            Column("keys", "right", spare=2),
            Column("state on disk", folds=True),
            Column(compared, folds=True),
        )
        console = stdout_console()
        show_table(console, columns, TableRows([_verification_cells(replica) for replica in answer.replicas]))
        for replica in answer.replicas:
            if replica.error:
                console.print(plain(f"{replica.name}: {replica.error}"))
        console.print(plain(_comparison(answer)))

    def webhook(self, answer: Any, done: str) -> None:
        """Print what was done, the webhook, and its new secret in one line."""
        typer.echo(printable(done))
        if not answer.DESCRIPTOR.fields_by_name.get("webhook"):
            return
        webhook_views.show_webhook(stdout_console(), answer.webhook)
        if secret := getattr(answer, "secret", ""):
            typer.echo(say("secret: {secret}", secret=secret))
            print_error(say("Keep the secret now: nobody can show it again. The receiver verifies signatures with it."))

    def webhooks(self, answer: "ListWebhooksResponse") -> None:
        """Print a table."""
        rows = [webhook_views.cells_of_webhook(each) for each in answer.webhooks]
        show_table(stdout_console(), webhook_views.WEBHOOKS, TableRows(rows))
        webhook_views.tell_missed(answer.webhooks)

    def dead_letters(self, webhook: "Webhook") -> None:
        """Print a table."""
        rows = [webhook_views.cells_of_letter(each) for each in webhook.letters]
        show_table(stdout_console(), webhook_views.DEAD_LETTERS, TableRows(rows))

    def repeated(self, webhook_id: str, letters: "Sequence[RepeatedLetter]") -> None:  # noqa: ARG002
        """Print one line for each letter."""
        for letter in letters:
            reason, message = letter.problem
            if reason:
                print_error(
                    say(
                        "Letter {letter} is not repeated ({reason}): {message}",
                        letter=letter.letter_id,
                        reason=reason,
                        message=message,
                    )
                )
            else:
                typer.echo(say("Letter {letter} is sent once more.", letter=letter.letter_id))

    def summary(self, counts: dict[str, int], beside: dict[str, Any]) -> None:  # noqa: ARG002
        """Print one line; stderr names refused rows."""
        told = {name: count for name, count in counts.items() if name != "dry_run"}  # stderr says that it is one
        typer.echo(", ".join(_counted(name, count) for name, count in told.items()))


def _counted(name: str, count: int) -> str:
    """Write how many rows had a fate. Above a column "created" stands for a time; here it stands for rows."""
    if name == "created":
        return say("created: {count}", count=count)
    return f"{say(name.replace('_', ' '))}: {count}"


def columns_of(views: Sequence[FieldView]) -> tuple[Column, ...]:
    """Make the columns of a list."""
    shown = (each for each in views if each.in_list)
    return tuple(
        Column(each.label, "right" if each.number else "left", folds=each.folds, spare=each.spare) for each in shown
    )


def rows_of(views: Sequence[FieldView], documents: Iterable[Any], highlighted: Container[str] = ()) -> TableRows:
    """Make the rows of a list; those whose ids are in `highlighted` stand out."""
    shown = [each for each in views if each.in_list]
    cells = [[each.text(getattr(document, each.name)) for each in shown] for document in documents]
    return TableRows(cells, frozenset(at for at, row in enumerate(cells) if row[0] in highlighted))


def _items(order: Order) -> tuple[Sequence[Column], TableRows]:
    columns, rows = columns_of(ORDER_ITEM), rows_of(ORDER_ITEM, order.items)
    rows.total = (say("total"), "", "", "", say_money(order.total))
    if any(item.extra for item in order.items):
        extra = (", ".join(f"{name}={value}" for name, value in item.extra) for item in order.items)
        rows.cells = [(*cells, own) for cells, own in zip(rows.cells, extra, strict=True)]
        columns = (*columns, Column("other fields", folds=True))
    return columns, rows


def _replica_cells(replica: "ReplicaStatus") -> list[str]:
    if not replica.reachable:
        return [replica.name, say("not reachable")]
    connected = ", ".join(
        say("{peer} REFUSED", peer=peer.name) if peer.refused else peer.name
        for peer in replica.peers
        if peer.connected or peer.refused
    )
    numbers = (replica.term, replica.revision, replica.commit_index, replica.last_log_index)
    counts = (replica.customers, replica.products, replica.orders)
    return [
        replica.name,
        say("catching up") if replica.catching_up else say(ROLES.get(replica.role, ROLES[0])),
        *map(str, numbers),
        replica.leader or say("none known"),
        connected or say("none"),
        *map(str, counts),
        str(replica.cluster_level or 1),
        replica.state_digest[:DIGEST_SHOWN],
    ]


def _verification_cells(replica: "ReplicaVerification") -> list[str]:
    if not replica.reachable:
        return [replica.name, "", "", say("not verified"), ""]
    if replica.error:
        return [replica.name, "", "", say("DAMAGED"), ""]
    matches = replica.computed_digest == replica.kept_digest
    return [
        replica.name,
        str(replica.revision),
        str(replica.keys),
        say("matches its digest") if matches else say("DOES NOT MATCH its digest"),
        replica.compared_digest[:DIGEST_SHOWN] or say("not known"),
    ]


def _comparison(answer: "VerifyClusterResponse") -> str:
    known = [replica.compared_digest for replica in answer.replicas if replica.compared_digest]
    if len(set(known)) > 1:
        return say("THE REPLICAS DIFFER at revision {revision}.", revision=answer.revision)
    if len(known) < len(answer.replicas):
        return say("Not all replicas could be compared with each other.")
    return say("All replicas agree at revision {revision}.", revision=answer.revision)
