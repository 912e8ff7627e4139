"""Importing many customers or products from a CSV file: the whole file is checked before anything is sent."""
