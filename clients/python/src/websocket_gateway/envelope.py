"""What an agent is given: a client's message, and where its answer goes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Envelope:
    """`raw` is all that the gateway sent. `id` is that of the event; `group` the one that it was delivered to."""

    raw: Mapping[str, Any]
    id: str = ""
    group: str | None = None
    # The claim that subscribe() made, until it is used.
    claims: list[Mapping[str, Any]] = field(default_factory=list, repr=False, compare=False)

    @property
    def channel(self) -> str:
        return str(self.raw.get("channel", ""))

    @property
    def message_id(self) -> str:
        return str(self.raw.get("message_id", ""))

    @property
    def message(self) -> Any:
        """As the client sent it."""
        return self.raw.get("message")

    @property
    def payload(self) -> dict[str, Any]:
        message = self.message
        payload = message.get("payload") if isinstance(message, Mapping) else None
        return dict(payload) if isinstance(payload, Mapping) else {}

    @property
    def connection_id(self) -> str | None:
        return self.raw.get("connection_id")

    @property
    def session_ref(self) -> str | None:
        return self.raw.get("session_ref")

    @property
    def user_id(self) -> str | None:
        return self.raw.get("user_id")

    @property
    def tenant_id(self) -> str | None:
        return self.raw.get("tenant_id")

    @property
    def run(self) -> Mapping[str, Any] | None:
        """`{"run_id", "thread_id", "format", "protocol"}` where it asks for one."""
        run = self.raw.get("run")
        return run if isinstance(run, Mapping) else None

    @property
    def run_id(self) -> str | None:
        return str(self.run["run_id"]) if self.run else None

    @property
    def thread_id(self) -> str | None:
        return self.run.get("thread_id") if self.run else None

    @property
    def format(self) -> str:
        return str(self.run.get("format") or "text") if self.run else "text"

    def claim_fields(self, lease_ms: int | None) -> dict[str, Any]:
        """What each claim says beside whose it is: a group's message is bound to it, and given to nobody else."""
        fields: dict[str, Any] = {}
        if self.group is not None:
            fields["delivery"] = {"group": self.group, "id": self.id}
        if lease_ms is not None:
            fields["lease_ms"] = lease_ms
        return fields
