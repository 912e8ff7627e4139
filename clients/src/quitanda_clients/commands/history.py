"""quitanda-admin history."""

from dataclasses import replace
from typing import Annotated

import typer

from quitanda.domain.model import Kind
from quitanda_clients.cli import options
from quitanda_clients.cli.command_run import Effect
from quitanda_clients.cli.runs import AdminRun, admin_command
from quitanda_clients.paging import LISTED_MAX


@admin_command(Effect.READ)
async def history(
    run: AdminRun,
    kind: Annotated[Kind, typer.Argument(metavar="KIND", help="customer, product, order, credential or webhook.")],
    document_id: Annotated[str, typer.Argument(metavar="ID", help="Its id; it may be deleted.")],
    oldest_first: Annotated[
        bool, typer.Option("--oldest-first", help="Begin with the oldest change that is kept.")
    ] = False,
    limit: options.LimitOption = None,
) -> None:
    """Show what was changed of a document, when, by whom and by which request, the newest first.

    The order is the one in which the changes happened. The times are from the portals' clocks, which may differ.
    """
    async with run.client() as client:
        found = await client.list_history(kind, document_id, LISTED_MAX if oldest_first else limit or LISTED_MAX)
    if oldest_first:
        entries = found.documents[::-1]
        cut = limit is not None and len(entries) > limit
        found = replace(found, documents=entries[:limit], truncated=found.truncated or cut)
    run.output.history(kind.value, document_id, found)
