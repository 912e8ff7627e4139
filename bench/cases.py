"""The cases that are measured: what is called, how many calls are in flight, and what the figure of the table is."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Calls(StrEnum):
    """What a caller calls."""

    CHANGE = "change"
    CHANGE_SAME_PRODUCT = "change of the same product"
    READ_ORDER = "linearizable read of an order"
    READ_PRODUCT = "cached read of a product"
    MIXED = "nine reads of an order, one change"
    CHANGE_DRAWN = "change of an order that was not called for lately"
    READ_DRAWN = "linearizable read of an order that was not called for lately"
    CHANGE_MQTT = "change over MQTT"
    ECHO_MQTT = "echo over MQTT"


class ShownFigure(StrEnum):
    """Which figure of a measurement the table shows."""

    RATE = "calls_s"
    MEDIAN = "median_ms"


@dataclass(frozen=True, slots=True)
class Case:
    """One row of the table; `deadline` is how long a call may take, in seconds.

    `generators`: over how many processes the callers are spread, since one alone cannot have so many calls in flight.
    Where they are several, they have to be waited for themselves, so that the times are those of a witness beside them.
    """

    name: str
    title: str
    calls: Calls
    in_flight: int = 64
    figure: ShownFigure = ShownFigure.RATE
    deadline: float = 30.0
    generators: int = 1
    connections: int = 4
    """To the broker, where the calls go through it; callers share them. As many as there are callers: one for each."""

    @property
    def over_mqtt(self) -> bool:
        """True where the calls go through the broker."""
        return self.calls in {Calls.CHANGE_MQTT, Calls.ECHO_MQTT}


CHANGES: Final = Case("changes", "order changes/s, 64 in flight", Calls.CHANGE)
SAME_PRODUCT: Final = Case("same_product", "the same product for all, changes/s", Calls.CHANGE_SAME_PRODUCT)
ALONE: Final = Case("alone", "one in flight, median in ms", Calls.CHANGE, in_flight=1, figure=ShownFigure.MEDIAN)
ORDER_READS: Final = Case("order_reads", "linearizable order reads/s", Calls.READ_ORDER)
PRODUCT_READS: Final = Case("product_reads", "cached product reads/s", Calls.READ_PRODUCT)
MIXED: Final = Case("mixed", "90 % order reads, 10 % changes, calls/s", Calls.MIXED)
MQTT_CHANGES: Final = Case("mqtt_changes", "order changes/s over MQTT", Calls.CHANGE_MQTT)
MQTT_CUSTOMERS: Final = Case(
    "mqtt_customers", "order changes/s over MQTT, a connection for each caller", Calls.CHANGE_MQTT, connections=64
)
MQTT_ECHOES: Final = Case("mqtt_echoes", "empty echoes/s through the broker", Calls.ECHO_MQTT)

DRAWN_CHANGES: Final = Case("drawn_changes", "changes/s of orders drawn among all", Calls.CHANGE_DRAWN)
DRAWN_READS: Final = Case("drawn_reads", "linearizable reads/s of orders drawn among all", Calls.READ_DRAWN)
DRAWN: Final = (DRAWN_CHANGES, DRAWN_READS)
"""For a system that holds more orders than its caches (`bench.growth`)."""

WRITES: Final = (CHANGES, SAME_PRODUCT, ALONE)
READS: Final = (ORDER_READS, PRODUCT_READS, MIXED)
ALL: Final = (*WRITES, *READS, MQTT_CHANGES, MQTT_CUSTOMERS, MQTT_ECHOES)
WITH_IDENTITIES: Final = (CHANGES, MQTT_CUSTOMERS)
"""What is measured of callers who prove who they are. At the broker each customer has a connection of their own."""

OVERLOADS: Final = tuple(
    Case(
        f"overload_{calls}",
        f"{calls:,} in flight, 2 s each",
        Calls.CHANGE,
        in_flight=calls,
        deadline=2.0,
        generators=generators,
    )
    for calls, generators in ((2_000, 2), (10_000, 4))
)
AFTER_OVERLOAD: Final = Case("after_overload", "order changes/s, 64 in flight, after 10,000", Calls.CHANGE)
FAILOVER: Final = Case("failover", "SIGKILL of the leader under load", Calls.CHANGE, in_flight=16)


EVERY: Final = (*ALL, *OVERLOADS, AFTER_OVERLOAD, FAILOVER)


def named(name: str) -> Case:
    """Find the case of this name; KeyError where there is none."""
    return {case.name: case for case in (*EVERY, *DRAWN)}[name]
