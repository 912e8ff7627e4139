"""Sends valid rows, a bounded number at a time. Sending the same file again, or a similar one, is safe."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from quitanda.domain.document_changes import merged
from quitanda.domain.model import Kind, Order
from quitanda.domain.outcomes import Reason, Refused
from quitanda.domain.refusals import (
    customer_exists,
    customer_not_found,
    order_exists,
    product_exists,
    product_not_found,
)
from quitanda.domain.value_checks import check_extra_size
from quitanda.errors import OutcomeUnknown, Rejected, Unavailable
from quitanda_clients.client import AdminClient
from quitanda_clients.csv_import.existing import NOT_FOUND, ExistingDocuments, changed_fields
from quitanda_clients.csv_import.options import ImportOptions
from quitanda_clients.csv_import.rows import CsvSchema
from quitanda_clients.csv_import.token_file import TokenFileError, TokenSink
from quitanda_clients.csv_import.valid_row import Change, Creation, ValidRow
from quitanda_clients.request_ids import derived_request_id

EXISTS: Final = frozenset({Reason.CUSTOMER_EXISTS, Reason.PRODUCT_EXISTS, Reason.ORDER_EXISTS})

_EXISTS: Final[Mapping[Kind, Callable[[str], Refused]]] = {
    Kind.CUSTOMER: customer_exists,
    Kind.PRODUCT: product_exists,
    Kind.ORDER: order_exists,
}
_NOT_FOUND: Final[Mapping[Kind, Callable[[str], Refused]]] = {
    Kind.CUSTOMER: customer_not_found,
    Kind.PRODUCT: product_not_found,
}


@dataclass(slots=True)
class ImportResult:
    """What happened to the rows so far. `failure` is why the import stopped before the end, or None.

    `already_imported` rows repeat an earlier run, and their documents are still as that run left them.
    `changed_since` rows repeat an earlier run, too, but somebody changed or deleted their documents after it. The
    import leaves both as they are. `untold` counts the tokens of customers that nobody asked for.
    """

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    already_imported: int = 0
    changed_since: list[ValidRow] = field(default_factory=list)
    refused: list[tuple[ValidRow, Refused]] = field(default_factory=list)
    untold: int = 0
    failure: Unavailable | OutcomeUnknown | TokenFileError | None = None

    @property
    def finished(self) -> int:
        """Rows whose outcome is known."""
        done = self.created + self.updated + self.unchanged + self.already_imported
        return done + len(self.changed_since) + len(self.refused)


class RowRequestIds:
    """The request ids of rows: equal content, document and label give equal ids, in whichever file the row is."""

    def __init__(self, schema: CsvSchema, label: str) -> None:
        self._kind = schema.id_column
        self._label = label

    def of(self, row: ValidRow, action: str, after: int = 0) -> str:
        """Give the id of one write of a row; `after` the revision at which an earlier refusal no longer applied."""
        return derived_request_id(
            "row of an import", self._kind, self._label, row.document_id, row.content(), action, after
        )


def refusal_of(row: ValidRow, schema: CsvSchema, *, exists: bool, update: bool) -> Refused | None:
    """Say why a row cannot be imported if its document exists, or does not exist; None if it can."""
    if exists and not update:
        return _EXISTS[schema.kind](row.document_id)
    if not exists and row.create is None:
        return _NOT_FOUND[schema.kind](row.document_id)
    return None


class Importer:
    """One import; `result` can be read at any time, also after a cancellation."""

    def __init__(
        self, client: AdminClient, schema: CsvSchema, options: ImportOptions, tokens: TokenSink | None = None
    ) -> None:
        """Give the tokens of the customers that are created to `tokens`, if somebody wants them."""
        self.result = ImportResult()
        self._tokens = tokens
        self._client = client
        self._schema = schema
        self._ids = RowRequestIds(schema, options.label)
        self._options = options

    async def run(
        self, rows: Sequence[ValidRow], existing: ExistingDocuments, progress: Callable[[int], None]
    ) -> ImportResult:
        """Send the rows; call `progress` with the number of finished rows. Stops at the first row without an answer.

        `existing` is what existed before: an answer that is not newer repeats an earlier run.
        """
        remaining = iter(rows)
        async with asyncio.TaskGroup() as workers:
            for _ in range(min(self._options.in_flight, len(rows))):
                workers.create_task(self._work(remaining, existing, progress))
        if self._tokens is not None:
            try:
                self._tokens.finish()
            except TokenFileError as failure:
                self.result.failure = self.result.failure or failure
        return self.result

    async def _work(
        self, remaining: Iterator[ValidRow], existing: ExistingDocuments, progress: Callable[[int], None]
    ) -> None:
        for row in remaining:
            try:
                await self._send(row, existing)
            except Rejected as rejected:
                self.result.refused.append((row, rejected.refused))
            except (Unavailable, OutcomeUnknown, TokenFileError) as failure:
                self.result.failure = self.result.failure or failure
            progress(self.result.finished)
            if self.result.failure is not None:
                return

    async def _send(self, row: ValidRow, existing: ExistingDocuments) -> None:
        """Create the row's document, or change it if it exists."""
        found = existing.documents.get(row.document_id)
        if isinstance(found, Order) and not changed_fields(row, found):
            self.result.already_imported += 1
            return
        exists = found is not None
        if row.create is not None and await self._created(row, row.create, existing):
            return
        if refused := refusal_of(row, self._schema, exists=exists, update=self._options.update):
            raise Rejected(refused)
        await self._change(row, existing)

    async def _created(self, row: ValidRow, command: Creation, existing: ExistingDocuments) -> bool:
        """Tell whether the row is finished; False if a document exists, which the import then changes.

        An earlier run may have been refused because of a document that is deleted since. The replicas remember that
        refusal, so the creation needs another id. But a row that changed the document then is not imported again.
        """
        if await self._try_to_create(row, command, existing, 0):
            return True
        if row.document_id in existing.documents:
            return False
        if self._options.update:
            try:
                await self._change(row, existing)
            except Rejected as rejected:
                if rejected.refused.reason not in NOT_FOUND:
                    raise
            else:
                return True
        if await self._try_to_create(row, command, existing, existing.revision):
            return True
        raise Rejected(_EXISTS[self._schema.kind](row.document_id))  # somebody created it just now

    async def _try_to_create(self, row: ValidRow, command: Creation, existing: ExistingDocuments, after: int) -> bool:
        try:
            created = await self._client.execute(command, request_id=self._ids.of(row, "create", after))
        except Rejected as rejected:
            if rejected.refused.reason not in EXISTS:
                raise
            return False
        if created.token and (created.revision > existing.revision or row.document_id in existing.documents):
            self._tell_token(row.document_id, created.token)
        self._count(row, existing, [created.revision], new="created")
        return True

    def _tell_token(self, customer_id: str, token: str) -> None:
        """Write a token down, also one that a repeated import is told again."""
        if self._tokens is None:
            self.result.untold += 1
        else:
            self._tokens.add(customer_id, token)

    async def _change(self, row: ValidRow, existing: ExistingDocuments) -> None:
        """Adjust the stock, then set fields: if the first is refused, nothing of the row was changed."""
        found = existing.documents.get(row.document_id)
        if row.change is not None and found is not None and not isinstance(found, Order):
            too_large = check_extra_size(merged(found.extra, row.change.extra))
            if too_large:
                raise Rejected(too_large)
        revisions = []
        if row.delta:
            request_id = self._ids.of(row, "adjust")
            adjusted = await self._client.adjust_stock(row.document_id, row.delta, request_id=request_id)
            revisions.append(adjusted.revision)
        if row.change is not None:
            revisions.append(await self._update(row, row.change, existing))
        as_it_is = not row.delta and found is not None and not changed_fields(row, found)
        self._count(row, existing, revisions, new="unchanged" if as_it_is else "updated")

    async def _update(self, row: ValidRow, change: Change, existing: ExistingDocuments) -> int:
        try:
            return (await self._client.execute(change, request_id=self._ids.of(row, "update"))).revision
        except Rejected as rejected:
            if rejected.refused.reason not in NOT_FOUND or row.document_id not in existing.documents:
                raise
        # The refusal is that of an earlier run: the document exists now.
        request_id = self._ids.of(row, "update", existing.revision)
        return (await self._client.execute(change, request_id=request_id)).revision

    def _count(self, row: ValidRow, existing: ExistingDocuments, revisions: Sequence[int], *, new: str) -> None:
        if not revisions or any(revision > existing.revision for revision in revisions):
            setattr(self.result, new, getattr(self.result, new) + 1)
            return
        found = existing.documents.get(row.document_id)
        if found is None or changed_fields(row, found):
            self.result.changed_since.append(row)
        else:
            self.result.already_imported += 1
