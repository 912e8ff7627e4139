"""The files for three machines say the same as each other, as the document, and as the repository's compose file."""

import re
from pathlib import Path

import pytest
import yaml

from quitanda.identity.__main__ import main as identity_command
from quitanda.runtime.settings import AdminPortalSettings, ClientPortalSettings, ReplicaSettings
from quitanda_web.settings import WebSettings

FOLDER = Path(__file__).parents[1]
ROOT = FOLDER.parents[1]
DOCUMENT = (ROOT / "docs" / "THREE_MACHINES.md").read_text()
MACHINES = (1, 2, 3)
SETTINGS = {"replica": ReplicaSettings, "admin-portal": AdminPortalSettings, "client-portal": ClientPortalSettings}
WEB = "web"
VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*)|:\?[^}]*)?\}")
OF_ITS_OWN = {
    "build",
    "environment",
    "image",
    "pull_policy",
    "volumes",
    "ports",
    "depends_on",
    "extra_hosts",
    "profiles",
}


def with_values(text, values):
    """Put in what the variables mean."""
    return VARIABLE.sub(lambda found: values.get(found[1], found[2] or ""), text)


def variables(*files):
    """Read files of variables one after the other, as Compose reads `.env`."""
    values = {}
    for file in files:
        for name, value in re.findall(r"^(\w+)=(.*)$", file.read_text(), re.MULTILINE):
            values[name] = with_values(value, values)
    return values


def of_machine(number):
    return variables(FOLDER / "cluster.env", FOLDER / f"machine{number}.env")


def services(number):
    text = (FOLDER / "docker-compose.yml").read_text()
    return yaml.safe_load(with_values(text, of_machine(number)))["services"]


def of_the_repository():
    """Give the repository's services, each by the name that it has here."""
    text = (ROOT / "docker-compose.yml").read_text()
    there = yaml.safe_load(with_values(text, variables(ROOT / ".env")))["services"]
    names = {
        "replica": "replica1",
        "admin-portal": "admin-portal-1",
        "client-portal": "client-portal-1",
        "broker": "broker",
        WEB: WEB,
    }
    return {here: there[name] for here, name in names.items()}


@pytest.mark.parametrize("name", [*SETTINGS, "broker", WEB])
def test_a_service_is_hardened_and_stopped_as_in_the_repositorys_compose_file(name):
    here, there = (
        {key: value for key, value in compared[name].items() if key not in OF_ITS_OWN}
        for compared in (services(1), of_the_repository())
    )

    assert here == there
    assert {"init", "read_only", "cap_drop", "security_opt", "restart", "stop_grace_period", "logging"} <= set(here)


@pytest.mark.parametrize("name", SETTINGS)
def test_a_process_has_the_settings_of_the_repositorys_compose_file(name):
    here, there = (compared[name]["environment"] for compared in (services(1), of_the_repository()))
    on_each_machine = {"QUITANDA_REPLICAS", "QUITANDA_RAFT_ADDRESSES", "QUITANDA_MQTT"}

    assert set(here) == set(there)
    assert {key for key in here if here[key] != there[key]} <= on_each_machine


@pytest.mark.parametrize("number", MACHINES)
@pytest.mark.parametrize("name", SETTINGS)
def test_the_settings_are_those_of_the_machine_and_are_usable(name, number, tmp_path):
    holder = f"{name}{number}" if name == "replica" else f"{name}-{number}"
    process = services(number)[name]
    (folder,) = [volume["source"] for volume in process["volumes"] if isinstance(volume, dict)]
    identity_command(["--root", str(tmp_path / "identity"), "create", f"--{name}s", holder])
    environment = process["environment"] | {"QUITANDA_IDENTITY": str(tmp_path / folder)}

    settings = SETTINGS[name](
        **{key.removeprefix("QUITANDA_").lower(): value for key, value in environment.items() if "QUITANDA" in key}
    )

    assert process["environment"]["QUITANDA_IDENTITY"] == "/identity"
    assert folder == f"./identity/{holder}"
    assert settings.name == holder
    assert set(settings.replicas) == {f"replica{one}" for one in MACHINES}


@pytest.mark.parametrize("number", MACHINES)
def test_the_page_runs_where_its_profile_is_named_asks_every_machine_and_shares_one_identity(number, tmp_path):
    web = services(number)[WEB]
    identity_command(["--root", str(tmp_path / "identity"), "create", "--host", "web=192.0.2.11"])
    (volume,) = web["volumes"]
    url = {"QUITANDA_WEB_URL": "https://shop.example", "QUITANDA_IDENTITY": str(tmp_path / volume["source"])}
    environment = {key: value or "" for key, value in web["environment"].items()} | url

    settings = WebSettings(**{key.removeprefix("QUITANDA_").lower(): value for key, value in environment.items()})

    assert web["profiles"] == [WEB]
    assert settings.name == f"web-{number}"
    assert settings.secure
    addresses = [of_machine(one)["QUITANDA_OWN_ADDRESS"] for one in MACHINES]
    assert [str(portal) for portal in settings.admin_portals] == [f"{address}:7001" for address in addresses]
    assert [str(portal) for portal in settings.client_portals] == [f"{address}:7003" for address in addresses]
    assert volume["source"] == "./identity/web"


@pytest.mark.parametrize("number", MACHINES)
def test_everything_that_listens_is_published_at_the_machines_own_address(number):
    address = of_machine(number)[f"QUITANDA_MACHINE_{number}"]
    for name, service in services(number).items():
        environment = service.get("environment", {"QUITANDA_LISTEN": "broker:8883"})
        listens = {value.rpartition(":")[2] for key, value in environment.items() if key.endswith("LISTEN")}
        raft = {"7021"} if name == "replica" else set()
        without_tls = {"7080"} if name == WEB else set()

        assert set(service["ports"]) == {f"{address}:{port}:{port}" for port in (listens | raft) - without_tls} | {
            f"127.0.0.1:{port}:{port}" for port in without_tls
        }


def test_each_name_that_a_process_calls_has_the_address_of_its_machine():
    values = of_machine(1)
    hosts = services(1)["replica"]["extra_hosts"]
    called = re.findall(
        r"(?:=|^)([a-z0-9]+):\d+", ",".join(f"{value}" for value in services(1)["replica"]["environment"].values())
    )

    assert set(called) <= {*hosts, "0"}
    assert hosts == {f"replica{n}": values[f"QUITANDA_MACHINE_{n}"] for n in MACHINES} | {
        "broker": values["QUITANDA_BROKER_MACHINE"]
    }
    assert all(service["extra_hosts"] == hosts for number in MACHINES for service in services(number).values())


def test_the_broker_runs_on_the_machine_that_the_others_are_told_and_on_no_other():
    run_it = [number for number in MACHINES if of_machine(number).get("COMPOSE_PROFILES") == "broker"]

    assert [of_machine(number)["QUITANDA_OWN_ADDRESS"] for number in run_it] == [
        of_machine(1)["QUITANDA_BROKER_MACHINE"]
    ]


def test_the_machines_files_differ_in_what_makes_a_machine():
    own = [variables(FOLDER / f"machine{number}.env") for number in MACHINES]

    assert [values["QUITANDA_MACHINE"] for values in own] == ["1", "2", "3"]
    assert {key for values in own for key in values} == {"QUITANDA_MACHINE", "QUITANDA_OWN_ADDRESS", "COMPOSE_PROFILES"}


def test_the_clients_know_every_machine():
    clients = variables(FOLDER / "clients.env")
    addresses = [of_machine(number)["QUITANDA_OWN_ADDRESS"] for number in MACHINES]

    assert clients["QUITANDA_ADMIN_PORTALS"] == ",".join(f"{address}:7001" for address in addresses)
    assert clients["QUITANDA_CLIENT_PORTALS"] == ",".join(f"{address}:7003" for address in addresses)
    assert clients["QUITANDA_MQTT"] == f"{of_machine(1)['QUITANDA_BROKER_MACHINE']}:8883"


def test_the_firewalls_table_has_every_port_and_no_other():
    section = DOCUMENT.partition("\n## Who may reach which port\n")[2].partition("\n## ")[0]
    listed = {port for row in re.findall(r"^\| ([\d, ]+) \|", section, re.MULTILINE) for port in row.split(", ")}
    published = {
        entry.rpartition(":")[2]
        for service in services(1).values()
        for entry in service["ports"]
        if not entry.startswith("127.0.0.1:")
    }

    assert listed == published | {"22", "443"}


def test_the_test_in_containers_runs_every_command_of_the_document_that_does_not_need_systemd():
    sections = re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", DOCUMENT, re.MULTILINE | re.DOTALL)
    with_commands = {heading for heading, text in sections if "```sh" in text} - {"Without Docker"}
    run = (ROOT / "integration-tests" / "test_compose_three_machines.py").read_text()

    assert len(with_commands) >= 10
    assert [heading for heading in with_commands if f'"{heading}"' not in run] == []
