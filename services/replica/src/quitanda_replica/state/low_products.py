"""Which products are low: the index of them, and telling when one comes to be low, or is so no more."""

from collections.abc import Iterable
from itertools import islice
from typing import Final

import structlog

from quitanda.domain.model import Product, low_crossing
from quitanda.domain.state import Change, Put
from quitanda_replica.state import keys
from quitanda_replica.state.access import WalkableState
from quitanda_replica.state.write_set import WriteSet

LOW_COUNT_MAX: Final = 1_000
"""How many low products are counted. Each look at the metrics counts anew, which must stay cheap in a large shop."""

_log: Final = structlog.get_logger(__name__)


def write_low(writes: WriteSet, old: Product | None, new: Product | None) -> None:
    """Write the index of low products where a product becomes another one; None: it does not exist."""
    is_low = low_crossing(old, new)
    if is_low and new is not None:
        writes.create(keys.low_product(new.product_id), b"")
    elif is_low is False and old is not None:
        writes.delete(keys.low_product(old.product_id))


def count_low(state: WalkableState) -> int:
    """Count the products that are low, up to LOW_COUNT_MAX: there are at least so many."""
    return sum(1 for _ in islice(state.iterate(keys.LOW_PRODUCTS), LOW_COUNT_MAX))


class LowProductLog:
    """Logs and counts the products that come to be low, and those that rise above their reorder level."""

    def __init__(self) -> None:
        self.low = 0
        """How often a product came down to its reorder level."""
        self.restocked = 0
        """How often a product rose above its reorder level."""

    def tell(self, writes: WriteSet, changes: Iterable[Change], index: int) -> None:
        """Tell what the changes, which `writes` has, make of the index; a level that is taken away is no news."""
        for change in changes:
            if type(change) is not Put or type(change.document) is not Product or not change.document.reorder_level:
                continue
            product = change.document
            if keys.low_product(product.product_id) not in writes.changes:
                continue
            self.low += product.low
            self.restocked += not product.low
            _log.info(
                "product_low" if product.low else "product_restocked",
                product_id=product.product_id,
                quantity=product.quantity,
                reorder_level=product.reorder_level,
                revision=index,
            )
