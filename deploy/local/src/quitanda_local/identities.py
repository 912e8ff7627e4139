"""The identity folders of a local run: made at its start, and renewed where they are old."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from quitanda.identity.authority import Authority
from quitanda.identity.folder import IdentityError
from quitanda.identity.holders import Holder, HolderKind
from quitanda.runtime.link_identity import LinkIdentity
from quitanda_local.errors import IdentitiesUnusable
from quitanda_local.topology import ServiceRole, Topology

_KINDS: Final = {
    ServiceRole.REPLICA: HolderKind.REPLICA,
    ServiceRole.ADMIN_PORTAL: HolderKind.ADMIN_PORTAL,
    ServiceRole.CLIENT_PORTAL: HolderKind.CLIENT_PORTAL,
}


class Identities:
    """One folder for each process of a topology, and one for clients, under `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._observer: LinkIdentity | None = None

    def make(self, topology: Topology) -> None:
        """Make what is missing, and renew what is old; IdentitiesUnusable where that cannot be done."""
        holders = [Holder(service.name, kind) for role, kind in _KINDS.items() for service in topology.of(role)]
        try:
            Authority(self.root, lambda _change: None).create(holders, datetime.now(UTC))
        except IdentityError as error:
            raise IdentitiesUnusable(str(error)) from None
        except OSError as error:
            raise IdentitiesUnusable(
                f"{error.filename or self.root} cannot be written ({error.strerror or error}); next: see to it that "
                "the data folder is yours and that the disk has space"
            ) from None

    def folder(self, name: str) -> Path:
        """Give the folder of a process."""
        return self.root / name

    @property
    def of_clients(self) -> Path:
        """The folder that clients are given, with the first administrator's token."""
        return self.root / HolderKind.CLIENTS

    def observer(self, topology: Topology) -> LinkIdentity:
        """Give the certificate with which the run asks its processes how they are: that of the first admin portal.

        It follows a renewal by itself.
        """
        if self._observer is None:
            self._observer = LinkIdentity(self.folder(topology.of(ServiceRole.ADMIN_PORTAL)[0].name))
        return self._observer
