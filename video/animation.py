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


def draw_animation(cast: Cast, path: Path, bytes_max: int = BYTES_MAX) -> None:
    """Draw a recording into a file. Raises ChapterFailed where it would be larger than a page can embed."""
    content = drawn(cast)
    if len(content) > bytes_max:
        raise ChapterFailed(f"{path.name} would have {len(content)} bytes; at most {bytes_max}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
