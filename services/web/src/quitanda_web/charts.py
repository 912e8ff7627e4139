"""Bar charts, drawn on the server: places and sizes of what an SVG shows. Pure.

A chart is a picture of a table that stands below it: whoever cannot see it reads there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

WIDTH: Final = 360
"""Of the drawing, in its own units: as many as a telephone has pixels; a wider window enlarges it."""
BARS_MAX: Final = 20

_ROW_HEIGHT: Final = 36
_BAR_TOP: Final = 18
_BAR_HEIGHT: Final = 10
_LABEL_LENGTH_MAX: Final = 34
_COLUMNS_HEIGHT: Final = 140
_COLUMNS_TOP: Final = 20
_TEXT_HEIGHT: Final = 18


@dataclass(frozen=True, slots=True)
class ChartValue:
    """One value to draw, which is 0 or more, and how it is written."""

    label: str
    value: int
    shown: str


@dataclass(frozen=True, slots=True)
class Rectangle:
    """One bar, in the drawing's units."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class ChartText:
    """A text of the drawing; `at_end`: it ends at `x`, and does not begin there."""

    x: float
    y: float
    text: str
    at_end: bool = False


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing of `WIDTH` and `height`, and what it says to those who cannot see it."""

    title: str
    description: str
    height: int
    bars: tuple[Rectangle, ...]
    texts: tuple[ChartText, ...]

    @property
    def width(self) -> int:
        """How wide the drawing is."""
        return WIDTH


def largest(values: Sequence[ChartValue], count: int = BARS_MAX) -> list[ChartValue]:
    """Give the values that are worth a bar of their own, the largest first."""
    return sorted((each for each in values if each.value > 0), key=lambda each: (-each.value, each.label))[:count]


def lying_bars(title: str, description: str, values: Sequence[ChartValue]) -> Chart | None:
    """Draw a bar for each value, one below the other; None where there is nothing to draw."""
    top = max((each.value for each in values), default=0)
    if top <= 0:
        return None
    bars, texts = [], []
    for place, each in enumerate(values):
        y = place * _ROW_HEIGHT
        bars.append(Rectangle(0, y + _BAR_TOP, _share(each.value, top, WIDTH), _BAR_HEIGHT))
        texts.append(ChartText(0, y + _BAR_TOP - 5, _shortened(each.label)))
        texts.append(ChartText(WIDTH, y + _BAR_TOP - 5, each.shown, at_end=True))
    return Chart(title, description, len(values) * _ROW_HEIGHT, tuple(bars), tuple(texts))


def columns(title: str, description: str, values: Sequence[ChartValue]) -> Chart | None:
    """Draw a column for each value, side by side; the first and the last one, and the height, are named."""
    top = max(values, key=lambda each: each.value, default=None)
    if top is None or top.value <= 0:
        return None
    width = WIDTH / len(values)
    bottom = _COLUMNS_TOP + _COLUMNS_HEIGHT
    bars = []
    for place, each in enumerate(values):
        height = _share(each.value, top.value, _COLUMNS_HEIGHT)
        bars.append(Rectangle(round(place * width, 2), round(bottom - height, 2), round(width * 0.8, 2), height))
    texts = [ChartText(0, _COLUMNS_TOP - 6, top.shown), ChartText(0, bottom + _TEXT_HEIGHT - 4, values[0].label)]
    if len(values) > 1:
        texts.append(ChartText(WIDTH, bottom + _TEXT_HEIGHT - 4, values[-1].label, at_end=True))
    return Chart(title, description, bottom + _TEXT_HEIGHT, tuple(bars), tuple(texts))


def _share(value: int, top: int, length: int) -> float:
    return round(value / top * length, 2)


def _shortened(label: str) -> str:
    return label if len(label) <= _LABEL_LENGTH_MAX else f"{label[: _LABEL_LENGTH_MAX - 1]}…"
