"""Sending checked rows, a bounded number at a time; safe to do again with the same file."""

import asyncio
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from quitanda.domain.commands import CreateCustomer
from quitanda.domain.outcomes import Reason
from quitanda.errors import OutcomeUnknown, Rejected, Unavailable
from quitanda_clients.admin_client import AdminClient
from quitanda_clients.bulk.row_commands import Planned
from quitanda_clients.request_ids import derived_request_id

IN_FLIGHT_DEFAULT: Final = 64
"""Rows on their way at the same time."""

EXISTS: Final = frozenset({Reason.CUSTOMER_EXISTS, Reason.PRODUCT_EXISTS})


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """`update` changes what exists already; `label` tells one run from another of the same file."""

    update: bool = False
    label: str = ""
    in_flight: int = IN_FLIGHT_DEFAULT


@dataclass(slots=True)
class Tally:
    """What became of the rows so far. `failure` is why it stopped before the end, or None."""

    created: int = 0
    updated: int = 0
    refused: list[tuple[Planned, Rejected]] = field(default_factory=list)
    failure: Unavailable | OutcomeUnknown | None = None

    @property
    def settled(self) -> int:
        """Rows that are done or refused."""
        return self.created + self.updated + len(self.refused)


class RowIds:
    """The request ids of one file's rows: the same file, label and line give the same id."""

    def __init__(self, data: bytes, label: str) -> None:
        self._file = hashlib.sha256(data).hexdigest()
        self._label = label

    def of(self, row: Planned, action: str) -> str:
        """Give the id of one row's creation or update."""
        return derived_request_id(self._file, self._label, row.line, action)


class Import:
    """One import; `tally` can be read at any time, also after a cancellation."""

    def __init__(self, client: AdminClient, ids: RowIds, options: ImportOptions) -> None:
        self.tally = Tally()
        self._client = client
        self._ids = ids
        self._options = options

    async def run(self, rows: Sequence[Planned], settled: Callable[[int], None]) -> Tally:
        """Send the rows; `settled` hears how many are settled. Stops at the first row that nobody answers."""
        remaining = iter(rows)
        async with asyncio.TaskGroup() as workers:
            for _ in range(min(self._options.in_flight, len(rows))):
                workers.create_task(self._work(remaining, settled))
        return self.tally

    async def _work(self, remaining: Iterator[Planned], settled: Callable[[int], None]) -> None:
        for row in remaining:
            try:
                await self._send(row)
            except Rejected as rejected:
                self.tally.refused.append((row, rejected))
            except (Unavailable, OutcomeUnknown) as failure:
                self.tally.failure = self.tally.failure or failure
            settled(self.tally.settled)
            if self.tally.failure is not None:
                return

    async def _send(self, row: Planned) -> None:
        try:
            await self._create(row)
            self.tally.created += 1
        except Rejected as rejected:
            if not self._options.update or rejected.refused.reason not in EXISTS:
                raise
            await self._update(row)
            self.tally.updated += 1

    async def _create(self, row: Planned) -> None:
        command, request_id = row.command, self._ids.of(row, "create")
        if isinstance(command, CreateCustomer):
            await self._client.create_customer(
                command.customer_id, command.name, extra=command.extra, request_id=request_id
            )
            return
        await self._client.create_product(
            command.product_id,
            command.name,
            command.price,
            command.quantity,
            description=command.description,
            extra=command.extra,
            request_id=request_id,
        )

    async def _update(self, row: Planned) -> None:
        command, request_id = row.command, self._ids.of(row, "update")
        if isinstance(command, CreateCustomer):
            await self._client.update_customer(
                command.customer_id, name=command.name, extra=command.extra, request_id=request_id
            )
            return
        await self._client.update_product(
            command.product_id,
            name=command.name,
            description=command.description,
            price=command.price,
            quantity=command.quantity,
            extra=command.extra,
            request_id=request_id,
        )
