"""What holds for the tests of all members."""

import os
import signal
import time

import pytest
from hypothesis import settings

from quitanda.runtime.variables import OF_CLIENTS, OF_PROCESSES
from quitanda_testing.parts import WHOLE, part_from, part_of

# An example is judged by what it shows, never by how long the machine took for it.
settings.register_profile("quitanda", deadline=None)
settings.register_profile("fast", deadline=None, max_examples=20)
settings.load_profile("quitanda")


def pytest_addoption(parser):
    """`--part 1/2`: play every second test, from the first on."""
    parser.addoption("--part", type=part_from, default=WHOLE, metavar="K/N", help="every N-th test, from the K-th on")


def pytest_collection_modifyitems(config, items):
    """Leave out the tests of the other parts."""
    played = part_of(items, config.getoption("part"))
    left_out = set(items) - set(played)
    if left_out:
        items[:] = played
        config.hook.pytest_deselected(items=list(left_out))


@pytest.fixture(autouse=True, scope="session")
def _ctrl_c_counts():
    """Processes of tests take Ctrl-C, though whoever started the tests (nohup, a job in the background) may ignore it.

    A process begins with the signals that are ignored where it was started, and Python then leaves them ignored.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True, scope="session")
def _no_settings_of_a_running_quitanda():
    """Tests give settings themselves; the terminal may have those that `make run PORTS=8000` says to export."""
    for name in (*OF_PROCESSES, *OF_CLIENTS):
        os.environ.pop(name, None)


@pytest.fixture(autouse=True, scope="session")
def _english_and_utc():
    """Commands speak English and tell UTC, whatever the language and the zone of the machine are.

    The encoding of the terminal stays what it is.
    """
    os.environ["LANG"] = os.environ.pop("LC_ALL", "") or os.environ.get("LANG", "C.UTF-8")
    os.environ["LC_MESSAGES"] = "C"
    os.environ["TZ"] = "UTC"
    time.tzset()
