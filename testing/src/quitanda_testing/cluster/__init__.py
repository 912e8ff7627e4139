"""A running Quitanda as tests see it: its verbs, and the same made of processes."""
