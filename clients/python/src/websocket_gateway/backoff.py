"""How long to wait before the next try: full jitter, so that a gateway that comes back is not stormed."""

import random
from dataclasses import dataclass, field


@dataclass
class Backoff:
    """0 .. min(longest, first * 2^n) seconds at random, above `floor`; n grows with each call of next()."""

    first: float
    longest: float
    rng: random.Random = field(default_factory=random.Random)
    tries: int = 0

    def next(self, floor: float = 0.0) -> float:
        most = min(self.longest, self.first * 2.0 ** min(self.tries, 30))
        self.tries += 1
        return floor + self.rng.random() * most

    def reset(self) -> None:
        self.tries = 0
