"""What every process needs around its work: settings, logs, metrics, a server, an orderly end."""
