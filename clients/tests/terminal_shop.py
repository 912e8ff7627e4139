"""The full-screen interfaces over real portals, before a cluster in memory that decides by the real rules."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC

from fake_cluster import DirectReader, FakeCluster, FakeFeed
from prometheus_client import CollectorRegistry
from textual.app import App
from textual.events import Paste
from textual.pilot import Pilot

from quitanda.cluster_client import ReadAnswer, ReadItem
from quitanda.domain.commands import CreateCustomer, CreateOrder, CreateProduct, ItemQuantity
from quitanda.portal.servers import PortalServers
from quitanda.runtime.addresses import Address
from quitanda.runtime.settings import AdminPortalSettings, ClientPortalSettings
from quitanda_admin_portal import composition as admin_portal
from quitanda_client_portal import composition as client_portal
from quitanda_clients.client import AdminClient
from quitanda_clients.connecting import Transport, make_shop_client
from quitanda_clients.i18n.formats import Formats
from quitanda_clients.i18n.languages import Language
from quitanda_clients.terminal.office import OfficeTerminal
from quitanda_clients.terminal.shop import ShopTerminal
from quitanda_clients.terminal.texts import TerminalTexts

STOP_SECONDS = 2.0
WAIT_SECONDS = 60.0
TIMEOUT_SECONDS = 8.0
FIRST_PRODUCT = "Caneta"
BEGUN_MS = 1_700_000_000_000
"""When orders were begun."""


class ClusterOfShop(FakeCluster):
    """A cluster whose changes alone can be held, too: `hold_writes`, until `release`."""

    holds_reads = True

    def hold_writes(self) -> None:
        self.holds_reads = False
        self.hold()

    def release(self) -> None:
        super().release()
        self.holds_reads = True

    async def read(self, reads: Sequence[ReadItem], timeout: float) -> ReadAnswer:
        if self.holds_reads:
            return await super().read(reads, timeout)
        return ReadAnswer(self.revision, tuple(self._read(item) for item in reads))


@dataclass
class PortalsInMemory:
    """A portal of each kind before the cluster; `stop` takes them away."""

    cluster: ClusterOfShop
    feeds: list[FakeFeed] = field(default_factory=list)
    addresses: dict[str, Address] = field(default_factory=dict)
    servers: list[PortalServers] = field(default_factory=list)

    def does(self, command, scope: str = ""):
        """Let somebody else change something, which the watches are told."""
        document = self.cluster.does(command, scope)
        for feed in self.feeds:
            feed.changed(*([document] if document is not None else []))
        return document

    def order(self, *items: tuple[str, int]) -> None:
        """Let ana have the open order o1, with these products and units; without any, with two pens."""
        lines = tuple(ItemQuantity(product_id, units) for product_id, units in items or (("caneta", 2),))
        self.does(CreateOrder("ana", "o1", BEGUN_MS, lines), "ana")

    def beat(self) -> None:
        for feed in self.feeds:
            feed.beat()

    async def start(self, ports: dict[str, int] | None = None) -> None:
        kinds = (("admin", AdminPortalSettings, admin_portal), ("client", ClientPortalSettings, client_portal))
        for name, kind, composition in kinds:
            reader = DirectReader(self.cluster)
            self.feeds.append(FakeFeed(self.cluster, reader))
            settings = kind(
                name=f"{name}-portal-1",
                replicas={"replica1": Address("127.0.0.1", 1)},
                listen=Address("127.0.0.1", (ports or {}).get(name, 0)),
                request_timeout_seconds=5.0,
            )
            server, *_ = composition.compose(settings, self.cluster, reader, CollectorRegistry(), None)
            await server.start()
            self.servers.append(server)
            self.addresses[name] = server.server.address

    async def stop(self) -> None:
        self.cluster.release()
        self.feeds.clear()
        while self.servers:
            await self.servers.pop().stop(STOP_SECONDS)

    async def restart(self) -> None:
        """Bring the portals back where they were."""
        await self.start({name: address.port for name, address in self.addresses.items()})


@asynccontextmanager
async def portals_in_memory() -> AsyncIterator[PortalsInMemory]:
    cluster = ClusterOfShop()
    from known_callers import raise_to_highest_level  # noqa: PLC0415

    raise_to_highest_level(cluster)
    cluster.does(CreateCustomer("ana", "Ana"))
    cluster.does(CreateProduct("caneta", "Caneta", price=250, quantity=10, description="Azul", reorder_level=20))
    cluster.does(CreateProduct("lapis", "Lápis", price=1120, quantity=5))
    portals = PortalsInMemory(cluster)
    await portals.start()
    try:
        yield portals
    finally:
        await portals.stop()


@dataclass
class TerminalUser:
    """Somebody at a terminal, who presses keys and reads."""

    app: App[int]
    pilot: Pilot[int]

    @property
    def screen(self) -> str:
        """What is shown, in lines."""
        return screen_text(self.app)

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)

    async def type(self, text: str) -> None:
        await self.pilot.press(*["space" if sign == " " else sign for sign in text])

    async def paste(self, text: str) -> None:
        """Paste a text as a terminal tells of it, as a whole."""
        self.app.post_message(Paste(text))
        await self.pilot.pause()

    async def sees(self, *texts: str) -> str:
        """Wait until all the texts are on the screen."""
        return await self.until(lambda: all(text in self.screen for text in texts), " and ".join(texts))

    async def sees_no(self, text: str) -> str:
        return await self.until(lambda: text not in self.screen, f"no {text}")

    async def until(self, condition: Callable[[], bool], what: str = "it") -> str:
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                while not condition():
                    await self.pilot.pause(0.02)
        except TimeoutError:
            raise AssertionError(f"waited for {what}; the screen shows\n{self.screen}") from None
        return self.screen


def screen_text(app) -> str:
    """Give the lines of the screen as text, without the blanks at their ends."""
    lines = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in lines)


def texts(language=Language.ENGLISH) -> TerminalTexts:
    return TerminalTexts(Formats(language, UTC, "BRL"))


@asynccontextmanager
async def at_terminal(app, size) -> AsyncIterator[TerminalUser]:
    async with AsyncExitStack() as stack:
        pilot = await stack.enter_async_context(app.run_test(size=size))
        yield TerminalUser(app, pilot)


@asynccontextmanager
async def customer(
    portals, customer_id="ana", language=Language.ENGLISH, size=(80, 24), timeout=TIMEOUT_SECONDS, waits=True, **given
):
    """A customer at her terminal, who sees the products; with an empty id she has not said who she is."""

    def make(customer_id):
        return make_shop_client(
            Transport.GRPC,
            customer_id,
            portals=(portals.addresses["client"],),
            broker=Address("127.0.0.1", 1),
            timeout=timeout,
        )

    async with at_terminal(ShopTerminal(make, customer_id, texts(language), **given), size) as user:
        if customer_id and waits:
            await user.sees(FIRST_PRODUCT)
        yield user


@asynccontextmanager
async def customer_at_order(portals, **given):
    """A customer at her terminal, who sees the order that she fills; where the shop has none, with two pens."""
    if portals.cluster.state.order("o1") is None:
        portals.order()
    async with customer(portals, **given) as user:
        await user.press("2")
        await user.sees("State: open")
        yield user


@asynccontextmanager
async def staff(portals, language=Language.ENGLISH, size=(80, 24), waits=True, **given):
    """Somebody of the shop's staff at a terminal, who sees the products."""
    client = AdminClient((portals.addresses["admin"],), timeout=TIMEOUT_SECONDS)
    async with at_terminal(OfficeTerminal(client, texts(language), **given), size) as user:
        if waits:
            await user.sees(FIRST_PRODUCT)
        yield user
