"""A cluster of processes that only pretend to be replicas and portals."""

from quitanda_testing.cluster.fake_processes import running, shared

__all__ = ["running", "shared"]
