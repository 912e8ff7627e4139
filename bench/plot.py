"""Bars as SVG: one figure for each system, the longest bar as wide as the plot."""

from collections.abc import Sequence
from html import escape
from typing import Final

WIDTH: Final = 760
LABELS: Final = 240
NUMBERS: Final = 80
ROW: Final = 28
COLOURS: Final = ("#2a6f97", "#a9a9a9")
"""Of the first bar, and of the others."""


def bars(title: str, values: Sequence[tuple[str, float]]) -> str:
    """Draw the values under their labels."""
    longest = max((value for _, value in values), default=0.0) or 1.0
    height = ROW * (len(values) + 1) + 12
    size = f'viewBox="0 0 {WIDTH} {height}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="13">',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        f'<text x="8" y="19" font-weight="bold">{escape(title)}</text>',
    ]
    for n, (label, value) in enumerate(values):
        top, length = ROW * (n + 1), (WIDTH - LABELS - NUMBERS) * value / longest
        text = f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
        lines += [
            f'<text x="{LABELS - 8}" y="{top + 18}" text-anchor="end">{escape(label)}</text>',
            f'<rect x="{LABELS}" y="{top + 4}" width="{length:.1f}" height="{ROW - 8}" fill="{COLOURS[min(n, 1)]}"/>',
            f'<text x="{LABELS + length + 6:.1f}" y="{top + 18}">{text}</text>',
        ]
    return "\n".join([*lines, "</svg>", ""])
