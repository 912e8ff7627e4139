"""`import --dry-run`: what would become of checked rows, from the documents that there are now; nothing is sent."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from quitanda.domain.commands import CreateCustomer
from quitanda_clients.bulk.row_commands import Planned

if TYPE_CHECKING:
    from quitanda_clients.admin_client import AdminClient


async def foresee(client: "AdminClient", planned: Sequence[Planned], *, update: bool) -> dict[str, int]:
    """Count the rows that would be created, updated and refused. Raises what listing the documents raises.

    An import that was given before is not foreseen: its rows would only be told again what became of them.
    """
    there_are = await _ids(client, customers=any(isinstance(row.command, CreateCustomer) for row in planned))
    known = sum(_id(row) in there_are for row in planned)
    return {
        "created": len(planned) - known,
        "updated": known if update else 0,
        "refused": 0 if update else known,
    }


async def _ids(client: "AdminClient", *, customers: bool) -> set[str]:
    if customers:
        return {customer.customer_id for customer in (await client.list_customers()).documents}
    return {product.product_id for product in (await client.list_products()).documents}


def _id(row: Planned) -> str:
    return row.command.customer_id if isinstance(row.command, CreateCustomer) else row.command.product_id
