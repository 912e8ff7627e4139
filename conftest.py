"""What holds for the tests of all members."""

import signal

import pytest


@pytest.fixture(autouse=True, scope="session")
def _ctrl_c_counts():
    """Processes of tests take Ctrl-C, though whoever started the tests (nohup, a job in the background) may ignore it.

    A process begins with the signals that are ignored where it was started, and Python then leaves them ignored.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
