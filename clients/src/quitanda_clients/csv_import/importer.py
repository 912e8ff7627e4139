"""Sending checked rows, a bounded number at a time; safe to do again with the same file, or with one like it."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from quitanda.domain.commands import CreateCustomer, CreateProduct, UpdateCustomer, UpdateProduct
from quitanda.domain.custom_fields import merged
from quitanda.domain.outcomes import Reason, Refused
from quitanda.domain.refusals import customer_exists, customer_not_found, product_exists, product_not_found
from quitanda.domain.validation import check_extra_size
from quitanda.errors import OutcomeUnknown, Rejected, Unavailable
from quitanda_clients.client import AdminClient
from quitanda_clients.csv_import.existing import Present, changed_fields
from quitanda_clients.csv_import.rows import Layout, Planned
from quitanda_clients.request_ids import derived_request_id
from quitanda_clients.results import Answer

IN_FLIGHT_DEFAULT: Final = 64
"""Rows on their way at the same time."""

EXISTS: Final = frozenset({Reason.CUSTOMER_EXISTS, Reason.PRODUCT_EXISTS})
NOT_FOUND: Final = frozenset({Reason.CUSTOMER_NOT_FOUND, Reason.PRODUCT_NOT_FOUND})


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """`update` changes what exists already; `label` tells one run from another of the same rows."""

    update: bool = False
    label: str = ""
    in_flight: int = IN_FLIGHT_DEFAULT


@dataclass(slots=True)
class Tally:
    """What became of the rows so far. `failure` is why it stopped before the end, or None.

    `already_imported` rows repeat an earlier run and stand as that left them; `changed_since` repeat one, too, but
    their documents were changed or deleted after it. Both were left as they are.
    """

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    already_imported: int = 0
    changed_since: list[Planned] = field(default_factory=list)
    refused: list[tuple[Planned, Refused]] = field(default_factory=list)
    failure: Unavailable | OutcomeUnknown | None = None

    @property
    def settled(self) -> int:
        """Rows of which it is known what became of them."""
        done = self.created + self.updated + self.unchanged + self.already_imported
        return done + len(self.changed_since) + len(self.refused)


class RowIds:
    """The request ids of rows: the same content, document and label give the same id, in whichever file they stand."""

    def __init__(self, layout: Layout, label: str) -> None:
        self._kind = layout.id_column
        self._label = label

    def of(self, row: Planned, action: str, after: int = 0) -> str:
        """Give the id of one write of a row; `after` the revision at which an earlier refusal no longer held."""
        return derived_request_id(
            "row of an import", self._kind, self._label, row.document_id, row.content(), action, after
        )


def cannot_be(row: Planned, layout: Layout, *, exists: bool, update: bool) -> Refused | None:
    """Say why a row cannot be imported where its document exists, or does not; None where it can."""
    if exists and not update:
        return _exists(row, layout)
    if not exists and row.create is None:
        customer = layout.id_column == "customer_id"
        return customer_not_found(row.document_id) if customer else product_not_found(row.document_id)
    return None


def _exists(row: Planned, layout: Layout) -> Refused:
    return (customer_exists if layout.id_column == "customer_id" else product_exists)(row.document_id)


class Import:
    """One import; `tally` can be read at any time, also after a cancellation."""

    def __init__(self, client: AdminClient, layout: Layout, options: ImportOptions) -> None:
        self.tally = Tally()
        self._client = client
        self._layout = layout
        self._ids = RowIds(layout, options.label)
        self._options = options

    async def run(self, rows: Sequence[Planned], present: Present, settled: Callable[[int], None]) -> Tally:
        """Send the rows; `settled` hears how many are settled. Stops at the first row that nobody answers.

        `present` is what there was before: an answer that is not newer repeats an earlier run.
        """
        remaining = iter(rows)
        async with asyncio.TaskGroup() as workers:
            for _ in range(min(self._options.in_flight, len(rows))):
                workers.create_task(self._work(remaining, present, settled))
        return self.tally

    async def _work(self, remaining: Iterator[Planned], present: Present, settled: Callable[[int], None]) -> None:
        for row in remaining:
            try:
                await self._send(row, present)
            except Rejected as rejected:
                self.tally.refused.append((row, rejected.refused))
            except (Unavailable, OutcomeUnknown) as failure:
                self.tally.failure = self.tally.failure or failure
            settled(self.tally.settled)
            if self.tally.failure is not None:
                return

    async def _send(self, row: Planned, present: Present) -> None:
        """Create the row's document, or change it where it exists."""
        absent = row.document_id not in present.documents
        if row.create is not None and await self._created(row, row.create, present):
            return
        if refused := cannot_be(row, self._layout, exists=not absent, update=self._options.update):
            raise Rejected(refused)
        await self._change(row, present)

    async def _created(self, row: Planned, command: CreateCustomer | CreateProduct, present: Present) -> bool:
        """Tell whether the row is settled; False where there is a document already, which is to be changed.

        An earlier run may have been refused because of a document that is gone since: that refusal is what is
        remembered, and the creation needs another id. But a row that changed it then is not imported anew.
        """
        if await self._try_to_create(row, command, present, 0):
            return True
        if row.document_id in present.documents:
            return False
        if self._options.update:
            try:
                await self._change(row, present)
            except Rejected as rejected:
                if rejected.refused.reason not in NOT_FOUND:
                    raise
            else:
                return True
        if await self._try_to_create(row, command, present, present.revision):
            return True
        raise Rejected(_exists(row, self._layout))  # somebody created it just now

    async def _try_to_create(
        self, row: Planned, command: CreateCustomer | CreateProduct, present: Present, after: int
    ) -> bool:
        try:
            answer = await self._creation(command, self._ids.of(row, "create", after))
        except Rejected as rejected:
            if rejected.refused.reason not in EXISTS:
                raise
            return False
        self._count(row, present, [answer.revision], new="created")
        return True

    async def _change(self, row: Planned, present: Present) -> None:
        """Adjust the stock, then set fields: where the first is refused, nothing of the row was changed."""
        found = present.documents.get(row.document_id)
        if row.change is not None and found is not None:
            too_large = check_extra_size(merged(found.extra, row.change.extra))
            if too_large:
                raise Rejected(too_large)
        revisions = []
        if row.delta:
            request_id = self._ids.of(row, "adjust")
            adjusted = await self._client.adjust_stock(row.document_id, row.delta, request_id=request_id)
            revisions.append(adjusted.revision)
        if row.change is not None:
            revisions.append(await self._update(row, row.change, present))
        as_it_is = not row.delta and found is not None and not changed_fields(row, found)
        self._count(row, present, revisions, new="unchanged" if as_it_is else "updated")

    async def _update(self, row: Planned, change: UpdateCustomer | UpdateProduct, present: Present) -> int:
        try:
            return (await self._updating(change, self._ids.of(row, "update"))).revision
        except Rejected as rejected:
            if rejected.refused.reason not in NOT_FOUND or row.document_id not in present.documents:
                raise
        # The refusal is that of an earlier run: there is one now.
        return (await self._updating(change, self._ids.of(row, "update", present.revision))).revision

    def _count(self, row: Planned, present: Present, revisions: Sequence[int], *, new: str) -> None:
        if not revisions or any(revision > present.revision for revision in revisions):
            setattr(self.tally, new, getattr(self.tally, new) + 1)
            return
        found = present.documents.get(row.document_id)
        if found is None or changed_fields(row, found):
            self.tally.changed_since.append(row)
        else:
            self.tally.already_imported += 1

    def _creation(self, command: CreateCustomer | CreateProduct, request_id: str) -> Awaitable[Answer[Any]]:
        if isinstance(command, CreateCustomer):
            return self._client.create_customer(
                command.customer_id, command.name, extra=command.extra, request_id=request_id
            )
        return self._client.create_product(
            command.product_id,
            command.name,
            command.price,
            command.quantity,
            description=command.description,
            extra=command.extra,
            request_id=request_id,
        )

    def _updating(self, change: UpdateCustomer | UpdateProduct, request_id: str) -> Awaitable[Answer[Any]]:
        if isinstance(change, UpdateCustomer):
            return self._client.update_customer(
                change.customer_id, name=change.name, extra=change.extra, request_id=request_id
            )
        return self._client.update_product(
            change.product_id,
            name=change.name,
            description=change.description,
            price=change.price,
            quantity=change.quantity,
            extra=change.extra,
            request_id=request_id,
        )
