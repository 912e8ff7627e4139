"""Lists: what is searched for stands in the address, and a refusal of it stands above an empty list."""

from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

from quitanda.codec.document_filters import DocumentFilter
from quitanda.domain.model import Kind
from quitanda.domain.outcomes import Reason
from quitanda.errors import Rejected
from quitanda_clients.portal_client import PortalClient
from quitanda_clients.results import ListPage
from quitanda_web.forms import CommandForm, FormView
from quitanda_web.visit import Visit, address, path_asked

PAGE_SIZE: Final = 50
SEARCH: Final = "search"
_NOBODY: Final = frozenset({Reason.UNAUTHENTICATED, Reason.CREDENTIAL_REVOKED})

T = TypeVar("T")


def search_form(*fields: str) -> CommandForm:
    """Make a form of which the browser sends the fields in the address."""
    return CommandForm(SEARCH, DocumentFilter, fields)


def take_query(visit: Visit) -> None:
    """Let the address's query be the form that was sent."""
    visit.typed, visit.posted = dict(visit.request.query_params), SEARCH


async def found(
    visit: Visit, client: PortalClient, kind: Kind, form: CommandForm
) -> tuple[ListPage[Any], FormView, str]:
    """Fetch the page of customers or products that the address asks for; give its form and the next page's address."""
    take_query(visit)
    token = visit.asked("page_token")

    async def fetch() -> ListPage[Any]:
        asked = {name: value for name, value in form.read(visit).items() if value is not None}
        wanted = DocumentFilter(**asked)
        if wanted == DocumentFilter():
            return await client.page(kind, PAGE_SIZE, token)
        return await client.found_page(kind, wanted, PAGE_SIZE, token)

    page = await listed(visit, fetch)
    return page, form.view(visit, path_asked(visit.request), {}), next_address(visit, page)


async def listed(visit: Visit, fetch: Callable[[], Awaitable[ListPage[T]]]) -> ListPage[T]:
    """Fetch a page of a list; where what is asked for is refused, an empty one, and the visit has the reason."""
    try:
        page = await fetch()
    except Rejected as rejected:
        if rejected.refused.reason in _NOBODY:
            raise
        visit.problem = visit.explain(rejected)
        return ListPage((), "", 0)
    visit.snapshot = page.revision if visit.asked("page_token") else 0
    return page


def next_address(visit: Visit, page: ListPage[Any]) -> str:
    """Give the address of the next page; empty after the last one."""
    if not page.next_page_token:
        return ""
    query = [(name, value) for name, value in visit.request.query_params.multi_items() if name != "page_token"]
    return address(path_asked(visit.request), **dict(query), page_token=page.next_page_token)
