"""The contract of the course that this system comes from: its stubs, and its translation to the domain and back."""
