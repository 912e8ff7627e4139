"""The store and its folder: what is durable, and what is noticed."""

from typing import Final

from mutants.mutant import REPLICA, TESTS, Mutant

_POWER: Final = "integration-tests/test_power_loss.py"
_NAMES: Final = f"{_POWER}::test_every_write_ahead_file_has_a_durable_name_when_a_commit_that_may_be_in_it_returns"
_STORE: Final = f"{TESTS}/test_store.py"

MUTANTS: Final = (
    Mutant(
        "commits-not-synced",
        "A commit is on the disk when it returns.",
        f"{REPLICA}/state/store.py",
        "batch = self._database.write_batch(sync=True)",
        "batch = self._database.write_batch(sync=False)",
        (f"{_POWER}::test_every_commit_of_a_store_survives_also_while_leveldb_changes_its_files",),
    ),
    Mutant(
        "folder-not-synced",
        "The folder is synced when LevelDB has begun a new write-ahead file.",
        f"{REPLICA}/state/data_folder.py",
        "            os.fsync(self._folder.descriptor)\n",
        "            os.fstat(self._folder.descriptor)\n",
        (_NAMES,),
    ),
    Mutant(
        "folder-not-looked-at",
        "The folder is looked at behind each commit.",
        f"{REPLICA}/state/store.py",
        "        batch.write()\n        self._directory_sync.sync()",
        "        batch.write()",
        (_NAMES,),
    ),
    Mutant(
        "folder-looked-at-too-early",
        "A new write-ahead file is looked for behind the write that may have begun it.",
        f"{REPLICA}/state/store.py",
        "        batch.write()\n        self._directory_sync.sync()",
        "        self._directory_sync.sync()\n        batch.write()",
        (_NAMES,),
    ),
    Mutant(
        "new-file-hidden-by-the-folders-clock",
        "A new write-ahead file is seen where the folder's time of change stands still.",
        f"{REPLICA}/state/data_folder.py",
        "if length > self._length and change == self._seen_change:",
        "if change == self._seen_change:",
        (
            (
                f"{TESTS}/test_directory_sync.py::"
                "test_a_new_write_ahead_file_is_seen_where_the_folders_time_of_change_stands_still"
            ),
        ),
    ),
    Mutant(
        "new-file-hidden-by-the-old-one",
        "The write-ahead file that commits go to is the newest.",
        f"{REPLICA}/state/data_folder.py",
        'self._current = max(found, key=_number, default="")',
        'self._current = max(found, default="")',
        (f"{TESTS}/test_directory_sync.py::test_the_newest_file_is_the_one_with_the_highest_number",),
    ),
    Mutant(
        "folder-lost-unnoticed",
        "Nothing is acknowledged into a folder that its path does not lead to any more.",
        f"{REPLICA}/state/data_folder.py",
        "if _identity(found) != self._identity:",
        "if found.st_dev != self._identity[0]:",
        (f"{TESTS}/test_data_folder.py::test_a_symbolic_link_that_leads_to_the_same_folder_is_right",),
    ),
    Mutant(
        "lock-lost-unnoticed",
        "Whoever replaces the lock of the folder lets no second process in unnoticed.",
        f"{REPLICA}/state/data_folder.py",
        "if name == LOCK and found != self._lock:",
        "if name == LOCK and found[0] != self._lock[0]:",
        (f"{TESTS}/test_data_folder.py::test_a_lock_that_was_replaced_lets_nobody_else_in_unnoticed",),
    ),
    Mutant(
        "damaged-file-dropped",
        "A damaged write-ahead file is refused, not shortened in silence.",
        f"{REPLICA}/state/store.py",
        "paranoid_checks=True",
        "paranoid_checks=False",
        (f"{_STORE}::test_a_damaged_database_is_refused_with_what_to_do",),
    ),
    Mutant(
        "staged-removal-shown",
        "A scan does not show what is staged to be removed.",
        f"{REPLICA}/state/store.py",
        "            if upcoming == key:\n                continue\n",
        "            if upcoming == key and self._staged[key] is not None:\n                continue\n",
        (f"{_STORE}::test_a_scan_merges_staged_and_stored_like_one_sorted_map",),
    ),
    Mutant(
        "staged-changes-written-twice",
        "What is committed is not staged any more.",
        f"{REPLICA}/state/store.py",
        "        self._staged.clear()\n",
        "",
        (f"{_STORE}::test_a_commit_makes_all_staged_changes_visible_to_snapshots_together",),
    ),
)
