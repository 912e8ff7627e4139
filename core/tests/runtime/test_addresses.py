"""Addresses as the settings write them."""

import pytest

from quitanda.runtime.addresses import (
    Address,
    format_named_addresses,
    parse_address,
    parse_addresses,
    parse_named_addresses,
)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:7011", Address("127.0.0.1", 7011)),
        (" replica-1.shop_net:0 ", Address("replica-1.shop_net", 0)),
        ("portal.example.org:1", Address("portal.example.org", 1)),
        ("münchen.example:7001", Address("münchen.example", 7001)),
        (" [::1]:65535 ", Address("::1", 65_535)),
        ("[fe80::1%eth0]:7001", Address("fe80::1%eth0", 7001)),
    ],
)
def test_an_address_is_a_host_and_a_port(text, address):
    assert parse_address(text) == address
    assert str(address) == text.strip()


@pytest.mark.parametrize(
    "text",
    [
        *("", "7011", ":7011", "host", "host:", "host:x", "host:65536", "host:-1", "host:\u0667", "::1:7011", "a b:1"),
        *("http://a:1", "a@b:1", "a..b:1", f"{'x' * 64}:1", "\udcff:1", f"host:1{'9' * 5_000}"),
        *("[]:1", "[host]:1", "[127.0.0.1]:1", "[::1:1", "[::g]:1", "a\n:1"),
    ],
)
def test_anything_else_is_refused_with_what_to_write(text):
    with pytest.raises(ValueError, match="host:port"):
        parse_address(text)


def test_a_port_that_the_system_chooses_is_only_for_listening():
    with pytest.raises(ValueError, match="a port from 1 to 65535"):
        parse_address("host:0", port_min=1)


def test_several_addresses_stand_between_commas():
    assert parse_addresses("a:1, b:2,") == (Address("a", 1), Address("b", 2))


@pytest.mark.parametrize("text", ["", ",", " , ", "a:0", "a:1,b"])
def test_addresses_of_which_none_or_one_is_wrong_are_refused(text):
    with pytest.raises(ValueError, match=r"no address is given|host:port"):
        parse_addresses(text)


def test_named_addresses_keep_their_order():
    text = "replica2=127.0.0.1:7012,replica1=127.0.0.1:7011"

    addresses = parse_named_addresses(f" {text.replace(',', ' , ')},")

    assert list(addresses) == ["replica2", "replica1"]
    assert format_named_addresses(addresses) == text


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "no address is given"),
        (" , ", "no address is given"),
        ("127.0.0.1:7011", "is not name=host:port"),
        ("=127.0.0.1:7011", "is not name=host:port"),
        ("a b=127.0.0.1:7011", "is not name=host:port"),
        ("a=127.0.0.1", "is not an address"),
        ("a=h:1,a=h:2", "stands twice"),
        ("a=h:1,b=h:1", "the same address"),
    ],
)
def test_named_addresses_that_are_wrong_are_refused(text, complaint):
    with pytest.raises(ValueError, match=complaint):
        parse_named_addresses(text)
