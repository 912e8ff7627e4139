"""The texts in each language: a gettext catalogue beside this module, whose keys are the English texts.

English needs no catalogue. A text that a catalogue lacks stays English; the tests find each of these. The catalogues
are read as people write them (`.po`): nothing has to be compiled before a package is made.
"""

import gettext
import io
from functools import cache
from pathlib import Path
from typing import Final

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from quitanda_clients.i18n.languages import Language

FOLDER: Final = Path(__file__).parent
CONTEXT_FREE: Final = str
"""Marks a text that is translated where it is shown, not where it stands: `N_ = CONTEXT_FREE`."""


@cache
def texts_of(language: Language) -> gettext.NullTranslations:
    """Give what translates into a language: `gettext`, and `ngettext` for a text that depends on a number."""
    return _read(language, f"{language.locale}.po")


@cache
def texts_of_commands(language: Language) -> gettext.NullTranslations:
    """Give the same for the command line, which has a catalogue of its own beside the page's: `commands.….po`."""
    own = _read(language, f"commands.{language.locale}.po")
    own.add_fallback(texts_of(language))
    return own


@cache
def texts_of_terminal(language: Language) -> gettext.NullTranslations:
    """Give the same for the full-screen interface, which has a catalogue of its own beside the page's."""
    own = _read(language, f"terminal.{language.locale}.po")
    own.add_fallback(texts_of(language))
    return own


def _read(language: Language, name: str) -> gettext.NullTranslations:
    if language is Language.ENGLISH:
        return gettext.NullTranslations()
    compiled = io.BytesIO()
    with (FOLDER / name).open("rb") as file:
        write_mo(compiled, read_po(file, locale=language.locale))
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)
