"""The recorded demonstration: terminals and a browser are recorded, and drawn as a film and as pictures."""
