"""Fetches a whole list, page by page, from one snapshot."""

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from quitanda.domain.limits import PAGE_SIZE_MAX
from quitanda.domain.outcomes import Problem, Reason, Refused
from quitanda.errors import Rejected
from quitanda_clients.results import Listing, ListPage

T = TypeVar("T")

RESTARTS_MAX: Final = 3
"""How often a list begins again because the replicas no longer keep its snapshot."""

LISTED_MAX: Final = 1_000_000
"""The most documents in one listing, which bounds the client's memory."""

FetchPage = Callable[[int, str], Awaitable[ListPage[T]]]
"""Fetches one page: (page size, page token) -> page."""


async def whole_list(fetch: FetchPage[T], limit: int = LISTED_MAX) -> Listing[T]:
    """Fetch the first `limit` documents of a list.

    If a page token expires in the middle (a new leader does not know it), the list begins again, at most RESTARTS_MAX
    times. After that, and for every other reason, the exception of `fetch` passes through.
    """
    for _ in range(RESTARTS_MAX):
        try:
            return await _one_pass(fetch, limit)
        except Rejected as rejected:
            if rejected.refused.reason is not Reason.PAGE_TOKEN_EXPIRED:
                raise
    return await _one_pass(fetch, limit)


async def _one_pass(fetch: FetchPage[T], limit: int) -> Listing[T]:
    documents: list[T] = []
    token = ""
    size = PAGE_SIZE_MAX
    while True:
        size = max(1, min(size, limit - len(documents)))
        try:
            page = await fetch(size, token)
        except Rejected as rejected:
            if size == 1 or not _too_large_together(rejected.refused):
                raise
            size //= 2
            continue
        documents += page.documents
        token = page.next_page_token
        if not token or len(documents) >= limit:
            truncated = bool(token) or len(documents) > limit
            return Listing(tuple(documents[:limit]), page.revision, truncated)


def _too_large_together(refused: Refused) -> bool:
    """Tell whether a page of this size does not fit into one answer."""
    problem = dict(refused.details).get("problem")
    return refused.reason is Reason.INVALID_ARGUMENT and refused.field == "page_size" and problem == Problem.TOO_LARGE
