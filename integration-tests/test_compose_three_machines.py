"""One Quitanda on three machines: the commands of docs/THREE_MACHINES.md, as written, and what they promise."""

import json
import re
import threading
import time

import pytest

from quitanda_testing.blocking_wait import block_until
from quitanda_testing.cluster.kinds import ClusterKind, chosen

if chosen() is not ClusterKind.CONTAINERS:
    pytest.skip("needs Docker: QUITANDA_TEST_CLUSTER=containers", allow_module_level=True)

from compose_project import CommandFailed, written
from three_machines import DOCUMENT, MACHINES, SERVICES, ThreeMachines

from quitanda_testing.containers.docker_run import ROOT, TOOLS

pytestmark = pytest.mark.timeout(400)

NEXT_COMMAND_SECONDS = 10
"""Of a command whose portal must first find another leader; on a machine that does other things, too."""


@pytest.fixture(scope="module")
def machines(tmp_path_factory):
    """Three machines, prepared and started once for all tests of this file; `ana` and `caneta` are there."""
    machines = ThreeMachines(tmp_path_factory.mktemp("three"))
    try:
        for heading in ("Prepare", "Make the identities", "Carry everything to the machines", "Start"):
            machines.do(heading)
        machines.do("Let a customer in")
        machines.admin("product create --pid caneta --name Caneta --price 2.50 --quantity 1000")
        yield machines
    finally:
        machines.close()


def test_each_machine_runs_its_processes_and_publishes_them_at_its_own_address_only(machines):
    for number in MACHINES:
        containers = machines.containers(number)
        addresses = {
            binding["HostIp"]
            for container in containers.values()
            for published in container["HostConfig"]["PortBindings"].values()
            for binding in published
        }
        networks = {name for container in containers.values() for name in container["NetworkSettings"]["Networks"]}

        assert set(containers) == {*SERVICES, *(("broker",) if number == 1 else ())}
        assert {one["State"]["Health"]["Status"] for one in containers.values()} == {"healthy"}
        assert addresses == {machines.addresses[number]}
        assert len(networks) == 1


def test_a_machine_has_its_own_identities_which_only_its_processes_can_read_and_nobody_elses(machines):
    for number in MACHINES:
        files = {path: facts for path, facts in machines.files(number).items() if path.startswith("identity/")}
        owners = {path.split("/")[1]: owner for path, (owner, _) in files.items()}
        processes = dict.fromkeys((f"replica{number}", f"admin-portal-{number}", f"client-portal-{number}"), "10001")

        assert owners == processes | ({"broker": "1883"} if number == 1 else {})
        assert {mode for _, mode in files.values()} == {"600", "700"}


def test_what_is_done_at_one_machine_is_seen_at_the_others(machines):
    placed = machines.shop("order create --item caneta=2 -q", 1).strip()
    machines.shop(f"order set {placed} caneta 3", 2)
    machines.admin("product update caneta --price 2.75", 3)

    for number in MACHINES:
        assert json.loads(machines.shop(f"--json order show {placed}", number))["order"]["items"][0]["quantity"] == 3
        assert "2.75" in machines.admin("product get caneta", number)


def test_a_customer_reaches_every_machine_through_the_one_broker(machines):
    assert machines.shop("--transport mqtt order list") == machines.shop("order list")


def test_without_the_machine_that_leads_the_others_serve_and_nothing_is_lost_on_either_side(machines):
    leader = machines.leader()
    others = [number for number in MACHINES if number != leader]
    before = machines.shop("order create --item caneta=1 -q", leader).strip()
    machines.cut_off(leader)
    try:
        begun = time.monotonic()
        placed = [machines.shop("order create --item caneta=1 -q", number).strip() for number in (*others, *others)]
        took = (time.monotonic() - begun) / len(placed)
        with pytest.raises(CommandFailed, match=r"ended with [34]:"):
            machines.shop("--timeout 3 order create --item caneta=1 -q", leader)
        assert machines.leader(others[0]) in others
    finally:
        machines.join()
    machines.wait_until_well()

    assert took < NEXT_COMMAND_SECONDS
    for number in MACHINES:
        listed = machines.shop("order list", number)
        assert [order for order in (before, *placed) if order not in listed] == []
    machines.admin("cluster verify")


def test_every_machine_can_be_restarted_in_any_order(machines):
    before = machines.shop("order list")
    machines.do("When a machine is gone")

    assert machines.shop("order list") == before
    machines.wait_until_well()


def test_renewed_certificates_reach_the_machines_and_nothing_is_restarted(machines):
    """All are renewed, though none is old yet."""
    before = {number: machines.presented(number) for number in MACHINES}
    begun = {number: machines.began(number) for number in MACHINES}
    machines.run(written(DOCUMENT, "Renew certificates", naming="").replace(".identity renew", ".identity renew --all"))

    for number in MACHINES:
        carried = machines.certificates(number)
        assert not set(carried.values()) & set(before[number].values())
        # The broker reads its certificate again some time after the signal.
        block_until(lambda carried=carried, n=number: machines.presented(n) == carried, f"machine {number}'s new ones")
        assert machines.began(number) == begun[number]
    assert machines.all_is_well()


def test_the_changes_of_the_leader_reach_the_portals_of_every_machine(machines):
    for number in MACHINES:
        machines.wait_for_the_feed(number)


def test_the_firewalls_rules_are_rules_as_they_are_written(machines):
    (rules,) = re.findall(r"```text\n(iptables .*?)```", (ROOT / DOCUMENT).read_text(), re.DOTALL)
    machines.run(
        "docker run --rm --cap-add NET_ADMIN --network none "
        f"{TOOLS} sh -euc 'iptables -N DOCKER-USER\n{rules}iptables -C QUITANDA -j DROP'"
    )


def test_a_backup_is_one_command_and_can_be_inspected(machines):
    machines.do("Back up")
    (file,) = machines.run("ls backups").split()
    files = "--user $(id -u) --volume $PWD/backups:/files"
    inspected = machines.run(f"docker run --rm {files} quitanda/clients quitanda-admin --json backup inspect {file}")

    assert json.loads(inspected)["orders"] > 0


def test_an_upgrade_turns_no_customer_away(machines):
    placed, upgraded = [], threading.Event()

    def go_on_ordering():
        while not upgraded.is_set():
            placed.append(machines.shop("order create --item caneta=1 -q").strip())

    customer = threading.Thread(target=go_on_ordering)
    customer.start()
    try:
        machines.do("Upgrade")
    finally:
        upgraded.set()
        customer.join()

    listed = machines.shop("order list")
    assert placed
    assert [order for order in placed if order not in listed] == []


def test_an_empty_machine_takes_the_place_of_one_that_is_gone(machines):
    before = machines.shop("order list")
    machines.lose(3)
    placed = machines.shop("order create --item caneta=1 -q").strip()
    machines.do("Replace a machine")

    machines.wait_until_well()
    machines.admin("cluster verify")
    listed = machines.shop("order list", 3)
    assert placed in listed
    assert [line for line in before.splitlines() if "caneta" in line and line not in listed] == []


def test_another_machine_takes_over_the_broker(machines):
    machines.on(1, "docker compose kill")
    machines.do("Move the broker")

    assert {number: "broker" in machines.containers(number) for number in MACHINES} == {1: False, 2: True, 3: False}
    machines.wait_until_well()
    for number in MACHINES:
        machines.wait_for_the_feed(number)
    assert machines.shop("--transport mqtt order list") == machines.shop("order list")
