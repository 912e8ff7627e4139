"""The units for machines without Docker: systemd takes them, they may do little, and say the same as the containers."""

import configparser
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from quitanda.identity.holders import FILES, HolderKind
from quitanda_web.settings import WebSettings

FOLDER = Path(__file__).parents[1]
ROOT = FOLDER.parents[1]
DOCUMENT = (ROOT / "docs" / "THREE_MACHINES.md").read_text()
THREE_HOSTS = FOLDER.parent / "three-hosts"
SANDBOX = "quitanda-.service.d/sandbox.conf"
PROCESSES = {name: f"quitanda-{name}@.service" for name in ("replica", "admin-portal", "client-portal")}
SERVICES = sorted(path.name for path in FOLDER.glob("*.service"))
TIMERS = sorted(path.name for path in FOLDER.glob("*.timer"))
UNITS = [name.replace("@.", "@1.") for name in (*SERVICES, *TIMERS)]
OF_THE_SYSTEM = [
    f"{name}.target" for name in ("sysinit", "basic", "shutdown", "network-online", "time-sync", "time-set")
]
PROGRAMS = re.compile(r"^Exec\w+=(\S+)", re.MULTILINE)
EXPOSURE_MAX = "20"
"""In tenths, of ten: what `systemd-analyze security` says of a unit; 9.6 for one without a sandbox."""
OF_IMAGES = {"GRPC_VERBOSITY", "RES_OPTIONS"}
"""Settings that containers have from their images."""
HARDENING = {
    "NoNewPrivileges": "true",
    "CapabilityBoundingSet": "",
    "ProtectSystem": "strict",
    "ProtectHome": "true",
    "PrivateTmp": "true",
    "PrivateDevices": "true",
    "MemoryDenyWriteExecute": "true",
    "RestrictNamespaces": "true",
    "RestrictAddressFamilies": "AF_INET AF_INET6 AF_UNIX",
    "UMask": "0077",
}


class ManyLines(dict):
    """Keeps every line of a key that stands more than once."""

    def __setitem__(self, key, value):
        super().__setitem__(key, [*self[key], *value] if key in self and isinstance(value, list) else value)


class Unit(configparser.RawConfigParser):
    """Reads a unit's file; the case of a key counts."""

    def optionxform(self, optionstr):
        return optionstr


def unit(name):
    parser = Unit(strict=False, dict_type=ManyLines, delimiters="=")
    parser.read(FOLDER / name)
    return parser


def environment(name):
    """Give the settings of a process of machine 1 that its unit has; paths are left out."""
    lines = unit(name)["Service"]["Environment"].splitlines()
    return dict(line.strip('"').replace("%i", "1").split("=", 1) for line in lines)


def variables(path):
    return dict(re.findall(r"^(\w+)=(.*)$", path.read_text(), re.MULTILINE))


@pytest.fixture
def root(tmp_path):
    """A file system in which the units are installed, with what they name: programs and the system's own units."""
    installed = tmp_path / "etc/systemd/system"
    shutil.copytree(FOLDER, installed, ignore=shutil.ignore_patterns("tests"))
    for name in OF_THE_SYSTEM:
        (installed / name).write_text("[Unit]\n")
    for name in SERVICES:
        for program in PROGRAMS.findall((FOLDER / name).read_text()):
            (tmp_path / program[1:]).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / program[1:]).write_text("#!/bin/sh\n")
            (tmp_path / program[1:]).chmod(0o755)
    return tmp_path


def analyze(*arguments):
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("there is no systemd-analyze here")
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", UNITS)
def test_systemd_takes_the_unit_without_a_word(root, name):
    done = analyze("verify", f"--root={root}", "--man=no", name)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("name", [name for name in UNITS if name.endswith(".service")])
def test_systemd_finds_the_unit_well_confined(root, name):
    done = analyze("security", "--offline=true", f"--root={root}", f"--threshold={EXPOSURE_MAX}", name)

    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", SERVICES)
def test_the_sandbox_is_that_of_all_and_no_unit_takes_a_part_of_it_back(name):
    sandbox = unit(SANDBOX)["Service"]

    assert {key: sandbox[key] for key in HARDENING} == HARDENING
    assert not set(unit(name)["Service"]) & set(sandbox)
    assert name.startswith("quitanda-")


def test_each_process_is_a_user_of_its_own():
    made = re.findall(r"^u (\S+) - ", (FOLDER / "sysusers.conf").read_text(), re.MULTILINE)
    used = [unit(name)["Service"]["User"] for name in SERVICES]

    assert sorted(used) == sorted(made)
    assert len(set(used)) == len(SERVICES)


@pytest.mark.skipif(shutil.which("systemd-sysusers") is None, reason="there is no systemd-sysusers here")
def test_systemd_makes_the_users(tmp_path):
    """A colon in a name that people read was refused, and no user was made."""
    (tmp_path / "etc").mkdir()
    file = FOLDER / "sysusers.conf"
    done = subprocess.run(["systemd-sysusers", f"--root={tmp_path}", file], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    made = {line.split(":")[0] for line in (tmp_path / "etc/passwd").read_text().splitlines()}
    assert made == {unit(name)["Service"]["User"] for name in SERVICES}


def test_the_document_gives_the_users_file_by_its_whole_path():
    """A relative one is looked for in the folders of systemd."""
    assert 'systemd-sysusers "$PWD/deploy/systemd/sysusers.conf"' in DOCUMENT


@pytest.mark.parametrize("name", [*PROCESSES.values(), "quitanda-web@.service"])
def test_a_process_asks_name_servers_as_briefly_as_in_a_container(name):
    """A name server that does not answer held portals up: gRPC asks it although /etc/hosts has the name."""
    image = (ROOT / "services" / name.removeprefix("quitanda-").removesuffix("@.service") / "Dockerfile").read_text()

    for variable in OF_IMAGES:
        ((quoted, plain),) = re.findall(rf'{variable}=(?:"([^"]*)"|(\S+))', image)
        assert environment(name)[variable] == quoted + plain


@pytest.mark.parametrize(("service", "name"), PROCESSES.items())
def test_a_process_has_the_settings_that_it_has_in_a_container(service, name):
    text = re.sub(r"\$\{(QUITANDA_MACHINE)[^}]*\}", "1", (THREE_HOSTS / "docker-compose.yml").read_text())
    text = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)
    container = yaml.safe_load(text)["services"][service]
    own = environment(name)
    paths = {"QUITANDA_IDENTITY", "QUITANDA_DATA_DIR"}

    here = variables(FOLDER / "processes.env") | own
    assert {key: value for key, value in here.items() if key not in paths | OF_IMAGES} == {
        key: str(value) for key, value in container["environment"].items() if key not in paths
    }
    assert own["QUITANDA_IDENTITY"] == f"/etc/quitanda/identity/{own['QUITANDA_NAME']}"
    assert unit(name)["Service"]["TimeoutStopSec"] == container["stop_grace_period"].removesuffix("s")


def test_a_page_has_the_settings_that_it_has_in_a_container_and_only_its_machine_reaches_it():
    shared = variables(THREE_HOSTS / "cluster.env")
    values = shared | {"QUITANDA_MACHINE": "1"}
    text = (THREE_HOSTS / "docker-compose.yml").read_text()
    text = re.sub(r"\$\{(\w+)(?::[-?][^}]*)?\}", lambda found: values.get(found[1], ""), text)
    container = yaml.safe_load(text)["services"]["web"]
    own = environment("quitanda-web@.service")
    elsewhere = {"QUITANDA_IDENTITY", "QUITANDA_WEB_LISTEN", "QUITANDA_WEB_FORWARDED_FROM"}

    here = variables(FOLDER / "web.env") | own
    assert {key: value for key, value in here.items() if key not in elsewhere | OF_IMAGES} == {
        key: value or "" for key, value in container["environment"].items() if key not in elsewhere
    }
    assert own["QUITANDA_WEB_LISTEN"] == "127.0.0.1:7080"
    assert own["QUITANDA_IDENTITY"] == "/etc/quitanda/identity/web"
    settings = {key.removeprefix("QUITANDA_").lower(): value for key, value in here.items() if "QUITANDA" in key}
    assert WebSettings(**settings | {"web_url": "https://shop.example"}).secure


def test_a_replicas_data_are_in_the_folder_that_systemd_keeps_for_it():
    service = unit(PROCESSES["replica"])["Service"]

    assert environment(PROCESSES["replica"])["QUITANDA_DATA_DIR"] == f"%S/{service['StateDirectory']}/data"


def test_processes_are_started_again_unless_their_settings_are_wrong():
    for name in (*PROCESSES.values(), "quitanda-web@.service", "quitanda-broker.service"):
        assert unit(name)["Service"]["Restart"] == "always"
        assert "StartLimitIntervalSec" not in unit(name)["Unit"]
    for name in (*PROCESSES.values(), "quitanda-web@.service"):
        assert unit(name)["Service"]["RestartPreventExitStatus"] == "2"
    assert unit(SANDBOX)["Unit"]["StartLimitIntervalSec"] == "0"


def test_the_brokers_configuration_names_files_of_its_identity_folder_and_the_unit_starts_with_it():
    (command, to) = re.findall(r"^(sed .*) > (\S+)$", DOCUMENT, re.MULTILINE)[0]
    written = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    named = re.findall(r"^\w+ (/.*/)([^/\n]+)$", written, re.MULTILINE)

    assert {folder for folder, name in named if name in FILES[HolderKind.BROKER]} == {"/etc/quitanda/identity/broker/"}
    assert {name for folder, name in named if "identity" in folder} <= FILES[HolderKind.BROKER]
    assert unit("quitanda-broker.service")["Service"]["ExecStart"] == f"/usr/sbin/mosquitto -c {to}"


def test_the_document_carries_each_identity_folder_to_the_user_of_its_unit():
    carried = dict(re.findall(r"([a-z]+(?:-portal)?)-?3:(quitanda-[a-z-]+)", DOCUMENT))

    assert carried == {kind: unit(name)["Service"]["User"] for kind, name in PROCESSES.items()}


def test_certificates_are_renewed_where_their_cas_are_and_reach_the_machines_well_before_they_end():
    service = unit("quitanda-renew.service")["Service"]
    calendar = unit("quitanda-renew.timer")["Timer"]["OnCalendar"]

    assert service["ExecStart"].splitlines() == [
        "/opt/quitanda/venv/bin/python -m quitanda.identity renew",
        "/bin/sh -e /etc/quitanda/carry-identities",
    ]
    assert service["WorkingDirectory"] == f"%S/{service['StateDirectory']}"
    assert calendar.startswith("Mon ")  # four times in the last third of 90 days
    assert "/etc/quitanda/carry-identities" in DOCUMENT
