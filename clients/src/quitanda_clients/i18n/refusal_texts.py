"""What a refusal or an error says to people, by its reason, in the language in which the program speaks."""

from quitanda.error_messages import render
from quitanda.error_status import FailureSource, describe
from quitanda_clients.i18n import labels
from quitanda_clients.i18n.languages import Language
from quitanda_clients.i18n.speech import say, speech


def refusal_text(refused: FailureSource) -> str:
    """Write the sentence of the reason. In English fields have the names that requests give them."""
    told = describe(refused)
    if speech().language is Language.ENGLISH:
        return told.message
    facts = labels.shown_facts(told.details, say)
    if begin := facts.get("begin"):
        facts["begin"] = _field(begin)
    return render(told.reason, _field(told.field), facts, None, say)


def _field(path: str) -> str:
    """Name a field, and the items in which it is: `Itens[0].Quantidade`."""
    return ".".join(map(_part, path.split(".")))


def _part(part: str) -> str:
    name, bracket, index = part.partition("[")
    label = labels.FIELDS.get(name.replace("-", "_"))
    return f"{say(label) if label else name}{bracket}{index}"
