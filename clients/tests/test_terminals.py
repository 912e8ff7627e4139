"""What a person at a terminal meets: questions, waiting, what may not reach the screen raw."""

import asyncio
import json
import signal
import sys

import pytest
from command_line import admin, run, shop_over_grpc
from fake_portals import Busy, Hang
from grpc import aio
from program_processes import PROGRAMS, SECONDS_MAX, PseudoTerminal, finished, started

from quitanda.domain.model import Customer, Order, OrderItem, Product
from quitanda.errors import Unavailable
from quitanda_clients.commands.admin import app as admin_app
from quitanda_clients.commands.shop import app as shop_app

pytestmark = pytest.mark.slow

EVIL = "\x1b[31mred\x9b2J \u202egnp.exe \u2066x\u2069 \u200f"
RAW = set("\x1b\x9b\u202e\u2066\u2069\u200f")


@pytest.fixture(autouse=True)
def stocked(shop):
    shop.products["caneta"] = Product("caneta", "Caneta", "", 250, 40, (), 1)
    shop.customers["ana"] = Customer("ana", "Ana", (), 2)
    shop.orders["o0"] = Order("o0", "ana", 1_700_000_000_000, (OrderItem("caneta", "Caneta", 250, 3),), 3)
    return shop


async def at_terminal(portal, *arguments, answer=None, question="?"):
    """Run a command whose input and errors are a terminal; type the answer to its question."""
    terminal = PseudoTerminal()
    streams = {"stdin": terminal.end, "stderr": terminal.end, "env": terminal.environment}
    async with started(portal, *arguments, **streams) as process:
        terminal.close_end()
        if answer is not None:
            await terminal.until(question)
            terminal.type(answer)
        rest = asyncio.create_task(terminal.rest())
        code, out, _ = await finished(process)
        return code, out, await rest


@pytest.mark.parametrize(
    ("command", "asked"),
    [
        (["customer", "delete", "ana"], "Delete the customer ana?"),
        (["product", "delete", "--pid", "caneta"], "Delete the product caneta?"),
        (["customer", "delete", "ana", "--cascade"], "Delete the customer ana and cancel all of its orders?"),
        (["product", "delete", "caneta", "--cascade"], "Delete the product caneta and take it out of every order?"),
    ],
)
async def test_a_person_is_asked_before_something_is_deleted(portal, command, asked):
    no = await at_terminal(portal, *command, answer="n\n")
    assert (no[0], no[1], portal.calls) == (1, "", [])
    assert asked in no[2]
    assert "Nothing was changed." in no[2]

    yes = await at_terminal(portal, *command, answer="y\n")
    assert (yes[0], yes[1].split()[0]) == (0, "Deleted")


async def test_yes_answers_the_question_and_programs_are_not_asked(portal):
    asked_not = [
        await at_terminal(portal, "customer", "delete", "ana", "--yes"),
        await at_terminal(portal, "customer", "delete", "ana", "--json"),
    ]
    piped = await admin(portal, "product", "delete", "caneta", "--cascade")

    assert [code for code, _, _ in asked_not] == [0, 1]  # the second finds nobody
    assert piped.exit_code == 0
    assert len(portal.calls) == 3


async def test_ctrl_c_at_the_question_ends_it_and_nothing_is_sent(portal):
    terminal = PseudoTerminal()
    streams = {"stdin": terminal.end, "stderr": terminal.end, "env": terminal.environment}
    async with started(portal, "customer", "delete", "ana", **streams) as process:
        terminal.close_end()
        await terminal.until("Delete the customer ana?")
        process.send_signal(signal.SIGINT)
        rest = asyncio.create_task(terminal.rest())
        code, _, _ = await finished(process)
        shown = await rest

    assert (code, portal.calls) == (130, [])
    assert "Traceback" not in shown


@pytest.mark.parametrize("application", ["admin", "shop"])
async def test_ctrl_c_while_a_program_is_loaded_ends_it_without_a_traceback(application):
    """In the first half second a program loads its libraries: an import was interrupted, and showed where."""
    loading = "quitanda_clients.commands.admin" if application == "admin" else "quitanda_clients.commands.shop"
    interrupting = f"""
import os, signal, sys, importlib.abc
class Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == {loading!r}:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Finder())
sys.argv = ["quitanda-{application}", "--version"]
from quitanda_clients.{application} import main
main()
"""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", interrupting, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )

    assert await finished(process) == (130, "", "")


async def test_ctrl_c_does_not_end_a_program_that_was_started_to_ignore_it(portal):
    portal.plans.append(Busy())
    shell = f"trap '' INT; exec {PROGRAMS}/quitanda-admin --portal {portal.address} --timeout 2 customer get ana"
    process = await asyncio.create_subprocess_shell(
        shell, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    await portal.called()
    process.send_signal(signal.SIGINT)
    code, out, _ = await finished(process)

    assert code == 0
    assert "Ana" in out


async def test_after_a_second_it_says_what_is_being_tried(portal):
    """A dead or wrong portal meant ten silent seconds."""
    places = f"127.0.0.1:1,{portal.address}"
    portal.plans.extend([Unavailable()] * 1_000)
    done = await run(admin_app, "--portal", places, "customer", "get", "ana", "--timeout", "3")
    as_json = await run(admin_app, "--portal", places, "customer", "get", "ana", "--timeout", "3", "--json")

    first, *others = done.stderr.splitlines()
    assert first.startswith(f"Waiting for an answer from 127.0.0.1:1, {portal.address} (")
    assert first.endswith("; at most 3 s, Ctrl-C ends it.")
    assert others[0].startswith("Not available: tried for 3 s")
    assert as_json.error["error"]["reason"] == "UNAVAILABLE"  # and nothing else on stderr
    assert len(as_json.stderr.splitlines()) == 1


async def test_a_broker_that_is_away_is_named_and_no_portal_is_advised():
    options = ["--transport", "mqtt", "--mqtt", "127.0.0.1:1", "--customer", "ana", "--timeout", "1.2"]
    read = await run(shop_app, *options, "order", "list")
    write = await run(shop_app, *options, "order", "create")

    assert (read.exit_code, write.exit_code) == (3, 3)
    assert read.stderr.startswith("Waiting for an answer from the broker 127.0.0.1:1")
    assert "Nothing was changed" not in read.stderr
    assert "Nothing was changed" in write.stderr
    for done in (read, write):
        assert "portal" not in done.stderr
        assert "`make run` or `docker compose up --wait` starts it" in done.stderr


async def test_a_read_that_failed_does_not_say_that_nothing_was_changed_and_names_the_next_step():
    done = await run(admin_app, "--portal", "127.0.0.1:1", "customer", "get", "ana", "--timeout", "0.3")
    write = await run(admin_app, "--portal", "127.0.0.1:1", "customer", "delete", "ana", "--timeout", "0.3")

    assert (done.exit_code, write.exit_code) == (3, 3)
    assert "Nothing was changed" not in done.stderr
    assert "Nothing was changed" in write.stderr
    assert "`make run` or `docker compose up --wait` starts it" in done.stderr


async def test_a_server_that_does_not_offer_the_call_is_given_up_at_once(wrong_server):
    """It was asked for ten seconds."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    done = await run(admin_app, "--portal", wrong_server, "customer", "get", "ana", "--timeout", "60")

    assert loop.time() - begun < 30
    assert done.exit_code == 3
    assert "the server does not offer this call" in done.stderr
    assert f"{wrong_server} is not an admin portal" in done.stderr


@pytest.fixture
async def wrong_server():
    """A gRPC server that offers nothing."""
    server = aio.server()
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield f"127.0.0.1:{port}"
    await server.stop(0)


async def test_another_portal_is_asked_where_one_does_not_offer_the_call(wrong_server, portal):
    done = await run(admin_app, "--portal", f"{wrong_server},{portal.address}", "customer", "get", "ana")

    assert done.exit_code == 0


@pytest.mark.parametrize("output", ["table", "json", "csv"])
async def test_no_command_of_a_document_reaches_a_terminal_raw(portal, shop, output):
    shop.products["evil"] = Product("evil", EVIL, EVIL, 1, 1, ((EVIL, json.dumps(EVIL)),), 1)
    shop.customers["eve"] = Customer("eve", EVIL, ((EVIL, json.dumps(EVIL)),), 1)
    shop.orders["oe"] = Order("oe", "ana", 1, (OrderItem("evil", EVIL, 1, 1),), 3, (("note", json.dumps(EVIL)),))
    for program, *command in (
        ("quitanda-admin", "product", "get", "evil"),
        ("quitanda-admin", "product", "list"),
        ("quitanda-admin", "customer", "list"),
        ("quitanda-shop", "order", "show", "oe"),
    ):
        terminal = PseudoTerminal()
        env = terminal.environment | {"QUITANDA_CUSTOMER": "ana", "TERM": "dumb", "NO_COLOR": "1"}
        arguments = (*command, "-o", output)
        async with started(portal, *arguments, program=program, stdout=terminal.end, env=env) as process:
            terminal.close_end()
            rest = asyncio.create_task(terminal.rest())
            code, _, err = await finished(process)
            shown = await rest

        assert (code, err) == (0, "")
        assert "gnp.exe" in shown
        assert RAW & set(shown) - {"\x1b"} == set()
        assert "\x1b[31m" not in shown


async def test_json_means_the_same_though_nothing_in_it_commands_a_terminal(portal, shop):
    shop.customers["eve"] = Customer("eve", EVIL, (), 1)
    done = await admin(portal, "customer", "get", "eve", "--json")

    assert done.result["customer"]["name"] == EVIL
    assert RAW & set(done.stdout) == set()


async def test_headers_and_problems_of_a_file_do_not_command_the_terminal(portal, tmp_path):
    file = tmp_path / "evil\x1b[2J.csv"
    file.write_text(f"product_id,name,price,quantity,{EVIL}\na,A,x,1,1\n")
    for_people = await admin(portal, "product", "import", file)
    as_json = await admin(portal, "product", "import", file, "--json")
    wrong_use = await admin(portal, "product", "update", "caneta", "--price", EVIL)

    assert [done.exit_code for done in (for_people, as_json, wrong_use)] == [2, 2, 2]
    for done in (for_people, as_json, wrong_use):
        assert RAW & set(done.stderr) == set()
    assert as_json.error["file"] == str(file)


async def test_refusals_that_quote_an_id_do_not_command_the_terminal(portal):
    done = await admin(portal, "customer", "get", "eve\u202e\x1b[2J")

    assert done.exit_code == 1
    assert RAW & set(done.stderr) == set()


async def test_with_json_everything_on_stderr_is_the_documented_object(portal, tmp_path):
    problems = tmp_path / "problems.csv"
    problems.write_text("customer_id,name\n,A\n")
    rows = tmp_path / "rows.csv"
    rows.write_text("customer_id,name\n" + "".join(f"c{number},Name\n" for number in range(10)))
    bad = await admin(portal, "customer", "import", problems, "--json")
    looks = 11  # at the revision, and at each document
    portal.plans.extend([None] * (looks + 1) + [Hang()] * 100)
    begun = len(portal.calls)
    async with started(portal, "customer", "import", rows, "--in-flight", "2", "--json") as process:
        await portal.called(begun + looks + 3)
        process.send_signal(signal.SIGINT)
        code, out, err = await finished(process)
    portal.plans.clear()

    assert (bad.error["error"]["reason"], bad.error["error"]["field"]) == ("FILE_NOT_VALID", "FILE.csv")
    assert (code, json.loads(err)["error"]["reason"]) == (130, "INTERRUPTED")
    assert json.loads(out)["created"] == 1


async def test_a_watch_without_an_answer_says_it_as_json(portal):
    watch = ["product", "list", "--watch", "--interval", "0.1", "--timeout", "0.3", "--json"]
    async with started(portal, *watch) as process:
        await asyncio.wait_for(process.stdout.readline(), SECONDS_MAX)
        await portal.stop()
        error = json.loads(await asyncio.wait_for(process.stderr.readline(), SECONDS_MAX))
        process.send_signal(signal.SIGINT)
        code, _, err = await finished(process)

    assert (code, err) == (130, "")
    assert (error["error"]["reason"], error["error"]["definite"]) == ("UNAVAILABLE", True)


async def test_wrong_use_is_json_also_with_the_other_spellings_of_the_option(portal):
    for spelling in (["-o", "json"], ["--output", "json"], ["-ojson"], ["--output=json"]):
        done = await shop_over_grpc(portal, *spelling, "order", "show")
        assert (done.exit_code, done.error["error"]["reason"]) == (2, "WRONG_USE")
