"""What was changed, when and by whom, for staff: the history of each document, and the stock card of a product."""

from collections.abc import Mapping
from typing import Final

from starlette.exceptions import HTTPException
from starlette.responses import Response

from quitanda.domain.commands import CreateCredential
from quitanda.domain.model import Kind
from quitanda_clients.i18n.history_texts import HistoryTexts
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


async def show_history(visit: Visit) -> Response:
    """Show the changes of a document, the newest first; it may be deleted."""
    try:
        kind = Kind(visit.parameter("kind"))
    except ValueError:
        raise HTTPException(404) from None
    document_id = visit.parameter("document_id")
    token = visit.asked("page_token")
    page = await listed(visit, lambda: visit.office.history_page(kind, document_id, PAGE_SIZE, token))
    texts = await _texts(visit)
    return visit.render(
        "office_history.html",
        kind=kind.value,
        document_id=document_id,
        at=path_of(*_AT[kind], document_id),
        entries=[texts.entry(entry) for entry in page.documents],
        more=next_address(visit, page),
    )


async def show_stock_card(visit: Visit) -> Response:
    """Show each movement of a product's units on hand, the newest first."""
    product_id = visit.parameter("product_id")
    found = await visit.office.list_history(Kind.PRODUCT, product_id, LISTED_MAX)
    made = movements(found.documents)
    shown = made[-MOVEMENTS_SHOWN_MAX:]
    texts = await _texts(visit)
    values = [
        ChartValue(visit.formats.moment(each.entry.received_at_ms), each.on_hand, visit.formats.number(each.on_hand))
        for each in shown
    ]
    return visit.render(
        "office_stock_card.html",
        product_id=product_id,
        at=path_of(*_AT[Kind.PRODUCT], product_id),
        movements=[(each, texts.entry(each.entry)) for each in reversed(shown)],
        cut=found.truncated or len(shown) < len(made),
        chart=columns(
            visit.gettext("Units on hand after each movement"),
            visit.gettext("The table below has the numbers."),
            values,
        ),
    )


async def _texts(visit: Visit) -> HistoryTexts:
    """Name the credentials as far as who is signed in may know them; nobody else's page asks for what is refused."""
    names = await visit.office.credential_labels() if visit.may(CreateCredential) else {}
    return HistoryTexts(visit.gettext, visit.formats, names)


PAGES: Final = (
    WebPage("office_history", "/office/history/{kind}/{document_id}", Who.STAFF, show_history),
    WebPage("office_stock_card", "/office/stock-card/{product_id}", Who.STAFF, show_stock_card),
)
