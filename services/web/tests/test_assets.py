"""What browsers load is committed, with its licence, and is what its authors published."""

import hashlib
import re
from pathlib import Path

import pytest

import quitanda_web

FOLDER = Path(quitanda_web.__file__).parent
ASSETS = FOLDER / "assets"
PUBLISHED = {
    "htmx.min.js": ("4.0.1", "a0abb04f2f45a1f89d1d4844023245537e5e6014c87b144553e0607b4cc32130", "htmx.LICENSE"),
    "pico.min.css": ("2.1.1", "fbc9a63fc9fc9f72d12fd7fc9806e11fa9f77ae4f9cad146b27003a1119ba3db", "pico.LICENSE"),
}
"""Version, SHA-256 of the file in the package of that version, and where its licence is."""
OWN = {"live.js", "quitanda.css", "quitanda.js"}


def test_every_asset_is_known():
    licences = {licence for _, _, licence in PUBLISHED.values()}

    assert {path.name for path in ASSETS.iterdir()} == PUBLISHED.keys() | OWN | licences


@pytest.mark.parametrize("name", PUBLISHED)
def test_an_asset_is_the_published_one_and_has_its_licence(name):
    _, digest, licence = PUBLISHED[name]

    assert hashlib.sha256((ASSETS / name).read_bytes()).hexdigest() == digest
    assert len((ASSETS / licence).read_text(encoding="utf-8")) > 200


async def test_an_asset_is_kept_for_ever_only_under_the_address_of_its_content(shop):
    """During an upgrade a page of one process asks another one, whose asset of that name is an older one."""
    browser = shop.browser()

    for name in PUBLISHED.keys() | OWN:
        answers = [
            await browser.get(path) for path in (shop.site.asset(name), f"/assets/{name}?v=0", f"/assets/{name}")
        ]
        assert [answer.status for answer in answers] == [200, 200, 200]
        assert ["immutable" in answer.header("cache-control") for answer in answers] == [True, False, False]
        assert answers[1].header("cache-control") == "no-store"


def test_no_template_has_a_script_a_style_or_an_attribute_that_is_code():
    """Such code would end silently under the content security policy."""
    for template in (FOLDER / "templates").iterdir():
        text = template.read_text(encoding="utf-8")
        assert not re.search(r"\son\w+=|\sstyle=|<style|javascript:|hx-on|hx-vars|hx-live|js:|https?://", text), (
            template.name
        )
        assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", text)), template.name


def test_no_template_marks_a_text_as_safe():
    for template in (FOLDER / "templates").iterdir():
        assert not re.search(r"\|\s*safe|autoescape", template.read_text(encoding="utf-8")), template.name
