"""Mistakes about levels of rules: who permits a raise, and what is refused as too new."""

from typing import Final

from mutants.mutant import REPLICA, Mutant

_RAISING: Final = "services/replica/tests/test_level_raising.py"
_STORED: Final = "services/replica/tests/test_levels.py"

MUTANTS: Final[tuple[Mutant, ...]] = (
    Mutant(
        "silence-permits-a-raise",
        "A replica that does not answer has not permitted that the level is raised.",
        f"{REPLICA}/admin/level_raiser.py",
        "                raise Rejected(_not_supported(level, name, error=answer))",
        "                continue",
        (f"{_RAISING}::TestPermission::test_a_replica_that_is_silent_forbids_it",),
    ),
    Mutant(
        "an-old-version-permits-a-raise",
        "A replica whose version does not support the level forbids that it is raised.",
        f"{REPLICA}/admin/level_raiser.py",
        "            if answer.supported_level < level:",
        "            if 0 < answer.supported_level < level:",
        (f"{_RAISING}::TestPermission::test_a_replica_of_a_version_that_knows_no_levels_forbids_it",),
    ),
    Mutant(
        "a-foreign-disk-permits-a-raise",
        "A replica with a disk of another cluster says nothing about this one.",
        f"{REPLICA}/admin/level_raiser.py",
        '            if answer.cluster not in {cluster, ""}:',
        "            if answer.cluster is None:",
        (f"{_RAISING}::TestPermission::test_a_replica_with_a_disk_of_another_cluster_forbids_it",),
    ),
    Mutant(
        "another-replica-answers-for-a-silent-one",
        "What another replica answers at a replica's address is no answer of that replica.",
        f"{REPLICA}/peer_statuses.py",
        "    return status if status.name == name else",
        "    return status if status.name else",
        (f"{_RAISING}::TestAsking::test_each_replica_answers_for_itself_alone",),
    ),
    Mutant(
        "a-cluster-with-data-raised-by-itself",
        "Only a cluster that has never held anything is raised without an administrator.",
        f"{REPLICA}/admin/level_raiser.py",
        "        fresh = counters == Counters(level=counters.level)",
        "        fresh = True",
        (f"{_RAISING}::TestFreshCluster::test_one_that_has_held_anything_is_left_to_the_administrators",),
    ),
    Mutant(
        "a-portal-raises-the-level",
        "A raise comes into the log with the permission of all replicas, and in no other way.",
        f"{REPLICA}/level_check.py",
        '                raise Rejected(invalid(name or "", Problem.UNKNOWN_FIELD))',
        "                pass",
        (f"{_RAISING}::TestReplicas::test_no_portal_may_send_the_raise",),
    ),
    Mutant(
        "a-lagging-replica-refuses-what-is-new",
        "Only a replica that leads, and has all that was acknowledged, can say that the cluster's level is too low.",
        f"{REPLICA}/level_check.py",
        "            self._read_point(timeout)\n",
        "",
        (
            f"{_RAISING}::TestBeforeTheLog::test_a_replica_that_lags_refuses_nothing_that_the_cluster_takes_already",
            f"{_RAISING}::TestBeforeTheLog::test_a_replica_that_does_not_lead_names_the_leader_instead_of_refusing",
        ),
    ),
    Mutant(
        "a-raise-is-not-stored",
        "The level is part of the state: it is stored, and in the digest.",
        f"{REPLICA}/state/write_set.py",
        "if self.counters == self._counters_before:",
        "if not self._changed:",
        (f"{_STORED}::TestStoredLevel::test_raising_changes_the_level_and_nothing_else_and_is_in_the_digest",),
    ),
    Mutant(
        "a-state-that-is-too-new-is-decided-on",
        "A version does not decide on a state at a level that it does not know.",
        f"{REPLICA}/state/counters.py",
        "        check_supported(level, what)",
        "",
        (f"{_STORED}::TestNewerLevelIsNotTaken::test_a_state_is_not_decided_on",),
    ),
    Mutant(
        "a-level-that-is-not-supported-becomes-an-outcome",
        "An entry that raises the level beyond what this version knows stops the replica before anything changes.",
        f"{REPLICA}/state/applier.py",
        "LOCAL_FAILURES = (StateCorrupt, LevelNotSupported, ",
        "LOCAL_FAILURES = (StateCorrupt, ",
        (f"{_STORED}::TestNewerLevelIsNotTaken::test_an_entry_of_the_log_that_raises_beyond_it_is_not_applied",),
    ),
    Mutant(
        "a-snapshot-that-is-too-new-is-kept",
        "A snapshot of a state at a level that this version does not know is refused before it is kept.",
        f"{REPLICA}/raft/snapshot_receiver.py",
        "        self._check(pairs)",
        "",
        (f"{_STORED}::TestNewerLevelIsNotTaken::test_a_snapshot_is_not_kept",),
    ),
    Mutant(
        "a-backup-that-is-too-new-is-restored",
        "A backup of a state at a level that this version does not know is not restored.",
        f"{REPLICA}/admin/restore.py",
        '            check_supported(reader.header.level, "the backup")',
        "",
        (f"{_RAISING}::TestBackups::test_one_at_a_newer_level_is_not_restored",),
    ),
    Mutant(
        "the-header-of-a-backup-is-believed",
        "A backup whose header says nothing of its level is refused by what its state says.",
        f"{REPLICA}/admin/restore.py",
        "        read_counters(store)  #",
        "        #",
        (f"{_RAISING}::TestBackups::test_one_at_a_newer_level_is_not_restored",),
    ),
)
