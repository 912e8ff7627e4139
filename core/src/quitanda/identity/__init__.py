"""Who each process is: its certificate, the secrets that it shares with others, and the authority that makes them."""
