"""The tokens of staff and programs, for administrators: who is let in, and with which rights."""

from datetime import date
from typing import Final

from starlette.responses import Response

from quitanda.domain import refusals
from quitanda.domain.commands import CreateCredential, RevokeCredential, RotateCredential
from quitanda.domain.model import Credential
from quitanda.domain.outcomes import Problem
from quitanda.errors import Rejected
from quitanda_clients.reports.sales import Period
from quitanda_web.forms import CommandForm, read_request_id, read_version
from quitanda_web.problems import wrong
from quitanda_web.site import Action, WebPage, Who
from quitanda_web.visit import Visit, go, path_of

CREATE: Final = CommandForm("create_credential", CreateCredential, ("label", "role", "customer_id"))
ROTATE: Final = CommandForm("rotate_credential", RotateCredential)
REVOKE: Final = CommandForm("revoke_credential", RevokeCredential)
_ALL: Final = "/office/tokens"
_ONE: Final = "/office/tokens/{credential_id}"
_LAST_DAY: Final = "last_day"


async def show_tokens(visit: Visit) -> Response:
    """List the credentials of staff, or those of a customer; nobody is shown a secret."""
    customer_id = visit.asked("customer_id").strip()
    listing = await visit.office.list_credentials(customer_id=customer_id)
    return visit.render(
        "office_tokens.html",
        credentials=listing.documents,
        customer_id=customer_id,
        form=CREATE.view(visit, _ALL, {"role": "clerk", "customer_id": customer_id}),
        last_day=visit.typed.get(_LAST_DAY, ""),
    )


async def create_token(visit: Visit) -> Response:
    """Let somebody in. The page shows the token, once: nobody can look it up later."""
    values = CREATE.read(visit)
    result = await visit.office.create_credential(
        values["role"],
        values["label"],
        customer_id=values["customer_id"] or None,
        expires_at_ms=_expiry(visit),
        request_id=read_request_id(visit),
    )
    return _shown_once(visit, result.document, result.token)


async def show_token(visit: Visit) -> Response:
    """One credential with what may be done about it."""
    customer_id, credential_id = visit.asked("customer_id"), visit.parameter("credential_id")
    listing = await visit.office.list_credentials(customer_id=customer_id)
    found = next((each for each in listing.documents if each.credential_id == credential_id), None)
    if found is None:
        raise Rejected(refusals.credential_not_found(credential_id))
    at = path_of("office", "tokens", credential_id)
    return visit.render(
        "office_token.html",
        credential=found,
        rotate=ROTATE.view(visit, f"{at}/{ROTATE.name}", {}, found.version),
        revoke=REVOKE.view(visit, f"{at}/{REVOKE.name}", {}, found.version),
    )


async def rotate_token(visit: Visit) -> Response:
    """Give a credential a new token, and show it; the one before is valid until the next time."""
    result = await visit.office.rotate_credential(
        visit.parameter("credential_id"), expected_version=read_version(visit), request_id=read_request_id(visit)
    )
    return _shown_once(visit, result.document, result.token)


async def revoke_token(visit: Visit) -> Response:
    """Let a credential's holder in no longer."""
    await visit.office.revoke_credential(
        visit.parameter("credential_id"), expected_version=read_version(visit), request_id=read_request_id(visit)
    )
    return go(_ALL, done="revoked")


def _shown_once(visit: Visit, credential: Credential, token: str) -> Response:
    return visit.render("office_token_secret.html", credential=credential, token=token)


def _expiry(visit: Visit) -> int:
    """Read the last day on which a token is valid; give the moment after it, and 0 where there is none."""
    text = visit.typed.get(_LAST_DAY, "").strip()
    if not text:
        return 0
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise wrong(_LAST_DAY, Problem.UNKNOWN_VALUE) from None
    return Period(day, day, visit.formats.zone).to_ms


PAGES: Final = (
    WebPage("office_tokens", _ALL, Who.STAFF, show_tokens, (Action(CREATE.name, _ALL, create_token),)),
    WebPage(
        "office_token",
        _ONE,
        Who.STAFF,
        show_token,
        (
            Action(ROTATE.name, f"{_ONE}/{ROTATE.name}", rotate_token),
            Action(REVOKE.name, f"{_ONE}/{REVOKE.name}", revoke_token),
        ),
    ),
)
