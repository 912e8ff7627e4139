"""Mistakes about the states of orders: units that are lost or come twice, orders that expire early or come back."""

from typing import Final

from mutants.mutant import CORE, REPLICA, TESTS, Mutant

_DOMAIN: Final = f"{CORE}/domain"
_MOVES: Final = f"{_DOMAIN}/order_moves.py"
_RULES: Final = "core/tests/domain/test_order_states.py"
_DOCUMENTS: Final = "core/tests/codec/test_documents.py"
_STORED: Final = f"{TESTS}/test_order_states.py"

MUTANTS: Final = (
    Mutant(
        "a-placed-order-is-cancelled-by-its-customer",
        "An order that its customer has placed is cancelled by the shop alone.",
        f"{_DOMAIN}/order_states.py",
        "    Move(_OPEN, CancelOrder, Asker.CUSTOMER, (OrderState.CANCELLED,)),\n",
        "    Move(_OPEN, CancelOrder, Asker.CUSTOMER, (OrderState.CANCELLED,)),\n"
        "    Move(_PLACED, CancelOrder, Asker.CUSTOMER, (OrderState.CANCELLED,)),\n",
        (f"{_RULES}::test_the_moves_are_those_that_are_written_down_here",),
    ),
    Mutant(
        "every-state-allows-every-move",
        "A command moves an order only from the states that the table says.",
        f"{_DOMAIN}/order_states.py",
        "    if (order.state, command, asker) in _ALLOWED:\n",
        "    if any(each.command is command for each in MOVES):\n",
        (f"{_RULES}::test_each_command_by_each_asker_moves_an_order_as_the_table_says_and_otherwise_names_the_state",),
    ),
    Mutant(
        "an-expired-order-keeps-its-units",
        "The units of an order that expires are on hand again, in the same step.",
        _MOVES,
        "    changes = puts(view, [*returned_units(view, due), *expired])\n",
        "    changes = puts(view, expired)\n",
        (f"{_RULES}::test_an_order_expires_when_the_clock_reaches_its_deadline_and_not_before",),
    ),
    Mutant(
        "the-clock-goes-back",
        "The state's clock never goes back, whatever a leader's machine shows.",
        _MOVES,
        "    clock_ms = max(view.clock_ms, command.now_ms)\n",
        "    clock_ms = command.now_ms\n",
        (f"{_RULES}::test_the_clock_never_goes_back",),
    ),
    Mutant(
        "any-number-of-orders-expire-at-once",
        "One command expires a bounded number of orders.",
        _MOVES,
        "view.due_orders(clock_ms, EXPIRED_AT_ONCE_MAX)]",
        "view.due_orders(clock_ms, EXPIRED_AT_ONCE_MAX + 1)]",
        (f"{_RULES}::test_so_many_orders_expire_at_once_and_the_earliest_first",),
    ),
    Mutant(
        "a-placed-order-keeps-the-deadline-of-before",
        "An order that was placed in time does not expire by the deadline that it had while it was open.",
        _MOVES,
        "    return replace(order, state=state.value, state_since_ms=at_ms, expires_at_ms=0)\n",
        "    return replace(order, state=state.value, state_since_ms=at_ms)\n",
        (f"{_RULES}::test_who_places_an_order_frees_it_of_its_deadline_and_the_shop_may_set_another",),
    ),
    Mutant(
        "whatever-is-given-back-is-on-hand",
        "Units that are given back are on hand again only where the shop restocks them.",
        _MOVES,
        "    restocked = list(units) if command.restock else []\n",
        "    restocked = list(units)\n",
        (f"{_RULES}::test_units_come_back_by_item_into_stock_or_not_and_the_last_ones_return_the_order",),
    ),
    Mutant(
        "units-are-given-back-twice",
        "A unit is given back once.",
        _MOVES,
        "{item.product_id: item.quantity - item.returned for item in order.items}",
        "{item.product_id: item.quantity for item in order.items}",
        (f"{_RULES}::test_units_come_back_by_item_into_stock_or_not_and_the_last_ones_return_the_order",),
    ),
    Mutant(
        "the-id-of-every-closed-order-is-free",
        "Only the id of a cancelled order is free again.",
        f"{_DOMAIN}/orders.py",
        "    if _is_taken(view.order(command.order_id) or _closed(view, command.order_id)):\n",
        "    if _is_taken(view.order(command.order_id)):\n",
        (f"{_RULES}::test_the_id_of_another_closed_order_is_never_used_again",),
    ),
    Mutant(
        "a-cascade-cancels-placed-orders",
        "A customer with placed orders is not deleted, not even with a cascade.",
        f"{_DOMAIN}/customers.py",
        "    if placed := placed_orders(orders):\n",
        "    if (placed := placed_orders(orders)) and not command.cascade:\n",
        (f"{_RULES}::test_placed_orders_keep_their_customer_and_their_products_also_from_a_cascade",),
    ),
    Mutant(
        "orders-of-before-are-kept-below-the-level",
        "Below the level of states a cancelled order is gone, as it is to a version that knows no states.",
        f"{_DOMAIN}/orders.py",
        "    if view.level < ORDER_STATES_LEVEL:\n",
        "    if view.level < ORDER_STATES_LEVEL - 1:\n",
        (f"{_RULES}::test_below_their_level_nothing_moves_and_a_cancelled_order_is_gone_without_a_trace",),
    ),
    Mutant(
        "a-custom-field-is-taken-for-a-state",
        "A custom field that somebody gave before there were states never says in which state an order is.",
        f"{_DOMAIN}/field_types.py",
        '    return since(level) | {"rules_only": True}\n',
        "    return since(level)\n",
        (f"{_DOCUMENTS}::test_a_custom_field_of_before_is_never_taken_for_a_field_that_the_rules_set",),
    ),
    Mutant(
        "a-deadline-stays-in-the-index",
        "The index of deadlines has each live order under the deadline that it has.",
        f"{REPLICA}/state/view.py",
        "    return order.state, order.customer_id, order.expires_at_ms, [item.product_id for item in order.items]\n",
        "    return order.state, order.customer_id, 0, [item.product_id for item in order.items]\n",
        (f"{_STORED}::test_a_deadline_stands_in_an_ordered_index_while_the_order_is_live",),
    ),
    Mutant(
        "an-order-expires-before-its-deadline",
        "An order is due when its deadline is reached, and not before.",
        f"{REPLICA}/state/view.py",
        "        return [order_id for expires_at_ms, order_id in deadlines if expires_at_ms <= now_ms]\n",
        "        return [order_id for expires_at_ms, order_id in deadlines]\n",
        (f"{_STORED}::test_a_deadline_stands_in_an_ordered_index_while_the_order_is_live",),
    ),
    Mutant(
        "the-feed-shows-closed-orders",
        "An order that is closed leaves the live ones on the feed: nobody's cache goes on showing it.",
        f"{REPLICA}/feed/entry_changes.py",
        "    if isinstance(change, Put) and isinstance(change.document, Order) and not is_live(change.document):\n",
        "    if isinstance(change, Put) and isinstance(change.document, Order) and change.document is None:\n",
        (f"{_STORED}::test_the_feed_tells_that_an_order_left_the_live_ones_also_where_it_came_in_the_same_entry",),
    ),
    Mutant(
        "a-closed-order-begins-a-new-history",
        "The history of an order goes on when it is closed.",
        f"{_DOMAIN}/document_history.py",
        "    Kind.ORDER: lambda view, document_id: view.order(document_id) or _closed_order(view, document_id),\n",
        "    Kind.ORDER: lambda view, document_id: view.order(document_id),\n",
        (f"{_STORED}::test_the_history_of_an_order_goes_on_when_it_is_closed",),
    ),
    Mutant(
        "every-replica-brings-the-time",
        "The leader alone brings the time into the log.",
        f"{REPLICA}/admin/order_expirer.py",
        "                if self._raft.status().role is not Role.LEADER or not self._is_due(now_ms):\n",
        "                if not self._is_due(now_ms):\n",
        (f"{_STORED}::test_a_follower_proposes_no_time",),
    ),
    Mutant(
        "the-log-grows-while-nothing-is-due",
        "While no order is due, nothing comes into the log.",
        f"{REPLICA}/admin/order_expirer.py",
        "                if self._raft.status().role is not Role.LEADER or not self._is_due(now_ms):\n",
        "                if self._raft.status().role is not Role.LEADER:\n",
        (f"{_STORED}::test_while_nothing_is_due_nothing_comes_into_the_log",),
    ),
    Mutant(
        "a-portal-tells-the-time",
        "The time comes from the leader: no portal may send it.",
        f"{_DOMAIN}/commands.py",
        "OwnCommand: TypeAlias = RaiseLevel | CreateFirstCredential | AdvanceClock\n",
        "OwnCommand: TypeAlias = RaiseLevel | CreateFirstCredential\n",
        (f"{_STORED}::test_no_portal_may_tell_the_time",),
    ),
)
