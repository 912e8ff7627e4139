"""Imports that people began on the page: checked files, and those whose rows are being sent.

They are kept in this process alone, and not for long. The id of an import names its process. An import whose process
ends, or which is forgotten, is begun again with the same file: the request id of each row is made of what the row says,
so nothing is done twice.
"""

import asyncio
import secrets
import time
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Final

from quitanda.domain.model import Kind
from quitanda.errors import QuitandaError
from quitanda.runtime.access_log import log_unexpected
from quitanda_clients.client import AdminClient
from quitanda_clients.csv_import.checked_file import CheckedFile
from quitanda_clients.csv_import.dry_run import PredictedRow, predict
from quitanda_clients.csv_import.existing import ExistingDocuments, find_missing, read_existing
from quitanda_clients.csv_import.importer import Importer, ImportResult
from quitanda_clients.csv_import.options import ImportOptions
from quitanda_clients.csv_import.rows import CsvSchema
from quitanda_clients.csv_import.valid_row import ValidRow

KEPT_MAX: Final = 6
"""Imports in one process: a file of the largest size takes some tens of megabytes while it is kept."""
KEPT_SECONDS: Final = 60 * 60
"""How long an import is kept that nobody looks at."""
SETTLE_SECONDS: Final = 0.3
"""How long a page waits for the end of an import before it shows how far it is."""
IN_FLIGHT: Final = 16
"""Rows that are sent at the same time: the page has other things to do, too."""

_log_name: Final = "import"


class Stage(Enum):
    """How far an import is."""

    CHECKED = "checked"
    RUNNING = "running"
    ENDED = "ended"


class TooManyImports(Exception):
    """As many files are being sent as this process can keep."""


class SecretsList:
    """Keeps the secrets of new customers until somebody fetches them; an `importer.TokenSink`."""

    def __init__(self) -> None:
        self.rows: dict[str, str] = {}

    def add(self, customer_id: str, token: str) -> None:
        """Keep a secret."""
        self.rows[customer_id] = token

    def finish(self) -> None:
        """Nothing outlives the process."""


@dataclass(slots=True)
class PageImport:
    """One file that somebody sent, and what became of it.

    `predicted` says of each valid row what an import would do. `broken`: a defect of the page ended it.
    """

    import_id: str
    owner: str
    file_name: str
    schema: CsvSchema
    options: ImportOptions
    checked: CheckedFile
    predicted: tuple[PredictedRow, ...]
    used_at: float
    stage: Stage = Stage.CHECKED
    rows: int = 0
    secrets: SecretsList = field(default_factory=SecretsList)
    importer: Importer | None = None
    failure: QuitandaError | None = None
    stopped: bool = False
    broken: bool = False
    task: asyncio.Task[None] | None = None

    @property
    def result(self) -> ImportResult:
        """What happened to the rows so far."""
        return ImportResult() if self.importer is None else self.importer.result

    def end(self) -> None:
        """Note that no more rows are sent, and forget them: they take the most room."""
        failure = self.result.failure
        self.failure = self.failure or (failure if isinstance(failure, QuitandaError) else None)
        self.stage = Stage.ENDED
        self.checked = replace(self.checked, valid_rows=())


class PageImports:
    """The imports of this process. `process_id` is the process's own: another one of the same name has another."""

    def __init__(self) -> None:
        self.process_id = secrets.token_hex(6)
        self._kept: dict[str, PageImport] = {}

    def keep(
        self,
        owner: str,
        file_name: str,
        schema: CsvSchema,
        options: ImportOptions,
        checked: CheckedFile,
        predicted: tuple[PredictedRow, ...],
    ) -> PageImport:
        """Keep a checked file for its owner, a session. TooManyImports where all that are kept are being sent."""
        now = time.monotonic()
        for kept in [each for each in self._kept.values() if now - each.used_at > KEPT_SECONDS]:
            self._forget(kept)
        if len(self._kept) >= KEPT_MAX:
            idle = [each for each in self._kept.values() if each.stage is not Stage.RUNNING]
            if not idle:
                raise TooManyImports
            self._forget(min(idle, key=lambda each: each.used_at))
        import_id = f"{self.process_id}.{secrets.token_urlsafe(12)}"
        made = PageImport(import_id, owner, file_name, schema, options, checked, predicted, now)
        made.rows = len(checked.valid_rows)
        self._kept[made.import_id] = made
        return made

    def find(self, import_id: str, owner: str) -> PageImport | None:
        """Give an import of this session; None where this process has none."""
        found = self._kept.get(import_id)
        if found is None or found.owner != owner:
            return None
        found.used_at = time.monotonic()
        return found

    def belongs_elsewhere(self, import_id: str) -> bool:
        """Whether another process made an import of this id."""
        process_id, point, _ = import_id.partition(".")
        return bool(point) and process_id != self.process_id

    def start(self, wanted: PageImport, client: AdminClient) -> None:
        """Begin to send the rows, unless that has begun."""
        if wanted.stage is Stage.CHECKED:
            wanted.stage = Stage.RUNNING
            wanted.task = asyncio.create_task(_run(wanted, client))
            wanted.task.add_done_callback(lambda _task: wanted.end())

    def stop(self, wanted: PageImport) -> None:
        """Send no more rows; what was sent stays."""
        if wanted.task is not None and wanted.stage is Stage.RUNNING:
            wanted.stopped = True
            wanted.task.cancel()

    async def settle(self, wanted: PageImport) -> None:
        """Wait a little for the end, so that a short import is shown when it is done."""
        if wanted.task is not None and wanted.stage is Stage.RUNNING:
            await asyncio.wait([wanted.task], timeout=SETTLE_SECONDS)

    async def close(self) -> None:
        """Stop all imports."""
        tasks = [each.task for each in self._kept.values() if each.task is not None and not each.task.done()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _forget(self, kept: PageImport) -> None:
        if kept.stage is not Stage.RUNNING:
            del self._kept[kept.import_id]


async def predicted_rows(
    client: AdminClient, schema: CsvSchema, checked: CheckedFile, options: ImportOptions
) -> tuple[PredictedRow, ...]:
    """Say what an import would do with each valid row; it sends nothing. Raises what reading raises."""
    if not checked.valid_rows:
        return ()
    existing = await _existing(client, schema, checked.valid_rows)
    if schema.kind is Kind.ORDER:
        missing = await find_missing(client, checked.valid_rows)
        existing = ExistingDocuments(existing.revision, existing.documents, missing)
    return tuple(predict(schema, checked.valid_rows, existing, update=options.update))


async def _existing(client: AdminClient, schema: CsvSchema, rows: tuple[ValidRow, ...]) -> ExistingDocuments:
    """Read what exists; several reads at the same time fail with the first of their errors."""
    try:
        return await read_existing(client, schema, rows)
    except ExceptionGroup as group:
        errors = [each for each in group.exceptions if isinstance(each, QuitandaError)]
        if not errors:
            raise
        raise errors[0] from None


async def _run(wanted: PageImport, client: AdminClient) -> None:
    rows = wanted.checked.valid_rows
    wanted.importer = Importer(client, wanted.schema, wanted.options, wanted.secrets)
    try:
        existing = await _existing(client, wanted.schema, rows)
        await wanted.importer.run(rows, existing, lambda _finished: None)
    except QuitandaError as error:
        wanted.failure = error
    except Exception:  # noqa: BLE001 - the page tells of it, and goes on
        log_unexpected(_log_name)
        wanted.broken = True
