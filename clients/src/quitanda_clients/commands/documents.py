"""quitanda-admin customer and quitanda-admin product: the same commands for two kinds of documents."""

import sys
from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from quitanda.domain.field_types import describe
from quitanda.domain.model import Kind
from quitanda_clients.cli import options
from quitanda_clients.cli.command_run import Effect, Question
from quitanda_clients.cli.document_views import CUSTOMERS, PRODUCTS, DocumentView
from quitanda_clients.cli.options import OutputFormat
from quitanda_clients.cli.runs import AdminRun, admin_command
from quitanda_clients.cli.streams import printable
from quitanda_clients.cli.values import custom_fields, one_id, whole_number
from quitanda_clients.commands import import_options
from quitanda_clients.commands.find import LowOption, find_customers, find_products
from quitanda_clients.commands.made_parameters import REQUIRED, Parameters, with_parameters
from quitanda_clients.i18n.speech import say
from quitanda_clients.paging import LISTED_MAX
from quitanda_clients.results import Listing

if TYPE_CHECKING:
    from quitanda_clients.client import AdminClient


class DocumentCommands:
    """The commands about one kind of document; `app` has them."""

    def __init__(self, view: DocumentView) -> None:
        self.app = typer.Typer(no_args_is_help=True)
        self._view = view
        self._kind = view.kind.value
        extra: Parameters = {"field": (options.FieldOption, None)}
        version: Parameters = {"expected_version": (options.ExpectedVersionOption, None)}
        self._add("create", Effect.WRITE, self._create, self._create_options() | extra)
        self._add("get", Effect.READ, self._get, self._id_options())
        self._add("update", Effect.WRITE, self._update, self._id_options() | self._update_options() | extra | version)
        deletion: Parameters = {"cascade": (options.CascadeOption, False), "yes": (options.YesOption, False)}
        self._add("delete", Effect.WRITE, self._delete, self._id_options() | deletion | version, self._question)
        self._add("list", Effect.READ, self._list, self._list_options())
        self._add("import", Effect.WRITES, self._import, import_options.parameters(view.kind))

    def _add(
        self,
        name: str,
        effect: Effect,
        function: Callable[..., Coroutine[Any, Any, int | None]],
        parameters: Parameters,
        question: Question | None = None,
    ) -> None:
        async def run_command(run: AdminRun, /, **values: Any) -> int | None:
            return await function(run, **values)

        run_command.__doc__ = self._view.texts[name]
        command = with_parameters(run_command, AdminRun, parameters)
        self.app.command(name)(admin_command(effect, question)(command))

    def _id_options(self) -> Parameters:
        metavar, text = self._view.id_metavar, f"The {self._kind}'s id"
        argument = Annotated[str | None, typer.Argument(metavar=metavar, help=f"{text}.", show_default=False)]
        option = typer.Option(self._view.id_flag, metavar=metavar, help=f"{text}, instead of the argument.")
        return {"argument": (argument, None), "option": (Annotated[str | None, option], None)}

    def _create_options(self) -> Parameters:
        required = {each.name for each in describe(self._view.create) if each.required}
        new_id = typer.Option(self._view.id_flag, metavar=self._view.id_metavar, help=f"The new {self._kind}'s id.")
        fields = {
            each.name: (Annotated[str, option], REQUIRED)
            if each.name in required
            else (Annotated[str | None, option], None)
            for each in self._view.options
            for option in [typer.Option(each.option, metavar=each.metavar, help=each.help)]
        }
        return {"new_id": (Annotated[str, new_id], REQUIRED), **fields}

    def _update_options(self) -> Parameters:
        return {
            each.name: (
                Annotated[str | None, typer.Option(each.option, metavar=each.metavar, help=each.update_help)],
                None,
            )
            for each in self._view.options
        }

    def _list_options(self) -> Parameters:
        return {"limit": (options.LimitOption, None)}

    async def _create(self, run: AdminRun, new_id: str, field: list[str] | None, **typed: str | None) -> None:
        command = self._view.create(new_id, **self._parsed(typed, updating=False), extra=custom_fields(field or ()))
        async with run.client() as client:
            result = await client.execute(command, request_id=run.request_id)
            run.output.document(result, say(self._view.says["created"]))

    async def _get(self, run: AdminRun, argument: str | None, option: str | None) -> None:
        document_id = one_id(argument, option, self._view.id_flag)
        async with run.client() as client:
            run.output.document(await client.get(self._view.kind, document_id, consistency=run.consistency))

    async def _update(
        self,
        run: AdminRun,
        argument: str | None,
        option: str | None,
        field: list[str] | None,
        expected_version: int | None,
        **typed: str | None,
    ) -> None:
        command = self._view.update(
            one_id(argument, option, self._view.id_flag),
            **self._parsed(typed, updating=True),
            extra=custom_fields(field or ()),
            expected_version=expected_version,
        )
        async with run.client() as client:
            result = await client.execute(command, request_id=run.request_id)
            run.output.document(result, say(self._view.says["changed"]))

    def _question(self, typed: Mapping[str, Any]) -> str:
        """Ask before a deletion, unless --yes."""
        if typed["yes"]:
            return ""
        asked = self._view.says["ask to cascade" if typed["cascade"] else "ask"]
        return say(asked, document_id=printable(str(typed["argument"] or typed["option"])))

    async def _delete(
        self,
        run: AdminRun,
        argument: str | None,
        option: str | None,
        cascade: bool,
        yes: bool,  # noqa: ARG002 - the question looks at it
        expected_version: int | None,
    ) -> None:
        document_id = one_id(argument, option, self._view.id_flag)
        command = self._view.delete(document_id, cascade, expected_version)
        async with run.client() as client:
            result = await client.execute(command, request_id=run.request_id)
            run.output.deleted(self._kind, document_id, result)

    async def _list(self, run: AdminRun, limit: int | None) -> None:
        async with run.client() as client:
            listing = await client.list(self._view.kind, limit or LISTED_MAX)
            run.output.listing(f"{self._kind}s", listing)

    async def _import(self, run: AdminRun, **typed: Any) -> int:
        from quitanda_clients.commands.import_csv import import_file  # noqa: PLC0415 - few commands need it
        from quitanda_clients.csv_import.rows import SCHEMAS  # noqa: PLC0415

        return await import_file(run, SCHEMAS[self._view.kind], import_options.read(**typed))

    def _parsed(self, typed: Mapping[str, str | None], *, updating: bool) -> dict[str, Any]:
        """Read the fields that were typed. Raises BadParameter, which names the option."""
        values = {}
        for each in self._view.options:
            text = typed[each.name]
            if text is None:
                continue
            parse = (each.parse_update if updating else None) or each.parse
            try:
                values[each.name] = parse(text)
            except typer.BadParameter as error:
                raise typer.BadParameter(error.message, param_hint=each.option) from None
        return values


class ProductCommands(DocumentCommands):
    """Products have two things more: a stock to adjust, and a list to watch."""

    def _list_options(self) -> Parameters:
        watch = typer.Option("--watch", help="Follow prices and stock until Ctrl-C.")
        interval = typer.Option(
            "--interval", min=0.1, max=3600, metavar="SECONDS", help="With --watch: the least time between two updates."
        )
        return {
            **super()._list_options(),
            "watch": (Annotated[bool, watch], False),
            "interval": (Annotated[float, interval], 1.0),
            "low": (LowOption, False),
        }

    async def _list(
        self, run: AdminRun, limit: int | None, watch: bool = False, interval: float = 1.0, low: bool = False
    ) -> None:
        if low and watch:
            raise typer.BadParameter(say("--low and --watch cannot be combined"), param_hint="--low")
        if low:
            async with run.client() as client:
                run.output.listing("products", await client.find_products(low=True, limit=limit or LISTED_MAX))
            return
        if not watch:
            await super()._list(run, limit)
            return
        async with run.client() as client:
            await _watch(run, client, limit or LISTED_MAX, interval)


async def _watch(run: AdminRun, client: "AdminClient", limit: int, interval: float) -> None:
    """Show a live table on a terminal, otherwise print the changes."""
    if run.format is OutputFormat.TABLE and sys.stdout.isatty():
        from quitanda_clients.commands.live_table import show_live  # noqa: PLC0415 - loads rich

        await show_live(client, limit, interval)
    else:
        from quitanda_clients.commands.watch import print_changes  # noqa: PLC0415 - few commands need it

        await print_changes(client, run.output, limit, interval, as_json=run.as_json)


customers: Final = DocumentCommands(CUSTOMERS).app
products: Final = ProductCommands(PRODUCTS).app
customers.command("find")(find_customers)
products.command("find")(find_products)


@products.command("adjust-stock", context_settings={"ignore_unknown_options": True})
@admin_command(Effect.WRITE)
async def adjust_stock(
    run: AdminRun,
    pid: Annotated[str, typer.Argument(metavar="PID", help="The product's id.")],
    delta: Annotated[
        int, typer.Argument(metavar="DELTA", parser=whole_number, help="Units to add; a negative number removes: -3.")
    ],
    expected_version: options.ExpectedVersionOption = None,
) -> None:
    """Add units to the stock of a product, or remove some; never below zero."""
    async with run.client() as client:
        result = await client.adjust_stock(pid, delta, expected_version=expected_version, request_id=run.request_id)
        run.output.document(result, say("Adjusted the stock of the product"))


@products.command("stock-card")
@admin_command(Effect.READ)
async def stock_card(
    run: AdminRun,
    pid: Annotated[str, typer.Argument(metavar="PID", help="The product's id; it may be deleted.")],
    limit: options.LimitOption = None,
) -> None:
    """Show each movement of a product's units on hand, with reason, order, time and who asked; the oldest first.

    It is made of the product's history, which is kept within a bound; with --limit, the last movements are shown.
    """
    from quitanda_clients.reports.stock_card import movements  # noqa: PLC0415 - few commands need it

    async with run.client() as client:
        found = await client.list_history(Kind.PRODUCT, pid)
    made = movements(found.documents)
    shown = made[-limit:] if limit else made
    run.output.stock_card(pid, Listing(shown, found.revision, found.truncated or len(shown) < len(made)))
