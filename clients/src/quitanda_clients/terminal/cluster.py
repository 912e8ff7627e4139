"""The replicas on the screen: who leads, how far each is, and which one is missing."""

from typing import TYPE_CHECKING, Any, Final, cast

from quitanda.v1 import admin_portal_pb2
from quitanda_clients.i18n.catalogue import CONTEXT_FREE as N_
from quitanda_clients.terminal.rows import RowColumn
from quitanda_clients.terminal.rows_view import RowsPage, RowsView
from quitanda_clients.terminal.texts import one_line

if TYPE_CHECKING:
    from quitanda_clients.terminal.office import OfficeTerminal

POLL_SECONDS: Final = 2.0
"""The replicas are asked again so often: what they are doing is no document, so no watch tells of it."""

ROLES: Final = {
    admin_portal_pb2.REPLICA_ROLE_UNSPECIFIED: N_("unknown"),
    admin_portal_pb2.REPLICA_ROLE_LEADER: N_("leader"),
    admin_portal_pb2.REPLICA_ROLE_FOLLOWER: N_("follower"),
    admin_portal_pb2.REPLICA_ROLE_CANDIDATE: N_("candidate"),
}


class ClusterView(RowsView):
    """The replicas, as a portal sees them."""

    EMPTY = N_("No replicas are known.")

    def on_mount(self) -> None:
        """Ask again and again."""
        self.set_interval(POLL_SECONDS, self._poll)

    def heading(self) -> str:
        """Name the screen."""
        return self.texts.gettext("Cluster")

    def columns(self) -> tuple[RowColumn, ...]:
        """Show what each replica does, and how far it is."""
        number = self.texts.formats.number
        return (
            RowColumn(N_("Replica"), lambda replica: one_line(replica.name), 12),
            RowColumn(N_("Role"), self._role),
            RowColumn(N_("Revision"), lambda replica: number(replica.revision), 12, number=True),
            RowColumn(N_("Term"), lambda replica: number(replica.term), 8, number=True, spare=2),
            RowColumn(N_("Digest"), lambda replica: replica.state_digest[:12], 12, spare=1),
        )

    def identity(self, row: Any) -> str:
        """Name a replica."""
        return str(row.name)

    async def fetch(self, page_token: str) -> RowsPage:  # noqa: ARG002 - there is one page
        """Ask the replicas."""
        replicas = await cast("OfficeTerminal", self.app).client.cluster_status()
        away = [f"{one_line(each.name)}: {one_line(each.error)}" for each in replicas if not each.reachable]
        return RowsPage(replicas, max((each.revision for each in replicas), default=0), head="\n".join(away))

    def _role(self, replica: admin_portal_pb2.ReplicaStatus) -> str:
        if not replica.reachable:
            return self.texts.gettext("not reachable")
        if replica.catching_up:
            return self.texts.gettext("catching up")
        return self.texts.gettext(ROLES[replica.role])

    def _poll(self) -> None:
        if self.is_current and not self.is_loading:
            self.load()
