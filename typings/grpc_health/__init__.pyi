"""Types of grpcio-health-checking, as far as Quitanda uses it."""
