"""Processor time (user and system) and memory of processes and of their children, as the kernel counts them."""

import contextlib
from collections.abc import Mapping

import psutil


def of_processes(processes: Mapping[str, int]) -> dict[str, float]:
    """Give the seconds that each named process (by its id) and its living descendants have used so far."""
    return {name: _with_descendants(pid) for name, pid in processes.items()}


def _with_descendants(pid: int) -> float:
    seconds = 0.0
    with contextlib.suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        for process in (root, *root.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                seconds += times.user + times.system
    return seconds


def of_machine() -> float:
    """Give the seconds that all processors together have been busy so far, for whatever process."""
    times = psutil.cpu_times()
    return float(times.user + times.nice + times.system + times.irq + times.softirq + times.steal)


def used(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """Give the seconds between two readings; a process that has ended in between counts nothing."""
    return {name: max(0.0, after.get(name, 0.0) - seconds) for name, seconds in before.items()}


def memory_mb(processes: Mapping[str, int]) -> float:
    """Give the resident memory of the largest of the processes, without their children (MB)."""
    sizes = [0]
    for pid in processes.values():
        with contextlib.suppress(psutil.NoSuchProcess):
            sizes.append(psutil.Process(pid).memory_info().rss)
    return max(sizes) / 1e6
