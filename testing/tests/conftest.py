"""A cluster of processes that only pretend to be replicas and portals."""

from quitanda_testing.cluster.fake_processes import cluster, running, shared, state

__all__ = ["cluster", "running", "shared", "state"]
