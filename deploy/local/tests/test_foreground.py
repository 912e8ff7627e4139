"""`run` keeps everything running, and says what it does."""

import asyncio
import re
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from quitanda_local.__main__ import app
from quitanda_local.backoff import DELAY_SECONDS_MAX, DELAY_SECONDS_MIN, STEADY_SECONDS, next_delay
from quitanda_local.foreground import (
    broker_warning,
    clients_settings,
    course_addresses,
    describe,
    examples,
    keep_running,
    mode_warning,
    of_the_shop,
    without_effect,
)
from quitanda_local.identities import Identities
from quitanda_local.local_cluster import LocalCluster
from quitanda_local.topology import BrokerKind, fixed
from quitanda_local.waiting import wait_until

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("previous", "ran", "delay"),
    [
        (None, 0.0, DELAY_SECONDS_MIN),
        (DELAY_SECONDS_MIN, 1.0, 2 * DELAY_SECONDS_MIN),
        (20.0, 1.0, DELAY_SECONDS_MAX),
        (20.0, STEADY_SECONDS, DELAY_SECONDS_MIN),
    ],
)
def test_a_process_that_ends_again_and_again_is_started_later_and_later(previous, ran, delay):
    assert next_delay(previous, ran) == delay


async def test_a_process_that_was_killed_is_reported_and_runs_again(running):
    cluster = running.cluster
    reports = []
    keeper = asyncio.create_task(keep_running(cluster, "replica2", reports.append))
    first = cluster.process("replica2").pid
    cluster.kill("replica2")

    async def healed():
        return any("runs again" in report for report in reports)

    await wait_until(healed, "replica2 to run again", 10)
    keeper.cancel()

    assert "replica2 was ended by SIGKILL" in reports[0]
    assert cluster.process("replica2").pid != first


def test_the_start_says_where_the_courses_contract_is_served_and_only_where_it_is():
    with_course, without = (SimpleNamespace(topology=fixed(course=course), identities=None) for course in (True, False))

    assert course_addresses(with_course).strip() == (
        "The course's contract: administrators at 127.0.0.1:7101 and 127.0.0.1:7102, "
        "orders at 127.0.0.1:7103 and 127.0.0.1:7104."
    )
    assert course_addresses(without) == ""


def test_the_start_warns_that_the_courses_contract_asks_for_no_token_where_everything_else_does(tmp_path):
    secure = SimpleNamespace(topology=fixed(course=True), identities=Identities(tmp_path))

    assert course_addresses(secure).endswith(
        " It has no place for tokens: whoever uses this machine may do anything there."
    )


def test_without_identities_the_start_says_in_one_line_what_that_means(tmp_path):
    open_mode, secure = SimpleNamespace(identities=None), SimpleNamespace(identities=Identities(tmp_path))

    assert mode_warning(open_mode, {}).strip() == (
        "IDENTITY=off: nobody proves who calls. Whoever uses this machine may act as any customer and as an "
        "administrator, so everything listens on 127.0.0.1 only."
    )
    assert mode_warning(secure, {"QUITANDA_IDENTITY": "/old"}) == ""


@pytest.mark.parametrize("variables", [{}, {"QUITANDA_IDENTITY": ""}, {"QUITANDA_IDENTITY": "off"}])
def test_without_identities_the_start_asks_to_unset_an_identity_that_clients_would_find(variables):
    open_mode = SimpleNamespace(identities=None)

    told = mode_warning(open_mode, {"QUITANDA_IDENTITY": "/data/identity/clients"})

    assert "first `unset QUITANDA_IDENTITY`" in told
    assert "unset" not in mode_warning(open_mode, variables)


@pytest.mark.parametrize("command", ["run", "demo"])
def test_a_local_run_has_identities_unless_it_is_told_otherwise(command):
    told = CliRunner(env={"COLUMNS": "200"}).invoke(app, [command, "--help"])

    assert re.search(r"--identity.*\[default: +on\]", " ".join(told.output.split()))


def test_on_other_ports_the_clients_are_told_where_and_on_the_usual_ones_nothing():
    (_, line) = clients_settings(fixed(ports_from=8000))

    assert line.strip() == (
        "export QUITANDA_ADMIN_PORTALS=127.0.0.1:8001,127.0.0.1:8002 "
        "QUITANDA_CLIENT_PORTALS=127.0.0.1:8003,127.0.0.1:8004 QUITANDA_MQTT=127.0.0.1:8883"
    )
    assert clients_settings(fixed()) == ()


def test_with_identities_the_clients_are_told_which_folder_is_theirs(tmp_path):
    identities = Identities(tmp_path / "my data" / "identity")

    (_, line) = clients_settings(fixed(), identities)

    assert line.strip() == f"export QUITANDA_IDENTITY='{tmp_path}/my data/identity/clients'"


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (lambda folder: (folder / "file").touch() or folder / "file", "File exists"),
        (lambda folder: (folder / "file").touch() or folder / "file" / "data", "Not a directory"),
        (lambda _: Path("/proc/data"), "No such file or directory"),
        (lambda folder: (folder / "thesis.txt").touch() or folder, "holds other things than the data of a Quitanda"),
    ],
    ids=["a file", "under a file", "where nothing can be made", "a folder of other things"],
)
def test_a_folder_that_cannot_be_used_is_told_in_one_line_with_the_next_step(tmp_path, made, words):
    command = [sys.executable, "-m", "quitanda_local", "run", "--data", str(made(tmp_path))]
    told = subprocess.run(command, check=False, capture_output=True, text=True)

    assert (told.returncode, told.stderr) == (1, "")
    (_, line) = told.stdout.splitlines()
    assert line.startswith("Cannot run: ")
    assert words in line
    assert "directory" in line.rpartition(";")[2] or "give a new or empty directory" in line


def test_settings_of_the_shell_that_reach_no_process_are_told():
    shell = {"QUITANDA_CACHE_ENTRIES": "0", "QUITANDA_MQTT": "x:1", "QUITANDA_CUSTOMER": "ana", "PATH": "/bin"}

    assert without_effect(shell) == ["QUITANDA_CACHE_ENTRIES"]


def test_a_receiver_on_this_machine_could_not_be_tried_since_settings_of_webhooks_reached_no_portal():
    webhooks = {"QUITANDA_WEBHOOK_PLAIN_HTTP": "true", "QUITANDA_WEBHOOK_PRIVATE_ADDRESSES": "true"}
    shell = {**webhooks, "QUITANDA_ORDER_HOLD_SECONDS": "60", "QUITANDA_CACHE_ENTRIES": "0"}

    assert of_the_shop(shell) == {**webhooks, "QUITANDA_ORDER_HOLD_SECONDS": "60"}
    assert without_effect(shell) == ["QUITANDA_CACHE_ENTRIES"]


def test_the_page_speaks_and_tells_the_time_as_the_shell_says():
    shell = {"QUITANDA_TIME_ZONE": "America/Sao_Paulo", "QUITANDA_LANG": "pt-BR", "QUITANDA_CURRENCY": "", "LANG": "C"}

    assert of_the_shop(shell) == {"QUITANDA_LANG": "pt-BR", "QUITANDA_TIME_ZONE": "America/Sao_Paulo"}


@pytest.mark.parametrize("given", ["80", "64653", "many"])
def test_ports_that_there_cannot_be_are_refused(given):
    assert CliRunner().invoke(app, ["run", "--ports", given]).exit_code == 2


def test_the_command_serves_the_courses_contract_where_it_is_asked_to():
    told = CliRunner().invoke(app, ["run", "--help"])

    assert told.exit_code == 0
    assert "--course" in told.output


async def test_the_overview_names_every_process_and_examples_use_this_python(running):
    cluster = running.cluster

    assert describe(cluster).row_count == 8
    assert f"kill -9 {cluster.process('replica1').pid} " in examples(cluster)


def test_the_python_broker_is_said_to_keep_no_bounds_where_there_are_identities(tmp_path):
    def warning(kind, *, identities):
        with closing(LocalCluster(tmp_path, fixed(), kind, identities=identities)) as cluster:
            return broker_warning(cluster)

    assert "listens on 127.0.0.1 only" in warning(BrokerKind.AMQTT, identities=True)
    assert warning(BrokerKind.AMQTT, identities=False) == ""
