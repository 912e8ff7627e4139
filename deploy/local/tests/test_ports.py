"""Free ports, and ports that are taken."""

import os
import socket

import pytest

from quitanda_local.errors import PortInUse
from quitanda_local.ports import check_free, free_ports
from quitanda_local.topology import PORTS_NEEDED, on_ports


def test_free_ports_are_different_and_can_be_bound():
    ports = free_ports(PORTS_NEEDED)

    assert len(set(ports)) == PORTS_NEEDED
    check_free(on_ports(ports))


def test_a_port_in_use_is_named_with_its_purpose_and_holder():
    ports = free_ports(PORTS_NEEDED)
    with socket.create_server(("127.0.0.1", ports[1])), pytest.raises(PortInUse) as caught:
        check_free(on_ports(ports))

    assert caught.value.port == ports[1]
    assert f"port {ports[1]} (the gRPC port of replica1) is in use by process {os.getpid()}" in str(caught.value)
    assert "stop that process" in str(caught.value)
