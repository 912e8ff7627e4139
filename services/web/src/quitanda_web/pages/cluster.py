"""The cluster, for staff: who leads, how far each replica is, and how this process of the page is used; live."""

from typing import Final

from starlette.responses import Response

from quitanda_web.live.cluster_board import MINUTE_IDS, SUMMARY
from quitanda_web.live.hub import CLUSTER
from quitanda_web.site import WebPage, Who
from quitanda_web.visit import Visit


async def show_cluster(visit: Visit) -> Response:
    """How the cluster is at this moment; with JavaScript the page goes on by itself."""
    board = visit.site.board
    state = await board.look(visit.office)
    shown = board.shown(state, visit.wording)
    return visit.render(
        "cluster.html",
        summary_id=SUMMARY,
        summary=shown[SUMMARY],
        replicas=[(replica.name, shown[replica.name]) for replica in state.replicas],
        minutes=[(name, shown[name]) for name in MINUTE_IDS],
        live=visit.live(CLUSTER, 0),
    )


PAGES: Final = (WebPage("office_cluster", "/office/cluster", Who.STAFF, show_cluster),)
