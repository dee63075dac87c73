"""A clock that the test turns."""


class ManualClock:
    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def advance(self, *, hours: float = 0, days: float = 0) -> None:
        self.now += hours * 3600 + days * 86400
