"""Watching that outlives portals: a watch begins again after the last revision that was told, a list begins anew.

No change is missed. Some may be told again, and several changes of one document may be told as the last of them.
"""

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from quitanda.codec.watches import WatchedChange, WatchedChanges, changes_from_result
from quitanda.domain.model import Product
from quitanda.domain.outcomes import Reason
from quitanda.errors import NotOffered, OutcomeUnknown, Rejected, Unavailable
from quitanda_clients.results import Listing
from quitanda_clients.retry import ClientClosed

SILENCE_SECONDS_MAX: Final = 10.0
"""A portal says every two seconds that it is there, and ends a watch that it cannot serve after five."""

RESUME_SECONDS_MAX: Final = 0.5
"""A watch that was lost begins again after a random time up to this, so that not all come at once."""

Parts: TypeAlias = AsyncGenerator[WatchedChanges, None]

OnUnavailable: TypeAlias = Callable[[Unavailable], None]
"""The client calls it each time that it has tried all portals in vain; then it goes on trying."""


def ignore_unavailable(_error: Unavailable) -> None:
    """Do nothing while no portal answers."""


@dataclass(frozen=True, slots=True)
class FollowedProducts:
    """The products as they are at `revision`, by id; what became of which since the last time."""

    products: Mapping[str, Product]
    revision: int
    changed: tuple[Product, ...] = ()
    gone: tuple[str, ...] = ()


async def watch_on(
    begin: Callable[[int | None], Parts],
    after_revision: int | None,
    on_unavailable: OnUnavailable,
    silence_seconds_max: float = SILENCE_SECONDS_MAX,
) -> Parts:
    """Yield what `begin(after revision)` yields, and begin again whenever it is lost or silent; never ends by itself.

    Raises Rejected, NotOffered, and ClientClosed.
    """
    told = after_revision
    while True:
        begun = False
        try:
            async with aclosing(begin(told)) as parts:
                async for part in _unless_silent(parts, silence_seconds_max):
                    begun, told = True, part.revision
                    yield part
        except (ClientClosed, NotOffered):
            raise
        except (Unavailable, OutcomeUnknown) as error:
            if not begun:
                on_unavailable(error if isinstance(error, Unavailable) else Unavailable(str(error)))
        await asyncio.sleep(random.uniform(0, RESUME_SECONDS_MAX))  # noqa: S311 - spreads clients, hides nothing


async def follow_products(
    fetch: Callable[[], Awaitable[Listing[Product]]],
    watch: Callable[[int], Parts],
    on_unavailable: OnUnavailable,
) -> AsyncGenerator[FollowedProducts, None]:
    """Yield the list, then its changes, and each heartbeat; list anew where a portal does not remember all changes.

    `watch(revision)` tells what changed after it, as `watch_on` does. Raises as `watch_on`.
    """
    known: dict[str, Product] = {}
    while True:
        try:
            listing = await fetch()
        except (ClientClosed, NotOffered):
            raise
        except Unavailable as error:
            on_unavailable(error)
            continue
        current = {product.product_id: product for product in listing.documents}
        changed = tuple(product for key, product in current.items() if known.get(key) != product)
        yield FollowedProducts(current, listing.revision, changed, tuple(known.keys() - current.keys()))
        known = current
        try:
            async with aclosing(watch(listing.revision)) as parts:
                async for part in parts:
                    if listing.truncated and _moves_the_end(known, part.changes):
                        break
                    known, told = _apply(known, part)
                    yield told
        except Rejected as rejected:
            if rejected.refused.reason is not Reason.REVISION_GONE:
                raise


async def read_parts(results: AsyncIterator[tuple[Any, int]], after_revision: int | None) -> Parts:
    """Read the replies of one watch over MQTT, each with its revision, until the one that says that the watch ends.

    Raises Unavailable where a reply was lost on the way, or cannot be read.
    """
    told = after_revision
    async for result, revision in results:
        try:
            after, part, ends = changes_from_result(result, revision)
        except ValueError as error:
            raise Unavailable(f"a reply that cannot be read: {error}") from error
        if told is not None and after > told:
            raise Unavailable("a reply was lost")
        told = max(told or 0, part.revision)
        yield part
        if ends:
            return


async def _unless_silent(parts: Parts, seconds: float) -> AsyncIterator[WatchedChanges]:
    """Yield the parts; Unavailable where none comes for so many seconds."""
    while True:
        try:
            async with asyncio.timeout(seconds):
                part = await anext(parts)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise Unavailable(f"the portal has been silent for {seconds:g} s") from None
        yield part


def _moves_the_end(known: Mapping[str, Product], changes: tuple[WatchedChange, ...]) -> bool:
    """Whether changes let other products be among the first ones than those that are known."""
    last = max(known, default="")
    return any(
        change.document_id <= last and (change.document is None) == (change.document_id in known) for change in changes
    )


def _apply(known: dict[str, Product], part: WatchedChanges) -> tuple[dict[str, Product], FollowedProducts]:
    """Give the products after the changes, in the order of their ids, and what is told of them."""
    current = dict(known) if part.changes else known
    changed: list[Product] = []
    gone: list[str] = []
    for change in part.changes:
        if isinstance(change.document, Product):
            if current.get(change.document_id) != change.document:
                changed.append(change.document)
            current[change.document_id] = change.document
        elif current.pop(change.document_id, None) is not None:
            gone.append(change.document_id)
    if current.keys() - known.keys():
        current = dict(sorted(current.items()))
    return current, FollowedProducts(current, part.revision, tuple(changed), tuple(gone))
