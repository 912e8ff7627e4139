"""Types of grpcio-reflection, as far as Quitanda uses it."""
