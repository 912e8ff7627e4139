"""All topics of the process, and who may follow them: bounds for an address, a session, and all together."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from prometheus_client import CollectorRegistry, Gauge

from quitanda.domain.model import Kind
from quitanda_clients.client import AdminClient
from quitanda_clients.i18n.languages import Language
from quitanda_clients.many_callers import ManyCallers
from quitanda_clients.portal_client import PortalClient
from quitanda_web.live.cluster_board import ClusterBoard
from quitanda_web.live.events import Wordings
from quitanda_web.live.sources import watch_source
from quitanda_web.live.topic import LINGER_SECONDS, LiveCaller, LiveSource, LiveSubscription, LiveTopic

PRODUCTS: Final = "products"
ORDERS: Final = "orders"
CLUSTER: Final = "cluster"
STREAMS: Final = (PRODUCTS, ORDERS, CLUSTER)
"""What pages can follow; the cluster is for staff."""


@dataclass(frozen=True, slots=True)
class LiveLimits:
    """How many streams may be open at the same time: of an address, of a session, and of all.

    `topics` bounds the watches of customers, each of whom has one for her orders.
    """

    of_address: int = 60
    of_session: int = 12
    of_all: int = 1_500
    topics: int = 500
    linger_seconds: float = LINGER_SECONDS


class TooManyStreams(Exception):
    """There is no room for one more stream; the browser may come again later."""


class LiveHub:
    """Opens streams; a part of the process (`quitanda.runtime.lifecycle.Part`), which ends them all when it stops."""

    name = "live"

    def __init__(
        self, callers: ManyCallers, wordings: Wordings, board: ClusterBoard, limits: LiveLimits | None = None
    ) -> None:
        """Take the clients of the portals, which are this hub's own: it closes them."""
        self._callers = callers
        self._wordings = wordings
        self._board = board
        self._limits = limits or LiveLimits()
        self._topics: dict[tuple[str, str], LiveTopic] = {}
        self._held: Counter[str] = Counter()
        self._stopped = False

    def __len__(self) -> int:
        return sum(map(len, self._topics.values()))

    def streams(self, stream: str) -> int:
        """Give how many streams of a name are open."""
        return sum(len(topic) for (name, _), topic in [*self._topics.items()] if name == stream)

    async def start(self) -> None:
        """Do nothing: the first stream begins to ask the portals."""

    async def stop(self, timeout: float) -> None:  # noqa: ARG002 - nothing here takes long
        """End all streams."""
        self._stopped = True
        for topic in [*self._topics.values()]:
            topic.stop()
        await self._callers.close()

    async def check(self, caller: LiveCaller) -> None:
        """Ask the portals whether they know a caller. Raises QuitandaError."""
        if caller.customer_id:
            await self._callers.shop(caller.customer_id, caller.token).orders_page(1)
        else:
            await self._callers.admin(caller.token).products_page(1)

    def open(
        self, stream: str, caller: LiveCaller, holders: tuple[str, str], language: Language, after: int | None
    ) -> LiveSubscription:
        """Open a stream for a session and an address (`holders`). Raises TooManyStreams."""
        session, address = (f"session {holders[0]}", f"address {holders[1]}")
        key = (stream, _audience(stream, caller))
        limits = self._limits
        if (
            self._stopped
            or self._held[address] >= limits.of_address
            or self._held[session] >= limits.of_session
            or len(self) >= limits.of_all
            or (key not in self._topics and len(self._topics) >= limits.topics)
        ):
            raise TooManyStreams
        subscription = self._topic(key, caller).follow(caller, language, after)
        for holder in (session, address):
            self._held[holder] += 1
            subscription.when_closed(self._giving_back(holder))
        return subscription

    def _topic(self, key: tuple[str, str], caller: LiveCaller) -> LiveTopic:
        if key not in self._topics:
            source = self._source(key[0], is_customer=bool(caller.customer_id))
            self._topics[key] = LiveTopic(
                " ".join(key).strip(), source, lambda: self._forget(key), self._limits.linger_seconds
            )
        return self._topics[key]

    def _source(self, stream: str, *, is_customer: bool) -> LiveSource:
        if stream == CLUSTER:
            return self._board.source(self._office)
        kind = Kind.PRODUCT if stream == PRODUCTS else Kind.ORDER
        return watch_source(kind, self._shop if is_customer else self._office, self._wordings)

    def _shop(self, caller: LiveCaller) -> PortalClient:
        return self._callers.shop(caller.customer_id, caller.token)

    def _office(self, caller: LiveCaller) -> AdminClient:
        return self._callers.admin(caller.token)

    def _forget(self, key: tuple[str, str]) -> None:
        self._topics.pop(key, None)

    def _giving_back(self, holder: str) -> Callable[[], None]:
        def give_back() -> None:
            self._held[holder] -= 1
            if not self._held[holder]:
                del self._held[holder]

        return give_back


def show_streams(registry: CollectorRegistry, hub: LiveHub) -> None:
    """Show how many streams are open, by what they follow."""
    gauge = Gauge("quitanda_page_streams", "Event streams of open pages", ("stream",), registry=registry)
    for stream in STREAMS:
        gauge.labels(stream).set_function(partial(hub.streams, stream))


def _audience(stream: str, caller: LiveCaller) -> str:
    """Name who shares a topic: all customers for the products, for orders each has her own; and all staff."""
    if not caller.customer_id:
        return "office"
    return "shop" if stream == PRODUCTS else f"shop {caller.customer_id}"
