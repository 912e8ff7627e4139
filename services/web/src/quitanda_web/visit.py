"""One request of a browser: who asks, in which language, with which form; and what the answer is made of."""

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import quote, urlencode

import structlog
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from quitanda.domain.outcomes import Reason, refused
from quitanda.domain.permissions import ALLOWED_ROLES
from quitanda.errors import NoConnection, QuitandaError, Rejected
from quitanda_clients.client import AdminClient, ShopClient
from quitanda_clients.i18n import labels
from quitanda_clients.i18n.catalogue import texts_of
from quitanda_clients.i18n.formats import Formats
from quitanda_clients.i18n.languages import Language, accepted_language, parse_language
from quitanda_clients.portal_client import PortalClient
from quitanda_web.forms import REQUEST_ID
from quitanda_web.problems import ShownProblem, explain
from quitanda_web.sessions import COOKIE, RENEWED_AFTER_SECONDS, SECURE_COOKIE, WebSession
from quitanda_web.undo import UNDO, open_undo, undo_request_id
from quitanda_web.uploads import UploadedFile
from quitanda_web.wording import Wording

if TYPE_CHECKING:
    from quitanda_web.site import Site

LANGUAGE_COOKIE: Final = "quitanda-language"
THEME_COOKIE: Final = "quitanda-theme"
THEMES: Final = ("light", "dark")
CHOICE_SECONDS: Final = 365 * 24 * 60 * 60
"""How long a browser keeps somebody's choice of language and theme."""

SEE_OTHER: Final = 303

_LATE: Final = frozenset({429, 503, 504})
"""The statuses of a problem that another try at the same form may not meet."""

_PATH_SIGNS: Final = "/:@!$&'()*+,;=~"
"""What stands in a path as it is, besides letters, digits and `-._` (RFC 3986)."""

_log = structlog.get_logger(__name__)

AnyClient = TypeVar("AnyClient", bound=PortalClient)


@dataclass(frozen=True, slots=True)
class LiveMark:
    """What a page follows, and up to which revision it shows everything.

    Tabs with one key share a stream. `again`: where the page can be fetched again; empty for a form's answer.
    """

    path: str
    after: int
    key: str
    again: str


@dataclass
class Visit:
    """What a page needs to answer one request. `typed` is the form that was sent, and `posted` its action's name."""

    site: "Site"
    request: Request
    session: WebSession | None
    language: Language
    typed: Mapping[str, str] = field(default_factory=dict)
    posted: str = ""
    file: UploadedFile | None = None
    problem: ShownProblem | None = None
    snapshot: int = 0
    """The revision of the list whose further page is shown; 0 where none is."""
    began_at: float = field(default_factory=time.time)

    def __post_init__(self) -> None:
        """Prepare what depends on the language."""
        settings = self.site.settings
        texts = texts_of(self.language)
        self.formats = Formats(self.language, settings.time_zone, settings.currency)
        self.gettext = texts.gettext
        self.wording = Wording(texts, self.formats)
        self._clients: list[PortalClient] = []

    @property
    def form_token(self) -> str:
        """What forms of this session carry; empty where nobody is signed in."""
        return "" if self.session is None else self.site.seal.form_token(self.session)

    @property
    def shop(self) -> ShopClient:
        """The client of the customer who is signed in, or for whom staff act."""
        session = self.signed_in
        return self._known(self.site.callers.shop(session.shops_for, session.token))

    @property
    def office(self) -> AdminClient:
        """The client of the staff who are signed in."""
        return self._known(self.site.callers.admin(self.signed_in.token))

    @property
    def now_ms(self) -> int:
        """When the request came: milliseconds since 1970-01-01T00:00Z."""
        return int(self.began_at * 1_000)

    @property
    def as_of(self) -> str:
        """Say which data the page shows: of which moment and revision; empty where it shows none of the shop's.

        Every read is linearizable: what had been acknowledged when the page was asked for is in it. Only the further
        pages of a list are older: they are of the snapshot of the first one.
        """
        revision = self.snapshot or max((client.revision for client in self._clients), default=0)
        if not revision:
            return ""
        if self.snapshot:
            text = self.gettext("This list is as it was when its first page was shown, at revision %(revision)s.")
        else:
            text = self.gettext("As of %(moment)s, revision %(revision)s.")
        moment = self.formats.moment(self.now_ms)
        return text % {"moment": moment, "revision": self.formats.number(revision)}

    @property
    def undo(self) -> tuple[tuple[str, str], ...]:
        """The fields of the form that takes back what was just done; none where that cannot be, or is not known."""
        again = self.problem is not None and self.problem.repeatable
        sealed = self.typed.get(UNDO, "") if again and self.posted == "undo_change" else self.asked(UNDO)
        if open_undo(self.site.seal, self.session, sealed) is None:
            return ()
        return (("form_token", self.form_token), ("request_id", undo_request_id(sealed)), (UNDO, sealed))

    @property
    def sent(self) -> tuple[tuple[str, str], ...]:
        """The fields of the form that the portals have not answered, to be sent again as they are; none without one.

        It carries a request id, so it takes effect at most once.
        """
        late = self.problem is not None and self.problem.status in _LATE
        again = late and self.request.method == "POST" and REQUEST_ID in self.typed
        return tuple(self.typed.items()) if again else ()

    @property
    def may_load_again(self) -> bool:
        """Whether the same page may be there in a moment."""
        return self.problem is not None and self.problem.status in _LATE and self.request.method == "GET"

    @property
    def asked_address(self) -> str:
        """The address of the request, with its query."""
        query = self.request.url.query
        return path_asked(self.request) + (f"?{query}" if query else "")

    def _known(self, client: AnyClient) -> AnyClient:
        self._clients.append(client)
        return client

    @property
    def signed_in(self) -> WebSession:
        """The session of a page that is for somebody who has signed in."""
        if self.session is None:
            raise LookupError("nobody is signed in")
        return self.session

    def explain(self, error: QuitandaError) -> ShownProblem:
        """Write an error for the person; where no portal took the connection, also tell the log why."""
        if isinstance(error, NoConnection):
            _log.warning("portals_not_reached", cause=str(error))
        return explain(error, self.gettext, self.formats, identified=self.site.settings.identity is not None)

    def live(self, stream: str, after: int) -> LiveMark:
        """Let the page follow what changes after a revision."""
        key = hashlib.sha256(f"{self.signed_in.session_id} {self.language}".encode()).hexdigest()[:16]
        return LiveMark(f"/live/{stream}", after, key, self.here if self.request.method == "GET" else "")

    def may(self, command: type) -> bool:
        """Whether the one who is signed in may ask for a command at all; the shop decides anew when it is asked."""
        return self.session is not None and self.session.role in ALLOWED_ROLES.get(command, ())

    def require(self, command: type) -> None:
        """Raise Rejected (FORBIDDEN) where the one who is signed in may not ask for a command at all."""
        if not self.may(command):
            raise Rejected(refused(Reason.FORBIDDEN, "", role=self.signed_in.role))

    def parameter(self, name: str) -> str:
        """Give a part of the page's address that is in braces there."""
        return str(self.request.path_params[name])

    def asked(self, name: str) -> str:
        """Give a field of the address's query; empty where it has none."""
        return self.request.query_params.get(name, "")

    def render(self, template: str, **shown: Any) -> Response:
        """Answer with a page; after a problem with its status."""
        problem = self.problem
        text = (
            self.site.templates[self.language]
            .get_template(template)
            .render(
                visit=self,
                session=self.session,
                staff=self.session is not None and not self.session.of_customer,
                language=self.language.value,
                languages=list(Language),
                theme=self.theme,
                themes=THEMES,
                here=self.here,
                problem=problem,
                notice=labels.NOTICES.get(self.asked("done"), ""),
                secure=self.site.settings.secure,
                identified=self.site.settings.identity is not None,
                asset=self.site.asset,
                formats=self.formats,
                wording=self.wording,
                roles=labels.ROLES,
                states=labels.STATES,
                **shown,
            )
        )
        return HTMLResponse(text, status_code=200 if problem is None else problem.status)

    @property
    def here(self) -> str:
        """The address of the page that is shown, for coming back to it; a form's own address shows no page."""
        if self.request.method not in {"GET", "HEAD"}:
            return "/"
        return self.asked_address

    @property
    def theme(self) -> str:
        """The theme that was chosen; empty: the browser's."""
        chosen = self.request.cookies.get(THEME_COOKIE, "")
        return chosen if chosen in THEMES else ""

    def keep_choice(self, response: Response, name: str, value: str) -> None:
        """Let the browser keep a choice."""
        response.set_cookie(
            name, value, max_age=CHOICE_SECONDS, httponly=True, samesite="lax", secure=self.site.settings.secure
        )

    def keep_session(self, response: Response, session: WebSession | None) -> None:
        """Let the browser keep who is signed in, or forget it."""
        secure = self.site.settings.secure
        name = session_cookie(secure=secure)
        if session is None:
            response.delete_cookie(name, httponly=True, samesite="lax", secure=secure)
        else:
            response.set_cookie(name, self.site.seal.seal(session), httponly=True, samesite="lax", secure=secure)

    def renew_session(self, response: Response) -> None:
        """Note in the cookie that the session was used, where that is not fresh."""
        now = time.time()
        cookies = (value for name, value in response.raw_headers if name == b"set-cookie")
        name = session_cookie(secure=self.site.settings.secure).encode()
        if any(cookie.startswith(name + b"=") for cookie in cookies):
            return
        if self.session is not None and now - self.session.used_at > RENEWED_AFTER_SECONDS:
            self.keep_session(response, self.session.used(now))

    def state(self, state: str) -> str:
        """Name an order's state."""
        return self.wording.state(state)


def visit_of(site: "Site", request: Request) -> Visit:
    """Find out who asks, and in which language."""
    sealed = request.cookies.get(session_cookie(secure=site.settings.secure), "")
    session = site.seal.open(sealed, time.time())
    if session is not None and bool(session.token) != (site.settings.identity is not None):
        session = None  # the shop has begun, or ceased, to ask for tokens
    return Visit(site, request, session, _language(site, request))


def session_cookie(*, secure: bool) -> str:
    """Name the cookie of the session."""
    return SECURE_COOKIE if secure else COOKIE


def go(path: str, /, **query: str) -> Response:
    """Send the browser to another page, which it fetches."""
    return RedirectResponse(address(path, **query), status_code=SEE_OTHER)


def address(path: str, /, **query: str) -> str:
    """Write the address of a page with a query; fields that are empty are left out."""
    given = {name: value for name, value in query.items() if value}
    return path + (f"?{urlencode(given)}" if given else "")


def path_of(*parts: str) -> str:
    """Write a path of parts, each of which may hold any character."""
    return "".join(f"/{quote(part, safe='')}" for part in parts)


def path_asked(request: Request) -> str:
    """Write the path of a request as an address has it; the server gives the path without its percent signs."""
    return quote(request.scope["path"], safe=_PATH_SIGNS)


def own_path(text: str) -> str:
    """Give an address of this site that a browser sent, or `/` where it is none: nobody is sent elsewhere."""
    is_own = text.startswith("/") and not text.startswith("//") and text.isprintable() and "\\" not in text
    return text if is_own and text.isascii() else "/"


def _language(site: "Site", request: Request) -> Language:
    chosen = parse_language(request.cookies.get(LANGUAGE_COOKIE, ""))
    accepted = accepted_language(request.headers.get("accept-language", ""))
    return chosen or accepted or site.settings.lang or Language.ENGLISH
