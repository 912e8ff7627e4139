"""A command whose answer cannot be written says that it is done; one whose reader has gone says nothing."""

import asyncio
import json
import os

import pytest
from fake_portals import Hang
from program_processes import PROGRAMS, finished, started

from quitanda.domain.model import Customer, Order, OrderItem, Product

pytestmark = pytest.mark.slow

PEN = Product("caneta", "Caneta", "", 250, 40, (), 1)
WRITES = [
    ("quitanda-admin", "customer", "create", "--cid", "bia", "--name", "Bia"),
    ("quitanda-admin", "customer", "update", "ana", "--name", "Bia"),
    ("quitanda-admin", "customer", "delete", "ana"),
    ("quitanda-admin", "product", "create", "--pid", "p", "--name", "P", "--price", "1", "--quantity", "1"),
    ("quitanda-admin", "product", "update", "caneta", "--price", "3"),
    ("quitanda-admin", "product", "adjust-stock", "caneta", "1"),
    ("quitanda-admin", "product", "delete", "caneta"),
    ("quitanda-shop", "order", "create"),
    ("quitanda-shop", "order", "create", "-q"),
    ("quitanda-shop", "order", "set", "o0", "caneta", "1"),
    ("quitanda-shop", "order", "describe", "o0", "--field", "a=1"),
    ("quitanda-shop", "order", "cancel", "o0"),
]
READS = [
    ("quitanda-admin", "customer", "get", "ana"),
    ("quitanda-admin", "customer", "list"),
    ("quitanda-admin", "product", "list"),
    ("quitanda-admin", "product", "list", "--watch"),
    ("quitanda-admin", "cluster", "status"),
    ("quitanda-shop", "order", "show", "o0"),
    ("quitanda-shop", "order", "list"),
    ("quitanda-shop", "product", "list"),
]
READS_BY_FORMAT = [
    *((command, "table") for command in READS),
    (READS[1], "json"),
    (READS[3], "json"),
    (READS[1], "csv"),
]


@pytest.fixture(autouse=True)
def stocked(shop):
    shop.products["caneta"] = PEN
    shop.customers["ana"] = Customer("ana", "Ana", (), 2)
    shop.orders["o0"] = Order("o0", "ana", 1_700_000_000_000, (OrderItem("caneta", "Caneta", 250, 3),), 3)
    return shop


def closed_pipe():
    """The end of a pipe that nobody reads."""
    reading, writing = os.pipe()
    os.close(reading)
    return writing


async def run(portal, program, *arguments, stdout, environment=None):
    env = os.environ | {"QUITANDA_CUSTOMER": "ana"} | (environment or {})
    async with started(portal, *arguments, program=program, stdout=stdout, env=env) as process:
        os.close(stdout)
        code, _, err = await finished(process)
        return code, err


def writes_of(portal):
    return [request for _, request in portal.calls if getattr(request, "request_id", "")]


@pytest.mark.parametrize("command", WRITES, ids=" ".join)
async def test_a_write_to_a_full_disk_is_done_and_says_so_with_its_request_id(portal, command):
    """It said "nothing happened" in 70 lines of traceback, though the order was there."""
    code, err = await run(portal, *command, stdout=os.open("/dev/full", os.O_WRONLY))

    (sent,) = writes_of(portal)
    assert code == 5
    assert err == (
        "Done, but the answer could not be written: No space left on device. To see it, give the same command again "
        f"with: --request-id {sent.request_id}\n"
    )


@pytest.mark.parametrize(("command", "output"), [(WRITES[0], "table"), (WRITES[-1], "json"), *READS_BY_FORMAT])
async def test_an_answer_to_a_pipe_that_nobody_reads_ends_without_a_word(portal, command, output):
    code, err = await run(portal, *command, "-o", output, stdout=closed_pipe())

    assert (code, err) == (141, "")


@pytest.mark.parametrize(("command", "output"), READS_BY_FORMAT)
async def test_a_read_to_a_full_disk_says_that_the_answer_could_not_be_written(portal, command, output):
    code, err = await run(portal, *command, "-o", output, stdout=os.open("/dev/full", os.O_WRONLY))

    told = json.loads(err)["error"]["message"] if output == "json" else err.strip().splitlines()[-1]
    assert code == 5
    assert told == "The answer could not be written: No space left on device."


async def test_the_failure_to_write_is_json_where_json_is_asked_for(portal):
    code, err = await run(portal, *WRITES[0], "--json", stdout=os.open("/dev/full", os.O_WRONLY))

    (sent,) = writes_of(portal)
    told = json.loads(err)
    assert code == 5
    assert (told["error"]["reason"], told["request_id"]) == ("ANSWER_NOT_WRITTEN", sent.request_id)
    assert told["error"]["definite"] is False


async def test_the_repetition_shows_the_answer_and_makes_nothing_twice(portal, shop):
    _, err = await run(portal, "quitanda-shop", "order", "create", stdout=os.open("/dev/full", os.O_WRONLY))
    request_id = err.split("--request-id ")[1].strip()
    reading, writing = os.pipe()
    code, _ = await run(portal, "quitanda-shop", "order", "create", "-q", "--request-id", request_id, stdout=writing)

    with os.fdopen(reading) as answer:
        assert answer.read().strip() in shop.orders
    assert code == 0
    assert len(shop.orders) == 2


async def test_an_import_to_a_full_disk_is_done_and_says_so(portal, shop, tmp_path):
    file = tmp_path / "customers.csv"
    file.write_text("customer_id,name\nbia,Bia\ncaio,Caio\n")
    command = ("quitanda-admin", "customer", "import", file)
    full = await run(portal, *command, stdout=os.open("/dev/full", os.O_WRONLY))
    closed = await run(portal, *command, stdout=closed_pipe())

    assert full[0] == 5
    assert "\nDone, but the answer could not be written: No space left on device." in full[1]
    assert closed[0] == 141
    assert "Done" not in closed[1]
    assert {"bia", "caio"} <= set(shop.customers)


@pytest.mark.parametrize("arguments", [("--help",), ("--version",), ("product", "-h")], ids=" ".join)
async def test_help_that_cannot_be_written_is_no_traceback(portal, arguments):
    full = await run(portal, "quitanda-admin", *arguments, stdout=os.open("/dev/full", os.O_WRONLY))
    closed = await run(portal, "quitanda-admin", *arguments, stdout=closed_pipe())

    assert full == (5, "The text could not be written: No space left on device.\n")
    assert closed == (141, "")


async def test_an_answer_where_standard_output_is_closed_is_not_written_into_a_connection(portal):
    """The first file that a process opens would get the number of standard output."""
    shell = f"exec {PROGRAMS}/quitanda-admin --portal {portal.address} customer create --cid bia --name Bia >&-"
    process = await asyncio.create_subprocess_shell(shell, stderr=asyncio.subprocess.PIPE)
    code, _, err = await finished(process)

    assert code == 5
    assert err.startswith("Done, but the answer could not be written")
    assert len(writes_of(portal)) == 1


@pytest.mark.parametrize("broken", [closed_pipe, lambda: os.open("/dev/full", os.O_WRONLY)], ids=["closed", "full"])
async def test_what_cannot_be_said_on_stderr_does_not_change_how_a_command_ends(portal, broken):
    codes = []
    portal.plans.extend([None, None, *[Hang()] * 100])
    for arguments in (["customer", "get", "nobody"], ["customer", "get", "ana"], ["customer", "delete", "ana"]):
        stderr = broken()
        async with started(portal, *arguments, "--timeout", "1.5", stderr=stderr) as process:
            os.close(stderr)
            codes.append((await finished(process))[0])

    assert codes == [1, 0, 4]
