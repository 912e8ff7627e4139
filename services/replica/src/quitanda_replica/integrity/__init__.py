"""Proofs that this replica's state is the cluster's: digests, comparison, quarantine."""
