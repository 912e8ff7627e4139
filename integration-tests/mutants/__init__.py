"""Mutation tests: the replica with one plausible mistake in it, many times; each mistake must fail some test."""
