"""Several replicas' Raft in one process, with simulated time, network, disks and clients: see README.md."""
