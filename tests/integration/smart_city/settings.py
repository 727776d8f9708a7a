"""Which gateway and Redis these tests are pointed at: the TEST_* variables, and nothing else."""

import os
from dataclasses import dataclass

CHANNELS = ("guide", "pillar:content", "pillar:insights", "pillar:operations", "pillar:business_outcomes")
FALSE = ("false", "0", "no", "off")


@dataclass(frozen=True)
class Settings:
    """`real`: the gateway and Redis given by the addresses are used. Else the suite starts both itself."""

    real: bool
    backend_url: str
    redis_url: str
    api_key: str

    @classmethod
    def from_environment(cls):
        return cls(
            real=os.environ.get("TEST_USE_REAL_INFRASTRUCTURE", "true").strip().lower() not in FALSE,
            backend_url=os.environ.get("TEST_BACKEND_URL") or "http://localhost:8000",
            redis_url=os.environ.get("TEST_REDIS_URL") or "redis://localhost:6379",
            api_key=os.environ.get("TEST_API_KEY") or os.environ.get("GATEWAY_API_KEY") or "",
        )
