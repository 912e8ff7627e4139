"""What every request passes before a page sees it: bounds, where it comes from, and headers on every answer."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from quitanda.runtime.address_limits import address_of_peer
from quitanda.runtime.leaky_buckets import LeakyBuckets, RateLimit
from quitanda_clients.i18n.catalogue import CONTEXT_FREE as N_

BODY_BYTES_MAX: Final = 64 * 1024
"""The largest form: the longest texts of a product, percent-encoded, fit."""
BODY_SECONDS_MAX: Final = 10.0
UPLOAD_PATH: Final = "/office/imports"
UPLOAD_BYTES_MAX: Final = 4 * 1024 * 1024
"""The largest form with a file."""
UPLOAD_SECONDS_MAX: Final = 60.0
UPLOADS_MAX: Final = 4
"""Forms with a file that are read at the same time: each of them is held in memory."""
PATH_BYTES_MAX: Final = 4_096
"""Of path and query together; the longest page token fits."""

HEADER_BYTES_MAX: Final = 16 * 1024
"""Of all headers together, cookies included; browsers send a few kilobytes."""

OF_ADDRESS: Final = RateLimit(200, 0.05)
"""For one address: two hundred requests at once, twenty a second."""
SIGN_INS_OF_ADDRESS: Final = RateLimit(10, 6.0)
"""For one address: ten attempts to sign in at once, ten a minute."""
SIGN_INS: Final = RateLimit(40, 1.0)
"""For all addresses: forty at once, sixty a minute. Portals take all of them for attempts from one address, of which
they look at a hundred a minute."""
ADDRESSES_REMEMBERED: Final = 10_000

SIGN_IN_PATH: Final = "/sign-in"
HEALTH_PATHS: Final = "/health/"
_LOOPBACK_HOSTS: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})
_METHODS: Final = frozenset({"GET", "HEAD", "POST"})
_EVERYBODY: Final = ""
_UNREAD: Final = frozenset(
    {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.SERVICE_UNAVAILABLE,
    }
)

HEADERS: Final[Mapping[str, str]] = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
}
STRICT_TRANSPORT: Final = "max-age=31536000"

TEXTS: Final[Mapping[int, str]] = {
    400: N_("The browser sent something that this page cannot read."),
    403: N_("This form came from another site, or from a page that is too old. Load the page again, then send it."),
    404: N_("There is no such page."),
    405: N_("This address cannot be used that way."),
    408: N_("The form did not come in time. Send it again."),
    413: N_("The form is too large. Shorten what you typed. A file may have 4 MB: cut it into parts."),
    414: N_("The address is too long."),
    421: N_("This page is not served under that name."),
    503: N_("Others are sending files just now. Wait a moment, then send yours again."),
    431: N_("The browser sent more cookies and headers than this page reads. Delete the cookies of this site."),
    429: N_("Too many requests come from your address. Wait a moment, then try again."),
    500: N_("A defect of this page stopped the request. Report it to the operator of the shop."),
}
"""What an error page says, by HTTP's status."""

MayUpload = Callable[[Scope], bool]
"""Tells whether who sends a request may send more than a form without a file."""

ErrorPage = Callable[[Scope, int], ASGIApp]
"""Makes the page that tells a person of an HTTP status."""


@dataclass(frozen=True, slots=True)
class GuardLimits:
    """The bounds of what one address, and all of them together, may ask for."""

    of_address: RateLimit = OF_ADDRESS
    sign_ins_of_address: RateLimit = SIGN_INS_OF_ADDRESS
    sign_ins: RateLimit = SIGN_INS
    body_seconds: float = BODY_SECONDS_MAX
    upload_seconds: float = UPLOAD_SECONDS_MAX
    uploads: int = UPLOADS_MAX


class Guard:
    """An ASGI application around another one. `origin` is how browsers reach the page; empty: on this machine only."""

    def __init__(
        self,
        app: ASGIApp,
        error_page: ErrorPage,
        origin: str,
        limits: GuardLimits | None = None,
        may_upload: MayUpload = lambda _scope: False,
    ) -> None:
        self._app = app
        self._error_page = error_page
        self._origin = origin
        self._limits = limits or GuardLimits()
        self._may_upload = may_upload
        self._uploads = 0
        self._of_address = LeakyBuckets(self._limits.of_address, ADDRESSES_REMEMBERED)
        self._sign_ins = LeakyBuckets(self._limits.sign_ins, 1)
        self._sign_ins_of_address = LeakyBuckets(self._limits.sign_ins_of_address, ADDRESSES_REMEMBERED)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, by the page behind or by an error page."""
        status = self._refuse(scope)
        if not status and scope["method"] == "POST":
            body = await self._body(scope, receive)
            if isinstance(body, HTTPStatus):
                status = body
            else:
                receive = _replayed(body, receive)
        app = self._error_page(scope, status) if status else self._app
        await app(scope, receive, self._adding_headers(send))

    def _refuse(self, scope: Scope) -> int:  # noqa: PLR0911 - one for each reason
        """Give the status of a refusal, or 0."""
        headers = Headers(scope=scope)
        if scope["path"].startswith(HEALTH_PATHS):
            return 0
        if self._too_often(scope):
            return HTTPStatus.TOO_MANY_REQUESTS
        if sum(len(name) + len(value) for name, value in scope["headers"]) > HEADER_BYTES_MAX:
            return HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
        if "content-length" in headers and "transfer-encoding" in headers:
            return HTTPStatus.BAD_REQUEST  # a proxy before this page may take another end of the form for the right one
        if scope["method"] not in _METHODS:
            return HTTPStatus.METHOD_NOT_ALLOWED
        if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > PATH_BYTES_MAX:
            return HTTPStatus.REQUEST_URI_TOO_LONG
        if not self._is_host_of_ours(headers.get("host", "")):
            return HTTPStatus.MISDIRECTED_REQUEST
        if scope["method"] == "POST" and not self._comes_from_us(headers, scope["scheme"]):
            return HTTPStatus.FORBIDDEN
        return 0

    def _too_often(self, scope: Scope) -> bool:
        now = time.monotonic()
        address = caller_address(scope)
        buckets = [(self._of_address, address)]
        if scope["method"] == "POST" and scope["path"] == SIGN_IN_PATH:
            buckets += [(self._sign_ins_of_address, address), (self._sign_ins, _EVERYBODY)]
        if any(bucket.wait(key, now) for bucket, key in buckets):
            return True
        for bucket, key in buckets:
            bucket.add(key, now)
        return False

    def _is_host_of_ours(self, host: str) -> bool:
        """Whether the request names this page; otherwise another site's name may lead to this machine."""
        if self._origin:
            return host.lower() == self._origin.partition("://")[2]
        name, colon, port = host.rpartition(":")
        return (name if colon and port.isascii() and port.isdigit() else host).lower() in _LOOPBACK_HOSTS

    def _comes_from_us(self, headers: Headers, scheme: str) -> bool:
        """Whether a form was sent from one of our pages, as far as the browser says it."""
        if sites := headers.getlist("sec-fetch-site"):
            return sites == ["same-origin"]
        return headers.get("origin", "").lower() == (self._origin or f"{scheme}://{headers['host'].lower()}")

    async def _body(self, scope: Scope, receive: Receive) -> bytes | HTTPStatus:
        if scope["path"] != UPLOAD_PATH or not self._may_upload(scope):
            return await _bounded(scope, receive, BODY_BYTES_MAX, self._limits.body_seconds)
        if self._uploads >= self._limits.uploads:
            return HTTPStatus.SERVICE_UNAVAILABLE
        self._uploads += 1
        try:
            return await _bounded(scope, receive, UPLOAD_BYTES_MAX, self._limits.upload_seconds)
        finally:
            self._uploads -= 1

    def _adding_headers(self, send: Send) -> Send:
        secure = self._origin.startswith("https://")

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                headers.setdefault("cache-control", "no-store")
                if secure:
                    headers["strict-transport-security"] = STRICT_TRANSPORT
                if message["status"] in _UNREAD:
                    headers["connection"] = "close"  # the rest of the form is not read
            await send(message)

        return with_headers


def caller_address(scope: Scope) -> str:
    """Give the address by which a caller is counted; an IPv6 address stands for its network."""
    host, port = scope.get("client") or ("", 0)
    return address_of_peer(f"ipv6:[{host}]:{port}" if ":" in host else f"ipv4:{host}:{port}")


async def _bounded(scope: Scope, receive: Receive, bytes_max: int, seconds: float) -> bytes | HTTPStatus:
    """Read a form of a bounded size within a bounded time."""
    length = Headers(scope=scope).get("content-length", "0")
    if not length.isdigit() or int(length) > bytes_max:
        return HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    try:
        async with asyncio.timeout(seconds):
            return await _whole(receive, bytes_max)
    except TimeoutError:
        return HTTPStatus.REQUEST_TIMEOUT


async def _whole(receive: Receive, bytes_max: int) -> bytes | HTTPStatus:
    parts = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return HTTPStatus.BAD_REQUEST
        parts += message.get("body", b"")
        if len(parts) > bytes_max:
            return HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        if not message.get("more_body", False):
            return bytes(parts)


def _replayed(body: bytes, receive: Receive) -> Callable[[], Awaitable[Message]]:
    """Give the body that was read, then what comes after it."""
    parts = [body]

    async def replay() -> Message:
        if parts:
            return {"type": "http.request", "body": parts.pop(), "more_body": False}
        return await receive()

    return replay
