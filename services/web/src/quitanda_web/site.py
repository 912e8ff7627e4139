"""The ASGI application: every page with its forms, the assets and the health, behind the guard and the access log."""

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from quitanda.domain.outcomes import Reason
from quitanda.errors import QuitandaError
from quitanda.runtime.access_log import OK, AccessLog, log_unexpected
from quitanda.runtime.leaky_buckets import LeakyBuckets, RateLimit
from quitanda.runtime.metrics import RequestMetrics
from quitanda_clients.i18n.catalogue import texts_of
from quitanda_clients.i18n.languages import Language
from quitanda_clients.many_callers import ManyCallers
from quitanda_web.forms import FORM_TOKEN
from quitanda_web.guard import ADDRESSES_REMEMBERED, TEXTS, Guard, GuardLimits
from quitanda_web.imports import PageImports
from quitanda_web.live.cluster_board import ClusterBoard
from quitanda_web.live.hub import LiveHub
from quitanda_web.live.stream import live_endpoint
from quitanda_web.problems import ShownProblem
from quitanda_web.recent_requests import RecentRequests
from quitanda_web.sessions import SessionSeal
from quitanda_web.settings import WebSettings
from quitanda_web.uploads import NoMultipart, UploadedFile, is_multipart, read_multipart
from quitanda_web.visit import SEE_OTHER, Visit, go, visit_of

HTTP: Final = "http"
"""How calls come to this process, in its metrics and its access log."""

FOLDER: Final = Path(__file__).parent
FIELDS_MAX: Final = 500
"""Fields of one form: an order with the most products has fewer."""

TRIES_OF_NAME: Final = RateLimit(5, 20.0)
"""Wrong passwords for one name from one address: five at once, three a minute. A portal looks at ten at once and ten a
minute for a name, whoever tries it at this page."""

EXPORTS_MAX: Final = 2
ASSET_SECONDS: Final = 31_536_000
READINESS_SECONDS: Final = 2.0

_SIGNED_OUT: Final = frozenset({Reason.UNAUTHENTICATED.value, Reason.CREDENTIAL_REVOKED.value})


class Who(Enum):
    """For whom a page is."""

    ANYBODY = "anybody"
    SIGNED_IN = "signed in"
    CUSTOMER = "customer"
    """A customer, or staff who act for one."""
    STAFF = "staff"


@dataclass(frozen=True, slots=True)
class Action:
    """What a form of a page does: `do` gives the answer, which sends the browser to a page that shows the effect.

    Where the portals refuse it, the form's page is shown again, with the reason and with what was typed. The form of
    one that `takes_file` has a file.
    """

    name: str
    path: str
    do: Callable[[Visit], Awaitable[Response]]
    takes_file: bool = False


@dataclass(frozen=True, slots=True)
class WebPage:
    """One page; its name stands in the metrics and the access log. The paths of its forms have the same parameters."""

    name: str
    path: str
    who: Who
    show: Callable[[Visit], Awaitable[Response]]
    actions: tuple[Action, ...] = ()


@dataclass
class Site:
    """What all pages share."""

    settings: WebSettings
    seal: SessionSeal
    callers: ManyCallers
    live: LiveHub
    board: ClusterBoard
    requests: RecentRequests
    imports: PageImports = field(default_factory=PageImports)
    exports: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(EXPORTS_MAX))
    """Lists that are written into files at the same time."""
    tries_of_name: LeakyBuckets = field(default_factory=lambda: LeakyBuckets(TRIES_OF_NAME, ADDRESSES_REMEMBERED))

    @cached_property
    def templates(self) -> dict[Language, Environment]:
        """The templates, which speak each language."""
        return {language: _environment(language) for language in Language}

    @cached_property
    def _hashes(self) -> dict[str, str]:
        return {file.name: hashlib.sha256(file.read_bytes()).hexdigest()[:16] for file in (FOLDER / "assets").iterdir()}

    def asset(self, name: str) -> str:
        """Give the address of an asset, which changes with its content: browsers keep it for ever."""
        return f"/assets/{name}?{self.asset_query(name)}"

    def asset_query(self, name: str) -> str:
        """Give what stands in the address of an asset for its content; empty where there is none of the name."""
        return f"v={self._hashes[name]}" if name in self._hashes else ""


def _environment(language: Language) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["ext.i18n.trimmed"] = True
    texts = texts_of(language)
    environment.install_gettext_callables(texts.gettext, texts.ngettext, newstyle=True)  # type: ignore[attr-defined]
    return environment


class _Assets(StaticFiles):
    """The committed files. Browsers may keep one whose address says that it is this content.

    During an upgrade a page of one process asks another process, which has another content under the name.
    """

    def __init__(self, site: Site) -> None:
        super().__init__(directory=FOLDER / "assets")
        self._site = site

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        if scope["query_string"] == self._site.asset_query(path).encode():
            response.headers["cache-control"] = f"public, max-age={ASSET_SECONDS}, immutable"
        return response


@dataclass(slots=True)
class _Told:
    """What the access log says of a request."""

    page: str = "unknown"
    reason: str = ""
    began_to_stream: float | None = None

    def streams(self) -> None:
        """Note that the answer begins, and goes on for as long as somebody looks: only the wait for it counts."""
        self.began_to_stream = time.monotonic()


def application(
    site: Site, pages: Sequence[WebPage], metrics: RequestMetrics, limits: GuardLimits | None = None
) -> ASGIApp:
    """Make the whole application."""
    errors = _Errors(site)
    routes = [
        Route("/health/{service}", _health(site), methods=["GET"]),
        Route("/live/{stream}", live_endpoint(site), methods=["GET"]),
        Mount("/assets", _Assets(site)),
        *(route for page in pages for route in _routes(site, page, errors)),
    ]
    router = Starlette(routes=routes, exception_handlers={HTTPException: errors.http, Exception: errors.unexpected})
    router.router.redirect_slashes = False
    guard = Guard(router, errors.page, site.settings.web_url, limits, lambda scope: _is_staff(site, scope))
    return _Logged(guard, AccessLog(metrics, HTTP), site.requests)


def _is_staff(site: Site, scope: Scope) -> bool:
    session = visit_of(site, Request(scope)).session
    return session is not None and not session.of_customer


class _Logged:
    """Writes a line and counts each request, under the name of its page."""

    def __init__(self, app: ASGIApp, log: AccessLog, recent: RecentRequests) -> None:
        self._app = app
        self._log = log
        self._recent = recent

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, then tell of it."""
        if scope["type"] != "http":
            return
        told = scope.setdefault("state", {})["told"] = _Told()
        began = time.monotonic()
        status = 0

        async def watching(message: dict[str, object]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = int(str(message["status"]))
            await send(message)

        try:
            with suppress(Exception):  # the error page is sent, and the exception is in the log
                await self._app(scope, receive, watching)  # type: ignore[arg-type]
        finally:
            reason = told.reason or (OK if 0 < status < 400 else f"HTTP_{status or 500}")
            ended = told.began_to_stream or time.monotonic()
            self._log.answered(told.page, reason, 0, ended - began)
            self._recent.add(ended, ended - began, failed=not 0 < status < 500)


class _Errors:
    """The pages that tell of an error."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def page(self, scope: Scope, status: int) -> ASGIApp:
        """Make the page for an HTTP status."""
        visit = visit_of(self._site, Request(scope))
        text = visit.gettext(TEXTS.get(status, TEXTS[400]))
        return self.shown(visit, ShownProblem(text, "", status, f"HTTP_{status}"))

    def shown(self, visit: Visit, problem: ShownProblem) -> Response:
        """Make the page for a problem that no form can show."""
        visit.problem = problem
        return visit.render("error.html")

    async def http(self, request: Request, error: Exception) -> Response:
        """Answer for an exception that stands for an HTTP status."""
        status = error.status_code if isinstance(error, HTTPException) else 500
        page = self.page(request.scope, status)
        return page if isinstance(page, Response) else Response(status_code=status)

    async def unexpected(self, request: Request, error: Exception) -> Response:
        """Answer for an exception that nobody expected."""
        told: _Told = request.scope["state"]["told"]
        log_unexpected(told.page)
        return await self.http(request, error)


def _routes(site: Site, page: WebPage, errors: _Errors) -> list[Route]:
    async def get(request: Request) -> Response:
        visit = visit_of(site, request)
        request.scope["state"]["told"].page = page.name
        if away := _not_for(visit, page.who):
            return away
        try:
            response = await page.show(visit)
        except QuitandaError as error:
            response = _failed(visit, error, errors)
        visit.renew_session(response)
        return response

    routes = [Route(page.path, get, methods=["GET"])] if page.path else []
    return [
        *routes,
        *(Route(action.path, _post(site, page, action, errors), methods=["POST"]) for action in page.actions),
    ]


def _post(site: Site, page: WebPage, action: Action, errors: _Errors) -> Callable[[Request], Awaitable[Response]]:
    async def post(request: Request) -> Response:
        visit = visit_of(site, request)
        request.scope["state"]["told"].page = action.name
        content_type, body = request.headers.get("content-type", ""), await request.body()
        visit.typed, visit.file = _form(body, content_type, takes_file=action.takes_file)
        visit.posted = action.name
        if away := _not_for(visit, page.who):
            return away
        # where nobody needs to be signed in, the guard's look at where the form comes from is enough
        if (
            page.who is not Who.ANYBODY
            and visit.session
            and not site.seal.is_form_token(visit.session, visit.typed.get(FORM_TOKEN, ""))
        ):
            raise HTTPException(403)
        try:
            response = await _done(visit, page, action, errors)
        except QuitandaError as error:
            response = _failed(visit, error, errors)
        visit.renew_session(response)
        return response

    return post


async def _done(visit: Visit, page: WebPage, action: Action, errors: _Errors) -> Response:
    """Do what the form asks for; where that is refused, show its page again.

    Whoever is not known any longer is signed out. A wrong secret at the entrance says nothing of who is signed in.
    Where nobody knows whether it was done, that is told, also where its page cannot be shown.
    """
    try:
        return await action.do(visit)
    except QuitandaError as error:
        problem = visit.problem = visit.explain(error)
        if problem.reason in _SIGNED_OUT and visit.session is not None and page.who is not Who.ANYBODY:
            raise
        visit.request.scope["state"]["told"].reason = problem.reason
    try:
        return await page.show(visit)
    except QuitandaError as error:
        if not problem.repeatable or visit.explain(error).reason in _SIGNED_OUT:
            raise
        return errors.shown(visit, problem)


def _failed(visit: Visit, error: QuitandaError, errors: _Errors) -> Response:
    """Tell of an error that the page itself met; whoever is not known any longer is signed out."""
    problem = visit.explain(error)
    visit.request.scope["state"]["told"].reason = problem.reason
    if problem.reason in _SIGNED_OUT and visit.session is not None:
        response = go("/sign-in", done="ended")
        visit.keep_session(response, None)
        return response
    return errors.shown(visit, problem)


def _not_for(visit: Visit, who: Who) -> Response | None:
    """Send whoever the page is not for to the one that is for her."""
    if who is Who.ANYBODY:
        return None
    if visit.session is None:
        return go(
            "/sign-in", next=visit.here if visit.request.method == "GET" else "", done="ended" if visit.posted else ""
        )
    session = visit.session
    fitting = {Who.CUSTOMER: bool(session.shops_for), Who.STAFF: not session.of_customer}
    if not fitting.get(who, True):
        return Response(status_code=SEE_OTHER, headers={"location": "/"})
    return None


def _form(body: bytes, content_type: str, *, takes_file: bool) -> tuple[dict[str, str], UploadedFile | None]:
    """Read a form; HTTPException where it is none. Of a field that is there twice the first counts."""
    if takes_file and is_multipart(content_type):
        try:
            return read_multipart(body, content_type)
        except NoMultipart:
            raise HTTPException(400) from None
    if content_type.partition(";")[0].strip().lower() != "application/x-www-form-urlencoded":
        raise HTTPException(400)
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=FIELDS_MAX)
    except ValueError:
        raise HTTPException(400) from None
    return dict(reversed(pairs)), None


def _health(site: Site) -> Callable[[Request], Awaitable[Response]]:
    looking: asyncio.Task[str] | None = None

    async def unready() -> str:
        """Ask the portals, once for all who want to know at the same time: nobody's health checks are bounded."""
        nonlocal looking
        if looking is None or looking.done():
            looking = asyncio.create_task(site.callers.unready(READINESS_SECONDS))
        return await asyncio.shield(looking)

    async def health(request: Request) -> Response:
        """Say whether the process lives, or whether it is ready: whether a portal of each kind is."""
        request.scope["state"]["told"].page = "health"
        match request.path_params["service"]:
            case "liveness":
                return PlainTextResponse("serving\n")
            case "readiness":
                problem = await unready()
                return PlainTextResponse(f"{problem or 'serving'}\n", status_code=503 if problem else 200)
            case _:
                raise HTTPException(404)

    return health
