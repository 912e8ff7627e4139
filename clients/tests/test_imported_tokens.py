"""`customer import --tokens FILE`: the tokens of the customers that it creates, all of them, and for one user only."""

import json
import stat
from functools import partial

import pytest
from command_line import PATIENCE, admin
from program_processes import finished, started

from quitanda.errors import OutcomeUnknown
from quitanda.identity.tokens import Token, parse_token
from quitanda_testing.limited_files import with_files_up_to

ROWS = "customer_id,name\nana,Ana\nbia,Bia\ncaio,Caio\n"


@pytest.fixture(autouse=True)
def secure(shop):
    shop.customers_get_tokens = True


@pytest.fixture
def rows(tmp_path):
    file = tmp_path / "rows.csv"
    file.write_text(ROWS)
    return file


@pytest.fixture
def tokens(tmp_path):
    return tmp_path / "tokens.csv"


def written(tokens):
    header, *lines = tokens.read_text().splitlines()
    assert header == "customer_id,token"
    return dict(line.split(",") for line in lines)


async def test_each_customer_that_is_created_has_a_token_in_the_file_and_nobody_else_can_read_it(portal, rows, tokens):
    done = await admin(portal, "customer", "import", rows, "--tokens", tokens)

    assert done.exit_code == 0, done.stderr
    found = written(tokens)
    assert sorted(found) == ["ana", "bia", "caio"]
    assert all(isinstance(parse_token(token), Token) for token in found.values())
    assert len(set(found.values())) == 3
    assert stat.S_IMODE(tokens.stat().st_mode) == 0o600
    assert not any(token in done.stdout + done.stderr for token in found.values())


async def test_an_import_that_is_repeated_after_an_interruption_completes_the_file(portal, rows, tokens):
    await admin(portal, "customer", "import", rows, "--tokens", tokens)
    whole = tokens.read_text()
    lines = whole.splitlines(keepends=True)
    tokens.write_text("".join(lines[:2]) + lines[2][:20])  # killed in the middle of a line

    again = await admin(portal, "customer", "import", rows, "--tokens", tokens)

    assert again.exit_code == 0, again.stderr
    assert sorted(tokens.read_text().splitlines()) == sorted(whole.splitlines())
    assert tokens.read_text().startswith("".join(lines[:2]))


async def test_an_import_without_the_file_says_that_tokens_were_given_and_how_to_see_them(portal, rows, tokens):
    first = await admin(portal, "customer", "import", rows)
    assert "3 customers got a token that is not shown here; the same command with --tokens NEW-FILE" in first.message

    await admin(portal, "customer", "import", rows, "--tokens", tokens)

    assert sorted(written(tokens)) == ["ana", "bia", "caio"]


async def test_a_customer_who_was_deleted_since_gets_no_line(portal, rows, tokens):
    await admin(portal, "customer", "import", rows)
    await admin(portal, "customer", "delete", "bia")

    done = await admin(portal, "customer", "import", rows, "--tokens", tokens)

    assert done.exit_code == 1
    assert sorted(written(tokens)) == ["ana", "caio"]


@pytest.mark.parametrize(
    ("content", "mode", "says"),
    [
        ("customer_id,token\n", 0o640, "can be read by others"),
        ("my notes\n", 0o600, "something other than tokens"),
        ("my notes", 0o600, "something other than tokens"),
        (b"\xff\xfe\n", 0o600, "something other than tokens"),
    ],
)
async def test_a_file_that_cannot_be_used_is_told_before_anything_is_sent(
    portal, shop, rows, tokens, content, mode, says
):
    tokens.write_bytes(content if isinstance(content, bytes) else content.encode())
    tokens.chmod(mode)
    before = tokens.read_bytes()

    done = await admin(portal, "customer", "import", rows, "--tokens", tokens)

    assert done.exit_code == 2
    assert says in done.message
    assert shop.customers == {}
    assert tokens.read_bytes() == before


async def test_a_folder_that_is_not_there_and_a_device_are_told_before_anything_is_sent(portal, shop, rows, tmp_path):
    for path, says in ((tmp_path / "none" / "tokens", "No such file"), ("/dev/null", "is not a file")):
        done = await admin(portal, "customer", "import", rows, "--tokens", path)
        assert done.exit_code == 2
        assert says in done.message
    assert shop.customers == {}


async def test_nothing_of_it_happens_in_a_dry_run_and_products_have_no_tokens(portal, rows, tokens):
    done = await admin(portal, "customer", "import", rows, "--tokens", tokens, "--dry-run")
    assert done.exit_code == 0, done.stderr
    assert not tokens.exists()

    assert (await admin(portal, "product", "import", rows, "--tokens", tokens)).exit_code == 2


LINE_AND_A_HALF = 120
"""Bytes."""


@pytest.mark.slow
async def test_a_disk_that_is_full_ends_the_import_with_what_to_do_and_the_next_one_completes_the_file(
    portal, shop, rows, tokens
):
    command = ("customer", "import", rows, "--tokens", tokens, "--in-flight", "1")
    async with started(portal, *command, "--json", limited=partial(with_files_up_to, LINE_AND_A_HALF)) as process:
        code, _, err = await finished(process)

    error = json.loads(err)["error"]
    assert (code, error["reason"], error["field"]) == (5, "ANSWER_NOT_WRITTEN", "--tokens")
    assert "make room. Give the same command again" in error["message"]
    assert sorted(shop.customers) == ["ana", "bia"]  # the third was not sent

    assert (await admin(portal, *command)).exit_code == 0
    assert sorted(written(tokens)) == ["ana", "bia", "caio"]


async def test_an_import_that_nobody_answers_any_more_leaves_the_tokens_that_it_was_told(portal, rows, tokens):
    reads, creations = 1 + 3, 2
    portal.plans.extend([None] * (reads + creations) + [OutcomeUnknown()] * 100)
    command = ("customer", "import", rows, "--tokens", tokens, "--in-flight", "1")

    stopped = await admin(portal, *command, "--timeout", PATIENCE)
    assert stopped.exit_code == 4
    assert sorted(written(tokens)) == ["ana", "bia"]
    portal.plans.clear()

    assert (await admin(portal, *command)).exit_code == 0
    assert sorted(written(tokens)) == ["ana", "bia", "caio"]
