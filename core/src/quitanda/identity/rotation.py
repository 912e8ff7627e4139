"""How something that everybody holds is replaced while everybody goes on: in three steps, seen from the files.

1. The next one is made, and everybody accepts it beside the present one.
2. The next one is in use; the one before is retired, and still accepted.
3. Nobody accepts the retired one any more.

Two holders that are at most one step apart understand each other. The files are in the authority's folder: `current`,
`next` from the first step to the second, `retired` from the second to the third. So a step that was interrupted is done
again.
"""

from enum import IntEnum
from pathlib import Path

from quitanda.identity import folder_writing
from quitanda.identity.folder import IdentityFolder


class RotationStep(IntEnum):
    """The last step that was done."""

    NONE = 0
    BOTH_ACCEPTED = 1
    NEW_ONE_IN_USE = 2


class Rotation:
    """One thing that is replaced. Methods raise OSError where nothing can be written."""

    def __init__(self, folder: IdentityFolder, current: str, following: str, retired: str) -> None:
        self.current = folder.file(current)
        self.next = folder.file(following)
        self.retired = folder.file(retired)

    @property
    def step(self) -> RotationStep:
        """Tell which step was done last; NONE where nothing is being replaced."""
        if self.next.exists():
            return RotationStep.BOTH_ACCEPTED
        return RotationStep.NEW_ONE_IN_USE if self.retired.exists() else RotationStep.NONE

    @property
    def mark(self) -> Path:
        """The file whose time of change is that of the last step; only while something is being replaced."""
        return self.next if self.step is RotationStep.BOTH_ACCEPTED else self.retired

    def begin(self, following: bytes) -> None:
        """Do the first step, with what comes next."""
        folder_writing.write(self.next, following, replace=False)

    def switch(self, retired: bytes) -> None:
        """Do the second step; `retired` is what is still to be known of the present one.

        It is written first: whatever happens in between, the present one stays among those that are accepted.
        """
        folder_writing.write(self.retired, retired, replace=True)
        self.next.replace(self.current)

    def finish(self) -> None:
        """Do the third step."""
        self.retired.unlink()
