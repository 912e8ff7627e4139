"""The library as programs use it: installed by the documented command, without asyncio, with ids of requests."""

import asyncio
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from fake_portals import Hang

from quitanda.domain.model import Customer
from quitanda.domain.outcomes import Reason, refused
from quitanda.errors import OutcomeUnknown, Rejected, Unavailable
from quitanda_clients.blocking import THREAD, blocking
from quitanda_clients.connecting import connect_admin, connect_shop

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]


async def in_a_script(function, *arguments):
    """Run a function that blocks, as a script would; the fake portal needs this event loop."""
    return await asyncio.to_thread(function, *arguments)


async def test_a_script_calls_methods_without_await(portal):
    def script():
        with blocking(connect_admin, str(portal.address)) as admin:
            created = admin.create_customer("ana", "Ana")
            assert admin.revision == created.revision
            return created, admin.get_customer("ana").document

    created, document = await in_a_script(script)

    assert document == Customer("ana", "Ana", (), 1)
    assert created.request_id == portal.requests("CreateCustomer")[0].request_id


async def test_a_script_may_run_inside_another_event_loop_and_in_several_threads(portal):
    def many():
        with blocking(connect_admin, str(portal.address)) as admin:
            names = [f"c{number}" for number in range(20)]
            threads = [threading.Thread(target=admin.create_customer, args=(name, name)) for name in names]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            return len(admin.list_customers().documents)

    assert await in_a_script(many) == 20


async def test_errors_tell_the_request_id_that_the_client_chose_and_details_by_name(portal):
    portal.plans.extend([refused(Reason.OUT_OF_STOCK, product_id="caneta", available=2), *[Hang()] * 100])

    def script():
        with blocking(connect_shop, "ana", portals=str(portal.address), timeout=2.0) as shop:
            with pytest.raises(Rejected) as rejected:
                shop.create_order()
            with pytest.raises(OutcomeUnknown) as unknown:
                shop.create_order()
            return rejected.value, unknown.value

    rejected, unknown = await in_a_script(script)
    first, second = portal.requests("CreateOrder")[:2]

    assert rejected.details["available"] == "2"
    assert (rejected.request_id, unknown.request_id) == (first.request_id, second.request_id)
    assert first.request_id != second.request_id


@pytest.mark.usefixtures("gateway")
async def test_answers_over_mqtt_tell_the_request_id_too(portal, broker):
    from quitanda_clients.connecting import Transport  # noqa: PLC0415

    async with connect_shop("ana", Transport.MQTT, broker=str(broker.address), timeout=5.0) as shop:
        answer = await shop.create_order()
        found = await shop.get_order(answer.document.order_id)

    with pytest.raises(Rejected) as rejected:
        async with connect_shop("ana", Transport.MQTT, broker=str(broker.address), timeout=5.0) as shop:
            await shop.cancel_order("o9")

    assert rejected.value.request_id == portal.requests("CancelOrder")[0].request_id
    assert answer.request_id == portal.requests("CreateOrder")[0].request_id
    assert found.request_id == ""


def test_a_closed_client_is_closed_once_and_leaves_no_thread():
    client = blocking(connect_admin, "127.0.0.1:1", timeout=0.2)
    with pytest.raises(Unavailable):
        client.cluster_status()
    client.close()
    client.close()

    assert THREAD not in [thread.name for thread in threading.enumerate()]
    with pytest.raises(ValueError, match="not an address"):
        blocking(connect_admin, "nowhere")
    assert THREAD not in [thread.name for thread in threading.enumerate()]


def test_the_documented_command_installs_the_library(tmp_path):
    (documented,) = re.findall(r"^pip install (\S+ \S+) ", (ROOT / "clients/README.md").read_text(), re.MULTILINE)
    for member in documented.split():
        shutil.copytree(ROOT / member, tmp_path / member, ignore=shutil.ignore_patterns("tests", "*.egg-info", "build"))
    # what it needs is here already, so nothing is asked of the network
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--target", "there"]
    subprocess.run([*pip, *documented.split()], cwd=tmp_path, check=True, timeout=100)
    program = "import quitanda_clients.blocking as b, quitanda as q; print(b.__file__); print(q.__path__)"
    done = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path.insert(0, {str(tmp_path / 'there')!r}); {program}"],
        check=True,
        capture_output=True,
        text=True,
    )

    assert done.stdout.count(str(tmp_path / "there")) == 2
