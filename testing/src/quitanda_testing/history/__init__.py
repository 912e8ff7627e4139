"""Histories of concurrent clients: recorded while faults run, and judged by the domain's own rules: see README.md."""
