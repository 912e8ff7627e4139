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
from quitanda_web.forms import CommandForm, read_request_id
from quitanda_web.problems import wrong
from quitanda_web.site import Action, WebPage, Who
from quitanda_web.visit import Visit, address, go, path_of

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
    found = await _find(visit)
    return visit.render(
        "office_token.html",
        credential=found,
        rotate=ROTATE.view(visit, _address_of(found, ROTATE.name), {}, found.version),
        revoke=_address_of(found, REVOKE.name),
    )


async def _find(visit: Visit) -> Credential:
    """Find the credential that the address names, among those of staff or of the customer whom it names."""
    credential_id = visit.parameter("credential_id")
    listing = await visit.office.list_credentials(customer_id=visit.asked("customer_id"))
    found = next((each for each in listing.documents if each.credential_id == credential_id), None)
    if found is None:
        raise Rejected(refusals.credential_not_found(credential_id))
    return found


def _address_of(credential: Credential, *action: str) -> str:
    """Write the address of a credential's page, or of an action of it; it names the customer whose it is."""
    return address(path_of("office", "tokens", credential.credential_id, *action), customer_id=credential.customer_id)


async def rotate_token(visit: Visit) -> Response:
    """Give a credential a new token, and show it; the one before is valid until the next time."""
    result = await ROTATE.send(visit, visit.office.rotate_credential, visit.parameter("credential_id"))
    return _shown_once(visit, result.document, result.token)


async def show_revoke(visit: Visit) -> Response:
    """Ask whether a credential's holder is to be let in no longer: that cannot be undone."""
    found = await _find(visit)
    return visit.render(
        "confirm.html",
        title=visit.gettext("Revoke the token %(name)s?") % {"name": found.label or found.credential_id},
        texts=(visit.gettext("Its holder is let in no longer, at once. This cannot be undone."),),
        form=REVOKE.view(visit, _address_of(found, REVOKE.name), {}, found.version),
        button=visit.gettext("Revoke it"),
        back=_address_of(found),
    )


async def revoke_token(visit: Visit) -> Response:
    """Let a credential's holder in no longer."""
    await REVOKE.send(visit, visit.office.revoke_credential, visit.parameter("credential_id"))
    return go(_ALL, customer_id=visit.asked("customer_id"), done="revoked")


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
        (Action(ROTATE.name, f"{_ONE}/{ROTATE.name}", rotate_token),),
    ),
    WebPage(
        "office_revoke_token",
        f"{_ONE}/{REVOKE.name}",
        Who.STAFF,
        show_revoke,
        (Action(REVOKE.name, f"{_ONE}/{REVOKE.name}", revoke_token),),
    ),
)
