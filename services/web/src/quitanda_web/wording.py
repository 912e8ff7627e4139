"""How documents are written for a reader: the texts that a page shows of them, and that follow their changes."""

from collections.abc import Mapping
from dataclasses import dataclass
from gettext import NullTranslations
from typing import Any

from quitanda.domain.model import Kind, Product
from quitanda_clients.i18n import labels
from quitanda_clients.i18n.formats import Formats

ShownTexts = Mapping[str, str]
"""The texts of one document, each by the name that stands in the page as `data-field`; an empty text is hidden."""


@dataclass(frozen=True, slots=True)
class Wording:
    """Writes documents in one language."""

    texts: NullTranslations
    formats: Formats

    def product(self, product: Product) -> ShownTexts:
        """Write a product's price and stock: in numbers, and as a sentence."""
        gettext, units = self.texts.gettext, self.formats.number(product.quantity)
        sold_out = gettext("sold out")
        in_stock = self.texts.ngettext("%(units)s unit in stock", "%(units)s units in stock", product.quantity)
        return {
            "price": self.formats.money(product.price),
            "quantity": units,
            "available": units if product.quantity else sold_out,
            "shelf": in_stock % {"units": units} if product.quantity else sold_out,
            "low": gettext("low") if product.low else "",
        }

    def order(self, order: Any) -> ShownTexts:
        """Write what a list says of an order, or of its summary."""
        return {
            "state": self.state(order.state),
            "products": self.formats.number(order.item_count),
            "total": self.formats.money(order.total),
        }

    def state(self, state: str) -> str:
        """Name an order's state."""
        return self.texts.gettext(labels.STATES.get(state, state))

    def document(self, kind: Kind, document: Any) -> ShownTexts:
        """Write a product or an order as it is now; None: it was deleted."""
        if document is None:
            gone = self.texts.gettext("no longer there")
            names = ("quantity", "available", "shelf") if kind is Kind.PRODUCT else ("state",)
            return dict.fromkeys(names, gone)
        return self.product(document) if kind is Kind.PRODUCT else self.order(document)
