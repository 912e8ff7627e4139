"""The film: pictures as H.264 in MP4, that every browser and telephone plays, and the check of what was written."""

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
from PIL import Image, ImageChops, ImageStat

FRAMES_PER_SECOND: Final = 10
BYTES_MAX: Final = 5_000_000
SECONDS_MIN, SECONDS_MAX = 40, 300
CODEC, PIXELS = "h264", "yuv420p"
COARSENESS: Final = (27, 30, 33)
"""The encoder's constant rate factors, the best first; letters can be read with all of them."""
SCROLLING: Final = "me=umh:merange=96"
"""How far the encoder looks for where a line came from: a terminal scrolls by several lines at once."""
DIFFERENCE_MAX: Final = 6.0
"""Compression changes a picture's colours by less than this on average, of 255."""


class BadFilm(Exception):
    """The film is not what it should be; the text says in what."""


@dataclass(frozen=True)
class Picture:
    """A picture (PNG) and how long it is shown."""

    png: bytes
    seconds: float


@dataclass(frozen=True)
class FilmFacts:
    """What a film is like."""

    seconds: float
    size: int
    """Bytes."""
    codec: str
    pixels: str
    starts_at_once: bool
    """Its index stands before its pictures, so that a browser plays it while it is being loaded."""
    last_picture: Image.Image


def write_within_limit(pictures: Sequence[Picture], path: Path) -> FilmFacts:
    """Write a film as well as its size allows; give its facts."""
    for coarseness in COARSENESS:
        write(pictures, path, coarseness)
        if path.stat().st_size < BYTES_MAX:
            break
    return facts(path)


def write(pictures: Iterable[Picture], path: Path, coarseness: int) -> None:
    """Write pictures of one size, each for its time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", options={"movflags": "+faststart"}) as file:
        options = {"crf": str(coarseness), "preset": "slow", "x264-params": SCROLLING}
        stream = file.add_stream("libx264", rate=FRAMES_PER_SECOND, options=options)
        stream.pix_fmt = PIXELS
        number = 0
        for picture in pictures:
            image = Image.open(io.BytesIO(picture.png)).convert("RGB")
            stream.width, stream.height = image.size
            frame = av.VideoFrame.from_image(image).reformat(format=PIXELS)
            for _ in range(max(1, round(picture.seconds * FRAMES_PER_SECOND))):
                frame.pts, frame.time_base = number, Fraction(1, FRAMES_PER_SECOND)
                file.mux(stream.encode(frame))
                number += 1
        file.mux(stream.encode(None))


def facts(path: Path) -> FilmFacts:
    """Play a film from its beginning to its end, and say what it is like."""
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        last, frames = None, 0
        for frame in file.decode(stream):
            last, frames = frame, frames + 1
        if last is None:
            raise BadFilm(f"{path.name} has no picture")
        codec, pixels = stream.codec_context.name, str(stream.codec_context.pix_fmt)
        rate = float(stream.average_rate or FRAMES_PER_SECOND)
        picture = last.to_image()
    content = path.read_bytes()
    at_once = 0 <= content.find(b"moov") < content.find(b"mdat")
    return FilmFacts(frames / rate, len(content), codec, pixels, at_once, picture)


def check(found: FilmFacts, last: Picture) -> None:
    """Raise BadFilm where a film cannot be played everywhere, is too large, or does not end with this picture."""
    expected = Image.open(io.BytesIO(last.png)).convert("RGB")
    wrong = [
        text
        for bad, text in (
            (found.codec != CODEC, f"its codec is {found.codec}, not {CODEC}"),
            (found.pixels != PIXELS, f"its pixels are {found.pixels}, not {PIXELS}"),
            (not found.starts_at_once, "its index stands at its end"),
            (found.size >= BYTES_MAX, f"it has {found.size} bytes; fewer than {BYTES_MAX} are wanted"),
            (not SECONDS_MIN <= found.seconds <= SECONDS_MAX, f"it lasts {found.seconds:.0f} s"),
            (not alike(found.last_picture, expected), "its last picture is another one"),
        )
        if bad
    ]
    if wrong:
        raise BadFilm("; ".join(wrong))


def alike(one: Image.Image, other: Image.Image) -> bool:
    """Say whether two pictures are the same but for what compression changes."""
    if one.size != other.size:
        return False
    return bool(max(ImageStat.Stat(ImageChops.difference(one, other)).mean) < DIFFERENCE_MAX)
