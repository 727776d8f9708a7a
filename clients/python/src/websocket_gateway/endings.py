"""How a run ends, checked where it is said: later the gateway would refuse it, and text with it."""

import json
import re
from typing import Any

from .characters import well_formed

STATUSES = ("completed", "failed", "cancelled")
CODE = re.compile(r"[A-Za-z0-9._@+=-]{1,128}")
RESULT_BYTES_MAX = 64 * 1024
MESSAGE_CHARACTERS_MAX = 500


def ended(status: str, result: Any = None) -> dict[str, Any]:
    """ValueError or TypeError where the gateway would not take it."""
    if status not in STATUSES:
        raise ValueError(f"a run ends as one of {', '.join(STATUSES)}, not as {status!r}")
    if result is None:
        return {"status": status}
    text = well_formed(json.dumps(result, ensure_ascii=False, allow_nan=False))
    plain = json.loads(text)
    if len(json.dumps(plain)) > RESULT_BYTES_MAX:
        raise ValueError(f"a result has at most {RESULT_BYTES_MAX} bytes")
    return {"status": status, "result": plain}


def checked_code(code: str) -> str:
    if not isinstance(code, str) or not CODE.fullmatch(code):
        raise ValueError(f"the code of an error has letters, digits and ._@+=- alone, 1 to 128: {code!r}")
    return code


def failed(code: str, message: str) -> dict[str, Any]:
    """What stands in the way of no end: a code that is none is `agent_error`."""
    code = code if isinstance(code, str) and CODE.fullmatch(code) else "agent_error"
    return {"status": "failed", "error": {"code": code, "message": well_formed(str(message))[:MESSAGE_CHARACTERS_MAX]}}
