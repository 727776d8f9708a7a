"""What can go wrong, for whoever uses the package."""

from collections.abc import Mapping
from typing import Any

from .endings import checked_code


class GatewayError(Exception):
    """All of these."""


class Refused(GatewayError):
    """The gateway understood and said no: the same again would not help. `code` is its word for why."""

    def __init__(self, code: str, message: str = "", *, status: int = 0, body: Mapping[str, Any] | None = None) -> None:
        super().__init__(f"{code}: {message}" if message else code)
        self.code, self.message, self.status = code, message, status
        self.body: Mapping[str, Any] = body or {}

    @property
    def run(self) -> Mapping[str, Any]:
        """What the refusal says of the run: status, epoch, pos, hash."""
        told = self.body.get("run")
        return told if isinstance(told, Mapping) else {}


class ConnectionFailed(GatewayError):
    """There is no connection and there will be none: `code` is the close code, or the HTTP status that refused it."""

    def __init__(self, message: str, code: int | None = None) -> None:
        super().__init__(message)
        self.code = code


class Unanswered(GatewayError):
    """Nobody knows whether the gateway got it: the connection was lost, and the gateway would not know the message's id again.

    It was lost for too long, or there is no session (an anonymous client), or another one by now.
    """


class RunFailed(GatewayError):
    """The run that was read ended `failed` or `abandoned`: its text may be no whole answer."""

    def __init__(self, status: str, code: str, message: str) -> None:
        super().__init__(f"{status}: {code}" + (f": {message}" if message else ""))
        self.status, self.code, self.message = status, code, message


class Superseded(GatewayError):
    """Text that an iteration had handed out was taken back: another attempt of the agent begins at `kept` characters."""

    def __init__(self, kept: int) -> None:
        super().__init__(f"the text is taken back to its first {kept} characters")
        self.kept = kept


class RunOver(GatewayError):
    """The run that was written is not ours to write any more: it ended, or another agent has it. `code` says which."""

    def __init__(self, code: str, message: str = "") -> None:
        super().__init__(f"{code}: {message}" if message else code)
        self.code = code


class AgentError(Exception):
    """Raised by an agent to end its run as `failed`, with words that are for the client."""

    def __init__(self, message: str, code: str = "agent_error") -> None:
        super().__init__(message)
        self.code, self.message = checked_code(code), message
