"""Recordings of a terminal: asciicast 2, a header and one line of JSON for each output."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

VERSION: Final = 2
OUTPUT, MARK = "o", "m"


class BadCast(ValueError):
    """The file is no recording of a terminal."""


@dataclass(frozen=True)
class CastEvent:
    """What a program wrote, or a mark, and when: seconds since the recording began."""

    seconds: float
    text: str


@dataclass(frozen=True)
class Cast:
    """A recording of a terminal."""

    title: str
    columns: int
    rows: int
    outputs: Sequence[CastEvent]
    marks: Sequence[CastEvent] = ()
    """What whoever recorded called the moments that began then."""

    @property
    def text(self) -> str:
        """All that was written."""
        return "".join(output.text for output in self.outputs)


def read(path: Path) -> Cast:
    """Read a recording. Raises BadCast, which names the line."""
    header, *lines = path.read_text(encoding="utf-8").splitlines() or [""]
    try:
        facts = json.loads(header)
        version, title = int(facts["version"]), str(facts.get("title", ""))
        columns, rows = int(facts.get("width", 0)), int(facts.get("height", 0))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise BadCast(f"{path.name}: line 1 is no header of asciicast {VERSION}") from error
    if version != VERSION:
        raise BadCast(f"{path.name}: asciicast {version}; only version {VERSION} is understood")
    if columns < 1 or rows < 1:
        raise BadCast(f"{path.name}: line 1 is no header of asciicast {VERSION}: it has no width or no height")
    events = [_event(line, f"{path.name}: line {number}") for number, line in enumerate(lines, 2) if line]
    outputs, marks = (tuple(event for kind, event in events if kind == wanted) for wanted in (OUTPUT, MARK))
    return Cast(title, columns, rows, outputs, marks)


def _event(line: str, place: str) -> tuple[str, CastEvent]:
    try:
        seconds, kind, text = json.loads(line)
        return str(kind), CastEvent(float(seconds), str(text))
    except (TypeError, ValueError) as error:
        raise BadCast(f"{place} is no event: {line[:60]}") from error


def write(cast: Cast, path: Path) -> None:
    """Write a recording, for `asciinema play` and for `read`."""
    header = {"version": VERSION, "width": cast.columns, "height": cast.rows, "title": cast.title}
    events = [*((MARK, each) for each in cast.marks), *((OUTPUT, each) for each in cast.outputs)]
    events.sort(key=lambda event: event[1].seconds)
    lines = [header, *([round(event.seconds, 3), kind, event.text] for kind, event in events)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
