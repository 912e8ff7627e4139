"""What only a process of its own shows: signals, streams, the installed programs."""

import asyncio
import json
import os
import signal
import sys

import pytest
from fake_portals import Busy, Hang
from program_processes import PROGRAMS, PseudoTerminal, finished, line_of, started

from quitanda.domain.model import Product

pytestmark = pytest.mark.slow

PEN = Product("caneta", "Caneta", "", 250, 40, (), 1)


async def test_ctrl_c_ends_a_write_and_says_how_to_find_out_what_became_of_it(portal):
    portal.plans.append(Hang())
    async with started(portal, "customer", "create", "--cid", "ana", "--name", "Ana") as process:
        await portal.called()
        process.send_signal(signal.SIGINT)
        code, out, err = await finished(process)

    ((_, request),) = portal.calls
    assert (code, out) == (130, "")
    assert f"--request-id {request.request_id}" in err
    assert "Traceback" not in err


async def test_ctrl_c_ends_a_read_without_a_word(portal):
    portal.plans.append(Busy())
    async with started(portal, "customer", "get", "ana") as process:
        await portal.called()
        process.send_signal(signal.SIGINT)

        assert await finished(process) == (130, "", "")


async def test_a_server_that_is_no_broker_writes_nothing_of_the_library_into_the_errors(portal):
    options = ("--mqtt", portal.address, "--transport", "mqtt", "--customer", "ana", "--timeout", "4", "--json")
    async with started(portal, *options, "order", "list", program="quitanda-shop") as process:
        code, out, err = await finished(process)

    assert (code, out) == (3, "")
    assert json.loads(err)["error"]["reason"] == "UNAVAILABLE"


async def test_ctrl_c_ends_an_import_with_a_summary(portal, tmp_path):
    file = tmp_path / "customers.csv"
    file.write_text("customer_id,name\n" + "".join(f"c{number},Name\n" for number in range(10)))
    looks = 11  # at the revision, and at each document
    portal.plans.extend([None] * (looks + 2) + [Hang()] * 100)
    async with started(portal, "customer", "import", str(file), "--in-flight", "2") as process:
        await portal.called(looks + 4)  # so the answers to the first two have come
        process.send_signal(signal.SIGINT)
        code, out, err = await finished(process)

    assert code == 130
    assert "created: 2" in out
    assert "not imported: 8" in out
    assert "Give the same command again" in err
    assert "Traceback" not in err


async def test_changes_of_stock_are_printed_as_they_come_and_restarts_are_outlived(portal, shop):
    shop.products["caneta"] = PEN
    watch = ["product", "list", "--watch", "--interval", "0.1", "--timeout", "0.5"]
    async with started(portal, *watch) as process:
        first = await line_of(process.stdout)
        shop.products["caneta"] = Product("caneta", "Caneta", "", 250, 39, (), 2)
        second = await line_of(process.stdout)
        await portal.stop()
        complaint = await line_of(process.stderr)
        assert complaint.startswith("Not available"), complaint
        shop.products["caneta"] = Product("caneta", "Caneta", "", 300, 39, (), 3)
        await portal.start()
        third = await line_of(process.stdout)
        relief = await line_of(process.stderr)
        del shop.products["caneta"]
        last = await line_of(process.stdout)
        process.send_signal(signal.SIGINT)
        code, _, err = await finished(process)

    assert ["40 on hand" in first, "39 on hand" in second, "3.00" in third, "deleted" in last] == [True] * 4
    assert relief == "Available again.\n"
    assert (code, err) == (130, "")


async def test_changes_are_json_lines_for_programs(portal, shop):
    shop.products["caneta"] = PEN
    async with started(portal, "product", "list", "--watch", "--interval", "0.1", "--json") as process:
        first = json.loads(await line_of(process.stdout))
        del shop.products["caneta"]
        second = json.loads(await line_of(process.stdout))

    assert first["product"]["quantity"] == 40
    assert second == {"revision": 0, "product_id": "caneta", "deleted": True}


async def test_on_a_terminal_the_stock_is_a_live_table(portal, shop):
    shop.products["caneta"] = PEN
    terminal = PseudoTerminal()
    watch = ("product", "list", "--watch", "--interval", "0.1")
    async with started(portal, *watch, stdout=terminal.end, env=terminal.environment) as process:
        terminal.close_end()
        shown = await terminal.until("Caneta")
        shop.products["caneta"] = Product("caneta", "Caneta", "", 250, 4321, (), 2)
        shown += await terminal.until("4321")
        process.send_signal(signal.SIGINT)
        rest = asyncio.create_task(terminal.rest())
        code, _, err = await finished(process)
        await rest

    assert "\x1b[" in shown
    assert (code, err) == (130, "")


async def test_a_live_table_of_a_thousand_products_has_pages_and_keys_turn_them(portal, shop):
    """It showed 15 rows of 1,000, and then an ellipsis."""
    shop.products = {f"p{n:04}": Product(f"p{n:04}", "N", "", 1, 1, (), 1) for n in range(1_000)}
    terminal = PseudoTerminal(columns=80, lines=25)
    watch = ("product", "list", "--watch", "--interval", "60")
    streams = {"stdin": terminal.end, "stdout": terminal.end, "env": terminal.environment}
    async with started(portal, *watch, **streams) as process:
        terminal.close_end()
        first = await terminal.until("products 1 to 20 of 1000")
        terminal.type(" ")
        second = await terminal.until("products 21 to 40 of 1000")
        terminal.type("G")
        last = await terminal.until("products 981 to 1000 of 1000")
        terminal.type("\x1b[A")
        above = await terminal.until("products 980 to 999 of 1000")
        process.send_signal(signal.SIGINT)
        rest = asyncio.create_task(terminal.rest())
        code, _, err = await finished(process)
        await rest

    assert ["p0019" in first, "p0020" in second, "p0999" in last, "p0979" in above] == [True] * 4
    assert "…" not in terminal.shown
    assert (code, err) == (130, "")


async def test_on_a_terminal_an_import_has_a_progress_bar(portal, tmp_path):
    file = tmp_path / "customers.csv"
    file.write_text("customer_id,name\n" + "".join(f"c{number},Name\n" for number in range(50)))
    terminal = PseudoTerminal()
    async with started(portal, "customer", "import", file, stderr=terminal.end, env=terminal.environment) as process:
        terminal.close_end()
        shown = await terminal.until("50/50")
        rest = asyncio.create_task(terminal.rest())
        code, out, _ = await finished(process)
        await rest

    assert "importing" in shown
    assert code == 0
    assert out.startswith("rows: 50, created: 50, updated: 0, ")


async def test_a_terminal_that_lacks_a_character_shows_its_number(portal, shop):
    shop.products["caneta"] = Product("caneta", "Lápis 日本", "", 250, 40, (), 1)
    environment = os.environ | {"PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"}
    async with started(portal, "product", "get", "caneta", env=environment) as process:
        out, err = await process.communicate()

    assert err == b""
    assert "Lápis \\u65e5\\u672c".encode("latin-1") in out


@pytest.mark.parametrize("program", ["quitanda-admin", "quitanda-shop"])
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
async def test_shells_get_completion(program, shell):
    environment = os.environ | {f"_{program.upper().replace('-', '_')}_COMPLETE": f"source_{shell}"}
    process = await asyncio.create_subprocess_exec(
        PROGRAMS / program, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    code, out, err = await finished(process)

    assert (code, err) == (0, "")
    assert program in out


async def test_completion_knows_the_commands():
    environment = os.environ | {
        "_QUITANDA_ADMIN_COMPLETE": "complete_bash",
        "COMP_WORDS": "quitanda-admin product ",
        "COMP_CWORD": "2",
    }
    process = await asyncio.create_subprocess_exec(
        PROGRAMS / "quitanda-admin", env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    _, out, _ = await finished(process)

    assert {"create", "get", "update", "delete", "list", "adjust-stock", "import"} <= set(out.split())


@pytest.mark.parametrize("application", ["admin", "shop"])
async def test_options_are_read_before_the_libraries_of_the_transports_are_loaded(application):
    """Every call of a command pays for what it imports."""
    program = (
        f"import sys, quitanda_clients.cli.application, quitanda_clients.commands.{application}; print(*sys.modules)"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE)
    code, out, _ = await finished(process)

    assert code == 0
    assert {"grpc", "google.protobuf", "aiomqtt", "paho.mqtt", "tenacity", "rich.table"} & set(out.split()) == set()


async def test_a_customers_command_over_mqtt_loads_nothing_of_grpc(portal, broker, gateway):  # noqa: ARG001 - it answers
    """Every call of a command pays for what it imports."""
    program = (
        "import atexit, sys\n"
        "atexit.register(lambda: print(*sys.modules, file=sys.stderr))\n"
        "from quitanda_clients.shop import main\n"
        "main()\n"
    )
    options = ("--transport", "mqtt", "--mqtt", broker.address, "--customer", "ana", "--json", "order", "list")
    async with started(portal, *options, program=sys.executable, before=("-c", program)) as process:
        code, out, loaded = await finished(process)

    assert (code, json.loads(out)["orders"]) == (0, [])
    assert [name for name in loaded.split() if name.partition(".")[0].startswith("grpc")] == []
