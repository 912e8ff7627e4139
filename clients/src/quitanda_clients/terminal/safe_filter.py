"""Keeps signs that command a terminal off the screen, wherever they come from: a paste into a field, say."""

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

from quitanda_clients.cli.streams import is_printable


class SafeFilter(LineFilter):
    """Leaves such signs out of each line; those that take a cell become `?`."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:  # noqa: ARG002 - the filter's shape
        """Replace the text of a line."""
        return [
            segment
            if segment.control or is_printable(segment.text)
            else Segment("".join(map(_safe_sign, segment.text)), segment.style)
            for segment in segments
        ]


def _safe_sign(sign: str) -> str:
    return sign if is_printable(sign) else "?" * cell_len(sign)
