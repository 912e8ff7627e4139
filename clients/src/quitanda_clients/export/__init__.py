"""Exporting all customers, products or orders, from one snapshot, into a file for spreadsheets or for programs."""
