"""Says in another language what libraries and exceptions say in English sentences with facts in them.

Exceptions have their texts in English, for logs and for programs. Before a person reads one, it is compared with the
templates of all such texts; the template is translated, and the facts stand in their places again. A text that fits
none stays as it is.
"""

import re
from collections.abc import Iterable
from typing import Final

from quitanda_clients.i18n.languages import Language
from quitanda_clients.i18n.speech import say, speech

INNER: Final = frozenset({"cause", "problem", "next_step"})
"""Facts that are such texts themselves."""

_FACT: Final = re.compile(r"\{([a-z_]+)\}")


class TextPatterns:
    """Templates of English texts, in which `{name}` stands for a fact. The first one that fits a text counts."""

    def __init__(self, templates: Iterable[str], inner: Iterable[str] = INNER) -> None:
        self.templates = tuple(templates)
        self._inner = frozenset(inner)
        self._patterns = [(template, _pattern(template)) for template in self.templates]

    def said(self, text: str) -> str:
        """Give a text in the language of the person."""
        if speech().language is Language.ENGLISH:
            return text
        for template, pattern in self._patterns:
            if found := pattern.fullmatch(text):
                facts = found.groupdict()
                return say(template, **{name: self._fact(name, value) for name, value in facts.items()})
        return text

    def _fact(self, name: str, value: str) -> str:
        if name not in self._inner:
            return value
        said = self.said(value)
        return say(value) if said == value else said


def _pattern(template: str) -> re.Pattern[str]:
    """Make the expression that a text of the template meets."""
    known: set[str] = set()
    parts = []
    for part in re.split(r"(\{[a-z_]+\})", template):
        found = _FACT.fullmatch(part)
        if found is None:
            parts.append(re.escape(part))
        elif found[1] in known:
            parts.append(f"(?P={found[1]})")
        else:
            known.add(found[1])
            parts.append(f"(?P<{found[1]}>.+?)")
    return re.compile("".join(parts), re.DOTALL)
