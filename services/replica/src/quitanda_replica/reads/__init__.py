"""Linearizable reads of one consistent snapshot."""
