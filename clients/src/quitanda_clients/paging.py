"""Fetches lists page by page, each from one snapshot."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final, TypeVar

from quitanda.domain.limits import PAGE_SIZE_MAX
from quitanda.domain.outcomes import Problem, Reason, Refused
from quitanda.errors import Rejected
from quitanda_clients.results import Listing, ListPage

T = TypeVar("T")
Read = TypeVar("Read")

RESTARTS_MAX: Final = 3
"""How often a list begins again because the replicas no longer keep its snapshot."""

LISTED_MAX: Final = 1_000_000
"""The most documents in one listing, which bounds the client's memory."""

_ALL: Final = 2**63
"""More documents than any list has."""

FetchPage = Callable[[int, str], Awaitable[ListPage[T]]]
"""Fetches one page: (page size, page token) -> page."""


async def whole_list(fetch: FetchPage[T], limit: int = LISTED_MAX) -> Listing[T]:
    """Fetch the first `limit` documents of a list; it begins again as `from_one_snapshot` says."""
    return await from_one_snapshot(lambda: _collected(fetch, limit))


async def from_one_snapshot(read_list: Callable[[], Awaitable[Read]]) -> Read:
    """Read a list; if its page token is refused in the middle, read it again from the beginning, RESTARTS_MAX times.

    A token expires if the replicas no longer keep the list's snapshot; a new leader does not. One that somebody kept
    may be of another list. After that, and for every other reason, the exception of `read_list` passes through.
    """
    for _ in range(RESTARTS_MAX):
        try:
            return await read_list()
        except Rejected as rejected:
            if not _token_refused(rejected.refused):
                raise
    return await read_list()


async def pages(fetch: FetchPage[T], *, token: str = "", limit: int = _ALL) -> AsyncIterator[ListPage[T]]:
    """Yield the pages of a list from where `token` stands until they have `limit` documents.

    The pages are smaller if one of the usual size is too large for one answer.
    """
    size, count = PAGE_SIZE_MAX, 0
    while True:
        size = max(1, min(size, limit - count))
        try:
            page = await fetch(size, token)
        except Rejected as rejected:
            if size == 1 or not _too_large_together(rejected.refused):
                raise
            size //= 2
            continue
        yield page
        token = page.next_page_token
        count += len(page.documents)
        if not token or count >= limit:
            return


async def _collected(fetch: FetchPage[T], limit: int) -> Listing[T]:
    documents: list[T] = []
    revision, token = 0, ""
    async for page in pages(fetch, limit=limit):
        documents += page.documents
        revision, token = page.revision, page.next_page_token
    return Listing(tuple(documents[:limit]), revision, bool(token) or len(documents) > limit)


def _token_refused(refused: Refused) -> bool:
    return refused.reason is Reason.PAGE_TOKEN_EXPIRED or refused.field == "page_token"


def _too_large_together(refused: Refused) -> bool:
    """Tell whether a page of this size does not fit into one answer."""
    problem = dict(refused.details).get("problem")
    return refused.reason is Reason.INVALID_ARGUMENT and refused.field == "page_size" and problem == Problem.TOO_LARGE
