"""The system as users run it: the commands of the README and of docs/OPERATIONS.md for containers, as written."""

import asyncio
import re
import ssl
import threading
import time
import urllib.error
import urllib.request
from typing import Any

import pytest

from quitanda.identity.folder import IdentityFile
from quitanda_clients.connecting import Transport
from quitanda_testing.cluster.kinds import ClusterKind, chosen

if chosen() is not ClusterKind.CONTAINERS:
    pytest.skip("needs Docker: QUITANDA_TEST_CLUSTER=containers", allow_module_level=True)

from compose_project import (
    EVERYTHING,
    IDENTITY_AS_WRITTEN,
    PORTALS,
    REPLICAS,
    CommandFailed,
    ComposeProject,
    written,
)

from quitanda_testing.containers.docker_run import TAG

pytestmark = pytest.mark.timeout(300)

UP_SECONDS = 30
NEXT_COMMAND_SECONDS = 3
STOP_SECONDS = 15
"""Of all containers together; each is told at once, and Docker itself takes its time."""


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """The system, started once for all tests of this file; the customer `ana` and the product `caneta` are there."""
    project: Any = ComposeProject(tmp_path_factory.mktemp("files"))
    try:
        begun = time.monotonic()
        project.run(written("README.md", "With Docker").splitlines()[0])
        project.seconds_to_start = time.monotonic() - begun
        yield project
    finally:
        project.close()


@pytest.fixture(scope="module")
def order(project):
    """The README's commands, run; the id of the order that they place."""
    first, *others = [line for line in written("README.md", "With Docker").splitlines() if "docker run" in line]
    printed = ""
    for command in (first, *others):
        placed = re.search(r"^order +(\S+)", printed, re.MULTILINE)
        printed += project.run(command.replace("ORDER_ID", placed.group(1) if placed else "none yet"))
    return placed.group(1)


@pytest.fixture
def healthy_project(project):
    """The system, complete again afterwards."""
    yield project
    project.up()


def test_it_is_healthy_within_half_a_minute(project):
    states = {name: project.inspected(name)["State"] for name in EVERYTHING}

    assert {name: state["Health"]["Status"] for name, state in states.items()} == dict.fromkeys(EVERYTHING, "healthy")
    assert project.seconds_to_start < UP_SECONDS


def test_the_readmes_commands_work_as_written(project, order):
    over_grpc = project.run(project.shop("order list"))

    assert order in over_grpc
    assert "7.50" in over_grpc
    assert project.run(project.shop("--transport mqtt order list")) == over_grpc


def test_nobody_is_answered_without_an_identity_and_a_token(project):
    status = project.admin("cluster status")
    with pytest.raises(CommandFailed, match=r"/identity/ca\.pem"):
        project.run(status.replace(IDENTITY_AS_WRITTEN, ""))
    with pytest.raises(CommandFailed, match="ended with 3"):
        project.run(status.replace(IDENTITY_AS_WRITTEN, "--env QUITANDA_IDENTITY=off"))
    with pytest.raises(CommandFailed, match=r"ended with 1:(.|\n)*token"):
        project.run(status.replace("quitanda-admin", "quitanda-admin --token-file /etc/hostname"))


def test_the_identities_are_made_once_by_a_container_that_ended_well(project):
    made = project.inspected("identity")["State"]
    shown = project.run("docker compose run --rm identity show")
    assert "made" not in project.run("docker compose run --rm identity create")

    assert (made["Status"], made["ExitCode"]) == ("exited", 0)
    assert [name for name in (*EVERYTHING, "metrics", "clients") if f"\n{name} (" not in shown] == []


@pytest.mark.parametrize("service", EVERYTHING)
def test_containers_may_do_no_more_than_they_must(project, service):
    container = project.inspected(service)
    tried = project.run(
        f"docker exec {project.container(service)} sh -c 'id -u; touch /here 2>/dev/null || echo refused'"
    )

    assert tried.split() == ["1883" if service == "broker" else "10001", "refused"]
    assert container["HostConfig"]["ReadonlyRootfs"]
    assert container["HostConfig"]["CapDrop"] == ["ALL"]
    assert container["HostConfig"]["SecurityOpt"] == ["no-new-privileges:true"]
    assert {binding["HostIp"] for door in container["HostConfig"]["PortBindings"].values() for binding in door} <= {
        "127.0.0.1"
    }


@pytest.mark.parametrize("victim", ["leader", "follower", "admin-portal-1", "client-portal-1", "client-portal-2"])
def test_whichever_container_is_killed_the_next_commands_work_within_seconds(healthy_project, order, victim):
    leader = healthy_project.leader()
    follower = next(name for name in REPLICAS if name != leader)
    service = {"leader": leader, "follower": follower}.get(victim, victim)
    healthy_project.run(f"docker kill {healthy_project.container(service)}")

    took = {
        command: healthy_project.timed(command)
        for command in (
            healthy_project.shop(f"order set {order} caneta 4"),
            healthy_project.shop("--transport mqtt order create"),
            healthy_project.admin("customer list"),
        )
    }
    assert max(took.values()) < NEXT_COMMAND_SECONDS, took
    assert not healthy_project.inspected(service)["State"]["Running"], "what was killed on purpose stays down"


def test_while_the_broker_is_dead_grpc_goes_on_and_mqtt_waits_for_it(healthy_project, order):
    healthy_project.run(f"docker kill {healthy_project.container('broker')}")

    assert healthy_project.timed(healthy_project.shop(f"order set {order} caneta 5")) < NEXT_COMMAND_SECONDS
    with pytest.raises(CommandFailed, match="ended with 3"):
        healthy_project.run(healthy_project.shop("--transport mqtt --timeout 2 order list"))
    feed = written("docs/OPERATIONS.md", "Start").splitlines()[-1]
    with pytest.raises(CommandFailed, match="feed: not serving"):
        healthy_project.run(feed)
    assert healthy_project.inspected("client-portal-1")["State"]["Health"]["Status"] == "healthy"

    waiting = threading.Timer(1.0, healthy_project.run, (f"docker start {healthy_project.container('broker')}",))
    waiting.start()
    listed = healthy_project.run(healthy_project.shop("--transport mqtt order list"))
    waiting.join()
    assert order in listed


def test_metrics_are_published_and_show_the_age_of_the_feed(project):
    url = f"https://127.0.0.1:{project.ports['QUITANDA_CLIENT_PORTAL_1_METRICS_PORT']}/metrics"
    folder = project.identity("metrics")
    context = ssl.create_default_context(cafile=folder.file(IdentityFile.CA))
    with pytest.raises((urllib.error.URLError, ssl.SSLError, ConnectionError)):
        urllib.request.urlopen(url, timeout=5, context=context)
    context.load_cert_chain(folder.file(IdentityFile.PROCESS))
    with urllib.request.urlopen(url, timeout=5, context=context) as answer:
        age = re.search(r"^quitanda_cache_feed_age_seconds (\S+)", answer.read().decode(), re.MULTILINE)

    assert float(age.group(1)) < 5


def test_all_containers_stop_at_once_and_in_order_and_data_survive_their_removal(project, order):
    before = project.run(project.shop("order list"))
    stop, down = written("docs/OPERATIONS.md", "Stop").splitlines()
    took = project.timed(stop)
    codes = {name: project.inspected(name)["State"]["ExitCode"] for name in EVERYTHING}
    project.run(down)
    project.up()

    assert codes == dict.fromkeys(EVERYTHING, 0)
    assert took < STOP_SECONDS
    assert order in before
    assert project.run(project.shop("order list")) == before


@pytest.mark.parametrize("image", ["replica", "admin-portal", "client-portal"])
def test_an_image_stops_at_once_also_without_an_init_process(project, image):
    name = f"{project.name}-alone"
    settings = (
        "-e QUITANDA_NAME=replica1 -e QUITANDA_LISTEN=0.0.0.0:7011 -e QUITANDA_REPLICAS=replica1=replica1:7011"
        " -e QUITANDA_RAFT_ADDRESSES=replica1=replica1:7021 -e QUITANDA_CLUSTER_SECRET=sixteen-characters"
    )
    listens = f"docker exec {name} python -m quitanda.runtime.health_probe 127.0.0.1:7011 liveness"
    project.run(f"docker run --detach --name {name} --hostname replica1 {settings} quitanda/{image}:{TAG}")
    project.run(f"until {listens}; do sleep 0.1; done")
    took = project.timed(f"docker stop --time 10 {name}")
    exit_code = project.run(f"docker inspect --format '{{{{.State.ExitCode}}}}' {name}; docker rm {name} > /dev/null")

    assert exit_code.strip() == "0"
    assert took < 5


@pytest.mark.usefixtures("order")
async def test_an_upgrade_turns_no_customer_away(project):
    lives = {name: project.inspected(name)["Id"] for name in (*REPLICAS, *PORTALS)}
    upgrade = written("docs/OPERATIONS.md", "Upgrade").replace("docker compose build", ":")
    placed, upgraded = set(), asyncio.Event()

    async def go_on_ordering(transport):
        async with project.customer(transport) as customer:
            while not upgraded.is_set():
                placed.add((await customer.create_order()).document.order_id)
                await asyncio.sleep(0.02)

    async with asyncio.TaskGroup() as customers:
        for transport in Transport:
            customers.create_task(go_on_ordering(transport))
        await asyncio.to_thread(project.run, upgrade)
        upgraded.set()

    assert [name for name, life in lives.items() if project.inspected(name)["Id"] == life] == []
    async with project.customer(Transport.GRPC) as customer:
        listed = {order.order_id for order in (await customer.list_orders()).documents}
    assert placed <= listed
    assert len(placed) > 2 * len(lives)


@pytest.mark.usefixtures("order")
def test_a_replica_whose_volume_is_lost_gets_everything_again(project):
    project.run(written("docs/OPERATIONS.md", "Replace a replica that was lost"))

    assert project.states_agree()


@pytest.mark.usefixtures("order")
def test_a_damaged_replica_is_rebuilt_and_what_it_had_is_kept(project):
    project.run(written("docs/OPERATIONS.md", "A replica that stopped by itself"))

    assert project.states_agree()
    assert "CURRENT" in project.run(f"docker exec {project.container('replica2')} ls /data/damaged")


@pytest.mark.usefixtures("order")
def test_when_everything_is_killed_nothing_is_lost(project):
    before = project.run(project.shop("order list"))
    project.run("docker compose kill")
    project.run(written("docs/OPERATIONS.md", "Lose two replicas, or everything"))

    assert project.run(project.shop("order list")) == before


@pytest.mark.usefixtures("order")
def test_what_one_volume_holds_is_exported_into_a_backup(healthy_project):
    healthy_project.run(written("docs/OPERATIONS.md", "Export what one disk holds"))

    assert healthy_project.run("head -c 17 last.backup") == "Quitanda backup 1"


@pytest.mark.usefixtures("order")
def test_a_backup_is_restored_into_empty_volumes(project):
    before = project.run(project.shop("order list"))
    project.run(written("docs/OPERATIONS.md", "Back up"))
    project.run(project.shop("order create"))
    project.run(written("docs/OPERATIONS.md", "Restore"))

    assert project.run(project.shop("order list")) == before
    assert project.states_agree()
