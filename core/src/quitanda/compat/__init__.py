"""The course's contract, translated to commands, queries and back."""
