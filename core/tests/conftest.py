"""What all tests of core agree on."""

from hypothesis import settings

# An example is judged by what it shows, never by how long the machine took for it.
settings.register_profile("quitanda", deadline=None)
settings.load_profile("quitanda")
