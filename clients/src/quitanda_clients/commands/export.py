"""quitanda-admin export: all customers, products or orders, from one snapshot, in a file."""

import asyncio
from contextlib import ExitStack
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from quitanda.domain.model import Kind
from quitanda_clients.cli import exit_codes
from quitanda_clients.cli.command_run import Effect
from quitanda_clients.cli.interrupts import end_work_without_awaits
from quitanda_clients.cli.local_errors import LocalReason, print_interrupted, print_local_error
from quitanda_clients.cli.runs import AdminRun, admin_command
from quitanda_clients.cli.streams import check_to_write, print_error, reason_of
from quitanda_clients.cli.wording import counted
from quitanda_clients.commands.import_options import read_delimiter
from quitanda_clients.commands.order_moves import BeforeOption, FromOption, StateOption
from quitanda_clients.csv_import.decimal_signs import DecimalSign
from quitanda_clients.export.options import ExportOptions, FileFormat
from quitanda_clients.i18n.speech import MARKED as N_
from quitanda_clients.i18n.speech import say

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from quitanda_clients.cli.progress import ProgressCallback
    from quitanda_clients.client import AdminClient
    from quitanda_clients.export.fetched_pages import FetchedPages
    from quitanda_clients.paging import FetchPage

AGAIN: Final = N_(
    "Give the same command again: within a minute it goes on where it was; later, or after a change of the leader, it "
    "begins anew."
)
"""The replicas keep a list's snapshot for a minute after its last page (`quitanda_replica.reads.snapshots`)."""

_JSON_LINES_SUFFIXES: Final = frozenset({".jsonl", ".ndjson"})


class ExportedKind(StrEnum):
    """What an export writes; the names are those of the lists."""

    CUSTOMERS = "customers"
    PRODUCTS = "products"
    ORDERS = "orders"


_KINDS: Final = {
    ExportedKind.CUSTOMERS: Kind.CUSTOMER,
    ExportedKind.PRODUCTS: Kind.PRODUCT,
    ExportedKind.ORDERS: Kind.ORDER,
}


@admin_command(Effect.READ)
async def export(
    run: AdminRun,
    what: Annotated[ExportedKind, typer.Argument(metavar="KIND", help="customers, products or orders.")],
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="The file to write; - is standard output.", dir_okay=False)
    ],
    file_format: Annotated[
        FileFormat | None,
        typer.Option(
            "--format", help="What to write. (Default: jsonl if the file's name ends in .jsonl or .ndjson; else csv.)"
        ),
    ] = None,
    delimiter: Annotated[
        str | None,
        typer.Option(
            "--delimiter",
            parser=read_delimiter,
            metavar="CHAR",
            help="The character between two values; may be tab. (Default: comma; with --decimal comma semicolon.)",
        ),
    ] = None,
    decimal: Annotated[
        DecimalSign, typer.Option("--decimal", help="The character before the decimals of prices in CSV.")
    ] = DecimalSign.POINT,
    byte_order_mark: Annotated[
        bool, typer.Option("--byte-order-mark", help="Begin CSV with the mark by which Excel recognizes UTF-8.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")] = False,
    state: StateOption = None,
    made_from: FromOption = None,
    made_before: BeforeOption = None,
) -> int:
    """Write all customers, products or orders, as of one moment, into a file.

    `customer import`, `product import` and `order import` read them again. CSV has the columns of `list -o csv`; of
    orders it has a row for each item. A text that a spreadsheet would take for a formula has an apostrophe before it,
    which `import` removes. JSON Lines has a document in each line, as in `get --json`, and keeps every detail.

    The command writes a plain file completely or not at all. You can give an interrupted export again.
    """
    from quitanda.backup.destination import STANDARD_OUTPUT  # noqa: PLC0415 - `--help` does not need it
    from quitanda.errors import QuitandaError  # noqa: PLC0415
    from quitanda_clients.cli.failures import report  # noqa: PLC0415
    from quitanda_clients.export.fetched_pages import PagesFileError  # noqa: PLC0415

    options = ExportOptions(
        format=file_format or _format_by_name(file),
        delimiter=delimiter or (";" if decimal is DecimalSign.COMMA else ","),
        decimal=decimal,
        byte_order_mark=byte_order_mark,
    )
    check_to_write(file, "FILE", replace=force)
    orders = (tuple(each.value for each in state or ()), made_from or 0, made_before or 0)
    if any(orders) and what is not ExportedKind.ORDERS:
        raise typer.BadParameter(say("--state, --from and --before choose orders"), param_hint="KIND")
    try:
        count, revision = await _export(run, _List(_KINDS[what], *orders), file, options, replace=force)
    except QuitandaError as error:
        return report(error, run.failure_context(), say(AGAIN))
    except (asyncio.CancelledError, KeyboardInterrupt) as interrupt:  # Ctrl-C
        _tell_interrupted(run, file, while_written=isinstance(interrupt, KeyboardInterrupt))
        raise
    except (OSError, PagesFileError) as error:
        message = say("{file} was not written: {problem}", file=file, problem=reason_of(error))
        return print_local_error(LocalReason.NO_EXPORT, message, as_json=run.as_json)
    if str(file) != STANDARD_OUTPUT:
        run.output.summary({what.value: count, "revision": revision}, {"file": str(file)})
    return exit_codes.DONE


def _format_by_name(file: Path) -> FileFormat:
    return FileFormat.JSON_LINES if file.suffix.lower() in _JSON_LINES_SUFFIXES else FileFormat.CSV


@dataclass(frozen=True, slots=True)
class _List:
    """What is exported: all documents of a kind, or the orders in some states, made in some time."""

    kind: Kind
    states: tuple[str, ...]
    made_from_ms: int
    made_before_ms: int

    def fetch(self, client: "AdminClient") -> "FetchPage[Any]":
        """Make the function that fetches a page."""
        from quitanda.codec.queries import FindOrders  # noqa: PLC0415 - `--help` does not need it

        if self.kind is not Kind.ORDER:
            return partial(client.page, self.kind)
        return client.found_orders(
            FindOrders(self.states, created_from_ms=self.made_from_ms, created_before_ms=self.made_before_ms)
        )

    async def count(self, client: "AdminClient") -> int | None:
        """Tell how many documents there are about now; None where nobody counts them."""
        if self.kind is Kind.ORDER:
            return None
        return max((int(getattr(replica, f"{self.kind}s")) for replica in await client.cluster_status()), default=0)


async def _export(
    run: AdminRun, wanted: _List, file: Path, options: ExportOptions, *, replace: bool
) -> tuple[int, int]:
    """Fetch all pages, then write the file; returns how many documents it has, and their revision."""
    from quitanda.backup.destination import destination, is_plain  # noqa: PLC0415
    from quitanda_clients.export.exported_file import write_export  # noqa: PLC0415
    from quitanda_clients.export.fetched_pages import FetchedPages  # noqa: PLC0415

    kept = file.with_name(f".{file.name}.pages") if is_plain(file) else None
    with FetchedPages(wanted.kind, kept) as fetched:
        await _fetch(run, wanted, fetched)
        try:
            with ExitStack() as opened:
                with end_work_without_awaits():
                    written = opened.enter_context(destination(file, replace=replace))
                    done = opened.enter_context(_shown(run, wanted, fetched.count, say("writing")))
                    write_export(written.file, wanted.kind, fetched.documents, options, done)
                written.keep()
        finally:
            fetched.remove()  # no later export goes on from pages that are complete
        return fetched.count, fetched.revision


async def _fetch(run: AdminRun, wanted: _List, fetched: "FetchedPages") -> None:
    from quitanda_clients.export.fetched_pages import fetch_rest  # noqa: PLC0415

    if fetched.count and not run.as_json:
        print_error(
            say(
                "Going on after the {documents} that an interrupted export fetched.",
                documents=counted(fetched.count, wanted.kind.value),
            )
        )
    async with run.client() as client:
        expected = await wanted.count(client)
        with _shown(run, wanted, expected, say("exporting")) as done:
            await fetch_rest(wanted.fetch(client), fetched, done)


def _shown(
    run: AdminRun, wanted: _List, expected: int | None, doing: str
) -> "AbstractContextManager[ProgressCallback]":
    """Show the progress of one of the two parts of an export: first all pages are fetched, then they are written."""
    from quitanda_clients.cli.progress import shown_progress  # noqa: PLC0415 - `--help` does not need it

    return shown_progress(expected, quiet=run.as_json, doing=doing, unit=wanted.kind.value)


def _tell_interrupted(run: AdminRun, file: Path, *, while_written: bool) -> None:
    """Say what to do after Ctrl-C: while the file was written, or before that while pages were fetched."""
    if while_written:
        said = say("Interrupted while {file} was written. Give the same command again: it begins anew.", file=file)
    else:
        said = say("Interrupted. {next_step}", next_step=say(AGAIN))
    print_interrupted(said, as_json=run.as_json)
