"""What stands around Raft: the feed, backups, restoring, page tokens."""

from typing import Final

from mutants.mutant import REPLICA, TESTS, Mutant

_FEED: Final = f"{TESTS}/test_feed.py"
_BACKUP: Final = f"{TESTS}/test_administration.py::TestBackup"

MUTANTS: Final = (
    Mutant(
        "heartbeat-without-a-proof",
        "A leader that cannot prove it keeps silent on the feed.",
        f"{REPLICA}/feed/publisher.py",
        "            return  # whoever does not lead, or cannot prove it, keeps silent\n",
        "            pass\n",
        (f"{_FEED}::test_a_leader_that_cannot_prove_it_keeps_silent",),
    ),
    Mutant(
        "heartbeat-of-before-the-proof",
        "A heartbeat speaks of everything that was acknowledged before the leadership was proven.",
        f"{REPLICA}/feed/publisher.py",
        "        try:\n            self._raft.read_point(self._heartbeat_seconds)\n",
        "        entries, position = self._queue.take(0)\n        try:\n"
        "            self._raft.read_point(self._heartbeat_seconds)\n"
        "            self._publish(entries, position)\n            return\n",
        (f"{_FEED}::test_a_heartbeat_speaks_of_everything_that_was_acknowledged_before_the_leadership_was_proven",),
    ),
    Mutant(
        "followers-publish",
        "Only the leader publishes.",
        f"{REPLICA}/feed/publisher.py",
        "        status = self._raft.status()\n        if status.role is not Role.LEADER:\n            return\n",
        "        status = self._raft.status()\n",
        (f"{_FEED}::test_only_the_leader_publishes",),
    ),
    Mutant(
        "queue-without-a-bound",
        "What waits for a slow broker is bounded.",
        f"{REPLICA}/feed/queue.py",
        "if len(self._entries) >= self._bounds.entries or self._size + entry.size > self._bounds.size:",
        "if len(self._entries) >= self._bounds.entries:",
        (f"{_FEED}::test_a_full_queue_drops_the_newest_and_the_position_shows_it",),
    ),
    Mutant(
        "position-of-the-first-change",
        "The position tells the last entry with changes, so that what was dropped is a gap.",
        f"{REPLICA}/feed/queue.py",
        "last_changed = entries[-1].revision if entries else",
        "last_changed = entries[0].revision if entries else",
        (f"{_FEED}::test_a_full_queue_drops_the_newest_and_the_position_shows_it",),
    ),
    Mutant(
        "replaced-state-without-a-gap",
        "A state that came as a whole is a gap.",
        f"{REPLICA}/feed/queue.py",
        "            self._entries.clear()\n            self._size = 0\n            self._position =",
        "            self._position =",
        (f"{_FEED}::test_a_state_that_came_as_a_whole_is_a_gap",),
    ),
    Mutant(
        "backup-of-before-the-proof",
        "A backup holds every write that was acknowledged before it was asked for.",
        f"{REPLICA}/admin/backup_source.py",
        "            self._raft.read_point(timeout)\n            snapshot = self._snapshots.snapshot()\n",
        "            snapshot = self._snapshots.snapshot()\n            self._raft.read_point(timeout)\n",
        (f"{_BACKUP}::test_the_state_is_looked_at_only_when_the_leadership_is_proven",),
    ),
    Mutant(
        "backup-loses-a-pair",
        "A backup holds every key.",
        f"{REPLICA}/admin/backup_source.py",
        "    while found := state.scan(keys.STATE, after, _SCAN_KEYS):\n        after = found[-1][0]\n",
        "    while found := state.scan(keys.STATE, after, _SCAN_KEYS):\n        after = found[-1][0]\n"
        '        found = [pair for pair in found if not pair[0].startswith(b"Sq")]\n',
        (f"{TESTS}/test_snapshot_contents.py::test_a_backup_holds_every_kind_of_key",),
    ),
    Mutant(
        "half-a-restore-stays",
        "A damaged backup leaves no folder behind.",
        f"{REPLICA}/admin/restore.py",
        "    except BaseException:\n        shutil.rmtree(partial, ignore_errors=True)\n        raise",
        "    except BaseException:\n        partial.rename(data_dir)\n        raise",
        (f"{TESTS}/test_restore.py::test_a_damaged_backup_leaves_no_folder",),
    ),
    Mutant(
        "restore-of-foreign-keys",
        "A backup restores the replicated state and nothing else.",
        f"{REPLICA}/admin/restore.py",
        "if not key.startswith(keys.STATE):",
        'if not key.startswith(b""):',
        (f"{TESTS}/test_restore.py::test_keys_that_are_not_of_the_state_are_refused",),
    ),
)
