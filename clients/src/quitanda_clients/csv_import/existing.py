"""Reads the documents that exist before an import, and compares rows with them."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Final

from quitanda.codec.documents import id_of
from quitanda.domain.commands import ImportOrder
from quitanda.domain.document_changes import merged
from quitanda.domain.model import Customer, Kind, Order, Product
from quitanda.domain.order_imports import imported
from quitanda.domain.order_states import LIVE_STATES
from quitanda.domain.outcomes import Reason, Refused
from quitanda.domain.refusals import customer_not_found, product_not_found
from quitanda.errors import Rejected
from quitanda_clients.client import AdminClient
from quitanda_clients.csv_import.rows import CsvSchema
from quitanda_clients.csv_import.valid_row import ValidRow

FETCHED_ONE_BY_ONE_MAX: Final = 50
"""The import fetches so many documents one by one; for a file with more rows, the list is cheaper."""

ORDERS_FETCHED_AT_ONCE: Final = 32

NOT_FOUND: Final = frozenset({Reason.CUSTOMER_NOT_FOUND, Reason.PRODUCT_NOT_FOUND})

_NOT_COMPARED: Final = frozenset({"extra", "expected_version"})


@dataclass(frozen=True, slots=True)
class ExistingDocuments:
    """The documents of the rows that exist, by id.

    Every outcome decided before this read has at most this `revision`; every later one has a higher one.
    """

    revision: int
    documents: Mapping[str, Customer | Product | Order]
    missing: Mapping[str, Refused] = field(default_factory=dict)
    """Why rows of orders cannot be imported, by the order's id: their customers or products do not exist."""


async def read_existing(client: AdminClient, schema: CsvSchema, rows: Sequence[ValidRow]) -> ExistingDocuments:
    """Read what exists, linearizably. Raises what reading raises."""
    if schema.kind is Kind.ORDER:
        return await _read_orders(client, rows)
    if len(rows) > FETCHED_ONE_BY_ONE_MAX:
        listing = await client.list(schema.kind)
        return ExistingDocuments(listing.revision, {id_of(document): document for document in listing.documents})
    page = await client.page(schema.kind, 1)
    found: dict[str, Customer | Product | Order] = {}
    for row in rows:
        try:
            found[row.document_id] = (await client.get(schema.kind, row.document_id)).document
        except Rejected as rejected:
            if rejected.refused.reason not in NOT_FOUND:
                raise
    return ExistingDocuments(page.revision, found)


async def _read_orders(client: AdminClient, rows: Sequence[ValidRow]) -> ExistingDocuments:
    """Read the orders of the rows, live and closed, some at a time: a list would have all orders of the shop."""
    page = await client.page(Kind.CUSTOMER, 1)
    found: dict[str, Customer | Product | Order] = {}
    remaining = iter(rows)

    async def work() -> None:
        for row in remaining:
            try:
                found[row.document_id] = (await client.get_order(row.document_id, include_closed=True)).document
            except Rejected as rejected:
                if rejected.refused.reason is not Reason.ORDER_NOT_FOUND:
                    raise

    async with asyncio.TaskGroup() as workers:
        for _ in range(min(ORDERS_FETCHED_AT_ONCE, len(rows))):
            workers.create_task(work())
    return ExistingDocuments(page.revision, found)


async def find_missing(client: AdminClient, rows: Sequence[ValidRow]) -> Mapping[str, Refused]:
    """Say which orders of a file could not be imported, as their customers, or products of live ones, do not exist."""
    commands = [row.create for row in rows if isinstance(row.create, ImportOrder)]
    customers = await _ids(
        client, Kind.CUSTOMER, {each.customer_id for each in commands if each.customer_id is not None}
    )
    live = [each for each in commands if each.state in LIVE_STATES]
    products = await _ids(client, Kind.PRODUCT, {item.product_id for each in live for item in each.items})
    missing: dict[str, Refused] = {}
    for each in commands:
        if each.customer_id is not None and each.customer_id not in customers:
            missing[each.order_id] = customer_not_found(each.customer_id)
        elif each.state in LIVE_STATES:
            for index, item in enumerate(each.items):
                if item.product_id not in products:
                    missing.setdefault(each.order_id, product_not_found(item.product_id, f"items[{index}].product_id"))
    return missing


async def _ids(client: AdminClient, kind: Kind, wanted: Collection[str]) -> Collection[str]:
    """Give those of the ids that exist."""
    if len(wanted) > FETCHED_ONE_BY_ONE_MAX:
        return {id_of(document) for document in (await client.list(kind)).documents}
    found = set()
    for document_id in sorted(wanted):
        try:
            await client.get(kind, document_id)
        except Rejected as rejected:
            if rejected.refused.reason not in NOT_FOUND:
                raise
        else:
            found.add(document_id)
    return found


def changed_fields(row: ValidRow, document: Customer | Product | Order) -> tuple[str, ...]:
    """Name the fields that are not yet as the row has them; a stock change does not count."""
    if isinstance(row.create, ImportOrder):
        brought = imported(row.create)
        names = (each.name for each in fields(brought) if each.name != "version")
        return tuple(name for name in names if getattr(brought, name) != getattr(document, name))
    change = row.change
    if change is None:
        return ()
    known = [
        each.name
        for each in fields(change)
        if each.name not in _NOT_COMPARED
        and (value := getattr(change, each.name)) is not None
        and value != getattr(document, each.name)
    ]
    before, after = dict(document.extra), dict(merged(document.extra, change.extra))
    return (*known, *(name for name in sorted(before.keys() | after.keys()) if before.get(name) != after.get(name)))
