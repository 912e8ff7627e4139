"""A recording of a terminal as one animated SVG, for pages that embed pictures: no script, nothing from outside.

The screens stand below each other on a strip, which moves behind a window of one screen. Each row that differs from
the others is drawn once, and used wherever it is seen again: a log that scrolls needs little more than its lines.
"""

from collections.abc import Sequence
from itertools import accumulate
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from video.colours import BACKGROUND, FOREGROUND, colour
from video.screens import Row, Run, Screen, Style

FONT_PX: Final = 14
CELL_PX: Final = 8.43
"""How wide a character is; where the reader's font is wider or narrower, `textLength` makes it fit."""
LINE_PX: Final = 18
PADDING_PX: Final = 12
BASELINE_PX: Final = 14
FONTS: Final = "DejaVu Sans Mono,Menlo,Consolas,Liberation Mono,monospace"


def animated_svg(screens: Sequence[Screen], columns: int, title: str) -> str:
    """Draw screens of one size as a picture that plays them for ever; the last one where a reader wants no motion."""
    height = len(screens[0].rows) * LINE_PX
    rows: dict[Row, int] = {}
    strip = [
        f'<g transform="translate(0,{number * height})">{_uses(screen, rows)}</g>'
        for number, screen in enumerate(screens)
    ]
    styles: dict[Style, str] = {}
    texts = [_definition(row, number, styles) for row, number in rows.items()]
    width = round(columns * CELL_PX)
    size = (width + 2 * PADDING_PX, height + 2 * PADDING_PX)
    root = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{size[0]}" height="{size[1]}" '
        f'viewBox="0 0 {size[0]} {size[1]}" role="img" aria-label={quoteattr(title)}>'
    )
    return "".join(
        (
            root,
            f"<title>{escape(title)}</title>",
            f"<style>{_style_sheet(screens, height, styles)}</style>",
            f'<rect width="100%" height="100%" rx="8" fill="{BACKGROUND}"/>',
            "<defs>",
            *texts,
            "</defs>",
            f'<svg x="{PADDING_PX}" y="{PADDING_PX}" width="{width}" height="{height}"><g id="s">',
            *strip,
            "</g></svg></svg>\n",
        )
    )


def _uses(screen: Screen, rows: dict[Row, int]) -> str:
    return "".join(
        f'<use href="#r{rows.setdefault(row, len(rows))}" y="{line * LINE_PX}"/>'
        for line, row in enumerate(screen.rows)
        if row
    )


def _definition(row: Row, number: int, styles: dict[Style, str]) -> str:
    return f'<g id="r{number}">{"".join(_run(run, styles) for run in row)}</g>'


def _run(run: Run, styles: dict[Style, str]) -> str:
    x, width = round(run.column * CELL_PX, 1), round(len(run.text) * CELL_PX, 1)
    name = styles.setdefault(run.style, f"c{len(styles)}")
    behind = (
        f'<rect x="{x}" width="{width}" height="{LINE_PX}" fill="{colour(run.style.background, BACKGROUND)}"/>'
        if run.style.background != "default"
        else ""
    )
    return f'{behind}<text x="{x}" y="{BASELINE_PX}" class="{name}" textLength="{width}">{escape(run.text)}</text>'


def _style_sheet(screens: Sequence[Screen], height: int, styles: dict[Style, str]) -> str:
    total = sum(screen.seconds for screen in screens)
    begins = [0.0, *accumulate(screen.seconds for screen in screens)]
    steps = "".join(
        f"{100 * begins[number] / total:.3f}%{{transform:translateY({-number * height}px)}}"
        for number in range(len(screens))
    )
    last = -(len(screens) - 1) * height
    return (
        f"text{{white-space:pre;font:{FONT_PX}px {FONTS}}}"
        + "".join(f".{name}{{{_declarations(style)}}}" for style, name in styles.items())
        + f"@keyframes s{{{steps}100%{{transform:translateY({last}px)}}}}"
        + f"#s{{animation:s {total:.1f}s step-end infinite}}"
        + f"@media(prefers-reduced-motion:reduce){{#s{{animation:none;transform:translateY({last}px)}}}}"
    )


def _declarations(style: Style) -> str:
    return f"fill:{colour(style.foreground, FOREGROUND)}" + "".join(
        declaration
        for wanted, declaration in (
            (style.bold, ";font-weight:bold"),
            (style.italic, ";font-style:italic"),
            (style.underlined, ";text-decoration:underline"),
        )
        if wanted
    )
