"""Lists that leave the shop as files, and files that come in, for staff."""

import asyncio
import csv
import io
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from starlette.exceptions import HTTPException
from starlette.responses import Response

from quitanda.codec.queries import FindOrders
from quitanda.domain.limits import NAME_LENGTH_MAX
from quitanda.domain.model import Kind
from quitanda.domain.outcomes import Problem, Reason, refused
from quitanda.errors import Rejected
from quitanda_clients.csv_import.checked_file import check_file
from quitanda_clients.csv_import.column_guide import columns_of
from quitanda_clients.csv_import.column_names import PRODUCT_EXPORTS
from quitanda_clients.csv_import.decimal_signs import DecimalSign
from quitanda_clients.csv_import.dry_run import count_results
from quitanda_clients.csv_import.options import ImportOptions
from quitanda_clients.csv_import.rows import SCHEMAS, CsvSchema
from quitanda_clients.csv_import.text_encoding import NAMES, Encoding
from quitanda_clients.export.exported_file import write_export
from quitanda_clients.export.fetched_pages import FetchedPages, fetch_rest
from quitanda_clients.export.options import ExportOptions, FileFormat
from quitanda_clients.i18n.catalogue import CONTEXT_FREE as N_
from quitanda_clients.i18n.speech import Speech, speak
from quitanda_clients.spreadsheet_formulas import as_text
from quitanda_web.downloads import download, download_file
from quitanda_web.forms import FORM_TOKEN
from quitanda_web.import_guide import NEEDS, ON_THE_PAGE, column_label, example
from quitanda_web.imports import IN_FLIGHT, PageImport, Stage, TooManyImports, predicted_rows
from quitanda_web.other_process import look_elsewhere
from quitanda_web.problems import ShownProblem, wrong
from quitanda_web.site import Action, WebPage, Who
from quitanda_web.visit import Visit, go, path_of

if TYPE_CHECKING:
    from quitanda_clients.paging import FetchPage

SHOWN_MAX: Final = 100
"""Problems, and rows, that a page shows one by one."""

KINDS: Final[Mapping[str, Kind]] = {
    "products": Kind.PRODUCT,
    "customers": Kind.CUSTOMER,
    "orders": Kind.ORDER,
}
KIND_NAMES: Final = {"products": N_("Products"), "customers": N_("Customers"), "orders": N_("Orders")}
SEPARATORS: Final = {"comma": N_("comma"), "semicolon": N_("semicolon"), "tab": N_("tabulator"), "bar": N_("bar")}
_SIGNS: Final = {"": None, "comma": ",", "semicolon": ";", "tab": "\t", "bar": "|"}
DECIMALS: Final = {DecimalSign.POINT: N_("point"), DecimalSign.COMMA: N_("comma")}
RESULTS: Final = {
    "created": N_("new"),
    "updated": N_("changed"),
    "unchanged": N_("as it is"),
    "refused": N_("refused"),
}
"""What becomes of a row, as `PredictedRow.becomes` names it."""

_NOT_KNOWN: Final = N_(
    "This import is not known here any longer: the page was started again, or it was an hour ago. Send the file again: "
    "nothing is done twice."
)
_NOT_MET: Final = N_(
    "Another process of this page keeps this import, and did not answer. Load this page again. Where that does not "
    "help, that process was stopped: send the file again. Nothing is done twice."
)
_NO_FILE: Final = N_("Choose a file first.")
_BUSY: Final = N_("Other files are being imported just now. Wait until one of them is done, then send yours again.")
_NO_ROOM: Final = N_("The list is too large for this page. Export it by the command line: quitanda-admin export.")

_TRANSFER: Final = "/office/transfer"
_IMPORTS: Final = "/office/imports"
_IMPORT: Final = "/office/imports/{import_id}"


async def show_transfer(visit: Visit) -> Response:
    """Offer the lists as files, and ask for a file to import."""
    may_import = visit.may(SCHEMAS[Kind.PRODUCT].create)
    written = _written(comma=visit.formats.decimal_sign == ",")
    return visit.render(
        "office_transfer.html",
        kinds=KIND_NAMES,
        decimals=DECIMALS,
        decimal=written.decimal,
        columns={what: tuple(columns_of(SCHEMAS[kind])) for what, kind in KINDS.items()},
        column_label=column_label,
        needs=NEEDS,
        examples={what: example(kind, visit.gettext, written) for what, kind in KINDS.items()},
        programs=", ".join(each.program for each in PRODUCT_EXPORTS),
        separators=SEPARATORS,
        encodings=NAMES,
        form_token=FORM_TOKEN,
        may_import=may_import,
        typed=visit.typed,
        name_length=NAME_LENGTH_MAX,
    )


async def give_list(visit: Visit) -> Response:
    """Give all customers, products or orders, as of one moment, as a file."""
    what = _asked_list(visit)
    lines = visit.asked("format") == FileFormat.JSON_LINES
    written = _written(comma=visit.asked("decimal") == DecimalSign.COMMA)
    options = replace(written, format=FileFormat.JSON_LINES if lines else FileFormat.CSV, byte_order_mark=True)
    async with visit.site.exports:
        try:
            file = await _exported(visit, KINDS[what], options)
        except OSError:
            visit.problem = ShownProblem(visit.gettext(_NO_ROOM), "", 507, "NO_ROOM")
            return visit.render("error.html")
    return download_file(f"{what}.{options.format}", "application/jsonl" if lines else "text/csv", file)


async def give_example(visit: Visit) -> Response:
    """Give a small file that can be imported, in the reader's language."""
    what = _asked_list(visit)
    written = _written(comma=visit.formats.decimal_sign == ",")
    return download(f"{what}-example.csv", "text/csv", example(KINDS[what], visit.gettext, written))


def _asked_list(visit: Visit) -> str:
    what = visit.parameter("what")
    if what not in KINDS:
        raise HTTPException(404)
    return what


def _written(*, comma: bool) -> ExportOptions:
    """Say how CSV is written for spreadsheets whose decimals follow a comma, or a point."""
    return ExportOptions(delimiter=";" if comma else ",", decimal=DecimalSign.COMMA if comma else DecimalSign.POINT)


async def _exported(visit: Visit, kind: Kind, options: ExportOptions) -> BinaryIO:
    """Fetch all pages, then write the file; both lie on the disk, whatever their size."""
    client = visit.office
    fetch: FetchPage[Any] = client.found_orders(FindOrders()) if kind is Kind.ORDER else partial(client.page, kind)
    file = _unnamed()
    try:
        with FetchedPages(kind, None) as fetched:
            await fetch_rest(fetch, fetched, lambda _count: None)
            await asyncio.to_thread(write_export, file, kind, fetched.documents, options)
    except BaseException:
        file.close()
        raise
    return file


def _unnamed() -> BinaryIO:
    return tempfile.TemporaryFile()


async def check_upload(visit: Visit) -> Response:
    """Check a file and foresee what an import would do; nothing is changed yet."""
    what = visit.typed.get("kind", "")
    if what not in KINDS:
        raise wrong("kind", Problem.UNKNOWN_VALUE)
    schema = SCHEMAS[KINDS[what]]
    _check_role(visit, schema)
    options = _options(visit)
    file = visit.file
    if file is None or not file.content:
        return await _again(visit, _NO_FILE, 422)
    speak(Speech(visit.language))
    checked = await asyncio.to_thread(check_file, file.content, schema, options)
    predicted = await predicted_rows(visit.office, schema, checked, options)
    try:
        kept = visit.site.imports.keep(
            visit.signed_in.session_id, file.name or what, schema, options, checked, predicted
        )
    except TooManyImports:
        return await _again(visit, _BUSY, 503)
    return go(path_of("office", "imports", kept.import_id))


async def show_import(visit: Visit) -> Response:
    """One import: what it would do, how far it is, or what it did."""
    found = _find(visit)
    if found is None:
        return await _not_found(visit)
    if found.stage is Stage.CHECKED:
        return _show_checked(visit, found)
    await visit.site.imports.settle(found)
    result = found.result
    refusals = sorted(result.refused, key=lambda each: each[0].line)
    failure = None if found.failure is None else visit.explain(found.failure).text
    counts = {
        visit.gettext(N_("new")): result.created,
        visit.gettext(N_("changed")): result.updated,
        visit.gettext(N_("as it is")): result.unchanged,
        visit.gettext(N_("imported before")): result.already_imported,
        visit.gettext(N_("imported before, and changed since")): len(result.changed_since),
        visit.gettext(N_("refused")): len(result.refused),
    }
    return visit.render(
        "office_import.html",
        found=found,
        counts=counts,
        finished=result.finished,
        refusals=[
            (row.line, row.document_id, visit.explain(Rejected(refusal)).text) for row, refusal in refusals[:SHOWN_MAX]
        ],
        more_refusals=max(0, len(refusals) - SHOWN_MAX),
        changed_lines=sorted(row.line for row in result.changed_since)[:SHOWN_MAX],
        failure=failure,
        secrets=len(found.secrets.rows),
        stage=found.stage.value,
        at=path_of("office", "imports", found.import_id),
    )


def _show_checked(visit: Visit, found: PageImport) -> Response:
    """Show what an import would do, with all that is wrong with the file."""
    read_as = found.checked.read_as
    counts = count_results(found.predicted)
    return visit.render(
        "office_import_checked.html",
        found=found,
        counts={visit.gettext(RESULTS[name]): count for name, count in counts.items()},
        problems=found.checked.problems[:SHOWN_MAX],
        more_problems=max(0, len(found.checked.problems) - SHOWN_MAX),
        rows=[(row, visit.gettext(RESULTS[row.becomes])) for row in found.predicted[:SHOWN_MAX]],
        more_rows=max(0, len(found.predicted) - SHOWN_MAX),
        encoding="" if read_as is None else read_as.encoding,
        columns={} if read_as is None else read_as.columns,
        left_out=() if read_as is None else read_as.left_out,
        own=() if read_as is None else read_as.own,
        at=path_of("office", "imports", found.import_id),
        form_token=FORM_TOKEN,
    )


async def start_import(visit: Visit) -> Response:
    """Send the rows; pressed twice it is the same as once."""
    found = _find(visit)
    if found is None:
        return await _not_found(visit)
    _check_role(visit, found.schema)
    if found.checked.problems and not visit.typed.get("skip_invalid") and found.stage is Stage.CHECKED:
        raise wrong("skip_invalid", Problem.MISSING)
    visit.site.imports.start(found, visit.office)
    return go(path_of("office", "imports", found.import_id))


async def stop_import(visit: Visit) -> Response:
    """Send no more rows."""
    found = _find(visit)
    if found is None:
        return await _not_found(visit)
    visit.site.imports.stop(found)
    return go(path_of("office", "imports", found.import_id))


async def give_secrets(visit: Visit) -> Response:
    """Give the secrets of the customers that an import registered, as a file."""
    found = _find(visit)
    if found is None:
        return await _not_found(visit)
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(("customer_id", "token"))
    writer.writerows((as_text(customer_id), token) for customer_id, token in sorted(found.secrets.rows.items()))
    return download("secrets.csv", "text/csv", text.getvalue())


def _find(visit: Visit) -> PageImport | None:
    return visit.site.imports.find(visit.parameter("import_id"), visit.signed_in.session_id)


async def _not_found(visit: Visit) -> Response:
    """Look for the process that keeps an import; where it cannot be found, say what to do."""
    if not visit.site.imports.belongs_elsewhere(visit.parameter("import_id")):
        return await _again(visit, _NOT_KNOWN, 404)
    return look_elsewhere(visit) or await _again(visit, _NOT_MET, 503)


def _check_role(visit: Visit, schema: CsvSchema) -> None:
    """Refuse at once what the shop would refuse row by row."""
    if not visit.may(schema.create):
        raise Rejected(refused(Reason.FORBIDDEN, role=visit.signed_in.role))


async def _again(visit: Visit, text: str, status: int) -> Response:
    visit.problem = ShownProblem(visit.gettext(text), "file", status, f"HTTP_{status}")
    return await show_transfer(visit)


def _options(visit: Visit) -> ImportOptions:
    """Read how the file is to be read; what is not chosen is recognized."""
    typed = visit.typed
    return ImportOptions(
        update=bool(typed.get("update")),
        skip_invalid=True,
        encoding=Encoding(encoding) if (encoding := _chosen(visit, "encoding", tuple(NAMES))) else None,
        delimiter=_SIGNS[_chosen(visit, "separator", tuple(SEPARATORS))],
        decimal=DecimalSign(decimal) if (decimal := _chosen(visit, "decimal", tuple(DECIMALS))) else None,
        in_flight=IN_FLIGHT,
        label=typed.get("run_label", "").strip()[:NAME_LENGTH_MAX],
        advice=ON_THE_PAGE,
    )


def _chosen(visit: Visit, name: str, possible: tuple[str, ...]) -> str:
    """Give one of the values of a choice; empty where it is left to the import."""
    text = visit.typed.get(name, "")
    if text and text not in possible:
        raise wrong(name, Problem.UNKNOWN_VALUE)
    return text


PAGES: Final = (
    WebPage(
        "office_transfer",
        _TRANSFER,
        Who.STAFF,
        show_transfer,
        (Action("check_import", _IMPORTS, check_upload, takes_file=True),),
    ),
    WebPage("office_list_file", "/office/export/{what}", Who.STAFF, give_list),
    WebPage("office_import_example", "/office/import-example/{what}", Who.STAFF, give_example),
    WebPage(
        "office_import",
        _IMPORT,
        Who.STAFF,
        show_import,
        (
            Action("start_import", f"{_IMPORT}/start", start_import),
            Action("stop_import", f"{_IMPORT}/stop", stop_import),
        ),
    ),
    WebPage("office_import_secrets", f"{_IMPORT}/secrets.csv", Who.STAFF, give_secrets),
)
