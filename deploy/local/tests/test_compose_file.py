"""The compose file says the same as the local run: who there is, at which ports, with which settings."""

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from quitanda.identity.__main__ import main as identity_command
from quitanda.runtime import tracing
from quitanda.runtime.settings import AdminPortalSettings, ClientPortalSettings, ReplicaSettings
from quitanda_local.topology import ServiceRole, fixed
from quitanda_web.settings import WebSettings

ROOT = Path(__file__).parents[3]
TOPOLOGY = fixed(course=True)
PAGE = fixed(web=True).named("web")
SETTINGS = {
    "replica": ReplicaSettings,
    "admin-portal": AdminPortalSettings,
    "client-portal": ClientPortalSettings,
}
DOCKERFILES = ("services/replica", "services/admin-portal", "services/client-portal", "services/web", "clients")


def with_values(text):
    """Put in what `.env` has where the compose file names a variable."""
    values = dict(re.findall(r"^(\w+)=(.*)$", (ROOT / ".env").read_text(), re.MULTILINE))

    def value(found):
        name, default = found.groups()
        assert default is None or default == values[name], f"two values for {name}"
        return values[name]

    return re.sub(r"\$\{(\w+)(?::-([^}]*)|:\?[^}]*)?\}", value, text)


SERVICES = yaml.safe_load(with_values((ROOT / "docker-compose.yml").read_text()))["services"]
OBSERVERS = {name for name, service in SERVICES.items() if service.get("profiles") == ["observability"]}
PROCESSES = [name for name in SERVICES if name not in {"broker", "clients", "identity", "web"} | OBSERVERS]


def port_of(address):
    return int(address.rpartition(":")[2])


def published(service):
    """Port on this machine -> port in the container."""
    ports = {}
    for entry in service["ports"]:
        host, outside, inside = entry.split(":")
        assert host == "127.0.0.1"
        ports[int(outside)] = int(inside)
    return ports


def test_every_process_of_the_local_run_is_a_service_of_the_same_name():
    course = {name for name in SERVICES if SERVICES[name].get("profiles") == ["course"]}

    assert set(SERVICES) - course - OBSERVERS - {"clients", "identity", "web"} == {
        service.name for service in TOPOLOGY.services
    }


TRACING = {"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG"}
"""What is passed on to OpenTelemetry; nothing is traced unless somebody names a collector."""


@pytest.fixture(scope="module")
def identities(tmp_path_factory):
    """The identity folders that the service `identity` makes, under one folder."""
    root = tmp_path_factory.mktemp("identities")
    assert identity_command(["--root", str(root), *SERVICES["identity"]["command"]]) == 0
    return root


@pytest.mark.parametrize("name", PROCESSES)
def test_settings_are_usable_and_the_name_is_the_services(name, identities):
    service = SERVICES[name]
    image = service["image"].removeprefix("quitanda/").partition(":")[0]
    environment = service["environment"] | {"QUITANDA_IDENTITY": str(identities / name)}
    ours = [key for key in environment if key.startswith("QUITANDA_")]

    settings = SETTINGS[image](**{key.removeprefix("QUITANDA_").lower(): environment[key] for key in ours})

    assert not tracing.is_wanted(environment)
    assert {key for key in environment if key not in ours} == TRACING
    assert settings.name == name
    assert str(settings.mqtt) == "broker:8883"
    assert {replica: port_of(str(at)) for replica, at in settings.replicas.items()} == {
        replica.name: replica.port for replica in TOPOLOGY.of(ServiceRole.REPLICA)
    }
    assert {str(address).partition(":")[0] for address in settings.replicas.values()} == set(settings.replicas)


def test_the_page_is_served_at_the_port_of_the_local_run_and_knows_all_portals(identities):
    service = SERVICES["web"]
    environment = service["environment"] | {"QUITANDA_IDENTITY": str(identities / "web")}

    settings = WebSettings(**{key.removeprefix("QUITANDA_").lower(): value for key, value in environment.items()})

    assert settings.name == "web"
    assert published(service) == {port: port for port, _ in PAGE.ports()}
    assert (settings.web_listen.port, settings.metrics_listen.port) == (PAGE.port, PAGE.metrics_port)
    for portals, role in (
        (settings.admin_portals, ServiceRole.ADMIN_PORTAL),
        (settings.client_portals, ServiceRole.CLIENT_PORTAL),
    ):
        assert {portal.host: portal.port for portal in portals} == {each.name: each.port for each in TOPOLOGY.of(role)}


@pytest.mark.parametrize("service", [one for one in TOPOLOGY.services if one.role is not ServiceRole.BROKER])
def test_ports_are_those_of_the_local_run(service):
    environment = SERVICES[service.name]["environment"]
    ports = published(SERVICES[service.name])

    assert environment["QUITANDA_LISTEN"] == f"0.0.0.0:{service.port}"
    assert environment["QUITANDA_METRICS_LISTEN"] == f"0.0.0.0:{service.metrics_port}"
    ports_inside = (
        {service.metrics_port} if service.role is ServiceRole.REPLICA else {service.port, service.metrics_port}
    )
    assert ports == {port: port for port in ports_inside}


def test_the_course_is_served_at_the_ports_of_the_local_run():
    served = {}
    for name, service in SERVICES.items():
        if service.get("profiles") == ["course"]:
            (outside, inside), *others = published(service).items()
            assert others == []
            assert port_of(service["environment"]["QUITANDA_COURSE_LISTEN"]) == inside
            served[outside] = name

    assert sorted(served) == sorted(service.course_port for service in TOPOLOGY.services if service.course_port)


def test_prometheus_and_grafana_are_there_for_whoever_asks_and_in_versions_that_stay():
    assert sorted(OBSERVERS) == ["grafana", "prometheus"]
    for name in OBSERVERS:
        assert re.fullmatch(r"[a-z]+/[a-z]+:v?\d+\.\d+\.\d+", SERVICES[name]["image"])
    assert published(SERVICES["prometheus"]) == {9090: 9090}
    assert published(SERVICES["grafana"]) == {3000: 3000}


def test_grafana_lets_nobody_in_without_the_password_and_has_none_of_its_own(tmp_path):
    """Only the last command, which begins Grafana, is another one here: its image is not."""
    environment = SERVICES["grafana"]["environment"]
    begun = tmp_path / "run.sh"
    begun.write_text("#!/bin/sh\necho begun\n")
    begun.chmod(0o700)
    shell, option, script = (word.replace("$$", "$") for word in SERVICES["grafana"]["entrypoint"])
    script = script.replace("/run.sh", str(begun))

    def start(password):
        given = {"PATH": os.defpath, "GF_SECURITY_ADMIN_PASSWORD": password}
        return subprocess.run([shell, option, script], env=given, capture_output=True, text=True, check=False)

    assert environment["GF_SECURITY_ADMIN_PASSWORD"] == ""  # as long as .env has none
    assert environment["GF_AUTH_ANONYMOUS_ENABLED"] == "false"
    assert start("").returncode == 1
    assert "QUITANDA_GRAFANA_PASSWORD" in start("").stderr
    assert start("a password").stdout == "begun\n"


def test_replicas_find_each_others_raft():
    for replica in TOPOLOGY.of(ServiceRole.REPLICA):
        addresses = SERVICES[replica.name]["environment"]["QUITANDA_RAFT_ADDRESSES"]

        assert f"{replica.name}={replica.name}:{replica.raft_port}" in addresses.split(",")


def test_each_image_is_made_by_one_service_and_pulled_by_none():
    made = [name for name, service in SERVICES.items() if "build" in service]
    images = {SERVICES[name]["image"] for name in made}

    assert len(images) == len(made) == len(DOCKERFILES)
    assert {
        name
        for name, service in SERVICES.items()
        if name not in made and service["image"] in images and service.get("pull_policy") != "never"
    } == set()


@pytest.mark.parametrize("name", SERVICES)
def test_containers_have_no_rights_that_they_do_not_need(name):
    service = SERVICES[name]

    assert service["read_only"]
    assert service["init"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


def folders_of_the_identity_service():
    """Give the volume of each identity folder, by the folder's name."""
    mounted = dict(entry.split(":") for entry in SERVICES["identity"]["volumes"])
    assert all(folder.startswith("/identities/") for folder in mounted.values())
    return {folder.removeprefix("/identities/"): volume for volume, folder in mounted.items()}


def test_identities_are_made_for_every_process_each_in_a_volume_of_its_own(identities):
    made = {path.name for path in identities.iterdir()}

    assert made == {*PROCESSES, "ca", "broker", "clients", "metrics", "web"}
    assert folders_of_the_identity_service() == {name: f"identity-{name}" for name in made}


def identity_volumes(service):
    """Give the identity volumes that a service mounts, as the compose file writes them."""
    return [entry for entry in service.get("volumes", ()) if entry.startswith("identity-")]


def test_everybody_mounts_an_own_folder_without_writing_there_and_waits_until_it_is_made():
    made_first = {"identity": {"condition": "service_completed_successfully"}}
    holders = {name: name for name in [*PROCESSES, "broker", "web"]} | {"prometheus": "metrics"}

    assert {name for name in SERVICES if "depends_on" in SERVICES[name]} == set(holders)
    for name, folder in holders.items():
        course = ["identity-clients:/clients:ro"] if SERVICES[name].get("profiles") == ["course"] else []
        assert identity_volumes(SERVICES[name]) == [f"identity-{folder}:/identity:ro", *course]
        assert SERVICES[name]["depends_on"] == made_first
    for name in set(SERVICES) - {*holders, "identity"}:
        assert identity_volumes(SERVICES[name]) == []


def test_every_process_has_an_identity_and_no_variable_has_a_secret():
    secret = re.compile("SECRET|KEY|TOKEN|PASSWORD")
    variables = {key for service in SERVICES.values() for key in service.get("environment", ())}
    examples = re.findall(r"^(\w+)=.", (ROOT / ".env").read_text(), re.MULTILINE)

    assert {SERVICES[name]["environment"]["QUITANDA_IDENTITY"] for name in PROCESSES} == {"/identity"}
    assert {name for name in variables if secret.search(name)} == {"GF_SECURITY_ADMIN_PASSWORD"}
    assert [name for name in examples if secret.search(name)] == []


def test_the_broker_and_prometheus_are_those_of_the_secure_mode():
    assert (
        "./deploy/mosquitto/mosquitto-secure.conf:/mosquitto/config/mosquitto.conf:ro" in SERVICES["broker"]["volumes"]
    )
    assert published(SERVICES["broker"]) == {8883: 8883}
    assert "--config.file=/etc/prometheus/prometheus-secure.yml" in SERVICES["prometheus"]["command"]


def test_identities_are_made_once_without_a_network_and_without_root():
    service = SERVICES["identity"]

    assert service["entrypoint"] == ["python", "-m", "quitanda.identity", "--root", "/identities"]
    assert (service["network_mode"], service["restart"]) == ("none", "no")
    assert "profiles" not in service
    assert "user" not in service
    assert not {"ports", "environment"} & set(service)


def test_the_image_has_the_folder_of_each_identity_volume_so_that_its_user_may_write_there():
    dockerfile = (ROOT / "services" / "replica" / "Dockerfile").read_text().replace("\\\n", " ")
    (private,) = re.findall(r"for name in ([a-z0-9 -]+); do", dockerfile)
    shared = dict(re.findall(r"--group=(\d+) --mode=0750 /identities/(\w+)", dockerfile))

    assert {*private.split(), *shared.values()} == set(folders_of_the_identity_service())
    assert shared == {"10001": "clients", "1883": "broker", "65534": "metrics"}
    assert ["10001", *SERVICES["identity"]["group_add"]] == list(shared), "the user of the image is in the first"
    assert SERVICES["broker"]["user"] == "1883:1883"


def test_the_clients_image_knows_where_the_portals_are():
    dockerfile = (ROOT / "clients" / "Dockerfile").read_text()
    portals = {
        kind: ",".join(f"{service.name}:{service.port}" for service in TOPOLOGY.of(role))
        for kind, role in (("ADMIN", ServiceRole.ADMIN_PORTAL), ("CLIENT", ServiceRole.CLIENT_PORTAL))
    }

    for kind, addresses in portals.items():
        assert f"QUITANDA_{kind}_PORTALS={addresses} " in dockerfile
    assert "QUITANDA_MQTT=broker:8883 \\\n" in dockerfile
    assert "QUITANDA_IDENTITY=/identity\n" in dockerfile


@pytest.mark.parametrize("folder", DOCKERFILES)
def test_images_are_built_alike_with_hashes_and_run_as_nobody_in_particular(folder):
    dockerfile = (ROOT / folder / "Dockerfile").read_text()

    assert "# syntax" not in dockerfile
    assert f"requirements/{folder.rpartition('/')[2]}.lock" in dockerfile
    assert dockerfile.count("--require-hashes") == 2
    assert "\nUSER 10001:10001\n" in dockerfile
