"""What a client of the course writes is what it reads, through the rules themselves; and the native way is the same."""

import json

import pytest
from arbitrary_values import customers as native_customers
from arbitrary_values import json_values, quantities
from arbitrary_values import orders as native_orders
from arbitrary_values import products as native_products
from hypothesis import given
from hypothesis import strategies as st

from quitanda.codec.json_text import dump_json, parse_json
from quitanda.codec.money import format_price
from quitanda.codec.queries import GetDocument
from quitanda.compat import customers, orders, products
from quitanda.compat.ids import course_id
from quitanda.course import contract_pb2 as pb
from quitanda.domain import machine
from quitanda.domain.commands import CreateCustomer, CreateProduct, ItemQuantity, Request, SetOrderItems, UpdateProduct
from quitanda.domain.model import Kind
from quitanda.domain.outcomes import Refused
from quitanda_testing.in_memory_state import InMemoryState

CREATED_AT_MS = 1_700_000_000_000

# Names that collide with Quitanda's own, with the prefix that keeps them apart, and that are nobody's.
field_names = st.sampled_from(
    [
        "version",
        "customer_id",
        "description",
        "items",
        "total",
        "created_at_ms",
        "course.version",
        "",
        " ",
        "OID",
        "cor",
    ]
) | st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8).map(lambda name: f"x{name}")
fields = st.dictionaries(field_names, json_values, max_size=4)
names = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=20)
prices = st.integers(0, 10**9)


class Shop:
    """Decides commands one after the other."""

    def __init__(self):
        self.state = InMemoryState()
        self.decided = 0

    def does(self, command):
        assert not isinstance(command, Refused), command
        self.decided += 1
        request = Request("", f"r{self.decided}", command)
        execution = machine.execute(self.state, request, self.decided)
        self.state.apply(request, execution)
        return execution.outcome


def parsed(data):
    return parse_json(data, "data").value


def written(value):
    return dump_json(value)


class TestClients:
    @given(names, fields)
    def test_a_client_is_shown_as_it_was_created(self, name, extra):
        shop = Shop()
        document = {"CID": "a b", "name": name, **extra}
        shop.does(customers.create(pb.Client(CID="a b", data=written(document))))
        shown = customers.shown(shop.state.customer("a~20b"))

        assert shown.CID == "a b"
        assert parsed(shown.data) == document

    @given(fields, fields)
    def test_an_update_sets_what_is_named_and_null_removes(self, first, second):
        shop = Shop()
        shop.does(customers.create(pb.Client(CID="7", data=written({"name": "Ana", **first}))))
        command = customers.update(pb.Client(CID="7", data=written(second)))
        if second:
            shop.does(command)
        merged = {**first, **{name: value for name, value in second.items() if value is not None}}
        expected = {name: value for name, value in merged.items() if name not in second or second[name] is not None}

        assert parsed(customers.shown(shop.state.customer("7")).data) == {"CID": "7", "name": "Ana", **expected}

    def test_an_update_that_names_no_change_only_looks_for_the_client(self):
        for data in ("", "{}", '{"CID": 7}', '{"name": null}'):
            assert customers.update(pb.Client(CID="7", data=data)) == GetDocument(Kind.CUSTOMER, "7")

    @given(native_customers)
    def test_a_native_customer_is_shown_under_an_id_that_finds_it(self, customer):
        shown = customers.shown(customer)
        document = parsed(shown.data)

        assert (document["CID"], document["name"]) == (shown.CID, customer.name)
        if shown.CID != "0":
            assert customers.customer_id(pb.ID(ID=shown.CID)) == customer.customer_id

    def test_a_client_needs_a_name(self):
        refused = customers.create(pb.Client(CID="7", data='{"CID": "7", "nickname": "A"}'))

        assert (refused.field, dict(refused.details)["problem"]) == ("name", "missing")


class TestProducts:
    @given(names, prices, quantities, fields)
    def test_a_product_is_shown_as_it_was_created_with_numbers_as_texts(self, name, price, quantity, extra):
        shop = Shop()
        price_text = format_price(price)
        document = {"PID": "3", "name": name, "quantity": quantity, **extra}
        data = written(document).removesuffix("}") + f',"price":{price_text}}}'
        shop.does(products.create(pb.Product(PID="3", data=data)))
        shown = products.shown(shop.state.product("3"))

        assert shown.PID == "3"
        assert parsed(shown.data) == {**document, "quantity": str(quantity), "price": price_text}

    @given(st.lists(st.none() | st.just("") | names | st.integers(0, 9) | st.just("tab\x07") | st.just("x" * 2_001)))
    def test_a_description_of_any_kind_is_kept_as_the_last_one_was(self, descriptions):
        shop = Shop()
        shop.does(products.create(pb.Product(PID="3", data='{"name": "Tea", "quantity": 1, "price": 1}')))
        for description in descriptions:
            shop.does(products.update(pb.Product(PID="3", data=written({"description": description}))))
        shown = parsed(products.shown(shop.state.product("3")).data)

        last = descriptions[-1] if descriptions else None
        assert shown.get("description") == last
        assert ("description" in shown) == (last is not None)

    def test_a_texts_description_is_the_native_one_and_a_native_change_is_shown(self):
        shop = Shop()
        data = '{"name": "Tea", "quantity": 1, "price": 1, "description": "Green"}'
        shop.does(products.create(pb.Product(PID="3", data=data)))
        assert shop.state.product("3").description == "Green"

        shop.does(products.update(pb.Product(PID="3", data='{"description": 5}')))
        shop.does(UpdateProduct("3", description="Black"))

        assert parsed(products.shown(shop.state.product("3")).data)["description"] == "Black"

    def test_an_update_sets_the_units_on_hand_and_leaves_what_is_not_named(self):
        shop = Shop()
        shop.does(CreateProduct("3", "Tea", price=250, quantity=40, extra=(("origin", '"Japan"'),)))
        shop.does(products.update(pb.Product(PID="3", data='{"PID": 3, "quantity": "7"}')))

        product = shop.state.product("3")
        assert (product.name, product.price, product.quantity) == ("Tea", 250, 7)
        assert product.extra == (("origin", '"Japan"'),)

    def test_an_update_that_names_no_change_only_looks_for_the_product(self):
        assert products.update(pb.Product(data='{"PID": 3}')) == GetDocument(Kind.PRODUCT, "3")

    @pytest.mark.parametrize("field", ["name", "quantity", "price"])
    def test_a_product_needs_a_name_units_and_a_price(self, field):
        document = {"PID": "3", "name": "Tea", "quantity": "40", "price": "2.50"}
        del document[field]
        refused = products.create(pb.Product(PID="3", data=json.dumps(document)))

        assert (refused.field, dict(refused.details)["problem"]) == (field, "missing")

    @given(native_products)
    def test_a_native_product_is_shown_with_its_numbers_as_texts(self, product):
        shown = products.shown(product)
        document = parsed(shown.data)

        assert (document["PID"], document["name"]) == (shown.PID, product.name)
        assert (document["quantity"], document["price"]) == (str(product.quantity), format_price(product.price))


class TestOrders:
    @pytest.fixture
    def shop(self):
        shop = Shop()
        shop.does(CreateCustomer("7", "Ana"))
        shop.does(CreateProduct("3", "Tea", price=250, quantity=100))
        shop.does(CreateProduct("4", "Mug", price=1_000, quantity=100))
        return shop

    @given(fields, fields)
    def test_an_order_is_shown_as_it_was_created_with_the_products_price(self, extra, item_extra):
        shop = Shop()
        shop.does(CreateCustomer("7", "Ana"))
        shop.does(CreateProduct("3", "Tea", price=250, quantity=100))
        item = {"PID": "3", "quantity": 2, "price": "0.01", **item_extra, "name": "mine", "unit_price": None}
        document = {"OID": 9, "CID": 7, "products": [item], **{k: v for k, v in extra.items() if k != "OID"}}
        shop.does(orders.create(pb.Order(OID="9", CID="7", data=written(document)), CREATED_AT_MS))
        shown = orders.shown(shop.state.order("9"))

        expected_item = {**item, "quantity": "2", "price": "2.50", "name": "Tea"}
        assert (shown.OID, shown.CID) == ("9", "7")
        expected = {**document, "OID": "9", "CID": "7", "products": [expected_item], "total": "5.00"}
        assert parsed(shown.data) == expected

    def test_an_order_may_be_empty_and_its_lines_may_be_many(self, shop):
        for oid, data in (("1", ""), ("2", "{}"), ("3", '{"products": null}'), ("4", '{"products": []}')):
            shop.does(orders.create(pb.Order(OID=oid, CID="7", data=data), CREATED_AT_MS))
            assert shop.state.order(oid).items == ()

    @pytest.mark.parametrize("read", [lambda message: orders.create(message, CREATED_AT_MS), orders.update])
    def test_a_bare_array_is_taken_as_the_products_of_the_order(self, read):
        lines = '[{"PID": "3", "quantity": 2}, {"PID": "4", "quantity": "1"}]'
        bare, whole = (read(pb.Order(OID="9", CID="7", data=data)) for data in (lines, f'{{"products": {lines}}}'))

        assert bare == whole
        assert bare.items == (ItemQuantity("3", 2), ItemQuantity("4", 1))

    @pytest.mark.parametrize(
        ("nothing", "data"),
        [
            (customers.NOT_FOUND, '{"CID":"0"}'),
            (products.NOT_FOUND, '{"PID":"0"}'),
            (orders.NOT_FOUND, '{"OID":"0","CID":"0"}'),
        ],
    )
    def test_who_parses_the_data_of_what_was_not_found_finds_the_id_that_means_nothing(self, nothing, data):
        assert nothing.data == data

    def test_lines_of_one_product_are_summed_and_lines_of_no_units_are_left_out(self):
        data = '{"products": [{"PID": 3, "quantity": 1}, {"PID": 4, "quantity": "0"}, {"PID": "3", "quantity": "2"}]}'
        command = orders.create(pb.Order(OID="9", CID="7", data=data), CREATED_AT_MS)
        shop = Shop()
        shop.does(CreateCustomer("7", "Ana"))
        shop.does(CreateProduct("3", "Tea", price=250, quantity=3))
        shop.does(command)

        assert [(item.product_id, item.quantity) for item in shop.state.order("9").items] == [("3", 3)]

    @pytest.mark.parametrize(
        ("line", "field", "problem"),
        [
            ({"PID": "3", "quantity": -1}, "items[1].quantity", "negative"),
            ({"PID": "3", "quantity": "x"}, "products[1].quantity", "not_a_number"),
            ({"PID": "3"}, "products[1].quantity", "missing"),
            ({"quantity": 1}, "products[1].PID", "missing"),
            ({"PID": "x" * 65, "quantity": 0}, "products[1].PID", "too_long"),
            ({"PID": "3", "quantity": 10**6 + 1}, "items[1].quantity", "too_large"),
            ("3", "products[1]", "wrong_type"),
        ],
    )
    def test_a_line_that_is_wrong_is_refused_by_its_place_among_all_lines(self, line, field, problem):
        data = json.dumps({"products": [{"PID": "1", "quantity": 0}, line]})
        refused = orders.create(pb.Order(OID="9", CID="7", data=data), CREATED_AT_MS)

        assert (refused.field, dict(refused.details)["problem"]) == (field, problem)

    def test_an_order_needs_its_own_id_and_its_clients(self):
        for message, field in ((pb.Order(CID="7"), "OID"), (pb.Order(OID="9"), "CID")):
            refused = orders.create(message, CREATED_AT_MS)
            assert (refused.field, dict(refused.details)["problem"]) == (field, "missing")

    def test_an_update_sets_the_products_named_and_merges_the_rest(self, shop):
        data = '{"products": [{"PID": "3", "quantity": 2, "note": "x"}, {"PID": "4", "quantity": 1}], "gift": true}'
        shop.does(orders.create(pb.Order(OID="9", CID="7", data=data), CREATED_AT_MS))
        change = '{"products": [{"PID": 4, "quantity": "0"}, {"PID": 3, "quantity": 5, "size": "L"}], "to": "Bia"}'
        shop.does(orders.update(pb.Order(OID="9", CID="7", data=change)))

        assert parsed(orders.shown(shop.state.order("9")).data) == {
            "OID": "9",
            "CID": "7",
            "products": [{"PID": "3", "name": "Tea", "quantity": "5", "price": "2.50", "note": "x", "size": "L"}],
            "total": "12.50",
            "gift": True,
            "to": "Bia",
        }

    def test_fields_of_the_order_change_without_its_products(self):
        command = orders.update(pb.Order(OID="9", CID="7", data='{"gift": null}'))

        assert command == SetOrderItems("7", "9", (), extra=(("gift", "null"),))

    def test_an_update_that_names_no_change_only_looks_for_the_clients_order(self):
        assert orders.update(pb.Order(OID="9", CID="7")) == GetDocument(Kind.ORDER, "9", "7")

    def test_what_is_shown_of_an_order_can_be_sent_back_and_changes_nothing_that_is_the_products(self):
        data = '{"products": [{"PID": "3", "quantity": 1, "price": ["free"], "name": "Gold"}], "total": 0}'

        assert orders.update(pb.Order(OID="9", CID="7", data=data)).extra == ()
        assert orders.update(pb.Order(OID="9", CID="7", data=data)).items == (ItemQuantity("3", 1),)

    @given(native_orders)
    def test_a_native_order_looks_like_any_other(self, order):
        shown = orders.shown(order)
        document = parsed(shown.data)

        assert (document["OID"], document["CID"]) == (shown.OID, shown.CID)
        assert [(item["PID"], item["quantity"], item["price"]) for item in document["products"]] == [
            (course_id(item.product_id), str(item.quantity), format_price(item.unit_price)) for item in order.items
        ]
