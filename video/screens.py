"""What a recorded terminal shows from moment to moment."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import groupby, pairwise
from typing import Final

import pyte
from pyte.screens import Char

from video.cast import Cast

TICK_SECONDS: Final = 0.1
"""What is written within one tick is shown at once."""
IDLE_SECONDS_MAX: Final = 2.0
"""Longer pauses of a program are cut to this."""
HEADING_SECONDS_MIN: Final = 1.5
"""So long stays the screen on which a heading is written."""
END_SECONDS: Final = 6.0
"""The last screen stays so long."""
HURRIED_SECONDS_MIN: Final = 0.3
"""Where a recording is played faster than it was, each screen stays so long; those between are left out."""
_FAINT: Final = re.compile(r"\x1b\[2m")
_GREY: Final = "\x1b[90m"
"""The terminal below does not know faint text, so it is shown in grey."""


@dataclass(frozen=True)
class Style:
    """How characters look; a colour is a name of the terminal's, six hexadecimal digits, or `default`."""

    foreground: str = "default"
    background: str = "default"
    bold: bool = False
    italic: bool = False
    underlined: bool = False

    @cached_property
    def shown_on_blanks(self) -> bool:
        """Say whether a blank with it can be seen."""
        return self.underlined or self.background != "default"


@dataclass(frozen=True)
class Run:
    """Characters side by side that look alike, from a column on."""

    column: int
    text: str
    style: Style


Row = tuple[Run, ...]


@dataclass(frozen=True)
class Screen:
    """What the terminal shows for so many seconds, and which heading was written last."""

    seconds: float
    rows: tuple[Row, ...]
    heading: str = ""

    @property
    def text(self) -> str:
        """What can be read on it."""
        return "\n".join(_plain(row) for row in self.rows)


def screens(cast: Cast, headings: Collection[str] = (), end_seconds: float = END_SECONDS) -> list[Screen]:
    """Give each screen that differs from the one before, in order.

    `headings` are marks of the recording, or else texts to be looked out for: the line with the first of each is a new
    screen, that can be read.
    """
    terminal = pyte.Screen(cast.columns, cast.rows)
    stream = pyte.Stream(terminal)
    found: list[Screen] = []
    for text, heading, seconds in _moments(cast, headings, end_seconds):
        stream.feed(_FAINT.sub(_GREY, text))
        screen = Screen(seconds, tuple(_row(terminal.buffer[line], cast.columns) for line in range(cast.rows)), heading)
        if found and replace(found[-1], seconds=seconds) == screen:
            found[-1] = replace(screen, seconds=found[-1].seconds + seconds)
        else:
            found.append(screen)
    return found


def hurried(shown: Sequence[Screen], seconds_max: float) -> list[Screen]:
    """Play screens in about so many seconds at most, however slow the machine was that they were recorded on.

    The first screen of each heading stays as long as it has to, and the last one as long as it did.
    """
    kept = [
        screen.seconds
        if screen is shown[-1]
        else min(screen.seconds, HEADING_SECONDS_MIN)
        if before is None or before.heading != screen.heading
        else 0.0
        for before, screen in zip([None, *shown], shown, strict=False)
    ]
    rest = sum(screen.seconds for screen in shown) - sum(kept)
    pace = max(0.0, seconds_max - sum(kept)) / rest if rest else 1.0
    if pace >= 1:
        return list(shown)
    found, waited = [], 0.0
    for screen, least in zip(shown, kept, strict=True):
        seconds = waited + least + (screen.seconds - least) * pace
        waited = 0.0 if least or seconds >= HURRIED_SECONDS_MIN else seconds
        if not waited:
            found.append(replace(screen, seconds=seconds))
    return found


def _moments(cast: Cast, headings: Collection[str], end_seconds: float) -> Iterator[tuple[str, str, float]]:
    """Put together what is written within a tick under one heading; give it with the seconds until the next."""
    moments = [
        (tick * TICK_SECONDS, heading, "".join(text for _, _, text in group))
        for (tick, heading), group in groupby(
            _pieces(cast, headings), key=lambda piece: (int(piece[0] / TICK_SECONDS), piece[1])
        )
    ]
    before = ""
    for (begun, heading, text), (ended, _, _) in pairwise(moments):
        least = HEADING_SECONDS_MIN if heading != before else 0.0
        yield text, heading, max(least, min(ended - begun, IDLE_SECONDS_MAX))
        before = heading
    if moments:
        _, heading, text = moments[-1]
        yield text, heading, end_seconds


def _pieces(cast: Cast, headings: Collection[str]) -> Iterator[tuple[float, str, str]]:
    """Give each output with its time and its heading; one is cut where a line with a new heading begins."""
    if cast.marks:
        for output in cast.outputs:
            marked = [mark.text for mark in cast.marks if mark.seconds <= output.seconds]
            yield output.seconds, marked[-1] if marked else "", output.text
        return
    whole = cast.text
    begins = {whole.rfind("\n", 0, place) + 1: heading for heading in headings if (place := whole.find(heading)) >= 0}
    heading, offset = "", 0
    for output in cast.outputs:
        end = offset + len(output.text)
        cuts = sorted(cut for cut in begins if offset < cut < end)
        for begin, until in pairwise([offset, *cuts, end]):
            heading = begins.get(begin, heading)
            yield output.seconds, heading, whole[begin:until]
        offset = end


def _row(line: Mapping[int, Char], columns: int) -> Row:
    """Put characters that look alike into runs; blanks that nobody sees are left out."""
    styled: list[tuple[Style, int, str]] = []
    before = Style()
    for column in range(columns):
        text, *looks = line[column][:8]
        style = _style(*looks)
        if not text.strip() and not style.shown_on_blanks and not before.shown_on_blanks:
            style = before  # how a blank would look does not cut a run in two
        styled.append((style, column, text))
        before = style
    runs = []
    for style, group in groupby(styled, key=lambda each: each[0]):
        part = list(group)
        text = "".join(character for _, _, character in part)
        if text.strip() or style.shown_on_blanks:
            runs.append(Run(part[0][1], text if style.shown_on_blanks else text.rstrip(), style))
    return tuple(runs)


@lru_cache(maxsize=1_000)
def _style(fg: str, bg: str, bold: bool, italics: bool, underscore: bool, _: bool, reverse: bool) -> Style:
    """Give the looks of a character as pyte has them; the sixth is a stroke through it, which is not drawn."""
    if reverse:  # the terminal's own colours are exchanged, too
        fg, bg = "black" if bg == "default" else bg, "white" if fg == "default" else fg
    return Style(fg, bg, bold, italics, underscore)


def _plain(row: Row) -> str:
    text = ""
    for run in row:
        text = text.ljust(run.column) + run.text
    return text.rstrip()
