"""The secrets that several processes share: kept once by the authority, made once, and replaced when somebody asks."""

import secrets
from collections.abc import Callable, Mapping
from typing import Final

from quitanda.identity import folder_writing
from quitanda.identity.folder import CUSTOMER_SECRET_KEY_BYTES, IdentityFile, IdentityFolder
from quitanda.identity.rotation import Rotation, RotationStep
from quitanda.identity.tokens import new_token

_BYTES: Final = 32

_NEW: Final[Mapping[IdentityFile, Callable[[], str]]] = {
    IdentityFile.CLUSTER_SECRET: lambda: secrets.token_urlsafe(_BYTES),
    IdentityFile.FEED_KEY: lambda: secrets.token_urlsafe(_BYTES),
    IdentityFile.REQUEST_GROUP: lambda: secrets.token_hex(_BYTES // 2),
    IdentityFile.CUSTOMER_SECRET_KEY: lambda: secrets.token_hex(CUSTOMER_SECRET_KEY_BYTES),
    IdentityFile.WEB_SESSION_KEY: lambda: secrets.token_urlsafe(_BYTES),
    IdentityFile.CREDENTIAL: lambda: new_token().text(),
}
NAMES: Final = tuple(_NEW)
REPLACEABLE: Final = tuple(name for name in NAMES if name is not IdentityFile.CREDENTIAL)
"""The first administrator's token is replaced as every other token is, by the portals."""


class SharedSecret:
    """One secret, of one line, in the authority's folder. Raises IdentityError, and OSError of the disk."""

    def __init__(self, folder: IdentityFolder, name: IdentityFile) -> None:
        self.name = name
        self._folder = folder
        self._rotation = Rotation(folder, name, f"next-{name}", f"retired-{name}")

    @property
    def exists(self) -> bool:
        """Tell whether it was made."""
        return self._folder.has(self.name)

    def make(self) -> None:
        """Make it, where there is none."""
        folder_writing.write(self._folder.file(self.name), self._new(), replace=False)

    @property
    def current(self) -> bytes:
        """What its holders' files hold."""
        return self._content(self.name)

    @property
    def also_accepted(self) -> bytes | None:
        """The other one that holders may have while it is being replaced."""
        match self.step:
            case RotationStep.NONE:
                return None
            case _:
                return self._content(self._rotation.mark.name)

    @property
    def known(self) -> set[bytes]:
        """Everything that holders' files may hold now."""
        return {self.current} | ({self.also_accepted} if self.also_accepted else set())

    @property
    def step(self) -> RotationStep:
        """Tell which step of its replacement was done last."""
        return self._rotation.step

    def advance(self) -> RotationStep:
        """Do the next step of its replacement; give `step` as it is then."""
        match self.step:
            case RotationStep.NONE:
                self._rotation.begin(self._new())
            case RotationStep.BOTH_ACCEPTED:
                self._rotation.switch(self.current)
            case RotationStep.NEW_ONE_IN_USE:
                self._rotation.finish()
        return self.step

    def _content(self, name: str) -> bytes:
        return f"{self._folder.line(name)}\n".encode()

    def _new(self) -> bytes:
        return f"{_NEW[self.name]()}\n".encode()
