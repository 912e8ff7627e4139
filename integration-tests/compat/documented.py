"""What docs/COURSE.md tells authors of clients, read from it: the numbers of the errors, and the example."""

import re
from pathlib import Path

DOCUMENT = Path(__file__).parents[2] / "docs" / "COURSE.md"
DONE = "DONE"
_ROW = re.compile(r"^\| (?P<number>\d+) \| `(?P<reason>[A-Z_]+)` \|", re.MULTILINE)
_PYTHON = re.compile(r"^```python\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)

NUMBERS: dict[str, int] = {
    row["reason"]: int(row["number"]) for row in _ROW.finditer(DOCUMENT.read_text(encoding="utf-8"))
}
"""The number of each reason."""

_REASONS = {number: reason for reason, number in NUMBERS.items()}


def verdict(reply) -> str:
    """Give the reason of a reply, or DONE; a failure must come with a sentence, and only a failure."""
    assert reply.HasField("description") == (reply.error != 0), reply
    assert bool(reply.description.strip()) == (reply.error != 0), reply
    return _REASONS[reply.error] if reply.error else DONE


def example() -> str:
    """Give the program that the document shows."""
    (found,) = _PYTHON.finditer(DOCUMENT.read_text(encoding="utf-8"))
    return found["code"]
