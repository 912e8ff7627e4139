"""Variables that nobody knows: a slip is refused, anything else only told of."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from quitanda.runtime.settings import AdminPortalSettings, ClientPortalSettings, ReplicaSettings
from quitanda.runtime.variables import OF_CLIENTS, OF_PROCESSES, OF_WEB, misspelt, unknown
from quitanda_web.settings import WebSettings

ROOT = Path(__file__).parents[3]


def test_the_known_variables_are_the_settings_of_all_processes():
    fields = {f for kind in (ReplicaSettings, AdminPortalSettings, ClientPortalSettings) for f in kind.model_fields}

    assert {f"QUITANDA_{field.upper()}" for field in fields} == OF_PROCESSES


def test_the_known_variables_of_the_page_are_its_settings():
    fields = {f"QUITANDA_{field.upper()}" for field in WebSettings.model_fields}

    assert fields == OF_WEB | (fields & (OF_PROCESSES | OF_CLIENTS))
    assert not OF_WEB & (OF_PROCESSES | OF_CLIENTS)


def test_the_known_variables_of_the_clients_are_those_that_their_options_name():
    sources = [path.read_text("utf-8") for path in (ROOT / "clients" / "src").rglob("*.py")]

    assert {name for source in sources for name in re.findall(r'"(QUITANDA_\w+)"', source)} == OF_CLIENTS


def test_every_variable_of_the_compose_file_and_its_settings_is_known():
    texts = [(ROOT / name).read_text("utf-8") for name in ("docker-compose.yml", ".env", "Makefile")]
    used = {name for text in texts for name in re.findall(r"\bQUITANDA_[A-Z0-9_]*[A-Z0-9]\b", text)}

    assert unknown(dict.fromkeys(used, "")) == []


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("QUITANDA_CACHE_ENTRYS", "QUITANDA_CACHE_ENTRIES"),
        ("QUITANDA_LOGLEVEL", "QUITANDA_LOG_LEVEL"),
        ("QUITANDA_REPLICA", "QUITANDA_REPLICAS"),
        ("quitanda_boostrap", "QUITANDA_BOOTSTRAP"),
    ],
)
def test_a_misspelt_variable_is_told_with_the_nearest_known_name(name, meant):
    assert misspelt({name: "1", "PATH": "/bin"}, OF_PROCESSES) == [(name, meant)]


@pytest.mark.parametrize(
    "name",
    [
        "QUITANDA_OWNER",
        "QUITANDA_SERVICE_HOST",
        "QUITANDA_REPLICA1_SERVICE_PORT_GRPC",
        "QUITANDA_REPLICA1_PORT_7011_TCP_ADDR",
        "QUITANDA_ADMIN_PORTAL_1_PORT",
        "QUITANDA_TEST_CLUSTER",
        "QUITANDA_CUSTOMER",
    ],
)
def test_what_others_add_to_a_containers_variables_stops_nothing(name):
    assert misspelt({name: "1"}, OF_PROCESSES) == []


def test_no_setting_of_the_terminal_reaches_a_test():
    assert not (OF_PROCESSES | OF_CLIENTS) & set(os.environ)


@pytest.mark.slow
def test_no_setting_of_a_terminal_that_has_some_reaches_a_test():
    one = f"{Path(__file__).relative_to(ROOT)}::test_no_setting_of_the_terminal_reaches_a_test"
    told = os.environ | {"QUITANDA_MQTT": "127.0.0.1:10183", "QUITANDA_CLIENT_PORTALS": "127.0.0.1:9303"}
    command = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", one)
    ended = subprocess.run(command, cwd=ROOT, env=told, capture_output=True, text=True, timeout=120, check=False)

    assert ended.returncode == 0, ended.stdout
