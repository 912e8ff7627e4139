"""Telling other systems what happens in the shop: signed messages to the addresses that administrators register."""
