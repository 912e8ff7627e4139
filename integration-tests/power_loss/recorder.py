"""The recording layer (recorder.c) as a library to preload, and the disk that it would have left behind."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from random import Random

from quitanda_testing import preloaded

SOURCE = Path(__file__).with_name("recorder.c")


def build(folder):
    """Compile the recording layer into the folder; return the library."""
    return preloaded.build(SOURCE, folder)


@dataclass
class RecordedDisk:
    """One replica's disk: the folder that its process uses, and what would be left of it without power.

    base: everything in it is durable; `live` began as a copy of it. record: what was made durable since then.
    """

    folder: Path

    def __post_init__(self):
        self.base, self.live, self.record = (self.folder / part for part in ("base", "live", "record"))
        self.base.mkdir(parents=True)
        self.power_up()

    def power_up(self):
        """Make the live folder from what is durable, and begin a new record."""
        for each in (self.live, self.record):
            shutil.rmtree(each, ignore_errors=True)
        shutil.copytree(self.base, self.live)
        (self.record / "files").mkdir(parents=True)

    def environment(self, library, ignore=""):
        """Variables with which a process's changes to the live folder are recorded."""
        return {
            "LD_PRELOAD": str(library),
            "POWER_LOSS_FOLDER": str(self.live),
            "POWER_LOSS_RECORD": str(self.record),
            "POWER_LOSS_IGNORE": ignore,
        }

    def power_failure(self, chance: Random):
        """Throw away what was not durable, after the process was killed; return how many changes and bytes that were.

        Half of the time all of it is gone. Otherwise the file system had got some further by itself: with the
        first few of the directory's changes that nobody had synced, and with the first part of what was not
        synced of a file. Both are cut where chance says.
        """
        strict = chance.random() < 0.5
        operations = read_operations(self.record / "operations")
        durable = count_durable(operations)
        kept = durable if strict else chance.randint(durable, len(operations))
        names = replay(operations[:kept], {path.name: path for path in self.base.iterdir()}, self.record)
        current = {path: name for name, path in replay(operations, {}, self.record).items()}
        after = self.folder / "after"
        after.mkdir()
        for name, content in names.items():
            shutil.copyfile(content, after / name)
            if not strict and content in current and (self.live / current[content]).exists():
                extend(after / name, self.live / current[content], chance)
        unsynced = sum(unsynced_bytes(self.live / name, content) for content, name in current.items())
        shutil.rmtree(self.base)
        after.rename(self.base)
        self.power_up()
        return len(operations) - kept, unsynced


def read_operations(path):
    """The directory's changes, each as a list of words; a last line that the kill cut off did not happen."""
    return parse_operations(path.read_text() if path.exists() else "")


def parse_operations(text):
    """The directory's changes in the text of a record."""
    return [line.split(" ") for line in text.splitlines(keepends=False)[: text.count("\n")]]


def count_durable(operations):
    """How many of the operations a sync of the directory has made durable."""
    return max((int(words[1]) for words in operations if words[0] == "sync"), default=0)


def replay(operations, names, record):
    """Which file each name stands for after the operations."""
    names = dict(names)
    for words in operations:
        match words:
            case ["create", number, name]:
                names[name] = record / "files" / number
            case ["rename", old, new]:
                if (moved := names.pop(old, None)) is not None:
                    names[new] = moved
            case ["unlink", name]:
                names.pop(name, None)
            case ["sync", _]:
                pass
            case other:
                raise ValueError(f"the record cannot be read: {other}")
    return names


def unsynced_bytes(written, durable):
    """0 also where the kill came between the removal of a file and its record."""
    return written.stat().st_size - durable.stat().st_size if written.exists() else 0


def extend(kept, whole, chance):
    """Append the first part of what the file held beyond what was synced; as long as chance says."""
    start = kept.stat().st_size
    with whole.open("rb") as source:
        source.seek(start)
        more = source.read()
    with kept.open("ab") as target:
        target.write(more[: chance.randint(0, len(more))])
