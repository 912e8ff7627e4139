"""Which language a text is in, as far as its small words tell."""

import re

ENGLISH = frozenset(
    (
        *("the", "and", "of", "with", "is", "are", "was", "were", "not", "this", "that", "which", "from", "to"),
        *("by", "be", "it", "its", "an", "or", "only", "also", "if", "all", "has", "have", "may", "your"),
        *("you", "must", "shall", "when", "who", "give", "there", "their", "them", "every", "each", "than"),
        *("then", "where", "what", "would", "cannot", "should"),
    )
)
PORTUGUESE = frozenset(
    (
        *("não", "uma", "dos", "das", "você", "são", "está", "pelo", "pela", "também", "já", "ou", "que"),
        *("com", "seu", "sua", "mais", "para", "foi", "em", "um", "ao", "aos", "nas", "nos", "até", "pode"),
        *("deste", "desta", "esta", "este"),
    )
)
"""Words that the other language does not have."""

_NAMES = re.compile(
    r"`[^`]*`|<[^>]*>|\{[^}]*\}|'[^']*'|--?[A-Za-z][A-Za-z-]*|[A-Za-z_]+_[A-Za-z_]+|[A-Z][A-Z.:=_]+|\S*[/@]\S*"
)
"""Names of commands, options, fields, values, reasons and files, which are the same in every language."""


def words_of(text, words):
    """The words of a list that a text has outside of names."""
    plain = _NAMES.sub(" ", re.sub(r"[│╭╮╰╯─]", " ", text))
    return {word for word in re.findall(r"[^\W\d_]+", plain.lower()) if word in words}
