"""The replicated state on this replica: LevelDB, its keys, and the application of the log."""
