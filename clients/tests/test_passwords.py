"""password set and remove of both programs: who is asked, from where a password comes, and where it never stands."""

import asyncio
from dataclasses import dataclass, replace

import pytest
from command_line import admin, run, shop_over_grpc
from fake_portals import Hang
from program_processes import PseudoTerminal, finished, started

from quitanda.domain.credentials import sign_in_name
from quitanda.domain.model import Credential
from quitanda.domain.outcomes import Reason, refused
from quitanda.errors import OutcomeUnknown
from quitanda.identity.passwords import PASSWORD_LENGTH_MIN
from quitanda_clients.cli.options import ADMIN, SHOP, options_after
from quitanda_clients.client import AdminClient
from quitanda_clients.commands.admin import app as admin_app
from quitanda_clients.commands.shop import app as shop_app

GOOD, OLD = "nine green bottles", "ten blue bottles"
OF_CLERK, OF_ANA = "c" * 12, "a" * 12
PROGRAMS = [("quitanda-admin", admin), ("quitanda-shop", shop_over_grpc)]


@pytest.fixture(autouse=True)
def known(shop):
    """A clerk, whose password is meant where none is named, and ana."""
    for credential_id, role, customer_id in ((OF_CLERK, "clerk", ""), (OF_ANA, "customer", "ana")):
        shop.credentials[credential_id] = Credential(credential_id, role, customer_id, role, 1, 1, 0, 1)


@pytest.fixture
def file(tmp_path):
    file = tmp_path / "password"
    file.write_text(f"{GOOD}\n")
    return file


@dataclass
class AtTerminal:
    """What became of a command: its exit code, what it wrote, and what the terminal showed."""

    exit_code: int
    stdout: str
    shown: str


async def at_terminal(portal, *arguments, answers, program="quitanda-admin"):
    """Run a command whose input and errors are a terminal; type each answer after its question.

    The process is in a session of its own: so it reads from this terminal, whatever terminal the tests run on.
    """
    terminal = PseudoTerminal()
    streams = {"stdin": terminal.end, "stderr": terminal.end, "start_new_session": True}
    environment = terminal.environment | {"QUITANDA_CUSTOMER": "ana", "LC_ALL": "C.UTF-8"}
    async with started(portal, *arguments, program=program, env=environment, **streams) as process:
        terminal.close_end()
        for question, answer in answers:
            await terminal.until(f"{question}: ")
            terminal.type(f"{answer}\n")
        rest = asyncio.create_task(terminal.rest())
        code, out, _ = await finished(process)
        return AtTerminal(code, out, await rest)


def asked_for(portal):
    """What the portal was asked for: the password, the one until now, and whose, if that is said."""
    requests = portal.requests("SetPassword")
    return [(each.password, each.current_password, getattr(each, "credential_id", "")) for each in requests]


@pytest.mark.parametrize("program", [name for name, _ in PROGRAMS])
async def test_a_person_types_the_password_twice_and_nobody_sees_it(portal, program):
    done = await at_terminal(
        *(portal, "password", "set"),
        answers=[("New password", GOOD), ("New password once more", GOOD)],
        program=program,
    )

    assert (done.exit_code, asked_for(portal)) == (0, [(GOOD, "", "")])
    assert f"At least {PASSWORD_LENGTH_MIN} characters" in done.shown
    assert done.stdout.startswith("Set the password of the credential")
    assert GOOD not in done.shown + done.stdout


@pytest.mark.parametrize(
    ("call", "own", "signs_in"),
    [
        (admin, OF_CLERK, "as staff: with the name {name} and"),
        (shop_over_grpc, OF_ANA, "as a customer: with the id {name} and"),
    ],
)
async def test_a_new_password_is_told_with_the_name_that_belongs_to_it(portal, shop, call, own, signs_in, file):
    """Only the credential's id was shown, with which nobody can sign in."""
    shop.credentials = {own: shop.credentials[own]}
    done = await call(portal, "password", "set", "--password-file", file)
    removed = await call(portal, "password", "remove")

    assert signs_in.format(name=sign_in_name(shop.credentials[own])) in done.stderr
    assert removed.stderr == ""


async def test_two_passwords_that_differ_are_not_sent(portal):
    done = await at_terminal(portal, "password", "set", answers=[("New password", GOOD), ("once more", OLD)])

    assert (done.exit_code, portal.calls) == (2, [])
    assert "two different passwords" in done.shown
    assert GOOD not in done.shown


@pytest.mark.parametrize("program", [name for name, _ in PROGRAMS])
async def test_the_password_until_now_is_asked_for_where_that_is_said(portal, program, file):
    until_now = [("Password until now", OLD)]
    for arguments in (["set", "--password-file", file, "--current"], ["remove", "--current"]):
        done = await at_terminal(portal, "password", *arguments, answers=until_now, program=program)
        assert done.exit_code == 0

    assert asked_for(portal) == [(GOOD, OLD, ""), ("", OLD, "")]


@pytest.mark.parametrize(("name", "call"), PROGRAMS)
async def test_without_a_terminal_a_password_comes_from_a_file(portal, name, call, file, shop):
    done = await call(portal, "password", "set", "--password-file", file, "--json")

    assert (done.exit_code, done.result["credential"]["has_password"]) == (0, True)
    assert asked_for(portal) == [(GOOD, "", "")]
    assert GOOD not in done.stdout + done.stderr
    assert shop.credentials[OF_CLERK].has_password, name


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
async def test_a_password_comes_from_the_standard_input_without_the_end_of_its_line(portal, ending):
    arguments = ("password", "set", "--password-file", "-")
    async with started(portal, *arguments, stdin=asyncio.subprocess.PIPE) as process:
        process.stdin.write(f" {GOOD} {ending}".encode())
        process.stdin.write_eof()
        code, _, _ = await finished(process)

    assert (code, asked_for(portal)) == (0, [(f" {GOOD} ", "", "")])


@pytest.mark.parametrize(("name", "call"), PROGRAMS)
async def test_without_a_terminal_and_without_a_file_nobody_is_asked(portal, name, call):
    for arguments in (["set"], ["remove", "--current"]):
        done = await call(portal, "password", *arguments)
        assert done.exit_code == 2, name
        assert "there is no terminal to ask on" in done.message
    assert portal.calls == []


@pytest.mark.parametrize(("content", "says"), [(b"\n", "is empty"), (b"\xff\xfe", "it is not text"), (None, "No such")])
async def test_a_file_that_has_no_password_is_named(portal, tmp_path, content, says):
    file = tmp_path / "password"
    if content is not None:
        file.write_bytes(content)

    done = await admin(portal, "password", "set", "--password-file", file)

    assert (done.exit_code, portal.calls) == (2, [])
    assert says in done.message


@pytest.mark.parametrize(("name", "call"), PROGRAMS)
async def test_a_password_is_removed_without_a_question(portal, name, call, shop):
    done = await call(portal, "password", "remove")

    assert (done.exit_code, asked_for(portal)) == (0, [("", "", "")]), name
    assert done.stdout.startswith("Removed the password of the credential")
    assert not shop.credentials[OF_CLERK].has_password


async def test_an_administrator_names_whose_password(portal, file, shop):
    for arguments in (["set", "--password-file", file], ["remove"]):
        assert (await admin(portal, "password", *arguments, "--credential", OF_ANA)).exit_code == 0

    assert asked_for(portal) == [(GOOD, "", OF_ANA), ("", "", OF_ANA)]
    assert not shop.credentials[OF_ANA].has_password


async def test_the_list_of_tokens_says_which_have_a_password_and_which_are_sessions(portal, shop):
    """Found by reading: every token had one."""
    session = Credential("s" * 12, "clerk", "", "clerk", 1, 1, 9, 1, session_of=OF_CLERK)
    shop.credentials[session.credential_id] = session
    shop.credentials["d" * 12] = Credential("d" * 12, "admin", "", "boss", 1, 1, 0, 1)
    await admin(portal, "password", "remove", "--credential", "d" * 12)
    shop.credentials[OF_CLERK] = replace(shop.credentials[OF_CLERK], has_password=True)

    done = await run(admin_app, "--portal", portal.address, "token", "list", env={"COLUMNS": "200"})

    header, *lines = (line.split() for line in done.stdout.splitlines())
    assert {"password", "session"} <= {word.lower() for word in header}
    of_credential = {line[0]: line for line in lines if line and line[0] in shop.credentials}
    assert ["yes" in of_credential[each] for each in (OF_CLERK, "d" * 12, "s" * 12)] == [True, False, False]
    assert OF_CLERK in of_credential["s" * 12]


async def test_a_token_in_place_of_an_id_is_refused_and_not_repeated(portal, file):
    token = f"qt1_{OF_ANA}_{'s' * 52}"
    done = await admin(portal, "password", "set", "--password-file", file, "--credential", token)

    assert (done.exit_code, portal.calls) == (2, [])
    assert "s" * 52 not in done.stdout + done.stderr


async def test_passwords_do_not_go_over_mqtt(portal, file):
    arguments = ("--transport", "mqtt", "--mqtt", "127.0.0.1:1", "--customer", "ana", "password")
    for command in (["set", "--password-file", str(file)], ["remove"]):
        done = await run(shop_app, *arguments, *command)
        assert (done.exit_code, "passwords go over gRPC only" in done.message) == (2, True)
    assert portal.calls == []


@pytest.mark.parametrize(("name", "call"), PROGRAMS)
async def test_a_refusal_names_its_field_and_its_reason(portal, name, call, file):
    facts = {"problem": "too_short", "length": 5, "limit": 12}
    portal.plans.append(refused(Reason.INVALID_ARGUMENT, "password", **facts))

    done = await call(portal, "password", "set", "--password-file", file, "--json")

    assert (done.exit_code, done.error["error"]["field"]) == (1, "password"), name
    assert "12 are needed" in done.error["error"]["message"]


async def test_whoever_hears_no_answer_is_not_told_that_nothing_happened(portal, shop):
    """Found by a slow machine: the client took it for a read, and said that it was not available."""
    portal.plans.extend([Hang()] * 100)
    async with AdminClient([portal.address], timeout=1.0) as client:
        with pytest.raises(OutcomeUnknown) as unknown:
            await client.set_password(GOOD, request_id="r1")

    assert unknown.value.request_id == "r1"
    assert {each.request_id for each in portal.requests("SetPassword")} == {"r1"}
    assert shop.credentials[OF_CLERK].has_password


@pytest.mark.parametrize("program", [ADMIN, SHOP])
def test_no_option_of_any_command_takes_a_password_itself(program):
    names = [parameter.name for parameter in options_after(program)]

    assert [name for name in names if "password" in name] == []
