"""A clock that a test moves."""


class ManualClock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now
