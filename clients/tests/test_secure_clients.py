"""Clients with an identity folder: they speak TLS, and say why a connection was refused and what to do."""

import asyncio

import pytest
from command_line import run
from fake_portals import FakePortal

from quitanda.errors import NoConnection, TlsMismatch
from quitanda.runtime.link_identity import LinkIdentity
from quitanda_clients.cli import exit_codes
from quitanda_clients.commands.admin import app as admin_app
from quitanda_clients.commands.shop import app as shop_app
from quitanda_clients.connecting import Transport, connect_admin, connect_shop
from quitanda_local.topology import BrokerKind
from quitanda_testing.identity_folders import HOUR, CertificateAuthority, write_file, write_identity

PORTAL = "portal/admin-portal-1"
PATIENCE = 60.0
LONGER_THAN_A_MISMATCH = 4.0
CREATE = ("product", "create", "--pid", "pear", "--name", "Pear", "--price", "1", "--quantity", "1")


@pytest.fixture(scope="module")
def authority():
    return CertificateAuthority()


@pytest.fixture
def folder(tmp_path, authority):
    """The identity folder of a client, which has no certificate."""
    made = write_identity(tmp_path / "client", "nobody", authority)
    (made / "process.pem").unlink()
    return made


@pytest.fixture
async def secure_portal(shop, tmp_path, authority):
    started = FakePortal(shop, identity=LinkIdentity(write_identity(tmp_path / "portal", PORTAL, authority)))
    await started.start()
    yield started
    await started.stop()


async def admin(portal, folder, *arguments):
    options = ("--portal", portal.address, "--timeout", "2")
    return await run(admin_app, *options, *arguments, env={"QUITANDA_IDENTITY": str(folder)})


async def test_both_programs_speak_tls_where_an_identity_folder_is_named(secure_portal, folder, shop):
    created = await admin(secure_portal, folder, *CREATE)
    assert created.exit_code == exit_codes.DONE
    assert shop.products["pear"].name == "Pear"

    options = ("--portal", secure_portal.address, "--customer", "ana", "order", "list")
    listed = await run(shop_app, *options, env={"QUITANDA_IDENTITY": str(folder)})
    assert listed.exit_code == exit_codes.DONE


async def test_the_library_speaks_tls_where_an_identity_folder_is_named(secure_portal, folder, monkeypatch):
    monkeypatch.setenv("QUITANDA_IDENTITY", str(folder))

    async with connect_admin(str(secure_portal.address)) as client:
        await client.create_product("pear", "Pear", 100, 1)
    async with connect_shop("ana", portals=str(secure_portal.address)) as client:
        assert await client.list_orders() is not None


async def test_a_client_that_runs_goes_on_while_the_authority_is_replaced(
    secure_portal, folder, authority, tmp_path, monkeypatch
):
    monkeypatch.setenv("QUITANDA_IDENTITY", str(folder))
    successor = CertificateAuthority("Quitanda test CA")

    async with connect_admin(str(secure_portal.address)) as client:
        await client.create_product("pear", "Pear", 100, 1)
        write_file(folder / "ca.pem", authority.pem + successor.pem)
        write_file(tmp_path / "portal" / "process.pem", successor.issue(PORTAL))
        await client.create_product("fig", "Fig", 100, 1)
        await secure_portal.stop()
        await secure_portal.start()
        await client.create_product("kiwi", "Kiwi", 100, 1)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"begins": -2 * HOUR, "ends": -HOUR}, "its certificate has expired (the clock here says "),
        ({"begins": HOUR, "ends": 2 * HOUR}, "its certificate is not valid yet (the clock here says "),
        ({"self_signed": True}, "its certificate is signed by itself or by an authority that is not in ca.pem; use"),
        ({"names": ("elsewhere",)}, "its certificate is of another name; the address leads to another process"),
    ],
)
async def test_a_portals_certificate_that_is_not_right_is_told_with_a_next_step_and_nothing_is_sent(
    secure_portal, folder, authority, tmp_path, given, said
):
    write_file(tmp_path / "portal" / "process.pem", authority.issue(PORTAL, **given))

    refused = await admin(secure_portal, folder, *CREATE)

    assert refused.exit_code == exit_codes.UNAVAILABLE
    assert said in refused.message
    assert "Nothing was changed." in refused.message
    assert secure_portal.calls == []


async def test_a_portal_of_another_authority_is_told(secure_portal, folder):
    write_file(folder / "ca.pem", CertificateAuthority("Another").pem)

    refused = await admin(secure_portal, folder, *CREATE)

    assert refused.exit_code == exit_codes.UNAVAILABLE
    assert "of an authority that is not in ca.pem; copy the ca.pem of this system" in refused.message
    assert secure_portal.calls == []


async def test_a_client_without_an_identity_at_a_portal_with_one_is_told_what_to_set(secure_portal):
    refused = await admin(secure_portal, "off", *CREATE)

    assert refused.exit_code == exit_codes.UNAVAILABLE
    assert "set QUITANDA_IDENTITY to the folder" in refused.message
    assert secure_portal.calls == []


async def test_a_client_with_an_identity_at_a_portal_without_one_is_told(portal, folder):
    refused = await admin(portal, folder, *CREATE)

    assert refused.exit_code == exit_codes.UNAVAILABLE
    assert "it does not speak TLS; start it with an identity, or set QUITANDA_IDENTITY=off here" in refused.message
    assert portal.calls == []


@pytest.mark.parametrize("client_has_identity", [True, False])
async def test_who_meets_tls_where_the_settings_say_none_or_none_where_they_say_tls_is_told_soon(
    client_has_identity, portal, secure_portal, folder, monkeypatch
):
    monkeypatch.setenv("QUITANDA_IDENTITY", str(folder) if client_has_identity else "off")
    other = portal if client_has_identity else secure_portal

    async with asyncio.timeout(PATIENCE / 2), connect_admin(str(other.address), timeout=PATIENCE) as client:
        with pytest.raises(TlsMismatch, match="QUITANDA_IDENTITY"):
            await client.create_product("pear", "Pear", 100, 1)

    assert other.calls == []


@pytest.fixture
async def tls_broker(tmp_path, authority):
    """The address of what takes connections as a broker with TLS does."""
    identity = LinkIdentity(write_identity(tmp_path / "broker", "broker", authority))

    async def take(_reader, writer):
        writer.close()

    async with await asyncio.start_server(take, "localhost", 0, ssl=identity.current().server_context) as server:
        yield f"localhost:{server.sockets[0].getsockname()[1]}"


async def test_a_customer_over_mqtt_who_meets_tls_where_the_settings_say_none_is_told_soon(tls_broker, monkeypatch):
    monkeypatch.setenv("QUITANDA_IDENTITY", "off")

    async with asyncio.timeout(PATIENCE / 2):
        async with connect_shop("ana", Transport.MQTT, broker=tls_broker, timeout=PATIENCE) as client:
            with pytest.raises(TlsMismatch, match=r"closes connections without TLS; .* set QUITANDA_IDENTITY"):
                await client.create_order()


@pytest.mark.parametrize("broker_kind", list(BrokerKind))
async def test_a_customer_over_mqtt_who_meets_no_tls_where_the_settings_say_tls_is_told_soon(
    broker, authority, tmp_path, monkeypatch
):
    monkeypatch.setenv("QUITANDA_IDENTITY", str(write_identity(tmp_path / "ana", "ana", authority)))

    async with asyncio.timeout(PATIENCE / 2):
        async with connect_shop("ana", Transport.MQTT, broker=str(broker.address), timeout=PATIENCE) as client:
            with pytest.raises(TlsMismatch, match=r"does not speak TLS; .*QUITANDA_IDENTITY=off"):
                await client.create_order()


async def test_a_server_that_closes_every_connection_is_tried_for_the_whole_time(monkeypatch):
    """So does whatever stands before a broker that is away; it is no mismatch."""
    monkeypatch.setenv("QUITANDA_IDENTITY", "off")

    async def close(_reader, writer):
        writer.close()

    async with await asyncio.start_server(close, "localhost", 0) as server:
        address = f"localhost:{server.sockets[0].getsockname()[1]}"
        async with connect_shop("ana", Transport.MQTT, broker=address, timeout=LONGER_THAN_A_MISMATCH) as client:
            with pytest.raises(NoConnection) as told:
                await client.create_order()

    assert type(told.value) is NoConnection


async def test_a_folder_that_cannot_be_used_is_refused_before_anything_is_sent(secure_portal, folder):
    (folder / "ca.pem").write_bytes(b"-----BEGIN CERTIFICATE-----\nhalf")

    refused = await admin(secure_portal, folder, *CREATE)

    assert refused.exit_code == exit_codes.WRONG_USE
    assert "QUITANDA_IDENTITY" in refused.message
    assert "ca.pem:" in "".join(refused.message.split())  # the frame breaks a long path
    assert secure_portal.calls == []


async def test_a_command_that_asks_nobody_needs_no_identity_folder(secure_portal, tmp_path):
    (tmp_path / "no.backup").write_bytes(b"")

    told = await admin(secure_portal, tmp_path / "missing", "backup", "inspect", str(tmp_path / "no.backup"))

    assert told.exit_code == exit_codes.REFUSED
    assert "no.backup" in "".join(told.message.split())
    assert "QUITANDA_IDENTITY" not in told.message
