"""What was changed, when and by whom, for staff: the history of each document, and the stock card of a product."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from starlette.exceptions import HTTPException
from starlette.responses import Response

from quitanda.codec.change_records import ChangedField, HistoryEntry
from quitanda.codec.money import parse_price
from quitanda.domain.commands import CreateCredential
from quitanda.domain.model import Kind
from quitanda_clients.i18n import labels
from quitanda_clients.paging import LISTED_MAX
from quitanda_clients.reports.stock_card import movements
from quitanda_web.charts import ChartValue, columns
from quitanda_web.pages.listing import PAGE_SIZE, listed, next_address
from quitanda_web.site import WebPage, Who
from quitanda_web.visit import Visit, path_of

MOVEMENTS_SHOWN_MAX: Final = 500
"""Of more movements the stock card shows the last ones."""

_AT: Final[Mapping[Kind, tuple[str, ...]]] = {
    Kind.PRODUCT: ("office", "products"),
    Kind.CUSTOMER: ("office", "customers"),
    Kind.ORDER: ("office", "orders"),
    Kind.CREDENTIAL: ("office", "tokens"),
    Kind.WEBHOOK: ("office", "webhooks"),
}
"""Where the page of each kind of thing is that has a history."""
_MONEY: Final = frozenset({"price", "unit_price", "total"})
_MOMENTS: Final = "_at_ms", "_since_ms"
_NOTHING: Final = "—"


@dataclass(frozen=True, slots=True)
class ShownChange:
    """A field as it was and as it is since, as people read it."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class ShownEntry:
    """One change of a document, as people read it."""

    when: str
    who: str
    what: str
    order_id: str
    deleted: bool
    fields: tuple[ShownChange, ...]


async def show_history(visit: Visit) -> Response:
    """Show the changes of a document, the newest first; it may be deleted."""
    try:
        kind = Kind(visit.parameter("kind"))
    except ValueError:
        raise HTTPException(404) from None
    document_id = visit.parameter("document_id")
    token = visit.asked("page_token")
    page = await listed(visit, lambda: visit.office.history_page(kind, document_id, PAGE_SIZE, token))
    names = await _names(visit)
    return visit.render(
        "office_history.html",
        kind=kind.value,
        document_id=document_id,
        at=path_of(*_AT[kind], document_id),
        entries=[_shown(visit, entry, names) for entry in page.documents],
        more=next_address(visit, page),
    )


async def show_stock_card(visit: Visit) -> Response:
    """Show each movement of a product's units on hand, the newest first."""
    product_id = visit.parameter("product_id")
    found = await visit.office.list_history(Kind.PRODUCT, product_id, LISTED_MAX)
    made = movements(found.documents)
    shown = made[-MOVEMENTS_SHOWN_MAX:]
    names = await _names(visit)
    values = [
        ChartValue(visit.formats.moment(each.entry.received_at_ms), each.on_hand, visit.formats.number(each.on_hand))
        for each in shown
    ]
    return visit.render(
        "office_stock_card.html",
        product_id=product_id,
        at=path_of(*_AT[Kind.PRODUCT], product_id),
        movements=[(each, _shown(visit, each.entry, names)) for each in reversed(shown)],
        cut=found.truncated or len(shown) < len(made),
        chart=columns(
            visit.gettext("Units on hand after each movement"),
            visit.gettext("The table below has the numbers."),
            values,
        ),
    )


async def _names(visit: Visit) -> Mapping[str, str]:
    """Give what staff call each credential, as far as who is signed in may know it."""
    if not visit.may(CreateCredential) or visit.site.settings.identity is None:
        return {}
    listing = await visit.office.list_credentials()
    return {each.credential_id: each.label for each in listing.documents}


def _shown(visit: Visit, entry: HistoryEntry, names: Mapping[str, str]) -> ShownEntry:
    command = labels.COMMANDS.get(entry.command)
    return ShownEntry(
        visit.formats.moment(entry.received_at_ms) or _NOTHING,
        entry.scope or names.get(entry.credential_id, entry.credential_id) or _NOTHING,
        visit.gettext(command) if command else entry.command,
        entry.order_id,
        entry.deleted,
        tuple(_change(visit, field) for field in entry.fields),
    )


def _change(visit: Visit, field: ChangedField) -> ShownChange:
    name = visit.gettext(labels.field_label(field.name))
    return ShownChange(
        f"{field.product_id}: {name}" if field.product_id else name,
        _value(visit, field.name, field.before_json),
        _value(visit, field.name, field.after_json),
    )


def _value(visit: Visit, name: str, text: str) -> str:
    """Write a value, which stands in the history as JSON, as people read it."""
    if not text:
        return _NOTHING
    if name in _MONEY and isinstance(price := parse_price(text, name), int):
        return visit.formats.money(price)
    value = json.loads(text)
    if isinstance(value, bool):
        return visit.gettext("yes") if value else visit.gettext("no")
    if isinstance(value, int):
        return _moment(visit, value) if name.endswith(_MOMENTS) else visit.formats.number(value)
    return _word(visit, name, value) if isinstance(value, str) else text


def _moment(visit: Visit, milliseconds: int) -> str:
    return visit.formats.moment(milliseconds) or _NOTHING


def _word(visit: Visit, name: str, value: str) -> str:
    """Write a text; a state or a role by the word that people read."""
    known = labels.STATES if name == "state" else labels.CHOICES.get(name, {})
    return visit.gettext(known[value]) if value in known else value


PAGES: Final = (
    WebPage("office_history", "/office/history/{kind}/{document_id}", Who.STAFF, show_history),
    WebPage("office_stock_card", "/office/stock-card/{product_id}", Who.STAFF, show_stock_card),
)
