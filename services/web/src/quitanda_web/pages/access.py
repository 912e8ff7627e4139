"""One's own access: whose session this is, its end, and the end of all others."""

import asyncio
from dataclasses import replace
from typing import Final

import structlog
from starlette.responses import Response

from quitanda.domain.model import CallerRole
from quitanda.domain.outcomes import Problem, Reason, refused
from quitanda.errors import QuitandaError, Rejected
from quitanda.identity.tokens import Token, hash_secret, parse_token
from quitanda_clients.request_ids import derived_request_id
from quitanda_web.problems import wrong
from quitanda_web.sessions import ABSOLUTE_SECONDS, IDLE_SECONDS, WebSession
from quitanda_web.site import Action, WebPage, Who
from quitanda_web.visit import Visit, go

NEXT: Final = "next_token"
CURRENT: Final = "current_password"
END_SECONDS: Final = 3.0
"""How long whoever signs out waits for the portals."""
_SECONDS_PER_HOUR: Final = 3_600
_REPLACED: Final = frozenset({Reason.UNAUTHENTICATED, Reason.CREDENTIAL_REVOKED})

_log = structlog.get_logger(__name__)


async def show_access(visit: Visit) -> Response:
    """Say whose session this is, and offer to end all others."""
    return _show(visit)


async def prepare_end(visit: Visit) -> Response:
    """Give the credential a token that nobody is shown yet, and ask once more. The one before it stays valid.

    However often this is asked with a token, the next one is the same: so nothing is lost with the answer. Sessions
    that began with a password end now, as the rules end them with any rotation.
    """
    session = _with_token(visit)
    if session.by_password:  # its token is nothing to sign in with
        return go("/access")
    following = await _next_token(visit, session.token)
    return _show(visit, carried=visit.site.seal.carry(session, NEXT, following))


async def end_all(visit: Visit) -> Response:
    """Give the credential a second new token, which ends the one that every session so far has, and show it.

    It is asked for with the token between the two. That one stays valid, so the form may be sent again.
    """
    session = _with_token(visit)
    between = visit.site.seal.carried(session, NEXT, visit.typed.get(NEXT, ""))
    if between is None:
        return go("/access")
    try:
        newest = await _next_token(visit, between)
    except Rejected as rejected:
        if rejected.refused.reason not in _REPLACED:
            raise
        return go("/access")  # a form of before the last end
    response = visit.render("access_secret.html", token=newest)
    visit.keep_session(response, session.with_token(newest, visit.began_at))
    return response


async def end_session(visit: Visit, session: WebSession) -> None:
    """Let the portals take the token of a session that began with a password no longer.

    Nobody else has that token, while one that was typed at the entrance is its holder's own, and stays. Signing out at
    the page never waits for long and never fails for this: the token has an end, and the log tells of it.
    """
    if not session.by_password:
        return
    try:
        async with asyncio.timeout(END_SECONDS):
            await _end_token(visit, session)
    except (QuitandaError, TimeoutError) as error:
        if isinstance(error, Rejected) and error.refused.reason in _REPLACED:
            return  # it has ended already
        _log.warning("session_not_ended", credential_id=_parsed(session.token).credential_id, error=str(error))


async def _end_token(visit: Visit, session: WebSession) -> None:
    """Revoke a session's credential; who may not do that replaces its secret twice, and nobody is told the new one."""
    if session.role == CallerRole.ADMIN:
        await visit.site.callers.admin(session.token).revoke_credential(_parsed(session.token).credential_id)
    else:
        await _next_token(visit, await _next_token(visit, session.token))


async def _next_token(visit: Visit, token: str) -> str:
    """Let the portals replace a token; with the same one they are asked for the same each time."""
    session, parsed = visit.signed_in, _parsed(token)
    request_id = derived_request_id("next token", token)
    if session.of_customer:
        secret = visit.site.seal.next_secret(token)
        client = visit.site.callers.shop(session.customer_id, token)
        await client.rotate_own_credential(parsed.credential_id, hash_secret(secret), request_id=request_id)
        return Token(parsed.credential_id, secret).text()
    result = await visit.site.callers.admin(token).rotate_credential(parsed.credential_id, request_id=request_id)
    if not result.token:  # somebody has replaced it once more meanwhile
        raise Rejected(refused(Reason.CREDENTIAL_REVOKED, "", credential_id=parsed.credential_id))
    return result.token


def _parsed(token: str) -> Token:
    parsed = parse_token(token)
    if not isinstance(parsed, Token):
        raise TypeError("a session has a token that is none")
    return parsed


async def set_password(visit: Visit) -> Response:
    """Set the holder's password, or remove it where none is typed; a session that began with one goes on.

    Where the portals refuse, the page is shown again, without what was typed: nobody looks at passwords.
    """
    password = visit.typed.get("password", "")
    return await _with_password(visit, password, "password-set" if password else "password-removed")


async def end_all_by_password(visit: Visit) -> Response:
    """End all other sessions that began with the password: whoever knows it sets the same one again."""
    password = visit.typed.get(CURRENT, "")
    if not _with_token(visit).by_password:
        return go("/access")
    if not password:
        raise wrong(CURRENT, Problem.MISSING)
    return await _with_password(visit, password, "sessions-ended")


async def _with_password(visit: Visit, password: str, done: str) -> Response:
    """Set or remove the password, which ends every session that began with one; this one begins anew, if it can."""
    session, current = _with_token(visit), visit.typed.get(CURRENT, "")
    callers, token = visit.site.callers, ""
    try:
        if session.of_customer:
            await callers.shop(session.customer_id, session.token).set_password(password, current=current)
        else:
            result = await callers.admin(session.token).set_password(password, current=current)
            session = replace(session, name=result.document.label.strip(" ") if password else "")
    except Rejected as rejected:
        # Where the form came twice, or its answer was lost, the session has ended, and the new password is right.
        has_ended = session.by_password and rejected.refused.reason in _REPLACED
        if not has_ended or not (token := await _new_token(visit, session, password)):
            raise
    token = (token or await _new_token(visit, session, password)) if session.by_password else session.token
    response = go("/access" if token else "/sign-in", done=done)
    visit.keep_session(response, session.with_token(token, visit.began_at) if token else None)
    return response


async def _new_token(visit: Visit, session: WebSession, password: str) -> str:
    """Sign in with the new password; empty where there is none, or the portals cannot do it now."""
    callers = visit.site.callers
    if not password:
        return ""
    try:
        if session.of_customer:
            return (await callers.shop(session.customer_id, "").sign_in(password)).token
        return (await callers.admin("").sign_in(session.name, password)).token
    except QuitandaError:
        return ""


def _with_token(visit: Visit) -> WebSession:
    """Give the session of somebody who has proved who she is; where nobody does, no session can be ended elsewhere."""
    if not visit.signed_in.token:
        raise Rejected(refused(Reason.FORBIDDEN, ""))
    return visit.signed_in


def _show(visit: Visit, carried: str = "") -> Response:
    return visit.render(
        "access.html",
        carried=carried,
        ends_at_ms=int((visit.signed_in.began_at + ABSOLUTE_SECONDS) * 1_000),
        idle_hours=IDLE_SECONDS // _SECONDS_PER_HOUR,
    )


PAGES: Final = (
    WebPage(
        "access",
        "/access",
        Who.SIGNED_IN,
        show_access,
        (
            Action("prepare_end_of_sessions", "/access", prepare_end),
            Action("end_sessions", "/access/end", end_all),
            Action("set_password", "/access/password", set_password),
            Action("end_sessions_by_password", "/access/end-by-password", end_all_by_password),
        ),
    ),
)
