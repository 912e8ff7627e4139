"""The pictures of the film as HTML, which the browser draws: titles, a terminal, a page; above each what it shows."""

import base64
from collections.abc import Sequence
from html import escape
from typing import Final

from video.colours import BACKGROUND, FOREGROUND, colour
from video.exercise import Words
from video.screens import Row, Run, Screen

WIDTH, HEIGHT = 1280, 720
HEADER_PX: Final = 88
PAGE_SIZE: Final = (WIDTH * 5 // 4, (HEIGHT - HEADER_PX) * 5 // 4)
"""The size of a page's picture; it is made smaller to fit below its header."""
COLUMNS, ROWS = 120, 36
"""The terminal that fits below the header."""
_TERMINAL_PX: Final = 17 * ROWS
"""How high a terminal is; one of fewer rows has larger letters."""
_STYLE: Final = f"""
* {{ margin: 0; box-sizing: border-box }}
body {{ width: {WIDTH}px; height: {HEIGHT}px; overflow: hidden; background: {BACKGROUND}; color: {FOREGROUND};
  font: 17px "DejaVu Sans", sans-serif }}
header {{ height: {HEADER_PX}px; padding: 9px 24px; background: #1d2733; border-bottom: 3px solid #5fd38d }}
header p {{ white-space: nowrap; overflow: hidden; line-height: 24px }}
.english {{ font-weight: bold; color: #fff }}
.happens {{ color: #f0d399; font-size: 15px }}
pre {{ font-family: "DejaVu Sans Mono", monospace; padding: 8px 24px }}
img {{ display: block; width: 100% }}
main {{ padding: 56px 60px 0 }}
h1 {{ font-size: 30px; color: #fff; margin-bottom: 14px }}
h2 {{ font-size: 26px; font-weight: normal; margin-bottom: 26px }}
table {{ width: 100%; table-layout: fixed; border-spacing: 0 }}
td {{ font-size: 14px; line-height: 17px; padding: 0 24px 6px 0; vertical-align: top }}
"""


def _document(body: str) -> str:
    return f"<!doctype html><meta charset=utf-8><style>{_STYLE}</style><body>{body}"


def title(words: Words, below: Sequence[Words] = ()) -> str:
    """Draw the title of a chapter, with the requirements that it shows."""
    lines = "".join(
        f"<tr><td>{escape(each.english)}</td><td lang=pt-BR>{escape(each.portuguese)}</td></tr>" for each in below
    )
    heads = f"<h1>{escape(words.english)}</h1><h2 lang=pt-BR>{escape(words.portuguese)}</h2>"
    return _document(f"<main>{heads}<table>{lines}</table></main>")


def terminal(screen: Screen, requirement: Words | None, happens: Words | None = None) -> str:
    """Draw a terminal, and above it the requirement that it shows and what happens."""
    lines = "\n".join(map(_row, screen.rows))
    line_px = _TERMINAL_PX // len(screen.rows)
    style = f"font-size:{line_px * 15 // 17}px;line-height:{line_px}px"
    return _document(f'{_header(requirement, happens)}<pre style="{style}">{lines}</pre>')


def page(picture: bytes, requirement: Words, happens: Words | None) -> str:
    """Draw a picture of a page (PNG), and above it the requirement that it shows and what happens."""
    data = base64.b64encode(picture).decode()
    return _document(_header(requirement, happens) + f'<img src="data:image/png;base64,{data}">')


def _header(requirement: Words | None, happens: Words | None = None) -> str:
    if requirement is None:
        return "<header></header>"
    more = f"<p class=happens>{escape(happens.english)} · {escape(happens.portuguese)}</p>" if happens else ""
    return (
        f"<header><p class=english>{escape(requirement.english)}</p>"
        f"<p lang=pt-BR>{escape(requirement.portuguese)}</p>{more}</header>"
    )


def _row(row: Row) -> str:
    text, end = "", 0
    for run in row:
        text += " " * (run.column - end) + _run(run)
        end = run.column + len(run.text)
    return text


def _run(run: Run) -> str:
    style = run.style
    declarations = ";".join(
        (
            *([f"color:{colour(style.foreground, FOREGROUND)}"] if style.foreground != "default" else ()),
            *([f"background:{colour(style.background, BACKGROUND)}"] if style.background != "default" else ()),
            *(["font-weight:bold"] if style.bold else ()),
            *(["font-style:italic"] if style.italic else ()),
            *(["text-decoration:underline"] if style.underlined else ()),
        )
    )
    return f'<span style="{declarations}">{escape(run.text)}</span>' if declarations else escape(run.text)
