"""What there is before an import begins, and what a row would change of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from quitanda.domain.commands import UpdateCustomer
from quitanda.domain.custom_fields import merged
from quitanda.domain.model import Customer, Product
from quitanda.domain.outcomes import Reason
from quitanda.errors import Rejected
from quitanda_clients.client import AdminClient
from quitanda_clients.csv_import.rows import Layout, Planned

ASKED_ONE_BY_ONE_MAX: Final = 50
"""Documents that are fetched by their ids; where a file has more, the list is cheaper."""

_MISSING: Final = frozenset({Reason.CUSTOMER_NOT_FOUND, Reason.PRODUCT_NOT_FOUND})


@dataclass(frozen=True, slots=True)
class Present:
    """The documents that there are, by id, of those that the rows are about.

    Every outcome decided before the look has at most this `revision`; every later one has a higher one.
    """

    revision: int
    documents: Mapping[str, Customer | Product]


async def look(client: AdminClient, layout: Layout, rows: Sequence[Planned]) -> Present:
    """Look at what there is, linearizably. Raises what reading raises."""
    customers = layout.id_column == "customer_id"
    if len(rows) > ASKED_ONE_BY_ONE_MAX:
        if customers:
            all_customers = await client.list_customers()
            return Present(all_customers.revision, {found.customer_id: found for found in all_customers.documents})
        all_products = await client.list_products()
        return Present(all_products.revision, {found.product_id: found for found in all_products.documents})
    page = await (client.customers_page(1) if customers else client.products_page(1))
    get = client.get_customer if customers else client.get_product
    found: dict[str, Customer | Product] = {}
    for row in rows:
        try:
            found[row.document_id] = (await get(row.document_id)).document
        except Rejected as rejected:
            if rejected.refused.reason not in _MISSING:
                raise
    return Present(page.revision, found)


def changed_fields(row: Planned, document: Customer | Product) -> tuple[str, ...]:
    """Name the fields that are not yet as the row has them; what a row adds to the stock does not count."""
    change = row.change
    if change is None:
        return ()
    names = ("name",) if isinstance(change, UpdateCustomer) else ("name", "description", "price", "quantity")
    known = [
        name for name in names if (value := getattr(change, name)) is not None and value != getattr(document, name)
    ]
    before, after = dict(document.extra), dict(merged(document.extra, change.extra))
    return (*known, *(name for name in sorted(before.keys() | after.keys()) if before.get(name) != after.get(name)))
