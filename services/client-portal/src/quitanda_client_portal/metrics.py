"""What the MQTT gateway counts; requests themselves are counted where they are logged."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge

RETAINED: Final = "retained"
"""A retained request, which is refused: it would be executed again at every reconnect."""

UNANSWERABLE: Final = "unanswerable"
"""A message without a usable reply address."""

FLOOD: Final = "flood"
"""A request that came when even the queue of refusals was full."""

REPLY_LOST: Final = "reply_lost"
"""A reply that could not be published; its client repeats the request."""


class GatewayMetrics:
    """`connected` and `queued` are gauges; `dropped` counts, by `why`, what nobody gets an answer to."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Make the metrics; once for each registry."""
        self.connected = Gauge(
            "quitanda_mqtt_gateway_connected", "1 while requests can arrive on MQTT", registry=registry
        )
        self.queued = Gauge("quitanda_mqtt_gateway_queued", "Requests that wait for a worker", registry=registry)
        self.dropped = Counter(
            "quitanda_mqtt_gateway_dropped", "MQTT messages without an answer", ["why"], registry=registry
        )
        for why in (RETAINED, UNANSWERABLE, FLOOD, REPLY_LOST):
            self.dropped.labels(why)
