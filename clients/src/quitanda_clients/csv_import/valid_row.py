"""A row of a file that is valid: the commands that it becomes."""

from dataclasses import dataclass
from typing import TypeAlias

from quitanda.domain.commands import CreateCustomer, CreateProduct, ImportOrder, UpdateCustomer, UpdateProduct
from quitanda.domain.fingerprint import fingerprint

Creation: TypeAlias = CreateCustomer | CreateProduct | ImportOrder
Change: TypeAlias = UpdateCustomer | UpdateProduct


@dataclass(frozen=True, slots=True)
class ValidRow:
    """A valid row: the command that creates its document, and the one that changes it if it exists.

    `create` is None if the file does not have everything that a new document needs. `change` is None, and `delta` zero,
    if there is nothing to change. An order may have several rows: `line` is that of the first one.
    """

    line: int
    document_id: str
    create: Creation | None
    change: Change | None
    delta: int = 0

    @property
    def sets_stock_beside_others(self) -> bool:
        """Whether it would set the units on hand of a product and other fields, as a row of an export does."""
        match self.change:
            case UpdateProduct(quantity=int(), name=name, price=price):
                return name is not None or price is not None
            case _:
                return False

    def content(self) -> str:
        """Identify what the row says: the same for equal values of equal columns, in whichever file the row is."""
        commands = (command for command in (self.create, self.change) if command is not None)
        return " ".join([*map(fingerprint, commands), str(self.delta)])
