"""How fast Quitanda is beside what people would build instead, measured in one run on one machine (see README.md)."""
