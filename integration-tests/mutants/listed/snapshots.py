"""State for a replica that is further behind than the log: what is sent, what is taken, how it is installed."""

from typing import Final

from mutants.mutant import RAFT, RAFT_TESTS, TESTS, Mutant

_LOOP: Final = f"{RAFT_TESTS}/test_raft_loop.py"
_CONTENTS: Final = f"{TESTS}/test_snapshot_contents.py"
_INSTALLATION: Final = f"{RAFT_TESTS}/test_snapshot_receiver.py"
_SNAPSHOTS: Final = f"{RAFT_TESTS}/test_snapshot_sender.py"
_CUT_SHORT: Final = f"{_SNAPSHOTS}::test_an_installation_that_was_cut_short_is_ended_at_the_next_start"
_WALK: Final = "    for key, value in snapshot.iterate(STATE_PREFIX):\n"

MUTANTS: Final = (
    Mutant(
        "snapshot-without-outcomes",
        "A snapshot holds the outcomes that are remembered for repeated requests.",
        f"{RAFT}/snapshot_sender.py",
        _WALK,
        f'{_WALK}        if key.startswith(b"Sr"):\n            continue\n',
        (_CONTENTS,),
    ),
    Mutant(
        "snapshot-without-sequence",
        "A snapshot holds the order in which outcomes are forgotten.",
        f"{RAFT}/snapshot_sender.py",
        _WALK,
        f'{_WALK}        if key.startswith(b"Sq"):\n            continue\n',
        (_CONTENTS,),
    ),
    Mutant(
        "old-state-stays",
        "A snapshot replaces the state: what it does not hold is gone.",
        f"{RAFT}/snapshot_receiver.py",
        "            yield from self._remove_state()\n",
        "            yield True\n",
        (_CONTENTS, f"{_SNAPSHOTS}::test_a_snapshot_replaces_the_whole_state_and_the_log"),
    ),
    Mutant(
        "snapshot-goes-back",
        "A snapshot that is not ahead of the own state is ignored.",
        f"{RAFT}/snapshot_receiver.py",
        'if message["index"] <= applied_index or self.complete:',
        "if self.complete:",
        (f"{_SNAPSHOTS}::test_a_snapshot_that_is_not_ahead_is_ignored",),
    ),
    Mutant(
        "obsolete-snapshot-installed",
        "A snapshot that the own state has overtaken is not installed.",
        f"{RAFT}/snapshot_receiver.py",
        "return self._installed > 0 or self.index > read_applied(self._store.get(APPLIED_KEY))",
        "return self._installed >= 0 or self.index > read_applied(self._store.get(APPLIED_KEY))",
        (f"{_INSTALLATION}::test_an_obsolete_snapshot_is_cleaned_up_and_changes_nothing",),
    ),
    Mutant(
        "chunk-of-another-transfer",
        "Chunks of two transfers are not mixed.",
        f"{RAFT}/snapshot_receiver.py",
        'if (message["transfer"], message["number"]) != (self._transfer, self._expected):',
        'if message["number"] != self._expected:',
        (f"{_SNAPSHOTS}::test_a_chunk_out_of_order_or_of_another_transfer_is_ignored",),
    ),
    Mutant(
        "chunk-out-of-order",
        "No chunk of a snapshot is missing.",
        f"{RAFT}/snapshot_receiver.py",
        'if (message["transfer"], message["number"]) != (self._transfer, self._expected):',
        'if message["transfer"] != self._transfer:',
        (f"{_SNAPSHOTS}::test_a_chunk_out_of_order_or_of_another_transfer_is_ignored",),
    ),
    Mutant(
        "snapshot-with-foreign-keys",
        "A snapshot changes the replicated state and nothing else of the disk.",
        f"{RAFT}/snapshot_receiver.py",
        "if not all(key.startswith(STATE_PREFIX) for key, _ in pairs",
        "if not any(key.startswith(key) for key, _ in pairs",
        (f"{_SNAPSHOTS}::test_a_chunk_may_hold_replicated_state_alone",),
    ),
    Mutant(
        "interrupted-installation-forgotten",
        "An installation that was cut short is ended before anything else looks at the state.",
        f"{RAFT}/snapshot_receiver.py",
        "    if marker is None:\n        return\n    installation =",
        "    if marker is None or store.staged == 0:\n        return\n    installation =",
        (_CUT_SHORT,),
    ),
    Mutant(
        "installation-forgets-its-progress",
        "What a step of an installation has done is in the same batch as the step.",
        f"{RAFT}/snapshot_receiver.py",
        "self._store.put(INSTALL_KEY, _marker(self.index, self.term, self._chunks, self._installed))",
        "self._store.put(INSTALL_KEY, _marker(self.index, self.term, self._chunks, self._installed - 1))",
        (_CUT_SHORT,),
    ),
    Mutant(
        "missing-chunk-skipped",
        "A chunk that is missing stops the replica.",
        f"{RAFT}/snapshot_receiver.py",
        "        if pairs is None:\n            raise StoreDamaged(",
        '        pairs = b"\\x90" if pairs is None else pairs\n        if not pairs:\n            raise StoreDamaged(',
        (f"{_INSTALLATION}::test_a_missing_chunk_stops_the_replica",),
    ),
    Mutant(
        "log-stays-behind-a-snapshot",
        "The log is replaced in the same batch in which the snapshot's state becomes valid.",
        f"{RAFT}/snapshot_receiver.py",
        "        while pairs := self._store.scan(LOG_PREFIX, after, DELETE_BATCH):\n",
        "        while pairs := self._store.scan(LOG_PREFIX, after, 0):\n",
        (f"{_SNAPSHOTS}::test_a_snapshot_replaces_the_whole_state_and_the_log",),
    ),
    Mutant(
        "last-chunk-acknowledged-early",
        "The leader keeps its log until the snapshot is installed, not only received.",
        f"{RAFT}/snapshot_receiver.py",
        "            self._final_reply = peer, reply\n",
        "            self._send_after_commit(peer, reply)\n",
        (f"{_INSTALLATION}::test_the_leader_keeps_its_log_until_the_snapshot_is_installed_and_not_only_received",),
    ),
    Mutant(
        "applies-while-the-state-is-replaced",
        "Nothing is applied to a state that is just being replaced.",
        f"{RAFT}/raft_core.py",
        "return bool(self.may_apply and super()._SyncObj__applyLogEntries())",
        "return bool(super()._SyncObj__applyLogEntries())",
        (f"{_LOOP}::test_nothing_is_applied_while_a_snapshot_replaces_the_state",),
    ),
    Mutant(
        "log-thrown-away-for-a-snapshot",
        "A log that reaches a snapshot's entry stays, as what is behind may be acknowledged.",
        f"{RAFT}/peer_messages.py",
        'if self._journal.holds(message["index"], message["index_term"]):',
        'if self._journal.holds(message["index"] + 1, 0):',
        (f"{_LOOP}::test_a_log_that_reaches_the_snapshots_entry_is_kept_with_what_is_acknowledged_behind_it",),
    ),
    Mutant(
        "transfer-outlives-the-term",
        "A transfer ends with the term that it began in.",
        f"{RAFT}/snapshot_sender.py",
        "if transfer.term != term or now - transfer.acknowledged_at > STALLED_SECONDS:",
        "if now - transfer.acknowledged_at > STALLED_SECONDS:",
        (f"{_SNAPSHOTS}::test_a_transfer_ends_when_nothing_is_heard_or_the_term_is_over",),
    ),
    Mutant(
        "snapshot-of-now",
        "A snapshot shows one moment, whatever is written meanwhile.",
        f"{RAFT}/snapshot_sender.py",
        "transfer = SnapshotTransfer(self._store.snapshot(), term, self._chunk_bytes, cluster, now)",
        "transfer = SnapshotTransfer(self._store.snapshot(), term, self._chunk_bytes, cluster, now)\n"
        "            transfer._chunks = iter([self._store.scan(STATE_PREFIX)])",
        (f"{_SNAPSHOTS}::test_a_snapshot_shows_one_moment_whatever_is_written_meanwhile", _SNAPSHOTS),
    ),
    Mutant(
        "machine-not-told-of-a-snapshot",
        "The state machine forgets what it kept in memory when a snapshot replaces the state.",
        f"{RAFT}/raft_loop.py",
        "            self._machine.installed(installation.index)\n",
        "",
        (f"{RAFT_TESTS}/test_cluster.py::test_a_follower_that_was_away_longer_than_the_log_catches_up_by_a_snapshot",),
    ),
)
