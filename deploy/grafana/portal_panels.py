"""The panels of the shop as its callers see it, and of the portals."""

from dataclasses import replace
from typing import Final

from panel import RATE, Panel, Query, by_quantile, rates, values

WANT_OF_RIGHTS: Final = "UNAUTHENTICATED|CREDENTIAL_REVOKED|FORBIDDEN"
"""The reasons for which a caller is refused, whatever it asks for."""


PORTALS_LATENCY: Final = tuple(
    replace(query, legend="{{operation}} {{transport}}")
    for query in by_quantile("quitanda_request_seconds", "operation, transport", '{job="portals"}')
)

SHOP: Final = (
    Panel(
        "Calls",
        "reqps",
        (
            Query(
                f'sum by (operation, transport) (rate(quitanda_requests_total{{job="portals"}}{RATE}))',
                "{{operation}} {{transport}}",
            ),
        ),
        "What the portals answered, with success or not.",
    ),
    Panel(
        "Calls that failed, by reason",
        "reqps",
        (Query(f'sum by (reason) (rate(quitanda_requests_total{{job="portals",reason!="OK"}}{RATE}))', "{{reason}}"),),
        "Refusals by the rules, such as OUT_OF_STOCK, are usual. INTERNAL, UNAVAILABLE and OUTCOME_UNKNOWN are not.",
    ),
    Panel(
        "Calls refused for overload",
        "reqps",
        (
            Query(
                f'sum by (instance) (rate(quitanda_requests_total{{job="portals",reason="OVERLOADED"}}{RATE}))'
                f' or sum by (instance) (rate(quitanda_requests_total{{job="portals"}}{RATE})) * 0',
                "{{instance}}",
            ),
        ),
        "Calls that a portal refused at once, as it could not answer them in the callers' time.",
    ),
    Panel("Median time of a call", "s", PORTALS_LATENCY[:1], "From a call's arrival at a portal to its answer."),
    Panel("Time of the slowest call in a hundred", "s", PORTALS_LATENCY[1:], "From a call's arrival to its answer."),
    Panel(
        "Documents",
        "short",
        tuple(Query(f"max(quitanda_documents_{kind})", kind) for kind in ("customers", "products", "orders")),
        "Stored customers, products and live orders.",
    ),
    Panel("Closed orders", "short", (Query("max(quitanda_documents_closed_orders)", "closed"),), "They are kept."),
    Panel(
        "Orders that expire",
        "ops",
        (Query(f"sum(rate(quitanda_orders_expired_total{RATE}))", "expired"),),
        "Orders whose deadlines pass while they are open or placed; their units return to stock.",
    ),
    Panel(
        "Products that are low",
        "short",
        (Query("max(quitanda_low_products)", "low now"),),
        "Products with as many units on hand as their reorder level, or fewer; `product list --low` shows them.",
    ),
    Panel(
        "Products that run low",
        "ops",
        (
            Query(f"max(rate(quitanda_products_low_total{RATE}))", "low"),
            Query(f"max(rate(quitanda_products_restocked_total{RATE}))", "back above"),
        ),
        "Products that come down to their reorder level, or rise above it again; each replica counts all.",
    ),
)

PORTALS: Final = (
    Panel(
        "Reads from the cache",
        "ops",
        rates(
            ("quitanda_cache_hits_total", "hit"),
            ("quitanda_cache_misses_total", "miss"),
            ("quitanda_cache_unchanged_total", "confirmed"),
            ("quitanda_cache_bypasses_total", "not provably fresh"),
        ),
        "Only hits cost the leader nothing. A confirmed document is not sent again.",
    ),
    Panel(
        "Age of the feed",
        "s",
        values(("quitanda_cache_feed_age_seconds", "")),
        "Time since a portal heard the leader through the change feed.",
    ),
    Panel(
        "Caches emptied and messages dropped",
        "ops",
        rates(
            ("quitanda_cache_gaps_total", "gap"),
            ("quitanda_cache_contradictions_total", "contradiction"),
            ("quitanda_cache_malformed_messages_total", "malformed"),
            ("quitanda_cache_forged_messages_total", "forged"),
        ),
        "A gap or a contradiction empties the cache; a message that is malformed or forged is dropped.",
    ),
    Panel(
        "Watches",
        "short",
        values(("quitanda_watches", "")),
        "Callers who watch what changes, at each portal.",
    ),
    Panel(
        "Open pages",
        "short",
        (Query("sum by (instance, stream) (quitanda_page_streams)", "{{instance}} {{stream}}"),),
        "Event streams of open pages, at each process of the page.",
    ),
    Panel(
        "Webhooks: attempts to deliver",
        "ops",
        (Query(f"sum by (result) (rate(quitanda_webhook_deliveries_total{RATE}))", "{{result}}"),),
        "A failed attempt is repeated; after the last one the event is dead, and kept.",
    ),
    Panel(
        "Webhooks: what was not delivered",
        "short",
        (
            Query("max by (webhook) (quitanda_webhook_dead_letters)", "{{webhook}} dead letters"),
            Query("max by (webhook) (quitanda_webhook_missed_changes)", "{{webhook}} changes missed"),
        ),
        "Dead letters can be repeated. Missed changes are out of the history's reach.",
    ),
    Panel(
        "Webhooks: age of the event that is sent",
        "s",
        (Query("max by (webhook) (quitanda_webhook_waiting_seconds)", "{{webhook}}"),),
        "0 where nothing waits.",
    ),
    Panel(
        "Webhooks: the portal that sends",
        "short",
        values(("quitanda_webhook_sender", "")),
        "1 for the one portal that sends; 0 everywhere while there are no webhooks.",
    ),
    Panel(
        "Calls in flight, and the limit",
        "short",
        tuple(
            Query(f"quitanda_admission_{gauge}", f"{{{{instance}}}} {{{{kind}}}}, {word}")
            for gauge, word in (("in_flight", "in flight"), ("limit", "limit"))
        ),
        "A portal admits no more calls than it can answer in the callers' time.",
    ),
    Panel(
        "Calls admitted",
        "reqps",
        (Query(f"sum by (instance, kind) (rate(quitanda_admission_admitted_total{RATE}))", "{{instance}} {{kind}}"),),
        "Calls that a portal began to work on.",
    ),
    Panel(
        "Calls refused for want of a place, by reason",
        "reqps",
        (Query(f"sum by (kind, reason) (rate(quitanda_admission_refused_total{RATE}))", "{{kind}}, {{reason}}"),),
        "The limit was reached, the caller held its share, or the answer would have come too late.",
    ),
    Panel(
        "Callers accepted and refused",
        "ops",
        rates(("quitanda_authentications_total", ""), by="result"),
        "By their tokens: accepted, or what was wrong. Only portals with an identity ask for tokens.",
    ),
    Panel(
        "Calls refused for want of rights, by reason",
        "reqps",
        (
            Query(
                f'sum by (reason) (rate(quitanda_requests_total{{job="portals",reason=~"{WANT_OF_RIGHTS}"}}{RATE}))'
                f' or sum by (reason) (rate(quitanda_requests_total{{job="portals",reason="OK"}}{RATE})) * 0',
                "{{reason}}",
            ),
        ),
        "FORBIDDEN: the role may not do it. CREDENTIAL_REVOKED: the token was right before.",
    ),
    Panel(
        "MQTT gateway",
        "short",
        values(("quitanda_mqtt_gateway_connected", "connected"), ("quitanda_mqtt_gateway_queued", "queued")),
        "Connected is 1 while requests can arrive over MQTT; queued requests wait for a worker.",
    ),
    Panel(
        "MQTT messages without an answer",
        "ops",
        rates(("quitanda_mqtt_gateway_dropped_total", ""), by="reason"),
        "A flood is more than the portal could even refuse.",
    ),
    Panel(
        "Feed of the leader",
        "ops",
        rates(
            ("quitanda_feed_published_total", "published"),
            ("quitanda_feed_lost_total", "lost"),
            ("quitanda_feed_dropped_total", "dropped"),
        ),
        "Messages that replicas published, that the broker lost, and log entries that the full queue dropped.",
    ),
    Panel(
        "Calls to replicas, by result",
        "reqps",
        rates(("quitanda_cluster_tries_total", ""), by="result"),
        "One request may need several tries.",
    ),
    Panel(
        "Requests gathered into calls",
        "reqps",
        rates(("quitanda_cluster_gathered_total", ""), by="kind"),
        "How many requests travelled in the portals' calls to replicas.",
    ),
    Panel(
        "Connections with the broker",
        "short",
        values(("quitanda_feed_connected", "")),
        "1 while the replica is connected with the MQTT broker.",
    ),
)
