"""The only place where what travels or is stored becomes a value of the domain, and back."""
