"""The authority makes identity folders, completes what was interrupted, and replaces nothing that is irreplaceable."""

import os
import shutil
import ssl
import stat
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from handshakes import client_of, common_name_seen, server_of

from quitanda.domain.value_checks import check_id
from quitanda.identity.authority import Authority
from quitanda.identity.certificates import read_certificates
from quitanda.identity.customer_certificates import CUSTOMER_LIFE
from quitanda.identity.folder import IdentityError, IdentityFile, IdentityFolder
from quitanda.identity.holders import DEFAULT, FILES, Holder, HolderKind
from quitanda.identity.roots import CUSTOMERS, PROCESSES, REREAD
from quitanda.identity.tokens import hash_secret, parse_token
from quitanda.runtime.grpc_options import CONNECTION_AGE_SECONDS

NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)
SHARED = [IdentityFile.CLUSTER_SECRET, IdentityFile.FEED_KEY, IdentityFile.REQUEST_GROUP]


def authority(root):
    return Authority(root, lambda _change: None)


def create(root, *, now=NOW, given=()):
    done = []
    Authority(root, done.append).create(given, now)
    return [str(change.file.relative_to(root)) for change in done]


def refused(call):
    with pytest.raises(IdentityError) as refusal:
        call()
    assert refusal.value.next_step
    return str(refusal.value)


def contents(root):
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def folder(root, name):
    return IdentityFolder(root / name)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    root = tmp_path_factory.mktemp("made")
    create(root)
    return root


@pytest.fixture
def root(made, tmp_path):
    return shutil.copytree(made, tmp_path / "identity")


def test_every_holder_has_its_files_and_no_others(made):
    holders = authority(made).holders(NOW)

    assert {holder.name for holder in holders} == {h.name for h in DEFAULT} | {"broker", "metrics", "web", "clients"}
    for holder in holders:
        assert {path.name for path in (made / holder.name).iterdir()} == FILES[holder.kind]


def test_the_keys_of_the_cas_are_where_somebody_signs_with_them_and_nowhere_else(made):
    for holder in authority(made).holders(NOW):
        its = b"".join(path.read_bytes() for path in (made / holder.name).iterdir())
        assert (made / "ca" / "ca-key.pem").read_bytes()[:200] not in its
        signs = (made / "ca" / IdentityFile.CUSTOMERS_CA_KEY).read_bytes()[:200] in its
        assert signs is (holder.kind is HolderKind.CLIENT_PORTAL)


def test_files_and_folders_are_readable_by_their_owner_only(made):
    for path in made.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_holders_of_one_secret_have_the_same_and_no_two_secrets_are_alike(made):
    for name in (*SHARED, IdentityFile.CUSTOMER_SECRET_KEY, IdentityFile.FIRST_CREDENTIAL):
        assert len({path.read_bytes() for path in made.glob(f"*/{name}")}) == 1
    secrets = {(made / "ca" / name).read_bytes() for name in (*SHARED, IdentityFile.CUSTOMER_SECRET_KEY)}
    assert len(secrets) == len(SHARED) + 1


def test_replicas_know_the_hash_of_the_token_that_the_clients_have(made):
    token = parse_token(folder(made, "clients").credential())
    first = folder(made, "replica1").first_credential()

    assert (first.credential_id, first.role) == (token.credential_id, "admin")
    assert first.secret_hash == hash_secret(token.secret)
    assert token.secret.encode() not in (made / "replica1" / IdentityFile.FIRST_CREDENTIAL).read_bytes()


def test_every_file_can_be_read_by_those_who_need_it(made):
    for name in ("replica1", "admin-portal-1", "client-portal-1"):
        its = folder(made, name)
        assert its.process().private_key
        assert its.ca() == folder(made, "clients").ca()
        assert its.feed_key()
    assert folder(made, "client-portal-2").request_group()
    assert folder(made, "admin-portal-2").customer_secret_key()
    broker = folder(made, "broker")
    assert broker.clients_ca() == broker.ca() + broker.customers_ca()


def test_a_second_create_changes_nothing(root):
    before = contents(root)

    assert create(root) == []
    assert contents(root) == before


@pytest.mark.slow
def test_whatever_was_not_made_before_an_interruption_is_made_by_the_next_create(tmp_path):
    """For every moment between two files: what was there stays, the rest is made, and everything fits together."""
    kinds = {"replica1": HolderKind.REPLICA, "admin-1": HolderKind.ADMIN_PORTAL, "client-1": HolderKind.CLIENT_PORTAL}
    given = [Holder(name, kind) for name, kind in kinds.items()]
    whole = tmp_path / "whole"
    order = create(whole, given=given)
    assert len(order) > 30
    for made_before in range(len(order)):
        interrupted = tmp_path / str(made_before)
        for name in order[:made_before]:
            (interrupted / name).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            shutil.copy2(whole / name, interrupted / name)

        assert sorted(create(interrupted, given=given)) == sorted(order[made_before:])

        for name in order[:made_before]:
            assert (interrupted / name).read_bytes() == (whole / name).read_bytes()
        portal, replica = folder(interrupted, "admin-1"), folder(interrupted, "replica1")
        assert common_name_seen(server_of(replica), client_of(portal), "replica1") == "portal/admin-1"
        assert create(interrupted) == []
        shutil.rmtree(interrupted)


def test_what_a_killed_writer_left_is_removed(root):
    left = [root / "ca" / ".ca-key.pem.partial-7", root / "replica1" / ".process.pem.partial-7"]
    for partial in left:
        partial.write_bytes(b"half a k")

    create(root)

    assert not any(partial.exists() for partial in left)


def test_a_folder_that_was_lost_is_made_again(root):
    secret = folder(root, "replica2").cluster_secret()
    shutil.rmtree(root / "replica2")

    create(root)

    assert folder(root, "replica2").cluster_secret() == secret
    assert common_name_seen(server_of(folder(root, "replica2")), client_of(folder(root, "replica1")), "replica2")


@pytest.mark.parametrize("damage", [b"", b"-----BEGIN PRIVATE KEY-----\n", b"\xff", b"not PEM"])
def test_a_damaged_certificate_of_a_process_is_made_again(root, damage):
    file = root / "replica1" / IdentityFile.PROCESS
    file.write_bytes(damage)

    assert create(root) == ["replica1/process.pem"]
    assert common_name_seen(server_of(folder(root, "replica1")), client_of(folder(root, "replica2")), "replica1")


def test_a_key_without_its_certificate_and_one_with_anothers_are_made_again(root):
    one, other = folder(root, "replica1"), folder(root, "replica2")
    one.file(IdentityFile.PROCESS).write_bytes(one.process().private_key)
    other.file(IdentityFile.PROCESS).write_bytes(
        other.process().private_key + folder(root, "replica3").process().certificates
    )

    assert create(root) == ["replica1/process.pem", "replica2/process.pem"]


@pytest.mark.parametrize("key", ["ca-key.pem", IdentityFile.CUSTOMERS_CA_KEY])
@pytest.mark.parametrize("damage", ["removed", "emptied", "key only", "certificate only", "another's key", "cut"])
def test_a_ca_that_is_damaged_or_missing_is_never_replaced(root, tmp_path, key, damage):
    file = root / "ca" / key
    content = file.read_bytes()
    private, certificate = (
        folder(root, "ca").key_and_certificates(key).private_key,
        content[content.index(b"-----BEGIN C") :],
    )
    create(tmp_path / "other")
    foreign = folder(tmp_path / "other", "ca").key_and_certificates(key).private_key
    match damage:
        case "removed":
            file.unlink()
        case _:
            file.write_bytes(
                {
                    "emptied": b"",
                    "key only": private,
                    "certificate only": certificate,
                    "another's key": foreign + certificate,
                    "cut": content[:-100],
                }[damage]
            )
    before = contents(root)

    for call in (
        lambda: create(root),
        lambda: authority(root).renew(NOW, everything=True),
        lambda: rotate(root, at_once=True),
    ):
        assert str(file) in refused(call)
    assert contents(root) == before


def test_an_authority_without_anything_beside_folders_that_are_in_use_makes_no_second_ca(root):
    shutil.rmtree(root / "ca")

    assert "trusts one" in refused(lambda: create(root))
    assert list((root / "ca").iterdir()) == [root / "ca" / "lock"]


@pytest.mark.parametrize("name", [*SHARED, IdentityFile.CUSTOMER_SECRET_KEY, IdentityFile.CREDENTIAL])
def test_a_secret_that_the_authority_lost_is_not_made_anew_while_a_holder_has_it(root, name):
    (root / "ca" / name).unlink()
    before = contents(root)

    assert "it is missing, but the folder" in refused(lambda: create(root))
    assert contents(root) == before


@pytest.mark.parametrize("name", [*SHARED, IdentityFile.FIRST_CREDENTIAL])
def test_a_holder_with_another_secret_is_told_and_nothing_is_changed(root, name):
    changed = next(root.glob(f"*-*-1/{name}"), root / "replica1" / name)
    changed.write_text("another-secret-of-somebody\n")
    (root / "replica3" / IdentityFile.PROCESS).unlink()
    before = contents(root)

    problem = refused(lambda: create(root))

    assert str(changed) in problem
    assert "another-secret" not in problem
    assert contents(root) == before


def test_a_folder_of_other_identities_is_told_and_nothing_is_changed(root, tmp_path):
    create(tmp_path / "other")
    shutil.copy(tmp_path / "other" / "metrics" / "ca.pem", root / "metrics" / "ca.pem")
    before = contents(root)

    assert "trusts none of the CAs" in refused(lambda: create(root))
    assert contents(root) == before


def test_an_administrators_new_token_stays_in_the_clients_folder(root):
    file = root / "clients" / IdentityFile.CREDENTIAL
    file.write_text("qt1_another\n")

    assert create(root) == []
    assert file.read_text() == "qt1_another\n"


def test_files_that_others_could_read_are_taken_from_them(root):
    file = root / "replica1" / IdentityFile.PROCESS
    file.chmod(0o644)

    assert create(root) == ["replica1/process.pem"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a group of its own for a folder")
def test_a_folder_that_a_group_may_read_gets_files_that_the_group_may_read(root):
    """In containers the broker is another user, who is in the group of its folder."""
    shutil.rmtree(root / "broker")
    (root / "broker").mkdir()
    os.chown(root / "broker", -1, 1883)
    (root / "broker").chmod(0o750)

    create(root)

    for path in (root / "broker").iterdir():
        assert (stat.S_IMODE(path.stat().st_mode), path.stat().st_gid) == (0o640, 1883)


def renew(root, *, now):
    authority(root).renew(now, everything=False)


@pytest.mark.parametrize("renewing", [renew, create])
def test_certificates_are_renewed_when_two_thirds_of_their_life_are_over_and_not_before(root, renewing):
    before = contents(root)
    renewing(root, now=NOW + 59 * DAY)
    assert contents(root) == before

    renewing(root, now=NOW + 61 * DAY)

    changed = {name for name, content in contents(root).items() if before[name] != content}
    assert changed == {name for name in before if name.endswith("/process.pem")}
    (renewed,) = read_certificates(folder(root, "replica1").process().certificates)
    assert renewed.not_valid_after_utc == NOW + 151 * DAY


def test_all_certificates_can_be_renewed_at_once(root):
    before = contents(root)

    authority(root).renew(NOW, everything=True)

    assert sum(before[name] != content for name, content in contents(root).items()) == len(DEFAULT) + 3


def test_an_expired_certificate_and_one_of_the_future_are_made_again_by_create(root):
    (root / "replica2" / IdentityFile.PROCESS).unlink()
    create(root, now=NOW + 400 * DAY)  # the clock is ahead: everything looks expired and is made again
    assert "certificate is not yet valid" in handshake_problem(root, "replica1", "replica2")

    create(root, now=NOW)  # the clock is right again

    assert handshake_problem(root, "replica1", "replica2") == ""


def handshake_problem(root, server, client):
    try:
        common_name_seen(server_of(folder(root, server)), client_of(folder(root, client)), server)
    except ssl.SSLError as error:
        return str(error)
    return ""


def test_a_certificate_is_valid_some_minutes_before_it_was_made_for_clocks_that_are_behind(made):
    (certificate,) = read_certificates(folder(made, "replica1").process().certificates)

    assert certificate.not_valid_before_utc == NOW - timedelta(minutes=10)


def test_a_clock_before_the_life_of_the_ca_or_behind_it_is_told_and_nothing_is_changed(root):
    before = contents(root)

    assert "set the clock" in refused(lambda: create(root, now=NOW - DAY))
    assert "expired" in refused(lambda: create(root, now=NOW + 3651 * DAY))
    assert contents(root) == before


def test_a_machine_whose_clock_was_never_set_makes_no_ca(tmp_path):
    assert "set the clock" in refused(lambda: create(tmp_path, now=datetime(1970, 1, 1, 0, 20, tzinfo=UTC)))
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["lock"]


def test_no_certificate_outlives_its_ca(root):
    late = NOW + 3649 * DAY
    authority(root).renew(late, everything=True)

    (certificate,) = read_certificates(folder(root, "broker").process().certificates)
    assert certificate.not_valid_after_utc == NOW + 3650 * DAY


def rotate(root, *, now=None, at_once=False, customers=False):
    made = authority(root)
    made.rotate(made.customers if customers else made.processes, now or datetime.now(UTC), at_once=at_once)


def moments_of_a_rotation(root, tmp_path):
    """Copy the folders before, and after each step."""
    yield shutil.copytree(root, tmp_path / "0")
    for step in (1, 2, 3):
        rotate(root, at_once=True)
        yield shutil.copytree(root, tmp_path / str(step))


def test_at_every_step_of_a_rotation_whoever_is_one_step_behind_is_still_understood(root, tmp_path):
    moments = list(moments_of_a_rotation(root, tmp_path))

    for earlier, later in pairwise(moments):
        for server, client in ((earlier, later), (later, earlier), (later, later)):
            seen = common_name_seen(
                server_of(folder(server, "replica1")), client_of(folder(client, "client-portal-1")), "replica1"
            )
            assert seen == "portal/client-portal-1"


@pytest.mark.slow
def test_at_every_moment_between_two_files_of_a_rotation_all_understand_each_other(root, tmp_path):
    """A step that is interrupted anywhere leaves nobody out, not even those who did not read their folder since."""
    names = ("replica1", "client-portal-1")
    moment = shutil.copytree(root, tmp_path / "moment")
    moments = 0
    for step in (1, 2, 3):
        before = shutil.copytree(moment, tmp_path / f"before {step}")
        changes = []
        made = Authority(root, changes.append)
        made.rotate(made.processes, datetime.now(UTC), at_once=True)
        for change in changes:
            shutil.copy2(change.file, moment / change.file.relative_to(root))
            for server, client in ((moment, moment), (before, moment), (moment, before)):
                for one in names:
                    for other in names:
                        assert common_name_seen(server_of(folder(server, one)), client_of(folder(client, other)), one)
            moments += 1

    assert moments > 30
    assert {name: content for name, content in contents(moment).items() if not name.startswith("ca/")} == {
        name: content for name, content in contents(root).items() if not name.startswith("ca/")
    }


def test_after_a_rotation_nobody_trusts_what_the_old_ca_signed(root, tmp_path):
    before, *_, after = moments_of_a_rotation(root, tmp_path)

    with pytest.raises(ssl.SSLError, match=r"unknown ca|unknown certificate|verify failed"):
        common_name_seen(server_of(folder(after, "replica1")), client_of(folder(before, "replica2")), "replica1")
    with pytest.raises(ssl.SSLError, match="verify failed"):
        common_name_seen(
            server_of(folder(before, "replica1"), demands_certificate=False),
            client_of(folder(after, "replica2"), shows_certificate=False),
            "replica1",
        )
    assert len(read_certificates(folder(after, "clients").ca())) == 1
    assert {path.name for path in (after / "ca").iterdir()} == {path.name for path in (before / "ca").iterdir()}


def test_the_next_step_of_a_rotation_has_to_wait_until_everybody_has_read_the_files(root):
    rotate(root)
    before = contents(root)

    assert "too early" in refused(lambda: rotate(root))
    assert contents(root) == before
    rotate(root, now=datetime.now(UTC) + timedelta(minutes=16))
    assert contents(root) != before


def test_the_pause_of_a_rotation_is_longer_than_the_life_of_any_connection_and_certificate():
    assert PROCESSES.pauses[0].total_seconds() > CONNECTION_AGE_SECONDS
    assert {*PROCESSES.pauses, CUSTOMERS.pauses[0]} == {REREAD}
    assert CUSTOMERS.pauses[1] > CUSTOMER_LIFE + REREAD


@pytest.mark.parametrize("mender", ["create", "rotate"])
def test_a_step_that_was_interrupted_is_completed_and_the_pause_begins_with_that(root, mender):
    old = (root / "replica1" / "ca.pem").read_bytes()
    rotate(root)
    (root / "replica1" / "ca.pem").write_bytes(old)  # as if the disk had been full there
    an_hour_ago = datetime.now(UTC).timestamp() - 3600
    os.utime(root / "ca" / "next-ca-key.pem", (an_hour_ago, an_hour_ago))

    if mender == "create":
        create(root)

    assert "too early" in refused(lambda: rotate(root))
    assert len(read_certificates((root / "replica1" / "ca.pem").read_bytes())) == 2


def test_a_second_step_that_was_interrupted_before_the_new_ca_signs_is_done_again(root):
    rotate(root)
    new = read_certificates((root / "ca" / "next-ca-key.pem").read_bytes())[0]
    shutil.copy(root / "ca" / "ca-key.pem", root / "ca" / "retired-ca.pem")
    retired = (root / "ca" / "ca-key.pem").read_bytes()
    (root / "ca" / "retired-ca.pem").write_bytes(retired[retired.index(b"-----BEGIN C") :])

    rotate(root, at_once=True)

    assert authority(root).holders(NOW)
    assert read_certificates((root / "ca" / "ca-key.pem").read_bytes()) == [new]
    assert len(read_certificates(folder(root, "broker").ca())) == 2


def test_the_cas_of_processes_and_customers_are_replaced_independently(root):
    before = contents(root)

    rotate(root, customers=True)
    rotate(root, customers=True, at_once=True)

    changed = {name for name, content in contents(root).items() if before.get(name) != content}
    assert {Path(name).name for name in changed} == {
        "customers-ca.pem",
        "clients-ca.pem",
        "customers-ca-key.pem",
        "retired-customers-ca.pem",
    }
    assert "too early" in refused(lambda: rotate(root, customers=True, now=datetime.now(UTC) + timedelta(hours=24)))
    rotate(root, customers=True, now=datetime.now(UTC) + timedelta(hours=26))


def replica_secrets(root):
    """What each replica has and what it accepts besides; one pair where all have the same."""
    replicas = [folder(root, f"replica{n}") for n in (1, 2, 3)]
    accepted = IdentityFile.CLUSTER_SECRET_ACCEPTED
    (pair,) = {(one.cluster_secret(), one.cluster_secret_accepted() if one.has(accepted) else "") for one in replicas}
    return pair


def rotate_secret(root, name=IdentityFile.CLUSTER_SECRET, *, restarted=True):
    authority(root).rotate_secret(name, NOW, restarted=restarted)


def test_the_clusters_secret_is_replaced_in_three_rounds_between_which_replicas_are_restarted(root):
    old = folder(root, "replica1").cluster_secret()

    rotate_secret(root, restarted=False)
    (_, new) = replica_secrets(root)
    assert replica_secrets(root) == (old, new)
    assert "restart all replicas" in refused(lambda: rotate_secret(root, restarted=False))
    assert replica_secrets(root) == (old, new)
    rotate_secret(root)
    assert replica_secrets(root) == (new, old)
    assert "restart all replicas" in refused(lambda: rotate_secret(root, restarted=False))
    rotate_secret(root)
    assert replica_secrets(root) == (new, "")

    assert new != old
    assert {path.name for path in (root / "ca").glob("*cluster*")} == {IdentityFile.CLUSTER_SECRET}


@pytest.mark.parametrize("rounds", [1, 2, 3])
def test_a_round_that_was_interrupted_is_completed_by_create(root, rounds):
    for _ in range(rounds - 1):
        rotate_secret(root)
    before = shutil.copytree(root / "replica2", root.parent / "replica2")
    rotate_secret(root)
    done = contents(root)
    shutil.rmtree(root / "replica2")
    shutil.move(before, root / "replica2")  # as if the disk had been full there

    assert create(root)
    assert contents(root) == done


@pytest.mark.parametrize("name", [IdentityFile.FEED_KEY, IdentityFile.REQUEST_GROUP, IdentityFile.CUSTOMER_SECRET_KEY])
def test_another_secret_is_replaced_by_one_call_for_all_that_have_it(root, name):
    before = contents(root)

    rotate_secret(root, name)

    changed = {path for path, content in contents(root).items() if before[path] != content}
    assert changed == {path for path in before if path.endswith(f"/{name}")}
    assert len({contents(root)[path] for path in changed}) == 1
    assert set(contents(root)) == set(before)


def test_replicas_and_portals_trust_no_customers_ca(made):
    customers = read_certificates(folder(made, "broker").customers_ca())[0]

    for holder in authority(made).holders(NOW):
        assert customers not in read_certificates(folder(made, holder.name).ca())


def test_no_certificate_that_a_client_of_the_broker_may_have_names_what_could_be_a_customer(made):
    mistaken = [
        subject.common_name
        for holder in authority(made).holders(NOW)
        if IdentityFile.PROCESS in FILES[holder.kind]
        if not (subject := holder.subject).server_only and check_id("customer_id", subject.common_name) is None
    ]

    assert mistaken == []


def test_the_broker_gets_the_rules_for_the_processes_that_there_are(root):
    rules = (root / "broker" / IdentityFile.ACL).read_text()
    assert {line for line in rules.splitlines() if line.startswith("user")} == {
        f"user {common_name}"
        for common_name in (
            *(f"replica/replica{n}" for n in (1, 2, 3)),
            *(f"portal/{kind}-portal-{n}" for n in (1, 2) for kind in ("admin", "client")),
        )
    }

    create(root, given=[Holder("replica4", HolderKind.REPLICA)])

    assert "user replica/replica4\ntopic write " in (root / "broker" / IdentityFile.ACL).read_text()


def test_new_holders_are_added_and_known_ones_stay(root):
    more = [Holder("replica4", HolderKind.REPLICA), Holder("broker", HolderKind.BROKER, frozenset({"mqtt.example"}))]

    made = create(root, given=more)

    assert {Path(name).parts[0] for name in made} == {"ca", "replica4", "broker"}
    assert common_name_seen(server_of(folder(root, "replica4")), client_of(folder(root, "replica1")), "replica4")
    anonymous = client_of(folder(root, "clients"), shows_certificate=False)
    server = server_of(folder(root, "broker"), demands_certificate=False)
    assert common_name_seen(server, anonymous, "mqtt.example") is None


def test_one_name_cannot_be_two_kinds(root):
    assert "already" in refused(lambda: create(root, given=[Holder("replica1", HolderKind.ADMIN_PORTAL)]))


@pytest.mark.parametrize("name", ["ca", "broker", "clients", "a/b", "..", "", "x" * 60, "ação", "a b"])
def test_a_name_that_is_no_folder_or_no_host_is_refused(name):
    with pytest.raises(ValueError, match=r"\S"):
        Holder(name, HolderKind.REPLICA)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"replica1": {}}', '{"replica1": {"kind": "king", "hosts": []}}'])
def test_a_list_of_holders_that_is_damaged_is_told(root, text):
    (root / "ca" / "holders.json").write_text(text)
    before = contents(root)

    assert "holders.json" in refused(lambda: create(root))
    assert contents(root) == before


def test_renewal_and_rotation_need_identities(tmp_path):
    assert "create" in refused(lambda: authority(tmp_path).renew(NOW, everything=False))
    assert "create" in refused(lambda: rotate(tmp_path))
