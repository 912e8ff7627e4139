"""`customer import` and `product import`: check a CSV file, send its rows, say what became of them."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import typer

from quitanda.error_status import describe
from quitanda_clients.cli import exit_codes
from quitanda_clients.cli.failures import report
from quitanda_clients.cli.own_errors import OwnReason, own_error, tell_json
from quitanda_clients.cli.progress import shown_progress
from quitanda_clients.cli.source import open_to_read
from quitanda_clients.cli.streams import AnswerNotWritten, tell
from quitanda_clients.commands.admin_run import AdminRun
from quitanda_clients.csv_import.checked_file import FilePlan, Reading, plan_file
from quitanda_clients.csv_import.csv_file import FILE_BYTES_MAX
from quitanda_clients.csv_import.dry_run import counted, foresee
from quitanda_clients.csv_import.existing import look
from quitanda_clients.csv_import.importer import Import, ImportOptions, Tally
from quitanda_clients.csv_import.rows import Layout

SHOWN_MAX: Final = 20
"""Problems, and refused rows, that are listed one by one for people."""

LISTED_MAX: Final = 1_000
"""The same in JSON."""

AGAIN: Final = "Give the same command again to go on: rows that are done are not done twice."


@dataclass(frozen=True, slots=True)
class FileOptions:
    """How to read the file, and what to do with it."""

    file: Path
    reading: Reading
    skip_invalid: bool
    sending: ImportOptions
    dry_run: bool = False


async def import_file(run: AdminRun, layout: Layout, options: FileOptions) -> int:
    """Import one file; returns the exit code."""
    plan = plan_file(_content(options.file), layout, options.reading)
    if plan.read_as is not None and not run.as_json:
        tell(f"{options.file}: {plan.read_as.line()}")
    if plan.problems:
        _list_problems(run, options, plan)
        if not plan.planned or not options.skip_invalid:
            return exit_codes.WRONG_USE
    if options.dry_run:
        return await _foresee(run, layout, options, plan)
    tally = await _send(run, layout, options, plan)
    if tally.failure is not None:
        return report(tally.failure, run.failure_context(), AGAIN)
    return exit_codes.REFUSED if tally.refused or tally.changed_since or plan.problems else exit_codes.DONE


def _content(file: Path) -> bytes:
    """Read the file, or one byte more than is allowed."""
    with open_to_read(file, "FILE.csv") as opened:
        try:
            return opened.read(FILE_BYTES_MAX + 1)
        except OSError as error:
            raise typer.BadParameter(f"{file} cannot be read: {error.strerror}", param_hint="FILE.csv") from None


async def _foresee(run: AdminRun, layout: Layout, options: FileOptions, plan: FilePlan) -> int:
    """Show what an import would do and the summary that it would end with, and end as it would."""
    async with run.client() as client:
        present = await look(client, layout, plan.planned)
    foreseen = list(foresee(layout, plan.planned, present, options.sending))
    counts = counted(foreseen)
    if not run.as_json:
        for row in foreseen[:SHOWN_MAX]:
            tell(f"{options.file}:{row.line}: {row.told()}")
        _tell_rest(len(foreseen))
        tell(f"Dry run of {options.file}: nothing was changed. An import would end with:")
    _show(
        run,
        plan,
        {"dry_run": 1, "rows": len(foreseen) + plan.invalid_rows, **counts},
        not_imported=0,
        foreseen=[row.as_json() for row in foreseen[:LISTED_MAX]],
    )
    return exit_codes.REFUSED if counts["refused"] or plan.problems else exit_codes.DONE


async def _send(run: AdminRun, layout: Layout, options: FileOptions, plan: FilePlan) -> Tally:
    """Send the rows and show the summary, also where Ctrl-C ends it."""
    async with run.client() as client:
        sending = Import(client, layout, options.sending)
        try:
            present = await look(client, layout, plan.planned)
            with shown_progress(len(plan.planned), quiet=run.as_json) as settled:
                tally = await sending.run(plan.planned, present, settled)
        except asyncio.CancelledError:  # Ctrl-C
            if run.as_json:
                tell_json(own_error(OwnReason.INTERRUPTED, f"Interrupted. {AGAIN}"))
            else:
                tell(f"Interrupted. {AGAIN}")
            with suppress(AnswerNotWritten):  # how it ended is said already
                _summarize(run, options.file, sending.tally, plan)
            raise
        _summarize(run, options.file, tally, plan)
        return tally


def _list_problems(run: AdminRun, options: FileOptions, plan: FilePlan) -> None:
    problems = plan.problems
    skippable = len(plan.planned)
    if run.as_json:
        listed = [
            {"line": problem.line, "column": problem.column, "message": problem.message}
            for problem in problems[:LISTED_MAX]
        ]
        message = f"{options.file} has problems: {len(problems)}. Correct them and import it again."
        error = own_error(OwnReason.FILE_NOT_VALID, message, field="FILE.csv")
        counts = {"problem_count": len(problems), "invalid_rows": plan.invalid_rows, "valid_rows": skippable}
        tell_json(error, file=str(options.file), **counts, problems=listed)
        return
    for problem in problems[:SHOWN_MAX]:
        tell(problem.at(str(options.file)))
    _tell_rest(len(problems))
    if not skippable or not options.skip_invalid:
        rows = f" in {plan.invalid_rows} of {plan.invalid_rows + skippable} rows" if plan.invalid_rows else ""
        offer = f", or give --skip-invalid to import the other {skippable} rows" if skippable else ""
        tell(f"Nothing was imported; problems in {options.file}: {len(problems)}{rows}. Correct them{offer}.")


def _tell_rest(count: int) -> None:
    if count > SHOWN_MAX:
        tell(f"... and {count - SHOWN_MAX} more")


def _summarize(run: AdminRun, file: Path, tally: Tally, plan: FilePlan) -> None:
    refused = [(row.line, describe(refused)) for row, refused in tally.refused]
    lines = sorted(row.line for row in tally.changed_since)
    if not run.as_json:
        for line, described in refused[:SHOWN_MAX]:
            tell(f"{file}:{line}: Refused ({described.reason}): {described.message}")
        _tell_rest(len(refused))
        _tell_repeated(file, tally.already_imported, lines)
    counts = {
        "rows": len(plan.planned) + plan.invalid_rows,
        "created": tally.created,
        "updated": tally.updated,
        "unchanged": tally.unchanged,
        "already_imported": tally.already_imported,
        "changed_since": len(lines),
        "refused": len(refused),
    }
    rows = [
        {"line": line, "reason": told.reason, "message": told.message, "field": told.field}
        for line, told in refused[:LISTED_MAX]
    ]
    not_imported = len(plan.planned) - tally.settled
    _show(run, plan, counts, not_imported, refused_rows=rows, changed_since_lines=lines[:LISTED_MAX])


def _tell_repeated(file: Path, same: int, changed: Sequence[int]) -> None:
    """Say which rows were left as they are, and how they are imported anew."""
    if same:
        tell(f"{file}: already imported earlier: {same}; --run-label TEXT imports them anew")
    if changed:
        shown = ", ".join(map(str, changed[:SHOWN_MAX]))
        tell(
            f"{file}: already imported earlier, and changed or deleted since: {len(changed)} (lines {shown}"
            f"{', ...' if len(changed) > SHOWN_MAX else ''}); they were left as they are; "
            "--run-label TEXT imports them anew"
        )


def _show(run: AdminRun, plan: FilePlan, counts: Mapping[str, int], not_imported: int, **beside: Any) -> None:
    read_as = {} if plan.read_as is None else plan.read_as.fields()
    whole = {**counts, "invalid": plan.invalid_rows, "not_imported": not_imported}
    run.output.summary(whole, {**beside, "read_as": read_as})
