"""Clients that work all the time, from one seed, and write down what they are told."""
