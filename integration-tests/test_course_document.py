"""docs/COURSE.md tells the truth: its table is the code's, and its example does what it says."""

from compat.documented import NUMBERS
from compat.example import ADMIN_PORTAL, ORDER_PORTAL, run_example

from quitanda.compat.errors import ERROR_NUMBERS
from quitanda_testing.cluster.cluster import PortKind


def test_the_documented_numbers_are_those_of_the_code():
    assert {str(reason): number for reason, number in ERROR_NUMBERS.items()} == NUMBERS


async def test_the_documented_example_prints_what_it_says(cluster, tmp_path):
    addresses = {
        ADMIN_PORTAL: cluster.address(cluster.admin_portals[0], PortKind.COURSE),
        ORDER_PORTAL: cluster.address(cluster.client_portals[0], PortKind.COURSE),
    }
    printed, documented = await run_example(tmp_path, addresses)

    assert printed == documented
