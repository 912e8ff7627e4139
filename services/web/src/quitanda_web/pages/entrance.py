"""The way in and out: signing in and out, and a person's choice of language and theme."""

import math
import time
from typing import Final

from starlette.responses import Response

from quitanda.domain.model import CallerRole, Kind
from quitanda.domain.outcomes import AuthenticationProblem, Problem, Reason, refused
from quitanda.errors import Rejected
from quitanda.identity.tokens import PREFIX, Token, parse_token
from quitanda_clients.client import AdminClient
from quitanda_clients.i18n.languages import parse_language
from quitanda_web.guard import caller_address
from quitanda_web.pages.access import end_session
from quitanda_web.problems import wrong
from quitanda_web.sessions import WebSession
from quitanda_web.site import Action, WebPage, Who
from quitanda_web.visit import LANGUAGE_COOKIE, THEME_COOKIE, THEMES, Visit, go, own_path

STAFF_ROLES: Final = (CallerRole.ADMIN, CallerRole.CLERK, CallerRole.READ_ONLY)
AS_CUSTOMER: Final = "customer"


async def home(visit: Visit) -> Response:
    """Send everybody to the page where she begins."""
    if visit.session is None:
        return go("/sign-in")
    return go("/products" if visit.session.of_customer else "/office/products")


async def show_sign_in(visit: Visit) -> Response:
    """Ask who it is. In the open mode nobody has to prove it, and the page says so."""
    return visit.render(
        "sign_in.html",
        next=own_path(visit.typed.get("next", "") or visit.asked("next")),
        customer_id=visit.typed.get("customer_id", ""),
        name=visit.typed.get("name", ""),
        tried=visit.typed.get("as", ""),
    )


async def sign_in(visit: Visit) -> Response:
    """Find out by a call whether the token or the password is right, then begin a session."""
    typed = _secret(visit)
    by_password = bool(typed) and not typed.startswith(f"{PREFIX}_")
    of_customer = visit.typed.get("as") == AS_CUSTOMER
    field = "customer_id" if of_customer else "name"
    name = visit.typed.get(field, "").strip()
    if not name and (of_customer or by_password):
        raise wrong(field, Problem.MISSING)
    token = await _token_by_password(visit, name, typed, of_customer=of_customer) if by_password else typed
    customer_id = name if of_customer else ""
    if of_customer:
        await visit.site.callers.shop(customer_id, token).orders_page(1)
        role = CallerRole.CUSTOMER.value
    else:
        role = await _role_of_staff(visit.site.callers.admin(token))
    now = time.time()
    known_as = name if by_password and not of_customer else ""
    response = go(own_path(visit.typed.get("next", "")))
    visit.keep_session(response, WebSession(role, customer_id, token, now, now, by_password=by_password, name=known_as))
    return response


async def sign_out(visit: Visit) -> Response:
    """Let this browser forget who was signed in, and the portals take the session's own token no longer."""
    if visit.session is not None:
        await end_session(visit, visit.session)
    response = go("/sign-in", done="signed-out")
    visit.keep_session(response, None)
    return response


async def choose_language(visit: Visit) -> Response:
    """Keep the language in which the pages speak from now on."""
    response = go(own_path(visit.typed.get("next", "")))
    if language := parse_language(visit.typed.get("language", "")):
        visit.keep_choice(response, LANGUAGE_COOKIE, language.value)
    return response


async def choose_theme(visit: Visit) -> Response:
    """Keep whether the pages are light or dark; anything else stands for what the browser wants."""
    response = go(own_path(visit.typed.get("next", "")))
    theme = visit.typed.get("theme", "")
    if theme in THEMES:
        visit.keep_choice(response, THEME_COOKIE, theme)
    else:
        response.delete_cookie(THEME_COOKIE)
    return response


async def _token_by_password(visit: Visit, name: str, password: str, *, of_customer: bool) -> str:
    """Let a portal begin a session with a password, and give its token.

    A portal takes all who sign in here for one address. So the page bounds how much of what the portal allows for a
    name goes to one of its own callers' addresses: the holder's tries are left, wherever somebody guesses.
    """
    tries, callers = visit.site.tries_of_name, visit.site.callers
    attempt = (caller_address(visit.request.scope), of_customer, name)
    if wait := tries.wait(attempt, time.monotonic()):
        problem = AuthenticationProblem.TOO_MANY_FAILURES.value
        raise Rejected(refused(Reason.UNAUTHENTICATED, "token", problem=problem, seconds=math.ceil(wait)))
    tries.add(attempt, time.monotonic())
    is_wrong = False
    try:
        if of_customer:
            return (await callers.shop(name, "").sign_in(password)).token
        return (await callers.admin("").sign_in(name, password)).token
    except Rejected:
        is_wrong = True
        raise
    finally:
        if not is_wrong:
            tries.take_back(attempt)


def _secret(visit: Visit) -> str:
    """Give the token or the password that was typed; none where the shop asks for none."""
    if visit.site.settings.identity is None:
        return ""
    typed = visit.typed.get("token", "")
    text = typed.strip()
    if not text:
        raise wrong("token", Problem.MISSING)
    if not text.startswith(f"{PREFIX}_"):
        return typed
    if not isinstance(parse_token(text), Token):
        raise Rejected(refused(Reason.UNAUTHENTICATED, "token", problem=AuthenticationProblem.MALFORMED.value))
    return text


async def _role_of_staff(client: AdminClient) -> str:
    """Ask for what administrators alone may see: a refusal says which role it is that may not."""
    try:
        await client.page(Kind.CREDENTIAL, 1)
    except Rejected as rejected:
        role = rejected.details.get("role")
        if rejected.refused.reason is Reason.FORBIDDEN and role in STAFF_ROLES:
            return str(role)
        raise
    return CallerRole.ADMIN.value


PAGES: Final = (
    WebPage("home", "/", Who.ANYBODY, home),
    WebPage("sign_in_page", "/sign-in", Who.ANYBODY, show_sign_in, (Action("sign_in", "/sign-in", sign_in),)),
    WebPage(
        "choices",
        "",
        Who.ANYBODY,
        home,
        (
            Action("sign_out", "/sign-out", sign_out),
            Action("choose_language", "/language", choose_language),
            Action("choose_theme", "/theme", choose_theme),
        ),
    ),
)
