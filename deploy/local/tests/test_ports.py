"""Free ports, and ports that are taken."""

import os
import socket
import subprocess
import sys
from subprocess import PIPE

import pytest

from quitanda_local.errors import PortInUse
from quitanda_local.ports import check_free, free_ports
from quitanda_local.topology import PORTS_NEEDED, on_ports


def test_free_ports_are_different_and_can_be_bound():
    ports = free_ports(PORTS_NEEDED)

    assert len(set(ports)) == PORTS_NEEDED
    check_free(on_ports(ports))


def test_two_processes_that_choose_ports_at_once_choose_different_ones():
    choosing = "from quitanda_local.ports import free_ports; print(*free_ports(400), flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", choosing], stdin=PIPE, stdout=PIPE, text=True) as other:
        theirs = {int(port) for port in other.stdout.readline().split()}
        ours = set(free_ports(400))
        other.communicate("\n")

    assert len(theirs) == len(ours) == 400
    assert theirs & ours == set()


def test_a_port_in_use_is_named_with_its_purpose_and_holder():
    ports = free_ports(PORTS_NEEDED)
    with socket.create_server(("127.0.0.1", ports[1])), pytest.raises(PortInUse) as caught:
        check_free(on_ports(ports))

    assert caught.value.port == ports[1]
    assert f"port {ports[1]} (the gRPC port of replica1) is in use by process {os.getpid()}" in str(caught.value)
    assert "stop that process" in str(caught.value)


def test_ports_that_were_chosen_are_not_chosen_again_before_their_owners_listen():
    """A cluster's relay was given a port that its replica had been given, and had not taken yet."""
    chosen = [port for _ in range(40) for port in free_ports(40)]

    assert len(set(chosen)) == len(chosen)
