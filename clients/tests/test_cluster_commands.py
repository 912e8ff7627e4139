"""quitanda-admin cluster and backup: what is printed, what is written, how it ends."""

import pytest
from backup_parts import parts
from command_line import admin

from quitanda.backup import OneDisk
from quitanda.backup.backup_file import BackupFile
from quitanda.errors import Unavailable
from quitanda.v1.admin_portal_pb2 import ReplicaVerification


def verified(name, computed="a" * 64, kept="a" * 64, compared="c" * 64):
    return ReplicaVerification(
        name=name,
        reachable=True,
        revision=71,
        keys=9,
        computed_digest=computed,
        kept_digest=kept,
        compared_digest=compared,
    )


def names(folder):
    return [path.name for path in folder.iterdir()]


DAMAGED = ReplicaVerification(name="replica3", reachable=True, error="the data folder is damaged: checksum mismatch")
LOST = ReplicaVerification(name="replica3", reachable=False, error="no connection")


async def test_an_unknown_replica_is_refused_with_those_that_there_are(portal):
    done = await admin(portal, "cluster", "transfer-leader", "--to", "replica9")

    assert done.exit_code == 1
    assert "replica9. Choose replica1, replica2 or replica3." in done.message


async def test_the_leadership_is_handed_over(portal):
    for_people = await admin(portal, "cluster", "transfer-leader")
    as_json = await admin(portal, "cluster", "transfer-leader", "--to", "replica3", "--json")

    assert for_people.stdout == "replica2 leads now (term 4).\n"
    assert as_json.result == {"leader": "replica3", "term": 4}


async def test_a_replica_that_does_not_exist_is_refused(portal):
    done = await admin(portal, "cluster", "transfer-leader", "--to", "replica9", "--json")

    assert done.exit_code == 1
    assert done.error["error"]["field"] == "to"


async def test_the_level_is_raised(portal):
    for_people = await admin(portal, "cluster", "raise-level")
    as_json = await admin(portal, "cluster", "raise-level", "--to", "2", "--json")
    as_csv = await admin(portal, "cluster", "raise-level", "-o", "csv")

    assert for_people.stdout == "The cluster is at level 2.\n"
    assert as_json.result == {"level": 2}
    assert as_csv.stdout.split() == ["level", "2"]
    assert [request.level for _, request in portal.calls] == [0, 2, 0]


async def test_a_level_that_a_replica_does_not_support_is_refused_by_its_name(portal):
    for_people = await admin(portal, "cluster", "raise-level", "--to", "3")
    as_json = await admin(portal, "cluster", "raise-level", "--to", "3", "--json")

    assert for_people.exit_code == as_json.exit_code == 1
    assert "replica3 supports only level 2" in for_people.message
    assert as_json.error["error"]["reason"] == "LEVEL_NOT_SUPPORTED"
    assert as_json.error["error"]["details"] == {"level": "3", "replica": "replica3", "supported": "2"}


async def test_a_backup_is_written_and_can_be_inspected(portal, shop, tmp_path):
    shop.backup_parts = parts()
    file = tmp_path / "shop.backup"

    written = await admin(portal, "cluster", "backup", file, "--json")
    inspected = await admin(portal, "backup", "inspect", file, "--json")
    for_people = await admin(portal, "backup", "inspect", file)

    assert written.exit_code == inspected.exit_code == for_people.exit_code == 0, written.stderr
    assert written.result == inspected.result
    assert written.result | {"file": "", "taken_at": "", "state_digest": ""} == {
        "file": "",
        "revision": 70,
        "term": 3,
        "state_digest": "",
        "customers": 5,
        "products": 0,
        "orders": 0,
        "replica": "replica1",
        "taken_at": "",
        "keys": 6,
        "chunks": 2,
        "bytes": file.stat().st_size,
    }
    assert "5 customers" in for_people.stdout
    assert file.stat().st_mode & 0o777 == 0o600
    assert names(tmp_path) == ["shop.backup"]


async def test_a_file_that_exists_is_replaced_only_by_force(portal, shop, tmp_path):
    shop.backup_parts = parts()
    file = tmp_path / "shop.backup"
    file.write_bytes(b"precious")

    refused = await admin(portal, "cluster", "backup", file)
    assert refused.exit_code == 2
    assert "--force" in refused.message
    assert file.read_bytes() == b"precious"
    assert portal.calls == []

    forced = await admin(portal, "cluster", "backup", file, "--force")
    assert forced.exit_code == 0
    assert file.read_bytes().startswith(b"Quitanda backup 1\n")


async def test_a_folder_that_is_not_there_is_wrong_use(portal, tmp_path):
    done = await admin(portal, "cluster", "backup", tmp_path / "nowhere" / "shop.backup")

    assert done.exit_code == 2
    assert "no folder" in done.message


@pytest.mark.parametrize("lacking", [1, 2, 3], ids=["a chunk", "another chunk", "the trailer"])
async def test_a_backup_that_is_not_whole_leaves_no_file(portal, shop, tmp_path, lacking):
    shop.backup_parts = parts()
    del shop.backup_parts[lacking]

    done = await admin(portal, "cluster", "backup", tmp_path / "shop.backup", "--json")

    assert done.exit_code == 3
    assert done.error["error"]["reason"] == "NO_BACKUP"
    assert names(tmp_path) == []


async def test_a_backup_that_breaks_off_leaves_no_file(portal, shop, tmp_path):
    shop.backup_parts = parts()[:2]
    shop.backup_breaks_off = Unavailable("the leader is gone")

    done = await admin(portal, "cluster", "backup", tmp_path / "shop.backup")

    assert done.exit_code == 3
    assert "Not available" in done.stderr
    assert names(tmp_path) == []


async def test_damage_is_found_by_inspecting(portal, shop, tmp_path):
    shop.backup_parts = parts()
    file = tmp_path / "shop.backup"
    await admin(portal, "cluster", "backup", file)
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)

    done = await admin(portal, "backup", "inspect", file, "--json")

    assert done.exit_code == 1
    assert done.error["error"]["reason"] == "BACKUP_DAMAGED"


@pytest.mark.parametrize(
    ("replicas", "exit_code", "said"),
    [
        ([verified("replica1"), verified("replica2"), verified("replica3")], 0, "All replicas agree at revision 70."),
        ([verified("replica1"), verified("replica2"), LOST], 3, "replica3: no connection"),
        ([verified("replica1"), verified("replica2", compared="")], 3, "Not all replicas could be compared"),
        ([verified("replica1"), verified("replica2", computed="b" * 64), LOST], 1, "DOES NOT MATCH its digest"),
        ([verified("replica1"), verified("replica2", compared="d" * 64), LOST], 1, "THE REPLICAS DIFFER"),
        ([verified("replica1"), verified("replica2"), DAMAGED], 1, "DAMAGED"),
    ],
    ids=["all is well", "one is missing", "one does not know", "one does not match", "one differs", "one is damaged"],
)
async def test_verifying_tells_what_is_and_ends_with_it(portal, shop, replicas, exit_code, said):
    shop.verified = replicas

    for_people = await admin(portal, "cluster", "verify")
    as_json = await admin(portal, "cluster", "verify", "--json")

    assert for_people.exit_code == as_json.exit_code == exit_code
    assert said in for_people.stdout
    assert [replica["name"] for replica in as_json.result["replicas"]] == [replica.name for replica in replicas]
    assert as_json.result["revision"] == 70


async def test_a_backup_of_one_disk_shows_what_it_may_lack(portal, tmp_path):
    file = tmp_path / "export"
    disk = OneDisk(cluster="c" * 32, term=9, commit_index=70, last_log_index=91, counts=True)
    with BackupFile(file, disk) as written:
        for part in parts():
            written.take(part)
        written.keep()

    as_json = await admin(portal, "backup", "inspect", file, "--json")
    for_people = await admin(portal, "backup", "inspect", file)

    assert as_json.result["one_disk"]["last_log_index"] == 91
    told = " ".join(for_people.stdout.split())
    assert "comes from one disk alone" in told
    assert "the 21 entries of its own log" in told
    assert "c" * 32 in told
