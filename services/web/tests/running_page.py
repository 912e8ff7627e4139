"""The page over real portals before a cluster in memory that decides by the real rules."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from asgi_browser import AsgiBrowser
from fake_cluster import DirectReader, FakeCluster, FakeFeed
from known_callers import let_in
from prometheus_client import CollectorRegistry

from quitanda.portal.servers import PortalServers
from quitanda.runtime.addresses import Address
from quitanda.runtime.link_identity import LinkIdentity
from quitanda.runtime.settings import AdminPortalSettings, ClientPortalSettings
from quitanda_admin_portal import composition as admin_portal
from quitanda_client_portal import composition as client_portal
from quitanda_web.composition import make_application, make_site
from quitanda_web.guard import GuardLimits
from quitanda_web.settings import WebSettings
from quitanda_web.site import Site

STOP_SECONDS = 2.0
ROLES = ("admin", "clerk", "read-only")


@dataclass
class RunningShop:
    """The page's application, and what stands behind it."""

    app: object
    site: Site
    cluster: FakeCluster
    registry: CollectorRegistry
    tokens: dict[str, str]
    feeds: list[FakeFeed]
    portals: list[PortalServers]
    another_process: Callable[[], "RunningShop"]
    """Makes another process of the page before the same portals."""

    def tell(self, *changed) -> int:
        """Let the portals hear what the cluster's last command changed; give its revision."""
        return max(feed.changed(*changed) for feed in self.feeds)

    def browser(self, **given) -> AsgiBrowser:
        return AsgiBrowser(self.app, **given)

    async def customer(self, customer_id="ana", **given) -> AsgiBrowser:
        """A browser in which a customer has signed in."""
        browser = self.browser(**given)
        answer = await browser.open("/sign-in")
        fields = answer.page.forms[0].fields | {"customer_id": customer_id, "token": self.tokens.get(customer_id, "")}
        assert (await browser.post("/sign-in", fields)).status == 303
        return browser

    async def staff(self, role="admin", **given) -> AsgiBrowser:
        """A browser in which staff have signed in."""
        browser = self.browser(**given)
        sent = await browser.post("/sign-in", {"as": "staff", "token": self.tokens.get(role, "")})
        assert sent.status == 303
        return browser


@asynccontextmanager
async def running(cluster, root: Path | None = None, **given) -> AsyncIterator[RunningShop]:
    """Run a portal of each kind, and make the page before them; with identity folders under `root`."""
    cluster.demands_principals = root is not None
    async with AsyncExitStack() as stack:
        addresses, feeds, portals = {}, [], []
        kinds = (
            ("admin-portal-1", AdminPortalSettings, admin_portal),
            ("client-portal-1", ClientPortalSettings, client_portal),
        )
        for name, kind, composition in kinds:
            settings = kind(
                name=name,
                replicas={"replica1": Address("127.0.0.1", 1)},
                listen=Address("127.0.0.1", 0),
                identity=root / name if root else None,
                request_timeout_seconds=given.get("request_timeout_seconds", 5.0),
            )
            identity = LinkIdentity(root / name) if root else None
            reader = DirectReader(cluster)
            feeds.append(FakeFeed(cluster, reader))
            servers, *_ = composition.compose(settings, cluster, reader, CollectorRegistry(), identity)
            await servers.start()
            await servers.set_ready(ready=True)
            portals.append(servers)
            stack.push_async_callback(servers.stop, STOP_SECONDS)
            stack.callback(cluster.release)
            addresses[name] = servers.server.address
        limits, given_live = given.pop("limits", GuardLimits()), given.pop("live", None)
        page_settings = WebSettings(
            admin_portals=(addresses["admin-portal-1"],),
            client_portals=(addresses["client-portal-1"],),
            identity=root / "web" if root else None,
            **{"request_timeout_seconds": 5.0, **given},
        )
        identity = LinkIdentity(root / "web") if root else None
        tokens = {}
        if root:
            tokens = {role: let_in(cluster, role).text() for role in ROLES}
            tokens |= {"ana": let_in(cluster, "customer", "ana").text()}

        def process() -> RunningShop:
            site = make_site(page_settings, identity, given_live)
            stack.push_async_callback(site.callers.close)
            stack.push_async_callback(site.live.stop, STOP_SECONDS)
            stack.push_async_callback(site.imports.close)
            registry = CollectorRegistry()
            app = make_application(site, registry, limits)
            return RunningShop(app, site, cluster, registry, tokens, feeds, portals, process)

        yield process()
