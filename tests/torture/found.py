"""What a check says: how often it had something to look at, what was wrong, and what was measured."""

from dataclasses import dataclass, field

SHOWN_MAX = 10


@dataclass
class Found:
    checked: int = 0
    violations: list = field(default_factory=list)  # words
    seconds: list = field(default_factory=list)  # measured

    def hold(self, right, words):
        """`words` are made only when they are needed."""
        self.checked += 1
        if not right:
            self.violations.append(words() if callable(words) else words)

    def took(self, seconds):
        self.seconds.append(seconds)

    @property
    def verdict(self) -> str:
        return "violated" if self.violations else "held" if self.checked else "not exercised"

    def told(self) -> dict:
        told = {"verdict": self.verdict, "checked": self.checked, "violated": len(self.violations)}
        if self.seconds:
            ordered = sorted(self.seconds)
            p99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
            told |= {"measured": len(ordered), "max_seconds": round(ordered[-1], 3), "p99_seconds": round(p99, 3)}
        if self.violations:
            told["examples"] = self.violations[:SHOWN_MAX]
        return told
