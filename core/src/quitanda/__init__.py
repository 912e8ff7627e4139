"""Quitanda's shared package: the rules, the contracts and the plumbing that every process uses."""
