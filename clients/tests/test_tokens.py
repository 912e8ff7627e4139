"""Tokens: where the clients find them, how they are sent, and what the commands about them say and keep."""

import stat

import pytest
from command_line import PATIENCE, admin, run, shop_over_grpc
from fake_portals import Hang

from quitanda.domain.model import Credential
from quitanda.domain.outcomes import AuthenticationProblem, Reason, refused
from quitanda.identity.tokens import Token, hash_secret, new_token, parse_token
from quitanda.runtime.addresses import Address
from quitanda.runtime.link_identity import LinkIdentity
from quitanda_clients.cli.options import ADMIN, SHOP, options_after
from quitanda_clients.client import AdminClient
from quitanda_clients.commands.admin import app as admin_app
from quitanda_clients.commands.shop import app as shop_app
from quitanda_clients.connecting import Transport, make_shop_client
from quitanda_clients.tokens import NoTokenError, find_token, next_token
from quitanda_testing.identity_folders import write_identity


@pytest.fixture
def token():
    return new_token()


@pytest.fixture
def own(shop, token):
    """A credential of ana's, whose token there is."""
    shop.credentials[token.credential_id] = Credential(
        token.credential_id, "customer", "ana", "first", 1, 1, 0, 1, hash_secret(token.secret)
    )
    return token


@pytest.fixture
def token_file(token, tmp_path):
    file = tmp_path / "token"
    file.write_text(f"{token.text()}\n")
    return file


def sent_tokens(portal):
    return [each.get("authorization") for each in portal.metadata]


# Where a token comes from


def test_a_named_file_counts_before_the_variable_and_that_before_the_folder(token_file, token, tmp_path):
    folder = tmp_path / "identity"
    folder.mkdir()
    (folder / "credential").write_text("qt1_of_folder\n")
    environment = {"QUITANDA_TOKEN": " qt1_of_variable ", "QUITANDA_IDENTITY": str(folder)}

    assert find_token(token_file, environment).text == token.text()
    assert find_token(None, environment).text == "qt1_of_variable"
    assert find_token(None, environment | {"QUITANDA_TOKEN": ""}).text == "qt1_of_folder"


@pytest.mark.parametrize("named", ["", "off", "OFF"])
def test_without_any_of_them_there_is_no_token(named):
    assert find_token(None, {"QUITANDA_IDENTITY": named}).text == ""


def test_a_folder_without_a_credential_gives_no_token(tmp_path):
    assert find_token(None, {"QUITANDA_IDENTITY": str(tmp_path)}).text == ""


@pytest.mark.parametrize(("content", "says"), [(b"", "is empty"), (b"\xff\xfe", "not text")])
def test_a_file_that_has_no_token_is_refused_with_its_name(tmp_path, content, says):
    file = tmp_path / "token"
    file.write_bytes(content)

    with pytest.raises(NoTokenError, match=says) as refusal:
        find_token(file, {})
    assert str(file) in str(refusal.value)


@pytest.mark.parametrize("program", [ADMIN, SHOP])
def test_no_option_of_any_command_takes_a_token_itself(program):
    names = [parameter.name for parameter in options_after(program)]

    assert [name for name in names if "token" in name or "secret" in name] == ["token_file"]


# How it is sent


async def test_every_call_over_grpc_carries_the_token_and_none_does_without(portal, token):
    async with AdminClient([portal.address], token=token.text()) as client:
        await client.create_customer("ana", "Ana")
        await client.cluster_status()
    async with AdminClient([portal.address]) as client:
        await client.list_customers()

    assert sent_tokens(portal) == [f"Bearer {token.text()}"] * 2 + [None]


async def test_every_request_over_mqtt_carries_the_token_and_its_correlation_does_not_change(gateway, broker, token):
    for text in (token.text(), ""):
        client = make_shop_client(Transport.MQTT, "ana", portals=[], broker=broker.address, token=text)
        async with client:
            await client.list_products()

    (_, _, with_token), (_, _, without) = gateway.requests
    assert with_token["token"] == token.text()
    assert "token" not in without
    assert with_token["correlation"] == without["correlation"]


OTHER_MACHINE = Address("192.0.2.1", 7001)
"""An address for documents (RFC 5737), which nobody has."""


def connections_to(server, token, identity=None):
    """Make each kind of client."""
    AdminClient([server], token=token, identity=identity)
    make_shop_client(Transport.GRPC, "ana", portals=[server], broker=server, token=token, identity=identity)
    make_shop_client(Transport.MQTT, "ana", portals=[server], broker=server, token=token, identity=identity)


@pytest.mark.parametrize(
    "make",
    [
        lambda server, token: AdminClient([Address("127.0.0.1", 7001), server], token=token),
        lambda server, token: make_shop_client(Transport.GRPC, "ana", portals=[server], broker=server, token=token),
        lambda server, token: make_shop_client(Transport.MQTT, "ana", portals=[], broker=server, token=token),
    ],
    ids=["admin", "shop", "shop over MQTT"],
)
def test_no_client_sends_a_token_to_another_machine_without_tls(make, token):
    for host in ("192.0.2.1", "portal.example", "2001:db8::1", "localhost.example"):
        with pytest.raises(NoTokenError) as refusal:
            make(Address(host, 7001), token.text())
        said = str(refusal.value)
        assert f"travel to {Address(host, 7001)} in plain text" in said
        assert "set QUITANDA_IDENTITY to a folder that has the shop's ca.pem" in said
        assert token.secret not in said


def test_a_token_goes_to_this_machine_and_by_tls_to_others_and_calls_without_one_go_everywhere(token, tmp_path):
    identity = LinkIdentity(write_identity(tmp_path / "identity"))

    for host in ("127.0.0.1", "127.9.9.9", "::1", "localhost"):
        connections_to(Address(host, 7001), token.text())
    connections_to(OTHER_MACHINE, token.text(), identity)
    connections_to(OTHER_MACHINE, "")


def test_a_token_goes_everywhere_where_that_is_said_to_be_meant(token, monkeypatch):
    monkeypatch.setenv("QUITANDA_TOKEN_IN_PLAIN_TEXT", "yes")
    with pytest.raises(NoTokenError):
        connections_to(OTHER_MACHINE, token.text())

    monkeypatch.setenv("QUITANDA_TOKEN_IN_PLAIN_TEXT", "allowed")
    connections_to(OTHER_MACHINE, token.text())


@pytest.mark.parametrize(
    "program",
    [
        (admin_app, "--portal", OTHER_MACHINE, "customer", "list"),
        (shop_app, "--customer", "ana", "--portal", OTHER_MACHINE, "order", "list"),
        (shop_app, "--customer", "ana", "--transport", "mqtt", "--mqtt", OTHER_MACHINE, "order", "list"),
    ],
    ids=["admin", "shop", "shop over MQTT"],
)
async def test_a_command_that_would_send_a_token_without_tls_is_wrong_use_and_says_what_to_do(program, token):
    done = await run(*program, env={"QUITANDA_TOKEN": token.text()})

    assert (done.exit_code, done.stdout) == (2, "")
    assert "QUITANDA_IDENTITY" in done.message
    assert "QUITANDA_TOKEN_IN_PLAIN_TEXT=allowed" in done.message.replace(" ", "")
    assert token.secret not in done.stderr


@pytest.mark.parametrize("how", ["file", "variable"])
async def test_the_programs_send_the_token_that_they_find(portal, token, token_file, how):
    arguments = ["--token-file", token_file] if how == "file" else []
    env = {"QUITANDA_TOKEN": token.text()} if how == "variable" else None
    ends = [
        await run(admin_app, "--portal", portal.address, *arguments, "customer", "list", env=env),
        await run(shop_app, "--portal", portal.address, "--customer", "ana", *arguments, "product", "list", env=env),
    ]

    assert [end.exit_code for end in ends] == [0, 0]
    assert sent_tokens(portal) == [f"Bearer {token.text()}"] * 2


async def test_a_token_file_that_cannot_be_read_is_wrong_use_and_nothing_is_sent(portal, tmp_path):
    done = await admin(portal, "customer", "list", "--token-file", tmp_path / "none", "--json")

    assert (done.exit_code, done.error["error"]["field"]) == (2, "--token-file")
    assert portal.calls == []


@pytest.mark.parametrize(
    ("problem", "next_step"),
    [
        (AuthenticationProblem.MISSING, "QUITANDA_TOKEN"),
        (AuthenticationProblem.MALFORMED, "Copy the whole line"),
        (AuthenticationProblem.WRONG, "ask an administrator for a new one"),
        (AuthenticationProblem.EXPIRED, "Ask an administrator for a new one"),
        (AuthenticationProblem.TOO_MANY_FAILURES, "Wait a minute"),
    ],
)
async def test_who_is_not_known_is_told_the_next_step(portal, problem, next_step):
    portal.plans.append(refused(Reason.UNAUTHENTICATED, "token", problem=problem.value))
    done = await admin(portal, "customer", "list")

    assert done.exit_code == 1
    assert done.message.startswith("Refused (UNAUTHENTICATED): ")
    assert next_step in done.message


# quitanda-admin token, and the token of a new customer


async def test_a_new_customers_token_is_shown_once_for_people_and_for_programs(portal, shop):
    shop.customers_get_tokens = True
    shown = await admin(portal, "customer", "create", "--cid", "ana", "--name", "Ana")
    told = await admin(portal, "customer", "create", "--cid", "bia", "--name", "Bia", "--json")
    later = await admin(portal, "customer", "get", "ana")

    lines = shown.stdout.splitlines()
    assert isinstance(parse_token(lines[-1].removeprefix("token: ")), Token)
    assert "nobody can show it again" in shown.message
    assert isinstance(parse_token(told.result["token"]), Token)
    assert "qt1_" not in later.stdout


async def test_in_the_open_mode_a_new_customer_is_shown_as_before(portal):
    shown = await admin(portal, "customer", "create", "--cid", "ana", "--name", "Ana")
    told = await admin(portal, "customer", "create", "--cid", "bia", "--name", "Bia", "--json")

    assert "token" not in shown.stdout + shown.stderr
    assert set(told.result) == {"revision", "customer", "request_id"}


async def test_a_token_is_created_listed_rotated_and_revoked(portal, shop):
    created = await admin(
        portal, "token", "create", "--role", "clerk", "--label", "Ben", "--expires", "2027-01-31", "--json"
    )
    credential = created.result["credential"]
    listed = await admin(portal, "token", "list")
    rotated = await admin(portal, "token", "rotate", credential["credential_id"], "--json")
    revoked = await admin(portal, "token", "revoke", credential["credential_id"])

    assert (credential["role"], credential["expires_at_ms"]) == ("clerk", 1_801_353_600_000)
    assert parse_token(created.result["token"]).credential_id == credential["credential_id"]
    assert [credential["credential_id"], "clerk", "Ben"] == [
        word for word in listed.stdout.splitlines()[-1].split() if word in {credential["credential_id"], "clerk", "Ben"}
    ]
    assert rotated.result["credential"]["generation"] == 2
    assert rotated.result["token"] != created.result["token"]
    assert revoked.stdout == f"Deleted the credential {credential['credential_id']}.\n"
    assert shop.credentials == {}


async def test_the_tokens_of_staff_and_those_of_one_customer_are_listed_apart(portal, own):
    made = await admin(portal, "token", "create", "--role", "clerk", "--label", "Ben", "--json")

    async def listed(*options):
        done = await admin(portal, "token", "list", *options, "--json")
        return [credential["credential_id"] for credential in done.result["credentials"]]

    assert await listed() == [made.result["credential"]["credential_id"]]
    assert await listed("--customer", "ana") == [own.credential_id]
    assert await listed("--customer", "bia") == []
    assert (await admin(portal, "token", "list", "--customer", "")).exit_code == 2


async def test_no_answer_about_credentials_shows_the_hash_of_a_secret(portal, shop, own):
    answers = [
        await admin(portal, *command, "--output", form)
        for form in ("table", "json", "csv")
        for command in (["token", "list", "--customer", "ana"], ["token", "rotate", own.credential_id])
    ]

    hashes = {shop.credentials[own.credential_id].secret_hash, hash_secret(own.secret)}
    assert [end.exit_code for end in answers] == [0] * 6
    assert not any(each in end.stdout for each in hashes for end in answers)


async def test_a_token_in_csv_has_a_column_of_its_own(portal):
    created = await admin(portal, "token", "create", "--role", "metrics", "--label", "Prometheus", "-o", "csv")
    header, row = created.stdout.splitlines()

    assert header.endswith(",token")
    assert row.rpartition(",")[2].startswith("qt1_")


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        (["--role", "customer", "--label", "x"], "--customer"),
        (["--role", "clerk", "--label", "x", "--customer", "ana"], "--customer"),
        (["--role", "king", "--label", "x"], "--role"),
        (["--role", "clerk", "--label", "x", "--expires", "tomorrow"], "--expires"),
    ],
)
async def test_what_no_credential_can_be_is_wrong_use(portal, arguments, field):
    done = await admin(portal, "token", "create", *arguments, "--json")

    assert (done.exit_code, done.error["error"]["field"]) == (2, field)
    assert portal.calls == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--role", "customer", "--label", "x"], "give --customer CID"),
        (["--role", "clerk", "--label", "x", "--customer", "ana"], "leave it out"),
    ],
)
async def test_a_customer_who_is_missing_or_too_many_is_told_apart(portal, arguments, says):
    done = await admin(portal, "token", "create", *arguments, "--json")

    assert says in done.error["error"]["message"]


@pytest.mark.parametrize("command", ["rotate", "revoke"])
async def test_what_is_no_id_is_refused_at_once_and_a_token_is_not_repeated(portal, token, command):
    word = await admin(portal, "token", command, "Ben", "--json")
    whole = await admin(portal, "token", command, token.text(), "--json")

    assert (word.exit_code, whole.exit_code) == (2, 2)
    assert "token list" in word.error["error"]["message"]
    assert "between qt1_ and the next _" in whole.error["error"]["message"]
    assert token.secret not in whole.stdout + whole.stderr
    assert portal.calls == []


@pytest.mark.parametrize(("when", "over"), [("2020-01-31", True), ("2100-01-31", False)])
async def test_a_token_that_has_already_ended_is_told(portal, when, over):
    done = await admin(portal, "token", "create", "--role", "clerk", "--label", "Ben", "--expires", when)

    assert done.exit_code == 0
    assert ("is over" in done.stderr) is over


# quitanda-shop token rotate


async def test_a_customer_rotates_the_token_in_her_file_and_sends_only_the_hash(portal, shop, own, token_file):
    done = await shop_over_grpc(portal, "token", "rotate", "--token-file", token_file)
    rotated = parse_token(token_file.read_text().strip())
    (request,) = portal.requests("RotateOwnCredential")

    assert done.exit_code == 0, done.stderr
    assert rotated != own
    assert shop.credentials[own.credential_id].secret_hash == hash_secret(rotated.secret) == request.secret_hash
    assert stat.S_IMODE(token_file.stat().st_mode) == 0o600
    assert rotated.secret not in done.stdout + done.stderr + str(request)
    assert not token_file.with_name("token.new").exists()


async def test_a_token_from_the_environment_is_printed_after_it_was_rotated(portal, shop, own):
    done = await run(
        shop_app,
        *("--portal", portal.address, "--customer", "ana", "token", "rotate", "--json"),
        env={"QUITANDA_TOKEN": own.text()},
    )

    assert hash_secret(parse_token(done.result["token"]).secret) == shop.credentials[own.credential_id].secret_hash


async def test_a_rotation_whose_answer_is_lost_leaves_a_valid_token_whatever_came_of_it(portal, shop, own, token_file):
    portal.plans.extend([Hang()] * 3)
    lost = await run(
        shop_app,
        *("--portal", portal.address, "--timeout", PATIENCE, "--customer", "ana"),
        *("token", "rotate", "--token-file", token_file, "--json"),
    )
    portal.plans.clear()
    kept = token_file.read_text().strip()
    again = await shop_over_grpc(
        portal, "token", "rotate", "--token-file", token_file, "--request-id", lost.error["request_id"]
    )
    hashes = {request.secret_hash for request in portal.requests("RotateOwnCredential")}

    assert (lost.exit_code, kept) == (4, own.text())
    assert again.exit_code == 0, again.stderr
    assert hashes == {hash_secret(parse_token(token_file.read_text().strip()).secret)}
    assert shop.credentials[own.credential_id].generation == 2


async def test_who_has_no_token_cannot_rotate_one(portal):
    done = await shop_over_grpc(portal, "token", "rotate")

    assert done.exit_code == 2
    assert "there is no token to rotate" in done.message
    assert portal.calls == []


def test_the_next_token_is_stored_before_anything_is_sent_and_drawn_once(token_file):
    held = find_token(token_file, {})
    first, second = next_token(held), next_token(held)
    pending = token_file.with_name("token.new")

    assert first == second
    assert pending.read_text().strip() == first.token.text()
    assert stat.S_IMODE(pending.stat().st_mode) == 0o600


def test_the_pending_token_of_another_credential_is_not_taken(token_file):
    token_file.with_name("token.new").write_text(new_token().text())
    held = find_token(token_file, {})

    assert next_token(held).token.credential_id == held.parsed().credential_id
