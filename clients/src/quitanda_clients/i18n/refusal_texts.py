"""What a refusal or an error says to people, by its reason, in the language in which the program speaks."""

from typing import Final

from quitanda.error_messages import render
from quitanda.error_status import FailureSource, describe
from quitanda_clients.i18n.languages import Language
from quitanda_clients.i18n.speech import say, speech

_WORDS: Final = frozenset({"state", "role"})
"""Facts that are words of the shop."""


def refusal_text(refused: FailureSource) -> str:
    """Write the sentence of the reason."""
    told = describe(refused)
    if speech().language is Language.ENGLISH:
        return told.message
    facts = {name: say(value) if name in _WORDS else value for name, value in told.details.items()}
    return render(told.reason, told.field, facts, None, say)
