"""Take a picture of every page at three widths (`make web-pictures`); named so that only that command plays it."""

import os
from pathlib import Path

import pytest
from walk import look, prepare, sign_in

from quitanda_clients.i18n.languages import Language
from quitanda_web.site import Who

FOLDER = Path(os.environ.get("QUITANDA_TEST_PICTURES") or "build/web-pictures")
WIDTHS = {"telephone": 360, "tablet": 768, "desk": 1280}
HEIGHT = 800


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("language", "theme"), [(Language.ENGLISH, "light"), (Language.PORTUGUESE, "dark")])
async def test_take_pictures_of_every_page(people, shop, language, theme):
    walk = await prepare(shop)
    for who in Who:
        person = await people(language)
        await sign_in(person, walk, shop, who)
        await person.page.emulate_media(color_scheme=theme)
        for sight in walk.of(who):
            await look(person, sight, shop)
            for name, width in WIDTHS.items():
                await person.page.set_viewport_size({"width": width, "height": HEIGHT})
                path = FOLDER / f"{sight.shows.replace(' ', '-')}.{language.value}.{name}.png"
                await person.page.screenshot(path=path, full_page=True)
