"""Undo: after a change its page offers to take it back, as long as nobody has changed the same since."""

from http import HTTPStatus
from typing import Final

from starlette.responses import Response

from quitanda.domain.commands import SetOrderItems
from quitanda.domain.outcomes import Reason
from quitanda.errors import Rejected
from quitanda_web.problems import ShownProblem
from quitanda_web.site import Action, WebPage, Who
from quitanda_web.undo import UNDO, OfferedUndo, Undoing, open_undo, seal_undo, undo_request_id
from quitanda_web.visit import Visit, go

_CHANGED_SINCE: Final = frozenset({Reason.VERSION_MISMATCH, Reason.PRODUCT_EXISTS, Reason.CUSTOMER_EXISTS})


def carry_undo(visit: Visit, command: Undoing, back: str) -> str:
    """Seal what would take a form's change back, for the form to carry; empty where it is too long to be offered."""
    return seal_undo(visit.site.seal, visit.signed_in, OfferedUndo(command, back))


def go_with_undo(visit: Visit, path: str, done: str, command: Undoing | None = None, version: int = 0) -> Response:
    """Send the browser to a page that offers to take the change back, which the form has carried unless it is given.

    `version` is the one that the change left; 0 where the document is gone.
    """
    undo = OfferedUndo(command, path) if command is not None else _carried(visit)
    if undo is None:
        return go(path, done=done)
    if version:
        undo = undo.after(version)
    return go(path, done=done, undo=seal_undo(visit.site.seal, visit.signed_in, undo))


async def undo_change(visit: Visit) -> Response:
    """Take a change back; refused where somebody has changed the same since."""
    undo = _carried(visit)
    if undo is None:
        return go("/")
    client = visit.shop if isinstance(undo.command, SetOrderItems) else visit.office
    try:
        result = await client.execute(undo.command, request_id=undo_request_id(visit.typed[UNDO]))
    except Rejected as rejected:
        if rejected.refused.reason not in _CHANGED_SINCE:
            raise
        text = visit.gettext("It was changed once more since, so it cannot be undone here.")
        visit.problem = ShownProblem(text, "", HTTPStatus.CONFLICT, rejected.refused.reason)
        visit.request.scope["state"]["told"].reason = visit.problem.reason
        return await show_refused(visit)
    if result.token:
        return visit.render("office_secret.html", customer=result.document, token=result.token)
    return go(undo.back, done="undone")


async def show_refused(visit: Visit) -> Response:
    """Say why nothing was undone."""
    undo = _carried(visit)
    return visit.render("not_undone.html", back=undo.back if undo is not None else "/")


def _carried(visit: Visit) -> OfferedUndo | None:
    return open_undo(visit.site.seal, visit.session, visit.typed.get(UNDO, ""))


PAGES: Final = (WebPage("undo", "", Who.SIGNED_IN, show_refused, (Action("undo_change", "/undo", undo_change),)),)
