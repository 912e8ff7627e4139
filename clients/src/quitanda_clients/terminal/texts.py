"""What the full-screen interface says: in the person's language, and safe for the terminal."""

from collections.abc import Mapping
from typing import Final

from quitanda.domain.outcomes import Reason
from quitanda.errors import QuitandaError
from quitanda_clients.cli.streams import printable
from quitanda_clients.i18n import labels
from quitanda_clients.i18n.catalogue import CONTEXT_FREE as N_
from quitanda_clients.i18n.catalogue import texts_of_terminal
from quitanda_clients.i18n.explanations import Explanation, explain_failure
from quitanda_clients.i18n.formats import Formats

TEMPLATES: Final[Mapping[str, str]] = {
    Reason.VERSION_MISMATCH: N_(
        "Somebody else has changed this meanwhile. What you typed is kept; look at both, then send it again."
    ),
    "OUTCOME_UNKNOWN": N_(
        "The answer did not come in time, so the change may or may not have been made. Repeat it: it takes effect at "
        "most once."
    ),
    "UNAVAILABLE": N_("No portal answers, so nothing happened. Check the connection, then send it again."),
    Reason.PAGE_TOKEN_EXPIRED: N_("The rest of this list is not kept any longer. Load the list again."),
    Reason.FORBIDDEN: N_("You may not do this[: your role is {role}]. Ask an administrator of the shop."),
    Reason.CUSTOMER_HAS_ORDERS: N_(
        "The customer has orders[: {orders}]. Cancel them first, or tick the box that cancels open orders."
        "[ Placed orders have to be fulfilled or cancelled first: {placed!}.]"
    ),
    Reason.PRODUCT_IN_USE: N_(
        "The product is in orders[: {orders}]. Tick the box that takes it out of open orders."
        "[ Placed orders have to be fulfilled or cancelled first: {placed!}.]"
    ),
    Reason.REQUEST_ID_REUSED: N_(
        "This change was sent before with other values. Leave it, load again, then begin anew."
    ),
}
"""Templates for people who see no commands and no options; `quitanda.error_messages` has the others."""


class TerminalTexts:
    """Translates, and writes values as the person reads them."""

    def __init__(self, formats: Formats) -> None:
        self.formats = formats
        self.gettext = texts_of_terminal(formats.language).gettext

    def explain(self, error: QuitandaError) -> Explanation:
        """Write a failure, with what to do about it."""
        return explain_failure(error, self.gettext, self.formats, TEMPLATES)

    def state(self, state: str) -> str:
        """Name an order's state."""
        return self.gettext(labels.STATES.get(state, state))

    def label(self, field: str) -> str:
        """Name a field."""
        return self.gettext(labels.field_label(field))

    def done(self, notice: str) -> str:
        """Say that a change was made: a key of `labels.NOTICES`."""
        return self.gettext(labels.NOTICES[notice])


def one_line(text: str) -> str:
    """Write what somebody else wrote in one line, without signs that control a terminal."""
    return printable(" ".join(text.split()))
