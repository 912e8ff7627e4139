"""Whatever a stranger sends is a command, a read or a refusal that can be told; nothing raises."""

from arbitrary_values import json_values, texts
from hypothesis import given
from hypothesis import strategies as st

from quitanda.codec.json_text import dump_json
from quitanda.codec.queries import GetDocument
from quitanda.compat import customers, orders, products
from quitanda.compat.errors import ERROR_NUMBERS, reply
from quitanda.course import contract_pb2 as pb
from quitanda.domain.outcomes import Reason, Refused
from quitanda.domain.validation import check

ids = texts | st.sampled_from(["", "0", "7", "_", "~7e", "x" * 70, "\x00", "é" * 20])
numbers = st.sampled_from(["40", "-1", "4e1", "1.5", "", "NaN", 0, -1, 10**30, 40]) | json_values
lines = st.fixed_dictionaries(
    {}, optional={"PID": ids | json_values, "quantity": numbers, "price": numbers, "x": texts}
)
known = st.fixed_dictionaries(
    {},
    optional={
        "CID": ids | json_values,
        "PID": ids | json_values,
        "OID": ids | json_values,
        "name": texts | json_values,
        "quantity": numbers,
        "price": numbers,
        "description": texts | json_values,
        "products": st.lists(lines | json_values, max_size=4) | json_values,
        "version": json_values,
        "course.version": json_values,
        "": json_values,
    },
)
data = known.map(dump_json) | json_values.map(dump_json) | texts


@given(ids, ids, data)
def test_every_write_is_read_or_refused_and_every_refusal_is_told(own_id, other_id, text):
    for asked in (
        customers.create(pb.Client(CID=own_id, data=text)),
        customers.update(pb.Client(CID=own_id, data=text)),
        products.create(pb.Product(PID=own_id, data=text)),
        products.update(pb.Product(PID=own_id, data=text)),
        orders.create(pb.Order(OID=own_id, CID=other_id, data=text), 1),
        orders.update(pb.Order(OID=own_id, CID=other_id, data=text)),
        customers.delete(pb.ID(ID=own_id)),
        products.delete(pb.ID(ID=own_id)),
    ):
        refused = asked if isinstance(asked, Refused | GetDocument) else check(asked)
        if isinstance(refused, Refused):
            told = reply(refused)
            assert told.error == ERROR_NUMBERS[refused.reason]
            assert refused.reason in {
                Reason.INVALID_ARGUMENT,
                Reason.CUSTOMER_NOT_FOUND,
                Reason.PRODUCT_NOT_FOUND,
            }


@given(ids)
def test_every_read_asks_for_an_id_that_there_can_be_or_for_nothing(own_id):
    for read in (customers.customer_id, products.product_id, orders.order_id):
        assert read(pb.ID(ID=own_id)) != ""
