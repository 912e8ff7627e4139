"""The course's contract in containers: the command and the example of docs/COURSE.md, as they are written."""

import json

import grpc.aio
import pytest

from quitanda_testing.cluster.kinds import ClusterKind, chosen

if chosen() is not ClusterKind.CONTAINERS:
    pytest.skip("needs Docker: QUITANDA_TEST_CLUSTER=containers", allow_module_level=True)

from compat.example import ADMIN_PORTAL, ORDER_PORTAL, run_example

from quitanda.course import contract_pb2 as pb
from quitanda.course.contract_pb2_grpc import AdminPortalStub, OrderPortalStub
from quitanda_local.topology import HOST

pytestmark = pytest.mark.timeout(300)
pytest_plugins = ("course_in_containers",)

CALL_SECONDS = 10.0


async def test_the_documented_example_works_and_both_portals_of_each_kind_show_what_it_did(course_project, tmp_path):
    admins, orders = (
        [f"{HOST}:{course_project.ports[f'QUITANDA_COURSE_{kind}_PORTAL_{number}_PORT']}" for number in (1, 2)]
        for kind in ("ADMIN", "ORDER")
    )
    printed, documented = await run_example(tmp_path, {ADMIN_PORTAL: admins[0], ORDER_PORTAL: orders[0]})

    assert printed == documented
    for address in admins:
        async with grpc.aio.insecure_channel(address) as channel:
            product = await AdminPortalStub(channel).RetrieveProduct(pb.ID(ID="3"), timeout=CALL_SECONDS)
            assert json.loads(product.data)["quantity"] == "38"
    for address in orders:
        async with grpc.aio.insecure_channel(address) as channel:
            order = await OrderPortalStub(channel).RetrieveOrder(pb.ID(ID="9"), timeout=CALL_SECONDS)
            assert json.loads(order.data)["products"] == [{"PID": "3", "name": "Tea", "quantity": "2", "price": "2.50"}]
