"""Every text that the command line says, taken from its source and from its commands; each with its place."""

import ast
from dataclasses import dataclass
from pathlib import Path

import typer
from babel.messages.pofile import read_po

import quitanda_clients
from quitanda.domain.model import CallerRole, OrderState
from quitanda_clients.cli.spoken_help import every_command, texts_of
from quitanda_clients.commands.admin import app as admin_app
from quitanda_clients.commands.shop import app as shop_app
from quitanda_clients.csv_import.decimal_signs import DecimalSign
from quitanda_clients.i18n import catalogue

SOURCE = Path(quitanda_clients.__file__).parent
APPS = (admin_app, shop_app)


@dataclass(frozen=True)
class SpokenText:
    singular: str
    plural: str
    place: str


def catalogue_texts(name):
    """The entries of a catalogue: by the English text (of a plural, both) the translation (of a plural, both)."""
    with (catalogue.FOLDER / name).open("rb") as file:
        return {message.id: message.string for message in read_po(file, locale="pt_BR") if message.id}


def texts_of_source():
    """The texts that are said, in the order of the files."""
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                for singular, plural in _said(node, node.func.id):
                    yield SpokenText(singular, plural, f"{path.relative_to(SOURCE)}:{node.lineno}")


def _said(call, function):
    typed = [each.value for each in call.args if isinstance(each, ast.Constant) and isinstance(each.value, str)]
    named = {each.arg: each.value.value for each in call.keywords if isinstance(each.value, ast.Constant)}
    match function:
        case "say" | "N_" | "Column" if typed:
            yield typed[0], ""
        case "say_number" if len(typed) == 2:
            yield typed[0], typed[1]
        case "counted" if typed:
            yield f"{{count}} {typed[0]}", f"{{count}} {typed[0]}s"
        case "FieldView" if "name" in named:
            yield named.get("label") or named["name"], ""
        case "_number" | "_money" if typed:
            yield named.get("label") or typed[0], ""


def texts_of_words():
    """Words of the shop that are not in the source as texts."""
    for kind in (OrderState, CallerRole, DecimalSign):
        for each in kind:
            yield SpokenText(each.value, "", kind.__name__)
    for noun in ("customer", "product", "order"):
        yield SpokenText(f"{{count}} {noun}", f"{{count}} {noun}s", "kinds of documents")


def texts_of_help():
    """Each paragraph of each text of each command and option."""
    for app in APPS:
        for command in every_command(typer.main.get_command(app)):
            for _, attribute, text in texts_of(command):
                for paragraph in text.split("\n\n"):
                    yield SpokenText(paragraph, "", f"{attribute} of {command.name}")


def every_text():
    yield from texts_of_source()
    yield from texts_of_words()
    yield from texts_of_help()
