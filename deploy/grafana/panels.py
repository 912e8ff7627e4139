"""The panels of the dashboard, in their rows: each is described once, in these modules."""

from typing import Final

from panel import RATE, Panel, Query, rates, values
from portal_panels import PORTALS, SHOP
from replica_panels import CLUSTER, DISK, HISTORY, MEMORY

PROCESSES: Final = (
    Panel(
        "Processor",
        "percentunit",
        (Query(f"rate(process_cpu_seconds_total{RATE})", "{{instance}}"),),
        "100 % is one core.",
    ),
    Panel("Memory", "bytes", values(("process_resident_memory_bytes", "")), "Resident memory."),
    Panel(
        "Garbage collections",
        "ops",
        (Query(f"rate(python_gc_collections_total{RATE})", "{{instance}}, generation {{generation}}"),),
        "Of Python, by generation.",
    ),
    Panel("Open files", "short", values(("process_open_fds", "")), "Files and connections that a process has open."),
    Panel(
        "Log lines dropped",
        "ops",
        rates(("quitanda_log_lines_dropped_total", "")),
        "Lines that a process could not write.",
    ),
    Panel(
        "Versions",
        "short",
        (Query("quitanda_build_info", "{{instance}}"),),
        "The version of each process, and the highest level of rules that it knows.",
        table=True,
    ),
    Panel(
        "Level of the rules",
        "short",
        values(("quitanda_level", "in use"), ("quitanda_level_supported", "supported")),
        "All replicas decide by the level in use.",
    ),
    Panel(
        "Time until certificates end",
        "s",
        (Query("quitanda_certificate_expiration_timestamp_seconds - time()", "{{instance}} {{certificate}}"),),
        "Those of processes are renewed when a third of their 90 days is left.",
    ),
    Panel("Processes that answer", "short", (Query("up", "{{instance}}"),), "1 where Prometheus reaches the process."),
)

ROWS: Final = (
    ("Shop", SHOP),
    ("Portals", PORTALS),
    ("Cluster", CLUSTER),
    ("Disk", DISK),
    ("Memory of requests", MEMORY),
    ("History of documents", HISTORY),
    ("Processes", PROCESSES),
)
