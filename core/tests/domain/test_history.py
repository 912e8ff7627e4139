"""Any sequence of commands, beside a model of the shop in plain dictionaries that knows nothing of the rules' code."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from quitanda.domain.commands import (
    AdjustStock,
    AdvanceClock,
    CancelOrder,
    CancelOrderItems,
    CreateCustomer,
    CreateOrder,
    CreateProduct,
    DeleteCustomer,
    DeleteProduct,
    FulfilOrder,
    ItemQuantity,
    PlaceOrder,
    RaiseLevel,
    Request,
    ReturnOrder,
    SetOrderDeadline,
    SetOrderItems,
    UpdateCustomer,
    UpdateProduct,
)
from quitanda.domain.levels import FIRST_LEVEL, SUPPORTED_LEVEL
from quitanda.domain.machine import execute
from quitanda.domain.model import Customer, Kind, Order, Product
from quitanda.domain.outcomes import Done, Reason
from quitanda_testing import invariants
from quitanda_testing.in_memory_state import InMemoryState

CUSTOMERS = st.sampled_from(["ana", "bia", "cai"])
PRODUCTS = st.sampled_from(["rice", "beans", "salt", "tea"])
ORDERS = st.sampled_from(["o1", "o2", "o3", "o4", "o5"])
NAMES = st.sampled_from(["Uno", "Due", "Tre"])
PRICES = st.integers(0, 3)
QUANTITIES = st.one_of(st.integers(0, 20), st.sampled_from([0, 0, 10**6]))
EXTRAS = st.dictionaries(st.sampled_from(["a", "b", "c"]), st.sampled_from(["1", '"x"', "null"]), max_size=3)
LINES = st.lists(st.tuples(PRODUCTS, st.integers(0, 12), st.just({}) | EXTRAS), max_size=5)
UNITS = st.just([]) | st.lists(st.tuples(PRODUCTS, st.integers(1, 4), st.just({})), max_size=3)
MOMENTS = st.integers(0, 30)
VERSIONS = st.sampled_from(["any", "any", "any", "current", "other"])


class Model:
    """The shop as somebody would keep it on paper; each method answers with "done" or the reason of a refusal."""

    keeps_cancelled_orders = False

    def __init__(self):
        self.clock = 0
        self.customers = {}
        self.products = {}
        self.orders = {}
        self.supplied = {}

    def create_customer(self, customer_id, name, extra):
        if customer_id in self.customers:
            return "CUSTOMER_EXISTS"
        self.customers[customer_id] = {"name": name, "extra": dict(extra)}
        return "done"

    def update_customer(self, customer_id, name, extra, stale):
        if customer_id not in self.customers:
            return "CUSTOMER_NOT_FOUND"
        if stale:
            return "VERSION_MISMATCH"
        update(self.customers[customer_id], {"name": name}, extra)
        return "done"

    def delete_customer(self, customer_id, cascade, stale):
        if customer_id not in self.customers:
            return "CUSTOMER_NOT_FOUND"
        if stale:
            return "VERSION_MISMATCH"
        mine = [order_id for order_id, order in self.live_orders() if order["customer"] == customer_id]
        if mine and (not cascade or any(self.orders[each]["state"] == "placed" for each in mine)):
            return "CUSTOMER_HAS_ORDERS"
        for order_id in mine:
            self._give_back(self.orders[order_id])
            if self.keeps_cancelled_orders:
                self.orders[order_id] |= {"state": "cancelled", "expires": 0}
            else:
                del self.orders[order_id]
        for order in self.orders.values():
            if order["customer"] == customer_id:
                order |= {"customer": "", "extra": {}}
                for item in order["items"].values():
                    item["extra"] = {}
        del self.customers[customer_id]
        return "done"

    def create_product(self, product_id, name, price, quantity, description, extra):
        if product_id in self.products:
            return "PRODUCT_EXISTS"
        self.products[product_id] = {
            "name": name,
            "description": description,
            "price": price,
            "quantity": quantity,
            "extra": dict(extra),
        }
        self.supplied[product_id] = quantity + self._left(product_id)
        return "done"

    def update_product(self, product_id, changes, extra, stale):
        if product_id not in self.products:
            return "PRODUCT_NOT_FOUND"
        if stale:
            return "VERSION_MISMATCH"
        before = self.products[product_id]["quantity"]
        update(self.products[product_id], changes, extra)
        self.supplied[product_id] += self.products[product_id]["quantity"] - before
        return "done"

    def adjust_stock(self, product_id, delta, stale):
        if product_id not in self.products:
            return "PRODUCT_NOT_FOUND"
        if stale:
            return "VERSION_MISMATCH"
        if self.products[product_id]["quantity"] + delta < 0:
            return "OUT_OF_STOCK"
        self.products[product_id]["quantity"] += delta
        self.supplied[product_id] += delta
        return "done"

    def delete_product(self, product_id, cascade, stale):
        if product_id not in self.products:
            return "PRODUCT_NOT_FOUND"
        if stale:
            return "VERSION_MISMATCH"
        holding = [order for _, order in self.live_orders() if product_id in order["items"]]
        if holding and (not cascade or any(order["state"] == "placed" for order in holding)):
            return "PRODUCT_IN_USE"
        for order in holding:
            del order["items"][product_id]
        del self.products[product_id], self.supplied[product_id]
        return "done"

    def create_order(self, customer_id, order_id, created_at_ms, lines, extra):
        if customer_id not in self.customers:
            return "CUSTOMER_NOT_FOUND"
        if order_id in self.orders and self.orders[order_id]["state"] != "cancelled":  # which leaves its id free
            return "ORDER_EXISTS"
        order = {"customer": customer_id, "created": created_at_ms, "items": {}, "extra": dict(extra)}
        order |= {"state": "open", "expires": 0}
        reason = self._set_items(order["items"], lines)
        if reason == "done":
            self.orders[order_id] = order
            for product_id, _, given in lines:
                if product_id in order["items"]:
                    order["items"][product_id]["extra"].update(given)
        return reason

    def set_order_items(self, customer_id, order_id, lines, extra, stale):
        reason = self._refusal(customer_id, order_id, stale) or self._set_items(self.orders[order_id]["items"], lines)
        if reason == "done":
            update(self.orders[order_id], {}, extra)
            for product_id, _, given in lines:
                if product_id in self.orders[order_id]["items"]:
                    update(self.orders[order_id]["items"][product_id], {}, given)
        return reason

    def cancel_order(self, customer_id, order_id, stale):
        reason = self._refusal(customer_id, order_id, stale)
        if reason is None:
            self._give_back(self.orders[order_id])
            if self.keeps_cancelled_orders:
                self.orders[order_id] |= {"state": "cancelled", "expires": 0}
            else:
                del self.orders[order_id]
        return reason or "done"

    def owned_orders(self):
        return sorted(order_id for order_id, order in self.orders.items() if order["customer"])

    def live_orders(self):
        return [(each, order) for each, order in self.orders.items() if order["state"] in {"open", "placed"}]

    def place_order(self, customer_id, order_id, stale):
        reason = self._refusal(customer_id, order_id, stale, cancelled="ORDER_STATE")
        if reason is None and not self.orders[order_id]["items"]:
            reason = "ORDER_EMPTY"
        if reason is None:
            self.orders[order_id] |= {"state": "placed", "expires": 0}
        return reason or "done"

    def set_deadline(self, customer_id, order_id, deadline):
        if customer_id is not None:
            reason = self._refusal(customer_id, order_id, stale=False, cancelled="ORDER_STATE")
        else:
            reason = self._refusal_to_shop(order_id, {"open", "placed"})
        if reason is None and self.orders[order_id]["expires"] != deadline:
            if 0 < deadline <= self.clock:
                return "INVALID_ARGUMENT"
            self.orders[order_id]["expires"] = deadline
        return reason or "done"

    def cancel_items(self, order_id, lines):
        reason = self._refusal_to_shop(order_id, {"open", "placed"})
        if reason is not None:
            return reason
        order = self.orders[order_id]
        units = self._units(lines, {each: item["quantity"] for each, item in order["items"].items()})
        if units is None:
            return "TOO_MANY_UNITS"
        for product_id, count in units.items():
            self.products[product_id]["quantity"] += count
        left = {each: item["quantity"] - units.get(each, 0) for each, item in order["items"].items()}
        if not any(left.values()):
            order |= {"state": "cancelled", "expires": 0}
            return "done"
        for product_id, count in left.items():
            order["items"][product_id]["quantity"] = count
            if not count:
                del order["items"][product_id]
        return "done"

    def fulfil(self, order_id):
        reason = self._refusal_to_shop(order_id, {"placed"})
        if reason is None:
            self.orders[order_id] |= {"state": "fulfilled", "expires": 0}
        return reason or "done"

    def take_back(self, order_id, lines, restock):
        reason = self._refusal_to_shop(order_id, {"fulfilled"})
        if reason is not None:
            return reason
        items = self.orders[order_id]["items"]
        units = self._units(lines, {each: item["quantity"] - item["returned"] for each, item in items.items()})
        if units is None:
            return "TOO_MANY_UNITS"
        if restock and any(product_id not in self.products for product_id in units):
            return "PRODUCT_NOT_FOUND"
        for product_id, count in units.items():
            items[product_id]["returned"] += count
            if restock:
                items[product_id]["restocked"] += count
                self.products[product_id]["quantity"] += count
        if all(item["returned"] == item["quantity"] for item in items.values()):
            self.orders[order_id]["state"] = "returned"
        return "done"

    def advance(self, now):
        self.clock = max(self.clock, now)
        for _, order in self.live_orders():
            if 0 < order["expires"] <= self.clock:
                self._give_back(order)
                order["state"] = "expired"

    def _units(self, lines, left):
        wanted = {}
        for product_id, count, _ in lines:
            wanted[product_id] = wanted.get(product_id, 0) + count
        if any(count > left.get(product_id, 0) for product_id, count in wanted.items()):
            return None
        return wanted or {product_id: count for product_id, count in left.items() if count}

    def _left(self, product_id):
        """Count the units of products of this id that have left, and are not on hand again."""
        gone = [order["items"] for order in self.orders.values() if order["state"] in {"fulfilled", "returned"}]
        items = [each[product_id] for each in gone if product_id in each]
        return sum(item["quantity"] - item["restocked"] for item in items)

    def _refusal(self, customer_id, order_id, stale, cancelled="ORDER_NOT_FOUND"):
        if customer_id not in self.customers:
            return "CUSTOMER_NOT_FOUND"
        if self.orders.get(order_id, {}).get("customer") != customer_id:
            return "ORDER_NOT_FOUND"
        state = self.orders[order_id]["state"]
        if state != "open":
            return cancelled if state == "cancelled" else "ORDER_STATE"
        return "VERSION_MISMATCH" if stale else None

    def _refusal_to_shop(self, order_id, states):
        if order_id not in self.orders:
            return "ORDER_NOT_FOUND"
        return None if self.orders[order_id]["state"] in states else "ORDER_STATE"

    def _set_items(self, items, lines):
        wanted = {}
        for product_id, quantity, _ in lines:
            wanted[product_id] = wanted.get(product_id, 0) + quantity
        held = {product_id: items[product_id]["quantity"] if product_id in items else 0 for product_id in wanted}
        for product_id, quantity in wanted.items():
            if product_id not in self.products:
                return "PRODUCT_NOT_FOUND"
            if quantity > held[product_id] + self.products[product_id]["quantity"]:
                return "OUT_OF_STOCK"
        for product_id, quantity in wanted.items():
            product = self.products[product_id]
            product["quantity"] += held[product_id] - quantity
            if quantity == 0:
                items.pop(product_id, None)
            elif quantity > held[product_id]:
                kept = items[product_id]["extra"] if product_id in items else {}
                name, price = product["name"], product["price"]
                items[product_id] = {"name": name, "price": price, "quantity": quantity, "extra": kept}
                items[product_id] |= {"returned": 0, "restocked": 0}
            else:
                items[product_id]["quantity"] = quantity
        return "done"

    def _give_back(self, order):
        for product_id, item in order["items"].items():
            self.products[product_id]["quantity"] += item["quantity"]


def update(document, changes, extra):
    for name, value in changes.items():
        if value is not None:
            document[name] = value
    for name, text in extra.items():
        if text == "null":
            document["extra"].pop(name, None)
        else:
            document["extra"][name] = text


def plain(state):
    """Write a state as the model would; versions apart."""
    contents, versions = {Kind.CUSTOMER: {}, Kind.PRODUCT: {}, Kind.ORDER: {}}, {}
    for document in state.documents():
        match document:
            case Customer(customer_id, name, extra):
                key, content = (Kind.CUSTOMER, customer_id), {"name": name, "extra": dict(extra)}
            case Product(product_id, name, description, price, quantity, extra):
                key = Kind.PRODUCT, product_id
                content = {
                    "name": name,
                    "description": description,
                    "price": price,
                    "quantity": quantity,
                    "extra": dict(extra),
                }
            case Order(order_id, customer_id, created_at_ms, items, _, extra, state=moved, expires_at_ms=expires):
                key = Kind.ORDER, order_id
                content = {
                    "customer": customer_id,
                    "created": created_at_ms,
                    "items": {item.product_id: plain_item(item) for item in items},
                    "extra": dict(extra),
                    "state": moved,
                    "expires": expires,
                }
        contents[key[0]][key[1]] = content
        versions[key] = document.version
    return contents, versions


def plain_item(item):
    about = {"name": item.name, "price": item.unit_price, "quantity": item.quantity, "extra": dict(item.extra)}
    return about | {"returned": item.returned, "restocked": item.restocked}


def extra_fields(extra):
    return tuple(sorted(extra.items()))


def item_quantities(lines):
    return tuple(ItemQuantity(product_id, quantity, extra_fields(extra)) for product_id, quantity, extra in lines)


class History(RuleBasedStateMachine):
    """Requests to the rules, each also told to the model; earlier requests come again at any time."""

    def __init__(self):
        super().__init__()
        self.state = InMemoryState()
        self.model = Model()
        self.requests = []
        self.revision = 0

    def request(self, command, expected):
        request = Request("", f"r{self.revision}", command)
        before, versions_before = plain(self.state)
        last_version = self.state.last_version

        execution = self.execute(request)

        outcome = execution.outcome
        assert (outcome.reason.value if not isinstance(outcome, Done) else "done") == expected
        after, versions_after = plain(self.state)
        assert isinstance(outcome, Done) or (after == before and execution.changes == ())
        for (kind, document_id), version in versions_after.items():
            unchanged = before[kind].get(document_id) == after[kind][document_id]
            assert version == versions_before[kind, document_id] if unchanged else version > last_version
        self.requests.append((request, execution))

    def execute(self, request):
        self.revision += 1
        execution = execute(self.state, request, self.revision)
        self.state.apply(request, execution)
        return execution

    def version(self, document, choice):
        """Return an expected version, and whether it will turn out to be stale."""
        current = document.version if document else 1
        return {"any": (None, False), "current": (current, False), "other": (current + 1, True)}[choice]

    @initialize()
    def somebody_to_begin_with(self):
        self.create_customer("ana", "Ana", {})
        self.create_product("rice", "Rice", 2, 20, "", {})
        self.create_product("beans", "Beans", 3, 10, "", {})

    @rule(customer_id=CUSTOMERS, name=NAMES, extra=EXTRAS)
    def create_customer(self, customer_id, name, extra):
        command = CreateCustomer(customer_id, name, extra_fields(extra))
        self.request(command, self.model.create_customer(customer_id, name, extra))

    @rule(customer_id=CUSTOMERS, name=st.none() | NAMES, extra=EXTRAS, choice=VERSIONS)
    def update_customer(self, customer_id, name, extra, choice):
        version, stale = self.version(self.state.customer(customer_id), choice)
        command = UpdateCustomer(customer_id, name, extra_fields(extra), version)
        nothing = name is None and not extra
        expected = "INVALID_ARGUMENT" if nothing else self.model.update_customer(customer_id, name, extra, stale)
        self.request(command, expected)

    @rule(customer_id=CUSTOMERS, cascade=st.booleans(), choice=VERSIONS)
    def delete_customer(self, customer_id, cascade, choice):
        version, stale = self.version(self.state.customer(customer_id), choice)
        command = DeleteCustomer(customer_id, cascade, version)
        self.request(command, self.model.delete_customer(customer_id, cascade, stale))

    @rule(
        product_id=PRODUCTS,
        name=NAMES,
        price=PRICES,
        quantity=QUANTITIES,
        description=st.sampled_from(["", "d"]),
        extra=EXTRAS,
    )
    def create_product(self, product_id, name, price, quantity, description, extra):
        command = CreateProduct(product_id, name, price, quantity, description, extra_fields(extra))
        expected = self.model.create_product(product_id, name, price, quantity, description, extra)
        self.request(command, expected)

    @rule(
        product_id=PRODUCTS,
        name=st.none() | NAMES,
        price=st.none() | PRICES,
        quantity=st.none() | QUANTITIES,
        extra=EXTRAS,
        choice=VERSIONS,
    )
    def update_product(self, product_id, name, price, quantity, extra, choice):
        version, stale = self.version(self.state.product(product_id), choice)
        command = UpdateProduct(product_id, name, None, price, quantity, extra_fields(extra), version)
        changes = {"name": name, "price": price, "quantity": quantity}
        nothing = not extra and set(changes.values()) == {None}
        expected = "INVALID_ARGUMENT" if nothing else self.model.update_product(product_id, changes, extra, stale)
        self.request(command, expected)

    @rule(product_id=PRODUCTS, delta=st.integers(-15, 15), choice=VERSIONS)
    def adjust_stock(self, product_id, delta, choice):
        version, stale = self.version(self.state.product(product_id), choice)
        expected = self.model.adjust_stock(product_id, delta, stale) if delta else "INVALID_ARGUMENT"
        self.request(AdjustStock(product_id, delta, version), expected)

    @rule(product_id=PRODUCTS, cascade=st.booleans(), choice=VERSIONS)
    def delete_product(self, product_id, cascade, choice):
        version, stale = self.version(self.state.product(product_id), choice)
        command = DeleteProduct(product_id, cascade, version)
        self.request(command, self.model.delete_product(product_id, cascade, stale))

    @rule(customer_id=CUSTOMERS, order_id=ORDERS, lines=LINES, extra=EXTRAS)
    def create_order(self, customer_id, order_id, lines, extra):
        command = CreateOrder(customer_id, order_id, self.revision, item_quantities(lines), extra_fields(extra))
        self.request(command, self.model.create_order(customer_id, order_id, self.revision, lines, extra))

    @rule(customer_id=CUSTOMERS, order_id=ORDERS, lines=LINES, extra=EXTRAS, choice=VERSIONS)
    def set_order_items(self, customer_id, order_id, lines, extra, choice):
        version, stale = self.version(self.state.order(order_id), choice)
        command = SetOrderItems(customer_id, order_id, item_quantities(lines), version, extra_fields(extra))
        nothing = not lines and not extra
        expected = (
            "INVALID_ARGUMENT" if nothing else self.model.set_order_items(customer_id, order_id, lines, extra, stale)
        )
        self.request(command, expected)

    @precondition(lambda self: self.model.owned_orders())
    @rule(data=st.data(), lines=LINES, extra=EXTRAS)
    def owner_changes_an_order_there_is(self, data, lines, extra):
        order_id = data.draw(st.sampled_from(self.model.owned_orders()))
        self.set_order_items(self.model.orders[order_id]["customer"], order_id, lines, extra, "any")

    @rule(customer_id=CUSTOMERS, order_id=ORDERS, choice=VERSIONS)
    def cancel_order(self, customer_id, order_id, choice):
        version, stale = self.version(self.state.order(order_id), choice)
        self.request(CancelOrder(customer_id, order_id, version), self.model.cancel_order(customer_id, order_id, stale))

    @rule(data=st.data())
    def an_earlier_request_comes_again(self, data):
        request, first = data.draw(st.sampled_from(self.requests))
        before = list(self.state.documents())

        again = self.execute(request)

        assert again.outcome == first.outcome
        assert again.changes == ()
        assert (again.revision == first.revision) is (first.remember is not None)
        assert list(self.state.documents()) == before

    @rule(data=st.data())
    def a_request_id_is_used_for_another_command(self, data):
        request, first = data.draw(st.sampled_from(self.requests))
        before = list(self.state.documents())

        if first.remember is not None:
            other = self.execute(Request(request.scope, request.request_id, CreateCustomer("never", "Created")))

            assert other.outcome.reason is Reason.REQUEST_ID_REUSED
            assert list(self.state.documents()) == before

    @invariant()
    def rules_and_model_agree(self):
        contents, _ = plain(self.state)

        assert contents == {
            Kind.CUSTOMER: self.model.customers,
            Kind.PRODUCT: self.model.products,
            Kind.ORDER: self.model.orders,
        }

    @invariant()
    def items_stand_in_the_order_in_which_they_were_added(self):
        for order in self.state.orders():
            assert [item.product_id for item in order.items] == list(self.model.orders[order.order_id]["items"])

    @invariant()
    def every_invariant_of_the_state_holds(self):
        assert invariants.check(self.state, self.model.supplied) == []


class HistoryWithStates(History):
    """The same at the level at which orders have states and deadlines."""

    def __init__(self):
        super().__init__()
        self.model.keeps_cancelled_orders = True
        for level in range(FIRST_LEVEL + 1, SUPPORTED_LEVEL + 1):
            self.execute(Request("", f"raise{level}", RaiseLevel(level)))

    def known(self, order_id):
        return self.state.order(order_id) or self.state.closed_order(order_id)

    @rule(customer_id=CUSTOMERS, order_id=ORDERS, choice=VERSIONS)
    def place_order(self, customer_id, order_id, choice):
        version, stale = self.version(self.known(order_id), choice)
        self.request(PlaceOrder(customer_id, order_id, version), self.model.place_order(customer_id, order_id, stale))

    @precondition(lambda self: self.model.live_orders())
    @rule(data=st.data())
    def owner_places_a_live_order(self, data):
        order_id, order = data.draw(st.sampled_from(sorted(self.model.live_orders(), key=str)))
        self.place_order(order["customer"], order_id, "any")

    @rule(customer_id=st.none() | CUSTOMERS, order_id=ORDERS, deadline=MOMENTS)
    def set_deadline(self, customer_id, order_id, deadline):
        command = SetOrderDeadline(order_id, deadline, customer_id)
        self.request(command, self.model.set_deadline(customer_id, order_id, deadline))

    @rule(order_id=ORDERS, lines=UNITS)
    def cancel_items(self, order_id, lines):
        self.request(CancelOrderItems(order_id, item_quantities(lines)), self.model.cancel_items(order_id, lines))

    @rule(order_id=ORDERS)
    def fulfil(self, order_id):
        self.request(FulfilOrder(order_id), self.model.fulfil(order_id))

    @rule(order_id=ORDERS, lines=UNITS, restock=st.booleans())
    def take_back(self, order_id, lines, restock):
        command = ReturnOrder(order_id, item_quantities(lines), restock)
        self.request(command, self.model.take_back(order_id, lines, restock))

    @rule(now=MOMENTS)
    def time_passes(self, now):
        self.model.advance(now)
        execution = self.execute(Request("", f"r{self.revision}", AdvanceClock(now)))

        assert isinstance(execution.outcome, Done)
        assert execution.remember is None
        assert self.state.clock_ms == self.model.clock


History.TestCase.settings = settings(max_examples=150, stateful_step_count=50, deadline=None)
TestAnyHistory = pytest.mark.slow(History.TestCase)
HistoryWithStates.TestCase.settings = settings(max_examples=150, stateful_step_count=50, deadline=None)
TestAnyHistoryWithStates = pytest.mark.slow(HistoryWithStates.TestCase)
