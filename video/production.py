"""Making the film: the chapters are played, drawn by the browser, encoded, and the result is checked."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from page_cluster import NoBrowser, browser_of_the_distribution, cluster_with_page

from video import cast as casts
from video import film, page_chapter, page_pictures, stage
from video.animation import draw_animation
from video.cast import Cast
from video.chapters import (
    DEMONSTRATION,
    FILM_TITLE,
    FULL_SCREEN,
    PAGE,
    TESTS,
    Chapter,
    ChapterFailed,
    require_last_words,
)
from video.exercise import REQUIREMENTS
from video.full_screen_chapter import play_full_screen
from video.screens import hurried, screens
from video.terminal_chapters import play_demonstration, play_tests

TITLE_SECONDS: Final = 4.0
FONTS: Final = "fonts-dejavu-core"
_WIDTHS: Final = """() => ["iiii", "MMMM", "────", "✓✓✓✓"].map(text => {
  const span = document.body.appendChild(document.createElement("pre").appendChild(document.createElement("span")));
  span.textContent = text; span.style.font = '15px "DejaVu Sans Mono", monospace';
  const width = span.getBoundingClientRect().width; span.remove(); return width })"""
"""Four characters of each kind: with a terminal's font all are of one width."""


_CUT: Final = """() => [...document.querySelectorAll("header p, h1, h2, td, pre, main, img")].filter(shown => {
  const box = shown.getBoundingClientRect();
  return shown.scrollWidth > shown.clientWidth || box.right > innerWidth || box.bottom > innerHeight
}).map(shown => shown.textContent.slice(0, 60) || shown.tagName)"""
"""What does not fit into the picture."""


class Studio:
    """Draws HTML as pictures of the film."""

    def __init__(self, page: Any) -> None:
        self._page = page
        self.pictures: list[film.Picture] = []

    async def draw(self, html: str, seconds: float) -> None:
        """Add a picture to the film. Raises ChapterFailed where something would be cut off."""
        await self._page.set_content(html)
        if cut := await self._page.evaluate(_CUT):
            raise ChapterFailed(f"does not fit into the picture: {cut}")
        self.pictures.append(film.Picture(await self._page.screenshot(), seconds))

    async def title(self, chapter: Chapter) -> None:
        """Add the title of a chapter."""
        below = [REQUIREMENTS[requirement] for requirement in chapter.requirements]
        await self.draw(stage.title(chapter.title, below), TITLE_SECONDS)

    async def terminal(self, chapter: Chapter, cast: Cast) -> None:
        """Add a recording of a terminal, under the requirements that its moments show."""
        await self.title(chapter)
        seen = set()
        for screen in hurried(screens(cast, chapter.moments), chapter.seconds_max):
            seen.add(screen.heading)
            shown = chapter.moments.get(screen.heading)
            above = (REQUIREMENTS[shown.requirement], shown.happens) if shown else (None, None)
            await self.draw(stage.terminal(screen, *above), screen.seconds)
        if missing := set(chapter.moments) - seen:
            raise ChapterFailed(f"{cast.title} never said {', '.join(map(repr, sorted(missing)))}")

    async def html(self, chapter: Chapter, pictures: Iterable[str], seconds: float) -> None:
        """Add pictures that are drawn already, each for so many seconds."""
        await self.title(chapter)
        for picture in pictures:
            await self.draw(picture, seconds)


@asynccontextmanager
async def _browser() -> AsyncIterator[Any]:
    """Start the browser. Raises ChapterFailed, which says what to install, where it or a terminal's font is missing."""
    try:
        async with browser_of_the_distribution() as chromium:
            page = await chromium.new_page()
            widths = await page.evaluate(_WIDTHS)
            await page.close()
            if len({round(width) for width in widths}) != 1:
                raise ChapterFailed(f"There is no font for terminals here: apt-get install {FONTS}")
            yield chromium
    except NoBrowser as error:
        raise ChapterFailed(f"{error} {FONTS}") from error


async def make(folder: Path, say: Callable[[str], None]) -> None:
    """Play every chapter and write the film, the recordings and the animated picture into a folder; check the film."""
    async with _browser() as chromium:
        page = await chromium.new_page(viewport={"width": stage.WIDTH, "height": stage.HEIGHT})
        studio = Studio(page)
        await studio.draw(stage.title(FILM_TITLE), TITLE_SECONDS)
        say("the page ...")
        with tempfile.TemporaryDirectory(prefix="quitanda-video-") as data:
            async with cluster_with_page(Path(data)) as cluster:
                await page_chapter.fill(cluster)
                await studio.html(PAGE, await page_chapter.play(chromium, cluster), page_chapter.MOMENT_SECONDS)
                say("the full-screen terminal ...")
                await studio.terminal(FULL_SCREEN, await asyncio.to_thread(play_full_screen, cluster))
        say("the tests ...")
        await studio.terminal(TESTS, play_tests())
        say("the demonstration ...")
        demonstration = play_demonstration()
        require_last_words(screens(demonstration)[-1].text)
        await studio.terminal(DEMONSTRATION, demonstration)
    casts.write(demonstration, folder / "demo.cast")
    draw_animation(casts.read(folder / "demo.cast"), folder / "demo.svg")
    path = folder / "quitanda.mp4"
    say("the film ...")
    found = film.write_within_limit(studio.pictures, path)
    try:
        film.check(found, studio.pictures[-1])
    except film.BadFilm as error:
        raise ChapterFailed(f"{path} is not as it should be: {error}") from error
    say(f"{path}: {found.seconds:.0f} s, {found.size / 1e6:.1f} MB, {found.codec}; it ends with the balance check")


async def take_pictures(folder: Path, say: Callable[[str], None]) -> None:
    """Take the pictures of the page for the READMEs."""
    with tempfile.TemporaryDirectory(prefix="quitanda-pictures-") as data:
        async with _browser() as chromium, cluster_with_page(Path(data)) as cluster:
            await page_chapter.fill(cluster)
            await page_chapter.play(chromium, cluster)
            for file in await page_pictures.take_pictures(chromium, cluster, folder):
                say(f"{file.name}: {file.stat().st_size} bytes")
