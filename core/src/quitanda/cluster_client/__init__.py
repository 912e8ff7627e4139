"""Asks the replicas: finds the leader, gathers requests into calls, retries within each caller's time."""

from quitanda.cluster_client.client import ClusterClient
from quitanda.cluster_client.options import ClusterOptions
from quitanda.cluster_client.values import (
    Absent,
    Executed,
    Found,
    Get,
    HistoryPage,
    List,
    ListHistory,
    Page,
    ReadAnswer,
    ReadItem,
    Result,
    Unchanged,
)

__all__ = [
    "Absent",
    "ClusterClient",
    "ClusterOptions",
    "Executed",
    "Found",
    "Get",
    "HistoryPage",
    "List",
    "ListHistory",
    "Page",
    "ReadAnswer",
    "ReadItem",
    "Result",
    "Unchanged",
]
