"""Hypothesis strategies for everything that is converted: ids, texts, JSON values, documents, commands, outcomes."""

from decimal import Decimal

from hypothesis import strategies as st

from quitanda.codec.json_text import dump_json
from quitanda.domain import commands
from quitanda.domain.limits import ITEM_QUANTITY_MAX, PRICE_MAX, QUANTITY_MAX
from quitanda.domain.model import CallerRole, Credential, Customer, Order, OrderItem, OrderState, Product
from quitanda.domain.outcomes import Done, Reason, Refused

ids = st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9._~@:-]{0,63}\Z")
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
prices = st.integers(0, PRICE_MAX)
quantities = st.integers(0, QUANTITY_MAX)
versions = st.integers(1, 2**63 - 1)

decimals = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**40), max_value=10**40)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(10**300), 10**300)
    | texts
    | decimals.filter(lambda number: number != number.to_integral_value() or "E" in str(number) or "." in str(number))
)
json_values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
_NAMES_OF_OTHER_THINGS = ["extra", "cascade", "expected_version", "request_id", "shelf"]
"""Names that stand for something in a request, in the rules or in a later version, and are free in documents."""

extra_names = st.sampled_from(_NAMES_OF_OTHER_THINGS) | st.text(
    st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20
).map(lambda name: f"x{name}")
extras = st.dictionaries(extra_names, json_values.map(dump_json), max_size=4).map(
    lambda fields: tuple(sorted(fields.items()))
)

customers = st.builds(Customer, ids, texts, extras, versions)
reorder_levels = st.just(0) | quantities
products = st.builds(Product, ids, texts, texts, prices, quantities, extras, versions, reorder_levels)
times = st.integers(0, 2**47)
units = st.integers(1, ITEM_QUANTITY_MAX)
returned_units = st.just(0) | units
order_items = st.builds(OrderItem, ids, texts, prices, units, extras, returned_units, returned_units)
_unmoved_orders = st.builds(
    Order, ids, ids, st.integers(0, 2**53), st.lists(order_items, max_size=4).map(tuple), versions, extras
)
_no_time_or_some = st.just(0) | times
orders = _unmoved_orders | st.builds(
    Order,
    ids,
    ids,
    st.integers(0, 2**53),
    st.lists(order_items, max_size=4).map(tuple),
    versions,
    extras,
    st.sampled_from([state.value for state in OrderState]),
    _no_time_or_some,
    _no_time_or_some,
    _no_time_or_some,
)
credential_ids = st.text("abcdefghijklmnopqrstuvwxyz234567", min_size=12, max_size=12)
secret_hashes = st.text("0123456789abcdef", min_size=64, max_size=64)
roles = st.sampled_from([role.value for role in CallerRole])
credentials = st.builds(
    Credential,
    credential_ids,
    roles,
    st.just("") | ids,
    texts,
    versions,
    times,
    times,
    versions,
    secret_hashes,
    st.just("") | secret_hashes,
)
documents = customers | products | orders | credentials

_optional_version = st.none() | versions
_asked_items = st.lists(st.builds(commands.ItemQuantity, ids, quantities, extras), max_size=4).map(tuple)
customers_commands = st.one_of(
    st.builds(commands.CreateOrder, ids, ids, st.integers(0, 2**53), _asked_items, extras),
    st.builds(commands.SetOrderItems, ids, ids, _asked_items, _optional_version, extras),
    st.builds(commands.CancelOrder, ids, ids, _optional_version),
    st.builds(commands.PlaceOrder, ids, ids, _optional_version),
)
all_commands = st.one_of(
    st.builds(commands.CreateCustomer, ids, texts, extras),
    st.builds(commands.CreateCustomer, ids, texts, extras, credential_ids, secret_hashes, times),
    st.builds(commands.UpdateCustomer, ids, st.none() | texts, extras, _optional_version),
    st.builds(commands.DeleteCustomer, ids, st.booleans(), _optional_version),
    st.builds(commands.CreateProduct, ids, texts, prices, quantities, texts, extras, reorder_levels),
    st.builds(
        commands.UpdateProduct,
        ids,
        st.none() | texts,
        st.none() | texts,
        st.none() | prices,
        st.none() | quantities,
        extras,
        _optional_version,
        st.none() | quantities,
    ),
    st.builds(commands.DeleteProduct, ids, st.booleans(), _optional_version),
    st.builds(commands.AdjustStock, ids, st.integers(-QUANTITY_MAX, QUANTITY_MAX), _optional_version),
    customers_commands,
    st.builds(commands.CreateCredential, credential_ids, roles, texts, secret_hashes, times, st.none() | ids, times),
    st.builds(commands.RotateCredential, credential_ids, secret_hashes, _optional_version),
    st.builds(commands.RevokeCredential, credential_ids, _optional_version),
    st.builds(commands.CreateFirstCredential, credential_ids, secret_hashes, times),
    st.builds(commands.SetPassword, credential_ids, st.just("") | texts, _optional_version),
    st.builds(commands.OpenSession, credential_ids, versions, credential_ids, secret_hashes, times, times),
    st.builds(commands.SetOrderDeadline, ids, times, st.none() | ids, _optional_version),
    st.builds(commands.CancelOrderItems, ids, _asked_items, _optional_version),
    st.builds(commands.FulfilOrder, ids, _optional_version),
    st.builds(commands.ReturnOrder, ids, _asked_items, st.booleans(), _optional_version),
    st.builds(commands.AdvanceClock, times),
    st.builds(
        commands.ImportOrder,
        ids,
        times,
        st.sampled_from([state.value for state in OrderState]),
        st.none() | ids,
        st.lists(
            st.builds(commands.ImportedItem, ids, texts, prices, quantities, extras, quantities, quantities), max_size=4
        ).map(tuple),
        extras,
        times,
        times,
        times,
    ),
)
principals = st.none() | st.builds(commands.Principal, credential_ids, versions)
requests = st.builds(commands.Request, st.just("") | ids, ids, all_commands, principals)

details = st.dictionaries(st.from_regex(r"\A[a-z_]{1,12}\Z"), texts, max_size=4).map(
    lambda facts: tuple(sorted(facts.items()))
)
refusals = st.builds(Refused, st.sampled_from(Reason), texts, details)
outcomes = refusals | st.builds(Done, st.none() | documents, st.integers(0, 1000))


def exactly(value):
    """The value with every number told apart that Python calls equal: 1, 1.0, True and Decimal("1.00")."""
    match value:
        case dict():
            return {name: exactly(inner) for name, inner in value.items()}
        case list():
            return [exactly(inner) for inner in value]
        case Decimal():
            return ("decimal", str(value))
        case _:
            return (type(value).__name__, value)
