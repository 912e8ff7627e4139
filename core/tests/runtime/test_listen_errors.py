"""What whoever starts a server reads where its address is not to be had."""

import os
import socket
import sys

import pytest

from quitanda.runtime.addresses import Address
from quitanda.runtime.listen_errors import CannotListen, cannot_listen, holder_of

linux_only = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux shows who holds a port")


@pytest.fixture(params=["127.0.0.1", "::1"])
def taken(request):
    """An address that this process listens on."""
    family = socket.AF_INET6 if ":" in request.param else socket.AF_INET
    try:
        server = socket.create_server((request.param, 0), family=family)
    except OSError as error:
        pytest.skip(f"no {request.param} here: {error}")
    with server:
        yield Address(request.param, server.getsockname()[1])


@linux_only
def test_a_port_in_use_is_named_with_its_holder_and_what_to_do(taken):
    explained = cannot_listen(taken, RuntimeError("Failed to bind"))

    assert isinstance(explained, CannotListen)
    assert str(explained).startswith(
        f"cannot listen on {taken}: port {taken.port} is in use by process {os.getpid()} ("
    )
    assert "choose another port" in str(explained)


@linux_only
def test_a_port_that_is_only_connected_to_is_held_by_nobody(taken):
    family = socket.AF_INET6 if ":" in taken.host else socket.AF_INET
    with socket.socket(family) as client:
        client.connect((taken.host, taken.port))

        assert holder_of(client.getsockname()[1]) == "another process"


def test_where_nothing_is_shown_of_processes_the_holder_is_another_process(tmp_path):
    assert holder_of(7001, tmp_path) == "another process"


def test_a_process_that_this_user_may_not_look_into_is_passed_over(tmp_path):
    (tmp_path / "net").mkdir()
    row = "0: 0100007F:1B59 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 4711 1"
    (tmp_path / "net" / "tcp").write_text(f"  sl  local_address ...\n   {row}\n", encoding="utf-8")
    (tmp_path / "17").mkdir()

    assert holder_of(0x1B59, tmp_path) == "another process"


@pytest.mark.parametrize(
    ("host", "told"),
    [("192.0.2.1", "does not have the address 192.0.2.1"), ("nobody.invalid", "the name nobody.invalid is not known")],
)
def test_an_address_that_is_none_of_this_machine_is_told_as_that(host, told):
    assert told in str(cannot_listen(Address(host, 0), RuntimeError("Failed to bind")))


def test_what_is_free_again_keeps_the_first_reason():
    assert str(cannot_listen(Address("127.0.0.1", 0), RuntimeError("no"))) == "cannot listen on 127.0.0.1:0: no"
