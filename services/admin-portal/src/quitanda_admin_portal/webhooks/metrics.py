"""What a portal shows of its deliveries. Of several portals the one that sends shows the webhooks."""

from collections.abc import Iterable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge

from quitanda.domain.webhook_model import Webhook

_RESULTS: Final = ("delivered", "failed", "dead")
_LABELS: Final = ("webhook",)


class WebhookMetrics:
    """Counts deliveries, and shows how each webhook stands."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._deliveries = Counter(
            "quitanda_webhook_deliveries", "Attempts to deliver an event, by result", ("result",), registry=registry
        )
        for result in _RESULTS:
            self._deliveries.labels(result)
        self._sender = Gauge("quitanda_webhook_sender", "1 while this portal sends to webhooks", registry=registry)
        self._waiting = Gauge(
            "quitanda_webhook_waiting_seconds", "Age of the event that is being delivered", _LABELS, registry=registry
        )
        self._dead = Gauge(
            "quitanda_webhook_dead_letters", "Events that were given up and are kept", _LABELS, registry=registry
        )
        self._missed = Gauge(
            "quitanda_webhook_missed_changes",
            "Changes forgotten before they were looked at",
            _LABELS,
            registry=registry,
        )
        self._shown: set[str] = set()

    def count(self, result: str) -> None:
        """Count an attempt: `delivered` or `failed`; and with `dead` that an event was given up."""
        self._deliveries.labels(result).inc()

    def waiting(self, webhook_id: str, seconds: float) -> None:
        """Show how old the event is that is being delivered; 0 for none."""
        if webhook_id in self._shown:
            self._waiting.labels(webhook_id).set(seconds)

    def show(self, webhooks: Iterable[Webhook], *, sender: bool) -> None:
        """Show the webhooks where this portal sends; those that are gone are not shown any more."""
        self._sender.set(sender)
        shown = {each.webhook_id: each for each in webhooks} if sender else {}
        for webhook_id in self._shown - shown.keys():
            for gauge in (self._waiting, self._dead, self._missed):
                gauge.remove(webhook_id)
        for webhook_id, webhook in shown.items():
            self._waiting.labels(webhook_id)
            self._dead.labels(webhook_id).set(sum(not letter.waiting for letter in webhook.letters))
            self._missed.labels(webhook_id).set(webhook.missed)
        self._shown = set(shown)
