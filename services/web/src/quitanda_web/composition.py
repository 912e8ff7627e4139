"""Which parts the page's process has, and how they are put together."""

import asyncio
import socket
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

import structlog
import uvicorn
from prometheus_client import CollectorRegistry
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from quitanda.identity.folder import IdentityFolder
from quitanda.runtime.addresses import Address
from quitanda.runtime.lifecycle import Part
from quitanda.runtime.link_identity import LinkIdentity
from quitanda.runtime.listen_errors import cannot_listen
from quitanda.runtime.metrics import RequestMetrics
from quitanda_clients.i18n.catalogue import texts_of
from quitanda_clients.i18n.formats import Formats
from quitanda_clients.i18n.languages import Language
from quitanda_clients.many_callers import ManyCallers
from quitanda_web.guard import GuardLimits
from quitanda_web.live.cluster_board import ClusterBoard
from quitanda_web.live.hub import LiveHub, LiveLimits, show_streams
from quitanda_web.pages import (
    access,
    acting,
    changes,
    cluster,
    entrance,
    more,
    office,
    office_orders,
    order_units,
    reports,
    shop,
    tokens,
    transfer,
    undoing,
    webhooks,
)
from quitanda_web.recent_requests import RecentRequests
from quitanda_web.sessions import SessionSeal
from quitanda_web.settings import WebSettings
from quitanda_web.site import Site, WebPage, application
from quitanda_web.wording import Wording

PAGES: Final[tuple[WebPage, ...]] = (
    *entrance.PAGES,
    *access.PAGES,
    *undoing.PAGES,
    *shop.PAGES,
    *office.PAGES,
    *office_orders.PAGES,
    *order_units.PAGES,
    *acting.PAGES,
    *reports.PAGES,
    *changes.PAGES,
    *tokens.PAGES,
    *webhooks.PAGES,
    *transfer.PAGES,
    *more.PAGES,
    *cluster.PAGES,
)

HEAD_BYTES_MAX: Final = 16 * 1024
"""Of a request's line and headers; browsers send a few kilobytes."""
HEAD_SECONDS_MAX: Final = 10.0
"""How long a request's line and headers may take."""
CONNECTIONS_MAX: Final = 2_000
IDLE_SECONDS_MAX: Final = 30
"""How long a connection without a request is kept."""
UNREAD_SECONDS_MAX: Final = 30.0
"""How long a browser may leave unread what it is sent."""
LIVE_SECONDS_MAX: Final = 3.0
"""How long a portal may take to answer what live pages ask of it."""
BACKLOG: Final = 1_024

OPEN_MODE_KEY: Final = b"nobody proves who they are"
"""The key of the sessions in the open mode. It is no secret: there a session says no more than anybody may claim."""

_log = structlog.get_logger(__name__)


def make_site(settings: WebSettings, identity: LinkIdentity | None, limits: LiveLimits | None = None) -> Site:
    """Put together what the pages share; nothing connects yet. IdentityError where the key cannot be read."""

    def callers(seconds: float) -> ManyCallers:
        return ManyCallers(settings.admin_portals, settings.client_portals, timeout=seconds, identity=identity)

    wordings = {
        language: Wording(texts_of(language), Formats(language, settings.time_zone, settings.currency))
        for language in Language
    }
    requests = RecentRequests()
    board = ClusterBoard(requests, wordings)
    return Site(
        settings,
        SessionSeal(_secret(settings)),
        callers(settings.request_timeout_seconds),
        LiveHub(callers(min(LIVE_SECONDS_MAX, settings.request_timeout_seconds)), wordings, board, limits),
        board,
        requests,
    )


def make_application(site: Site, registry: CollectorRegistry, limits: GuardLimits | None = None) -> ASGIApp:
    """Make the ASGI application of all pages."""
    show_streams(registry, site.live)
    return application(site, PAGES, RequestMetrics(registry), limits)


class WebServer:
    """Serves the page over HTTP; a part of the process (`quitanda.runtime.lifecycle.Part`)."""

    name = "web_server"

    def __init__(
        self,
        settings: WebSettings,
        app: ASGIApp,
        *,
        head_seconds: float = HEAD_SECONDS_MAX,
        unread_seconds: float = UNREAD_SECONDS_MAX,
    ) -> None:
        self._listen = settings.web_listen
        self._server = _Server(
            uvicorn.Config(
                app,
                http=partial(_BoundedProtocol, head_seconds, unread_seconds),  # type: ignore[arg-type]
                ws="none",
                lifespan="off",
                loop="none",
                log_config=None,
                access_log=False,
                server_header=False,
                limit_concurrency=CONNECTIONS_MAX,
                timeout_keep_alive=IDLE_SECONDS_MAX,
                h11_max_incomplete_event_size=HEAD_BYTES_MAX,
                proxy_headers=bool(settings.web_forwarded_from),
                forwarded_allow_ips=settings.web_forwarded_from,
            )
        )
        self._serving: asyncio.Task[None] | None = None
        self._socket: socket.socket | None = None

    @property
    def address(self) -> Address:
        """Where it serves, with the port that the system chose where the settings leave that open."""
        if self._socket is None:
            raise LookupError("it does not serve yet")
        return Address(self._listen.host, int(self._socket.getsockname()[1]))

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._server.server_state.connections)

    async def start(self) -> None:
        """Begin to serve; CannotListen where the address cannot be bound."""
        family = socket.AF_INET6 if ":" in self._listen.host else socket.AF_INET
        try:
            self._socket = socket.create_server((self._listen.host, self._listen.port), family=family, backlog=BACKLOG)
        except OSError as error:
            raise cannot_listen(self._listen, error) from error
        self._serving = asyncio.create_task(self._server.serve([self._socket]))
        began = asyncio.create_task(self._server.began.wait())
        await asyncio.wait([began, self._serving], return_when=asyncio.FIRST_COMPLETED)
        began.cancel()
        _log.info("serving", address=str(self.address), url=f"http://{self.address}/")

    async def stop(self, timeout: float) -> None:
        """Finish what is worked on, within about `timeout` seconds."""
        if self._serving is None:
            return
        self._server.should_exit = True
        self._server.config.timeout_graceful_shutdown = max(1, int(timeout))
        await asyncio.wait([self._serving], timeout=timeout)


class _Server(uvicorn.Server):
    """The library's server, without its handling of signals: the process has its own."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.began = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.began.set()

    def capture_signals(self) -> Any:
        return _nothing()


class _nothing:  # noqa: N801 - stands for a context manager of the library
    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...


class _BoundedProtocol(H11Protocol):
    """The library's protocol, which gives up a connection whose request's head does not come in time.

    It also gives up one on which what is sent is not read: what waits there would wait for ever.
    """

    def __init__(self, head_seconds: float, unread_seconds: float, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head_seconds = head_seconds
        self._unread_seconds = unread_seconds
        self._unread: asyncio.TimerHandle | None = None
        self._giving_up: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._wait_for_head()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._head_is_there()
        elif self._giving_up is None:
            self._wait_for_head()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.conn.trailing_data[0] and self._giving_up is None:  # the next request has begun, and may never be whole
            self._wait_for_head()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread = self.loop.call_later(self._unread_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._is_read()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_is_there()
        self._is_read()
        super().connection_lost(exc)

    def _is_read(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _wait_for_head(self) -> None:
        self._giving_up = self.loop.call_later(self._head_seconds, self._give_up)

    def _head_is_there(self) -> None:
        if self._giving_up is not None:
            self._giving_up.cancel()
            self._giving_up = None

    def _give_up(self) -> None:
        self._giving_up = None
        if self.transport is not None and not self.transport.is_closing():
            self.transport.close()


def _secret(settings: WebSettings) -> bytes:
    """Give the key of the sessions, which all processes of the page share."""
    if settings.identity is None:
        return OPEN_MODE_KEY
    return IdentityFolder(settings.identity).web_session_key().encode()


def parts(settings: WebSettings, site: Site, registry: CollectorRegistry) -> Sequence[Part]:
    """List the parts of the process, in the order in which they start; the streams end before the server stops."""
    return [WebServer(settings, make_application(site, registry)), site.live]
