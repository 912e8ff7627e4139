"""The commands `import`: check a CSV file, send its rows, and report what happened to them."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import typer

from quitanda.domain.model import Kind
from quitanda.error_status import describe
from quitanda_clients.cli import exit_codes
from quitanda_clients.cli.exception_texts import exception_text
from quitanda_clients.cli.failures import report
from quitanda_clients.cli.interrupts import end_work_without_awaits
from quitanda_clients.cli.local_errors import (
    LocalReason,
    local_error,
    print_interrupted,
    print_json_error,
    print_local_error,
)
from quitanda_clients.cli.progress import shown_progress, shown_work
from quitanda_clients.cli.runs import AdminRun
from quitanda_clients.cli.streams import AnswerNotWritten, open_to_read, print_error, reason_of
from quitanda_clients.cli.wording import counted
from quitanda_clients.client import AdminClient
from quitanda_clients.csv_import.checked_file import CheckedFile, check_file
from quitanda_clients.csv_import.csv_file import FILE_BYTES_MAX
from quitanda_clients.csv_import.dry_run import count_results, predict
from quitanda_clients.csv_import.existing import ExistingDocuments, find_missing, read_existing
from quitanda_clients.csv_import.importer import Importer, ImportResult
from quitanda_clients.csv_import.options import ImportOptions
from quitanda_clients.csv_import.rows import CsvSchema
from quitanda_clients.csv_import.token_file import TokenFile, TokenFileError
from quitanda_clients.i18n.refusal_texts import refusal_text
from quitanda_clients.i18n.speech import MARKED as N_
from quitanda_clients.i18n.speech import say, say_number

SHOWN_MAX: Final = 20
"""The command lists so many problems, and refused rows, one by one for people."""

LISTED_MAX: Final = 1_000
"""The same in JSON."""

AGAIN: Final = N_("Give the same command again to go on: nothing is done twice.")


async def import_file(run: AdminRun, schema: CsvSchema, options: ImportOptions) -> int:
    """Import one file; returns the exit code."""
    checked = _checked(run, schema, options)
    if checked.read_as is not None and not run.as_json:
        print_error(f"{options.file}: {checked.read_as.line()}")
    if checked.problems:
        _list_problems(run, options, checked)
        if not checked.valid_rows or not options.skip_invalid:
            return exit_codes.WRONG_USE
    if options.update and not run.as_json and any(row.sets_stock_beside_others for row in checked.valid_rows):
        _warn_of_stock(options.file, checked)
    if options.dry_run:
        return await _predict(run, schema, options, checked)
    with _token_file(options) as tokens:
        result = await _send(run, schema, options, checked, tokens)
    if isinstance(result.failure, TokenFileError):
        said = say(
            "{problem}. Give the same command again to go on: nothing is done twice. It writes the tokens that are "
            "missing.",
            problem=exception_text(result.failure),
        )
        return print_local_error(LocalReason.ANSWER_NOT_WRITTEN, said, as_json=run.as_json, field="--tokens")
    if result.failure is not None:
        return report(result.failure, run.failure_context(), say(AGAIN))
    return exit_codes.REFUSED if result.refused or result.changed_since or checked.problems else exit_codes.DONE


def _checked(run: AdminRun, schema: CsvSchema, options: ImportOptions) -> CheckedFile:
    """Read and check the file: seconds for a large one, and for ever for a pipe that stays empty."""
    try:
        with end_work_without_awaits():
            content = _content(options.file)
            with shown_work(say("checking the file"), quiet=run.as_json):
                return check_file(content, schema, options)
    except KeyboardInterrupt:
        _tell_interrupted(run)
        raise


async def _read_existing(
    run: AdminRun, client: AdminClient, schema: CsvSchema, checked: CheckedFile
) -> ExistingDocuments:
    with shown_work(say("comparing the file with the shop"), quiet=run.as_json):
        return await read_existing(client, schema, checked.valid_rows)


def _warn_of_stock(file: Path, checked: CheckedFile) -> None:
    """Say so to who has changed prices in an export: it has the units of its moment."""
    columns = {} if checked.read_as is None else checked.read_as.columns
    print_error(
        say(
            "{file}: {column} sets the units on hand, also where some were sold since the file was written. To leave "
            "the units as they are, import the file without {column}.",
            file=file,
            column=columns.get("quantity", "quantity"),
        )
    )


def _token_file(options: ImportOptions) -> AbstractContextManager[TokenFile | None]:
    """Open the file for tokens, if one is wanted, before anything is sent."""
    if options.tokens is None:
        return nullcontext()
    try:
        return TokenFile(options.tokens)
    except TokenFileError as error:
        raise typer.BadParameter(exception_text(error), param_hint="--tokens") from None


def _content(file: Path) -> bytes:
    """Read the file, or one byte more than is allowed."""
    with open_to_read(file, "FILE.csv") as opened:
        try:
            return opened.read(FILE_BYTES_MAX + 1)
        except OSError as error:
            raise typer.BadParameter(
                say("{file} cannot be read: {problem}", file=file, problem=reason_of(error)), param_hint="FILE.csv"
            ) from None


async def _predict(run: AdminRun, schema: CsvSchema, options: ImportOptions, checked: CheckedFile) -> int:
    """Show what an import would do, with its summary and its exit code."""
    async with run.client() as client:
        existing = await _read_existing(run, client, schema, checked)
        if schema.kind is Kind.ORDER:
            existing = replace(existing, missing=await find_missing(client, checked.valid_rows))
    predicted = list(predict(schema, checked.valid_rows, existing, update=options.update))
    counts = count_results(predicted)
    if not run.as_json:
        for row in predicted[:SHOWN_MAX]:
            print_error(f"{options.file}:{row.line}: {row.as_text()}")
        _print_rest(len(predicted))
        print_error(say("Dry run of {file}: nothing was changed. An import would end with:", file=options.file))
    _summarize(
        run,
        checked,
        {"dry_run": 1, "rows": len(predicted) + checked.invalid_rows, **counts},
        not_imported=0,
        foreseen=[row.as_json() for row in predicted[:LISTED_MAX]],
    )
    return exit_codes.REFUSED if counts["refused"] or checked.problems else exit_codes.DONE


async def _send(
    run: AdminRun, schema: CsvSchema, options: ImportOptions, checked: CheckedFile, tokens: TokenFile | None
) -> ImportResult:
    """Send the rows and show the summary, also after Ctrl-C."""
    async with run.client() as client:
        importer = Importer(client, schema, options, tokens)
        try:
            existing = await _read_existing(run, client, schema, checked)
            with shown_progress(len(checked.valid_rows), quiet=run.as_json) as progress:
                result = await importer.run(checked.valid_rows, existing, progress)
        except asyncio.CancelledError:  # Ctrl-C
            _tell_interrupted(run)
            with suppress(AnswerNotWritten):  # the message above already says how it ended
                _report_result(run, schema.kind, options.file, importer.result, checked)
            raise
        _report_result(run, schema.kind, options.file, result, checked)
        return result


def _list_problems(run: AdminRun, options: ImportOptions, checked: CheckedFile) -> None:
    problems = checked.problems
    valid = len(checked.valid_rows)
    if run.as_json:
        listed = [
            {"line": problem.line, "column": problem.column, "message": problem.message}
            for problem in problems[:LISTED_MAX]
        ]
        message = say(
            "{file} has {problems}. Correct the file and import it again.",
            file=options.file,
            problems=counted(len(problems), "problem"),
        )
        error = local_error(LocalReason.FILE_NOT_VALID, message, field="FILE.csv")
        counts = {"problem_count": len(problems), "invalid_rows": checked.invalid_rows, "valid_rows": valid}
        print_json_error(error, file=str(options.file), **counts, problems=listed)
        return
    for problem in problems[:SHOWN_MAX]:
        print_error(problem.at(str(options.file)))
    _print_rest(len(problems))
    if not valid or not options.skip_invalid:
        invalid = checked.invalid_rows
        rows = say(" in {invalid} of {rows}", invalid=invalid, rows=counted(invalid + valid, "row")) if invalid else ""
        offer = say_number(
            ", or give --skip-invalid to import the other row",
            ", or give --skip-invalid to import the other {count} rows",
            valid,
        )
        offer = offer if valid else ""
        print_error(
            say(
                "Nothing was imported: {file} has {problems}{rows}. Correct the file{offer}.",
                file=options.file,
                problems=counted(len(problems), "problem"),
                rows=rows,
                offer=offer,
            )
        )


def _tell_interrupted(run: AdminRun) -> None:
    print_interrupted(say("Interrupted. {next_step}", next_step=say(AGAIN)), as_json=run.as_json)


def _print_rest(count: int) -> None:
    if count > SHOWN_MAX:
        print_error(say("... and {count} more", count=count - SHOWN_MAX))


def _report_result(run: AdminRun, kind: Kind, file: Path, result: ImportResult, checked: CheckedFile) -> None:
    refused = [(row.line, describe(refused)) for row, refused in result.refused]
    lines = sorted(row.line for row in result.changed_since)
    if not run.as_json:
        for row, refusal in result.refused[:SHOWN_MAX]:
            print_error(
                say(
                    "{file}:{line}: Refused ({reason}): {message}",
                    file=file,
                    line=row.line,
                    reason=refusal.reason.value,
                    message=refusal_text(refusal),
                )
            )
        _print_rest(len(refused))
        _report_repeated(file, kind, result.already_imported, lines)
        if result.untold:
            print_error(
                say(
                    "{file}: {customers} got a token that is not shown here; the same command with --tokens NEW-FILE "
                    "writes the tokens to a file",
                    file=file,
                    customers=counted(result.untold, "customer"),
                )
            )
    counts = {
        "rows": len(checked.valid_rows) + checked.invalid_rows,
        "created": result.created,
        "updated": result.updated,
        "unchanged": result.unchanged,
        "already_imported": result.already_imported,
        "changed_since": len(lines),
        "refused": len(refused),
    }
    rows = [
        {"line": line, "reason": described.reason, "message": described.message, "field": described.field}
        for line, described in refused[:LISTED_MAX]
    ]
    not_imported = len(checked.valid_rows) - result.finished
    _summarize(run, checked, counts, not_imported, refused_rows=rows, changed_since_lines=lines[:LISTED_MAX])


def _report_repeated(file: Path, kind: Kind, same: int, changed: Sequence[int]) -> None:
    """Say which rows the import left as they are, and how to import them again."""
    again = say("--run-label TEXT imports them again")
    if same and kind is Kind.ORDER:  # of orders no label imports any again: one that exists is never changed
        print_error(say("{file}: the shop has {orders} already", file=file, orders=counted(same, "order")))
    elif same:
        print_error(
            say(
                "{file}: an earlier run imported {rows} already; {again}",
                file=file,
                rows=counted(same, "row"),
                again=again,
            )
        )
    if changed:
        shown = ", ".join(map(str, changed[:SHOWN_MAX]))
        more = ", ..." if len(changed) > SHOWN_MAX else ""
        print_error(
            say(
                "{file}: an earlier run imported {rows} that somebody changed or deleted since ({lines} "
                "{shown}{more}); this import left them as they are; {again}",
                file=file,
                rows=counted(len(changed), "row"),
                lines=say_number("line", "lines", len(changed)),
                shown=shown,
                more=more,
                again=again,
            )
        )


def _summarize(
    run: AdminRun, checked: CheckedFile, counts: Mapping[str, int], not_imported: int, **beside: Any
) -> None:
    read_as = {} if checked.read_as is None else checked.read_as.fields()
    every = {**counts, "invalid": checked.invalid_rows, "not_imported": not_imported}
    run.output.summary(every, {**beside, "read_as": read_as})
