"""The animated picture of a recording, of a size that a page can embed."""

from dataclasses import replace
from pathlib import Path
from typing import Final

from video.cast import Cast
from video.chapters import ChapterFailed
from video.screens import screens
from video.terminal_svg import animated_svg

SPEED: Final = 2
"""It is played faster than the recording."""
BYTES_MAX: Final = 300_000


def drawn(cast: Cast) -> bytes:
    """Draw a recording as an animated SVG."""
    faster = [replace(screen, seconds=screen.seconds / SPEED) for screen in screens(cast)]
    return animated_svg(faster, cast.columns, cast.title).encode()


def draw_animation(cast: Cast, path: Path) -> None:
    """Draw a recording into a file. Raises ChapterFailed where it is too large for a page."""
    content = drawn(cast)
    if len(content) > BYTES_MAX:
        raise ChapterFailed(f"{path.name} would have {len(content)} bytes; at most {BYTES_MAX}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
