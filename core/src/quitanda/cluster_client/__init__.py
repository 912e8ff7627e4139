"""Asks the replicas: finds the leader, gathers requests into calls, retries within each caller's time."""

from quitanda.cluster_client.client import ClusterClient
from quitanda.cluster_client.options import ClusterOptions
from quitanda.cluster_client.values import (
    Absent,
    DocumentEvent,
    EventsPage,
    Executed,
    Found,
    Get,
    HistoryPage,
    List,
    ListHistory,
    Page,
    ReadAnswer,
    ReadEvents,
    ReadItem,
    ReadWebhooks,
    Result,
    Unchanged,
    WebhooksRead,
)

__all__ = [
    "Absent",
    "ClusterClient",
    "ClusterOptions",
    "DocumentEvent",
    "EventsPage",
    "Executed",
    "Found",
    "Get",
    "HistoryPage",
    "List",
    "ListHistory",
    "Page",
    "ReadAnswer",
    "ReadEvents",
    "ReadItem",
    "ReadWebhooks",
    "Result",
    "Unchanged",
    "WebhooksRead",
]
