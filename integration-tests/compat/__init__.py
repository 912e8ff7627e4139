"""What the scenarios of the course's contract share: a client that knows only that contract, and a shop for it."""
