"""What the Dockerfiles of the five images promise, without Docker: `integration-tests/test_compose_images.py` looks at
the images themselves."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
DOCKERFILES = sorted([*ROOT.glob("services/*/Dockerfile"), ROOT / "clients" / "Dockerfile"])
STRIPPED = (
    "find / -xdev -perm /6000 -exec chmod a-s {} +",
    "find / -xdev -path /tmp -prune -o ! -type l -perm /0002 -exec chmod o-w {} +",
)


def last_stage(dockerfile):
    """The instructions of the image itself, one string each."""
    text = re.sub(r"^\s*#.*\n", "", dockerfile.read_text(encoding="utf-8"), flags=re.MULTILINE)
    stage = re.split(r"^FROM ", text, flags=re.MULTILINE)[-1].replace("\\\n", " ")
    return [" ".join(line.split()) for line in stage.splitlines()[1:] if line.strip()]


def test_there_are_five():
    assert len(DOCKERFILES) == 5


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.parent.name)
def test_an_image_takes_the_special_rights_away_and_does_not_run_as_root(dockerfile):
    instructions = last_stage(dockerfile)
    first_run = next(instruction for instruction in instructions if instruction.startswith("RUN "))

    assert all(command in first_run for command in STRIPPED)
    assert "USER 10001:10001" in instructions
    assert not any(instruction.startswith("ADD ") for instruction in instructions)
    later = " ".join(instruction for instruction in instructions if instruction != first_run)
    assert not re.search(r"\b(chmod|apt|apt-get|dpkg|setcap)\b", later), "what comes later must not add rights again"
    assert all(re.fullmatch(r"0?[0-7]{2}[0145]", mode) for mode in re.findall(r"--mode=(\d+)", later))


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.parent.name)
def test_an_image_is_made_with_no_secret(dockerfile):
    assert not re.search(
        r"(SECRET|KEY|TOKEN|PASSWORD)\w*=|IDENTITY=(?!/identity\n)", dockerfile.read_text(encoding="utf-8")
    )
