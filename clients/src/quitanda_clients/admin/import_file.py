"""`customer import` and `product import`: check a CSV file, send its rows, say what became of them."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import typer

from quitanda.status import describe
from quitanda_clients.admin.dry_run import foresee
from quitanda_clients.admin.run import AdminRun
from quitanda_clients.bulk.csv_rows import FILE_BYTES_MAX, Problem, read_rows
from quitanda_clients.bulk.importing import Import, ImportOptions, RowIds, Tally
from quitanda_clients.bulk.progress import shown_progress
from quitanda_clients.bulk.row_commands import Layout, Planned, plan
from quitanda_clients.cli import exit_codes
from quitanda_clients.cli.failures import report
from quitanda_clients.cli.own_errors import OwnReason, own_error, tell_json
from quitanda_clients.cli.source import open_to_read
from quitanda_clients.cli.streams import AnswerNotWritten, tell

SHOWN_MAX: Final = 1_000
"""Problems, and refused rows, that are listed one by one."""

AGAIN: Final = "Give the same command again to go on: rows that are done are not done twice."


@dataclass(frozen=True, slots=True)
class FileOptions:
    """How to read the file, and what to do with it."""

    file: Path
    delimiter: str
    skip_invalid: bool
    sending: ImportOptions
    dry_run: bool = False


async def import_file(run: AdminRun, layout: Layout, options: FileOptions) -> int:
    """Import one file; returns the exit code."""
    data = _content(options.file)
    planned, problems = _checked(data, layout, options)
    if problems:
        _list_problems(run, options, problems)
        if not planned or not options.skip_invalid:
            return exit_codes.WRONG_USE
    if options.dry_run:
        return await _foresee(run, planned, options, skipped=len(problems))
    tally = await _send(run, data, planned, options, skipped=len(problems))
    if tally.failure is not None:
        return report(tally.failure, run.failure_context(), AGAIN)
    return exit_codes.REFUSED if tally.refused or problems else exit_codes.DONE


def _content(file: Path) -> bytes:
    """Read the file, or one byte more than is allowed."""
    with open_to_read(file, "FILE.csv") as opened:
        try:
            return opened.read(FILE_BYTES_MAX + 1)
        except OSError as error:
            raise typer.BadParameter(f"{file} cannot be read: {error.strerror}", param_hint="FILE.csv") from None


def _checked(data: bytes, layout: Layout, options: FileOptions) -> tuple[list[Planned], list[Problem]]:
    read = read_rows(data, options.delimiter, layout.needed)
    results = list(plan(layout, read.rows))
    planned = [result for result in results if isinstance(result, Planned)]
    problems = [*read.problems, *(result for result in results if isinstance(result, Problem))]
    return planned, sorted(problems, key=lambda problem: problem.line)


async def _foresee(run: AdminRun, planned: Sequence[Planned], options: FileOptions, *, skipped: int) -> int:
    """Show the summary that an import would end with, and end as it would."""
    async with run.client() as client:
        counts = await foresee(client, planned, update=options.sending.update)
    if not run.as_json:
        tell(f"Dry run of {options.file}: nothing was changed. An import would end with:")
    run.output.summary({"dry_run": 1, **counts, "invalid": skipped, "not_imported": 0}, [])
    return exit_codes.REFUSED if counts["refused"] or skipped else exit_codes.DONE


async def _send(run: AdminRun, data: bytes, planned: Sequence[Planned], options: FileOptions, *, skipped: int) -> Tally:
    """Send the rows and show the summary, also where Ctrl-C ends it."""
    async with run.client() as client:
        sending = Import(client, RowIds(data, options.sending.label), options.sending)
        try:
            with shown_progress(len(planned), quiet=run.as_json) as settled:
                tally = await sending.run(planned, settled)
        except asyncio.CancelledError:  # Ctrl-C
            if run.as_json:
                tell_json(own_error(OwnReason.INTERRUPTED, f"Interrupted. {AGAIN}"))
            else:
                tell(f"Interrupted. {AGAIN}")
            with suppress(AnswerNotWritten):  # how it ended is said already
                _summarize(run, options.file, sending.tally, len(planned), skipped)
            raise
        _summarize(run, options.file, tally, len(planned), skipped)
        return tally


def _list_problems(run: AdminRun, options: FileOptions, problems: Sequence[Problem]) -> None:
    if run.as_json:
        listed = [
            {"line": problem.line, "column": problem.column, "message": problem.message}
            for problem in problems[:SHOWN_MAX]
        ]
        message = f"{options.file} has problems: {len(problems)}. Correct them and import it again."
        error = own_error(OwnReason.FILE_NOT_VALID, message, field="FILE.csv")
        tell_json(error, file=str(options.file), problem_count=len(problems), problems=listed)
        return
    for problem in problems[:SHOWN_MAX]:
        tell(problem.at(str(options.file)))
    if len(problems) > SHOWN_MAX:
        tell(f"... and {len(problems) - SHOWN_MAX} more")
    if not options.skip_invalid:
        tell(
            f"Nothing was imported; problems in {options.file}: {len(problems)}. "
            "Correct them, or give --skip-invalid to import the other rows."
        )


def _summarize(run: AdminRun, file: Path, tally: Tally, total: int, skipped: int) -> None:
    if not run.as_json:
        for row, rejected in tally.refused[:SHOWN_MAX]:
            described = describe(rejected.refused)
            tell(f"{file}:{row.line}: Refused ({described.reason}): {described.message}")
        if len(tally.refused) > SHOWN_MAX:
            tell(f"... and {len(tally.refused) - SHOWN_MAX} more")
    run.output.summary(
        {
            "created": tally.created,
            "updated": tally.updated,
            "refused": len(tally.refused),
            "invalid": skipped,
            "not_imported": total - tally.settled,
        },
        [(row.line, describe(rejected.refused)) for row, rejected in tally.refused[:SHOWN_MAX]],
    )
