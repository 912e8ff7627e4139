"""The README in Portuguese says what the English one says: the same commands and the same links."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
ENGLISH, PORTUGUESE = ROOT / "README.md", ROOT / "README.pt-BR.md"
_BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_COMMENT = re.compile(r" +# .*$", re.MULTILINE)
_LINK = re.compile(r"\]\(([^)]+)\)")


def commands(readme):
    return [_COMMENT.sub("", block).splitlines() for block in _BLOCK.findall(readme.read_text(encoding="utf-8"))]


def links(readme):
    return set(_LINK.findall(readme.read_text(encoding="utf-8"))) - {ENGLISH.name, PORTUGUESE.name}


def exists(link):
    """Say whether a page is there, and the section of it that the link names, if it names one."""
    page, _, section = link.partition("#")
    if not (ROOT / page).exists():
        return False
    headings = re.findall(r"^#+ (.+)$", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE) if section else []
    return not section or section in {heading.lower().replace(" ", "-") for heading in headings}


def test_both_readmes_give_the_same_commands():
    assert commands(PORTUGUESE) == commands(ENGLISH)


def test_both_readmes_point_to_the_same_pages_each_to_pictures_in_its_language_and_all_exist():
    assert {link.replace(".pt-BR.png", ".en.png") for link in links(PORTUGUESE)} == links(ENGLISH)
    assert [link for link in links(ENGLISH) | links(PORTUGUESE) if not exists(link)] == []
    assert not [link for link in links(PORTUGUESE) if link.endswith(".en.png")]
