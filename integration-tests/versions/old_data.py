"""Data that an earlier version wrote, kept in the repository: see fixtures/README.md."""

import json
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from versions.contract_calls import Exchange, from_json

FIXTURES: Final = Path(__file__).with_name("fixtures")
ANSWERS_FILE: Final = "answers.json"
BACKUP_FILE: Final = "shop.backup"
DISKS_FILE: Final = "disks.tar.xz"


@dataclass(frozen=True, slots=True)
class RecordedState:
    """What the replicas said of their state at the end."""

    digest: str
    revision: int
    customers: int
    products: int
    orders: int


@dataclass(frozen=True, slots=True)
class OldData:
    """A fixture: data folders of three replicas, a backup, and what the version that wrote them had answered."""

    folder: Path
    writes: tuple[Exchange, ...]
    """Every kind of request under its id, in the order in which they were sent."""
    reads: tuple[Exchange, ...]
    state: RecordedState
    behind: str
    """The replica whose disk lacks the last requests."""

    @property
    def backup(self) -> Path:
        """The file of the backup."""
        return self.folder / BACKUP_FILE

    def unpack(self, data: Path) -> None:
        """Write the data folders of the replicas, and their secret, into an empty folder."""
        with tarfile.open(self.folder / DISKS_FILE) as packed:
            packed.extractall(data, filter="data")


def load(name: str) -> OldData:
    """Load the fixture of this name."""
    folder = FIXTURES / name
    kept: dict[str, Any] = json.loads((folder / ANSWERS_FILE).read_text(encoding="utf-8"))
    return OldData(
        folder,
        tuple(map(from_json, kept["exchanges"])),
        tuple(map(from_json, kept["reads"])),
        RecordedState(**kept["state"]),
        kept["behind"],
    )
