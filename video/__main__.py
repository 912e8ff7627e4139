"""The command `python -m video`: the film, the recording of the demonstration, the pictures of the READMEs."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from video import cast as casts
from video.animation import draw_animation
from video.chapters import ChapterFailed, require_last_words
from video.screens import screens
from video.terminal_chapters import ROOT, play_demonstration

CAST: Final = ROOT / "docs/demo.cast"
PICTURES: Final = ROOT / "docs/pictures"


def say(text: str) -> None:
    """Tell the user how far it is."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def record_demonstration() -> None:
    """Record the demonstration anew, and draw its animated picture."""
    cast = play_demonstration()
    require_last_words(screens(cast)[-1].text)
    casts.write(cast, CAST)
    draw_animation(casts.read(CAST), PICTURES / "demo.svg")  # as it is in the file, which rounds times
    say(f"{CAST.relative_to(ROOT)} and {PICTURES.relative_to(ROOT)}/demo.svg are new")


def main(arguments: Sequence[str]) -> int:
    """Do what is asked for; 1 where what was played did not go well."""
    parser = argparse.ArgumentParser(prog="python -m video", description=__doc__)
    parser.add_argument("what", choices=("film", "record-demo", "pictures"))
    parser.add_argument("--out", type=Path, default=ROOT / "build/video", help="Where the film is written.")
    chosen = parser.parse_args(arguments)
    try:
        if chosen.what == "record-demo":
            record_demonstration()
        else:
            from video import production  # noqa: PLC0415 - it needs a browser, which a recording does not

            made = (
                production.take_pictures(PICTURES, say)
                if chosen.what == "pictures"
                else production.make(chosen.out, say)
            )
            asyncio.run(made)
    except ChapterFailed as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
