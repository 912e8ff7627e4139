"""What the documents say of the commands is what the code says."""

import re
from pathlib import Path

import pytest
import typer

from quitanda_clients.cli import exit_codes
from quitanda_clients.cli.local_errors import EXIT_CODES, LocalReason
from quitanda_clients.commands.admin import app as admin_app
from quitanda_clients.commands.shop import app as shop_app

ROOT = Path(__file__).resolve().parents[2]


def rows(document, first_cell):
    """Cells of the rows of a document's tables whose first cell looks so."""
    lines = (ROOT / document).read_text().splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines if line.startswith("|")]
    return [row for row in cells if re.fullmatch(first_cell, row[0])]


def test_the_table_of_exit_codes_has_each_with_its_meaning():
    told = {int(code): meaning for code, meaning in rows("clients/README.md", "[0-9]+")}

    assert sorted(told) == sorted(exit_codes.MEANINGS)
    assert [code for code, meaning in exit_codes.MEANINGS.items() if not told[code].startswith(meaning)] == []


@pytest.mark.parametrize("document", ["README.md", "README.pt-BR.md", "docs/ERRORS.md"])
def test_exit_codes_that_scripts_tell_apart_are_named(document):
    text = " ".join((ROOT / document).read_text().split())

    assert re.search(r"\b1\b.{1,40}\b2\b.{1,40}\b3\b.{1,50}\b4\b.{1,40}\b5\b", text)


def test_the_table_of_the_commands_own_reasons_has_each_with_its_exit_code():
    told = {row[0].strip("`"): int(row[1]) for row in rows("docs/ERRORS.md", "`[A-Z_]+`") if row[1].isdigit()}

    assert told == {reason.value: EXIT_CODES[reason] for reason in LocalReason}


def unknown_words(line, commands):
    """The commands and the options of a printed line that there are not."""
    program, *words = line.partition("#")[0].split()
    command = commands[program]
    options = {name for parameter in command.params for name in parameter.opts}
    for word in words:
        below = getattr(command, "commands", {})
        if word in below:
            command = below[word]
            options |= {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
        elif word.startswith("-") and not re.fullmatch(r"-[0-9]+|-", word) and word not in options | {"-h"}:
            yield word
    if getattr(command, "commands", None):
        yield command.name


@pytest.mark.parametrize("document", ["README.md", "README.pt-BR.md", "docs/guia-da-loja.md", "clients/README.md"])
def test_every_printed_command_is_there_with_its_options(document):
    commands = {"quitanda-admin": typer.main.get_command(admin_app), "quitanda-shop": typer.main.get_command(shop_app)}
    blocks = re.findall(r"^```sh\n(.*?)^```$", (ROOT / document).read_text(), re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines() if line.split(" ")[0] in commands]

    assert len(lines) > 8
    assert {line: found for line in lines if (found := list(unknown_words(line, commands)))} == {}
