"""Addresses as the settings write them."""

import pytest

from quitanda.runtime.addresses import Address, format_named_addresses, parse_address, parse_named_addresses


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:7011", Address("127.0.0.1", 7011)),
        (" replica-1.shop_net:0 ", Address("replica-1.shop_net", 0)),
        ("[::1]:7011", Address("::1", 7011)),
    ],
)
def test_an_address_is_a_host_and_a_port(text, address):
    assert parse_address(text) == address
    assert str(address) == text.strip()


@pytest.mark.parametrize("text", ["", "7011", ":7011", "host", "host:", "host:x", "host:65536", "::1:7011", "a b:1"])
def test_anything_else_is_refused_with_what_to_write(text):
    with pytest.raises(ValueError, match=r"host:port|above 65535"):
        parse_address(text)


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
