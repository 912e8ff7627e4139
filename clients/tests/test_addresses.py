import pytest

from quitanda_clients.addresses import Address, parse_address, parse_addresses


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:7001", Address("127.0.0.1", 7001)),
        ("portal.example.org:1", Address("portal.example.org", 1)),
        (" [::1]:65535 ", Address("::1", 65535)),
    ],
)
def test_addresses_are_read_and_written(text, address):
    assert parse_address(text) == address
    assert str(address) == text.strip()


@pytest.mark.parametrize(
    "text",
    [
        *("", "host", ":7001", "host:", "host:0", "host:65536", "host:x", "host:-1", "::1:7001", "a b:1", "http://a:1"),
        *("a..b:1", f"{'x' * 64}:1", "\udcff:1", f"host:1{'9' * 5_000}"),
    ],
)
def test_what_is_no_address_is_refused_with_a_reason(text):
    with pytest.raises(ValueError, match=r"address|port"):
        parse_address(text)


def test_several_addresses_stand_between_commas():
    assert parse_addresses("a:1, b:2,") == (Address("a", 1), Address("b", 2))


@pytest.mark.parametrize("text", ["", ",", " , "])
def test_no_address_at_all_is_refused(text):
    with pytest.raises(ValueError, match="no address"):
        parse_addresses(text)
