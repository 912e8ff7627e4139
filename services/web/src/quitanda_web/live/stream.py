"""The streams over HTTP: `GET /live/{stream}`, which browsers read as `EventSource` does."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Message, Receive, Scope, Send

from quitanda.domain.outcomes import Reason
from quitanda.errors import QuitandaError, Rejected
from quitanda_clients.i18n.catalogue import CONTEXT_FREE as N_
from quitanda_web.guard import caller_address
from quitanda_web.live.events import ENDED, plain_event
from quitanda_web.live.hub import CLUSTER, STREAMS, TooManyStreams
from quitanda_web.live.topic import LiveCaller, LiveSubscription
from quitanda_web.sessions import WebSession
from quitanda_web.visit import Visit, visit_of

if TYPE_CHECKING:
    from quitanda_web.site import Site

HEARTBEAT_SECONDS: Final = 10.0
"""A stream says after so long a silence that it is there, and up to where everything has been told."""

CHECK_SECONDS: Final = 60.0
"""About so often a stream asks whether its session's token is still valid; not all of them at the same moment."""

RETRY_MS: Final = 1_000
"""How long browsers wait before they open a stream again that was lost."""

LATER_SECONDS: Final = 30
"""What a browser is told to wait for that finds no room."""

_REVISION_DIGITS_MAX: Final = 18
_BEGIN: Final = f"retry: {RETRY_MS}\n\n".encode()
_FULL: Final = N_("Too many pages are followed from your address. This page works, but does not change by itself.")
_UNKNOWN: Final = frozenset({Reason.UNAUTHENTICATED, Reason.CREDENTIAL_REVOKED, Reason.CUSTOMER_NOT_FOUND})


class EventStream(Response):
    """Sends a subscription's events until it ends, or the browser goes. `check` says whether it may go on."""

    media_type = "text/event-stream"

    def __init__(self, subscription: LiveSubscription, check: Callable[[], Awaitable[bool]]) -> None:
        super().__init__(headers={"cache-control": "no-store", "x-accel-buffering": "no"})
        del self.headers["content-length"]
        self._subscription = subscription
        self._check = check

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Tell, and listen whether the browser goes."""
        leaving = asyncio.create_task(_closed_by(receive, self._subscription))
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            scope["state"]["told"].streams()
            await send(_part(_BEGIN))
            await self._tell(send)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            leaving.cancel()
            self._subscription.close()

    async def _tell(self, send: Send) -> None:
        check_at = _next_check()
        while (written := await self._subscription.next(HEARTBEAT_SECONDS)) is not None:
            await send(_part(written))
            if time.monotonic() >= check_at:
                check_at = _next_check()
                if not await self._check():
                    self._subscription.end()


def _next_check() -> float:
    return time.monotonic() + CHECK_SECONDS * random.uniform(0.5, 1.0)  # noqa: S311 - spreads calls, hides nothing


def live_endpoint(site: "Site") -> Callable[[Request], Awaitable[Response]]:
    """Make what answers for the streams."""

    async def stream(request: Request) -> Response:
        """Open the stream that the address names, for the one who is signed in."""
        visit, name = visit_of(site, request), request.path_params["stream"]
        if name not in STREAMS:
            raise HTTPException(404)
        request.scope["state"]["told"].page = f"live_{name}"
        session = visit.session
        if session is None or (name == CLUSTER and session.of_customer):
            return _ended()
        if request.method == "HEAD":
            return Response(media_type=EventStream.media_type)
        return await _opened(visit, name, session)

    return stream


async def _opened(visit: Visit, name: str, session: WebSession) -> Response:
    live, caller = visit.site.live, LiveCaller(session.customer_id, session.token)

    async def may_go_on() -> bool:
        try:
            await live.check(caller)
        except Rejected as rejected:
            return rejected.refused.reason not in _UNKNOWN
        except QuitandaError:
            pass  # whether she may is not known now, and nothing is told meanwhile that she was not told before
        return session.alive(time.time())

    if not await may_go_on():
        return _ended()
    holders = (session.session_id, caller_address(visit.request.scope))
    try:
        subscription = live.open(name, caller, holders, visit.language, _after(visit))
    except TooManyStreams:
        headers = {"retry-after": str(LATER_SECONDS)}
        return PlainTextResponse(f"{visit.gettext(_FULL)}\n", status_code=429, headers=headers)
    return EventStream(subscription, may_go_on)


def _after(visit: Visit) -> int | None:
    """Read up to which revision a browser knows everything; a text that is no revision counts as none."""
    text = visit.request.headers.get("last-event-id", "") or visit.asked("after")
    if text.isascii() and text.isdigit() and len(text) <= _REVISION_DIGITS_MAX:
        return int(text)
    return None


def _ended() -> Response:
    """Say, as a stream says it, that nothing is told to this session: a browser does not come again then."""
    (written, *_) = plain_event(ENDED, 0).written.values()
    return Response(written, media_type=EventStream.media_type)


def _part(written: bytes) -> Message:
    return {"type": "http.response.body", "body": written, "more_body": True}


async def _closed_by(receive: Receive, subscription: LiveSubscription) -> None:
    """Close a subscription when its browser goes."""
    while (await receive())["type"] != "http.disconnect":
        pass
    subscription.close()
