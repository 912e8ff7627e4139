"""A conformance suite of `quitanda.v1.Replica`, the contract between the portals and whoever keeps the data."""
