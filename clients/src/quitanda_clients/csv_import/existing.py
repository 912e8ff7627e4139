"""Reads the documents that exist before an import, and compares rows with them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Final

from quitanda.codec.documents import id_of
from quitanda.domain.document_changes import merged
from quitanda.domain.model import Customer, Product
from quitanda.domain.outcomes import Reason
from quitanda.errors import Rejected
from quitanda_clients.client import AdminClient
from quitanda_clients.csv_import.rows import CsvSchema, ValidRow

FETCHED_ONE_BY_ONE_MAX: Final = 50
"""The import fetches so many documents one by one; for a file with more rows, the list is cheaper."""

NOT_FOUND: Final = frozenset({Reason.CUSTOMER_NOT_FOUND, Reason.PRODUCT_NOT_FOUND})

_NOT_COMPARED: Final = frozenset({"extra", "expected_version"})


@dataclass(frozen=True, slots=True)
class ExistingDocuments:
    """The documents of the rows that exist, by id.

    Every outcome decided before this read has at most this `revision`; every later one has a higher one.
    """

    revision: int
    documents: Mapping[str, Customer | Product]


async def read_existing(client: AdminClient, schema: CsvSchema, rows: Sequence[ValidRow]) -> ExistingDocuments:
    """Read what exists, linearizably. Raises what reading raises."""
    if len(rows) > FETCHED_ONE_BY_ONE_MAX:
        listing = await client.list(schema.kind)
        return ExistingDocuments(listing.revision, {id_of(document): document for document in listing.documents})
    page = await client.page(schema.kind, 1)
    found: dict[str, Customer | Product] = {}
    for row in rows:
        try:
            found[row.document_id] = (await client.get(schema.kind, row.document_id)).document
        except Rejected as rejected:
            if rejected.refused.reason not in NOT_FOUND:
                raise
    return ExistingDocuments(page.revision, found)


def changed_fields(row: ValidRow, document: Customer | Product) -> tuple[str, ...]:
    """Name the fields that are not yet as the row has them; a stock change does not count."""
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
