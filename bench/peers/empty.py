"""The empty call: a portal that answers at once, with what it has made when it started (`bench.portal.EmptyPortal`)."""

from bench import cases
from bench.peers.system import PeerSystem
from bench.portal import EMPTY


class EmptySystem(PeerSystem):
    """Two portals with nothing behind them."""

    name = "empty"
    title = "empty call"
    backend = EMPTY
    cases = (cases.CHANGES, cases.ALONE, cases.ORDER_READS, cases.PRODUCT_READS)

    @classmethod
    def missing(cls) -> str:
        """Say nothing: it needs nothing."""
        return ""
