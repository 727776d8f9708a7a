"""The service API over HTTP: one request, or the same again until there is an answer."""

import asyncio
import json
import logging
from collections.abc import Mapping
from typing import Any

import httpx

from .backoff import Backoff
from .errors import Refused

API = "/api/post-office"
AGAIN = (408, 425, 429, 500, 502, 503, 504)
ANSWER_SECONDS = 10.0
RETRY_AFTER_MAX = 30.0

log = logging.getLogger("websocket_gateway")


class NoAnswer(Exception):
    """This time. `floor`: the seconds that the gateway asked to wait."""

    def __init__(self, why: str, floor: float = 0.0) -> None:
        super().__init__(why)
        self.floor = floor


class Api:
    def __init__(self, url: str, key: str, **options: Any) -> None:
        self._url = url.rstrip("/") + API
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        # A run has two connections, one of them with a waiting heartbeat: nothing may queue for a place.
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=64, keepalive_expiry=4.0)
        own: dict[str, Any] = {"timeout": ANSWER_SECONDS, "limits": limits}
        self.http = httpx.AsyncClient(**(own | options))
        self.http.headers.update(headers)  # beside those of the options

    async def close(self) -> None:
        await self.http.aclose()

    def address(self, path: str) -> str:
        return self._url + path

    async def post(self, path: str, body: str | Mapping[str, Any], *, seconds: float = ANSWER_SECONDS) -> dict[str, Any]:
        """The answer; NoAnswer where it may be asked again, Refused where that would not help."""
        content = body if isinstance(body, str) else json.dumps(body)
        try:
            async with asyncio.timeout(seconds):
                response = await self.http.post(self.address(path), content=content, timeout=seconds + 1)
            return answer_of(response)
        except NoAnswer as error:
            log.info("%s: %s", path, error)
            raise
        except (httpx.TransportError, OSError) as error:
            log.info("%s: no answer: %r", path, error)
            raise NoAnswer(repr(error)) from error

    async def until_answered(self, path: str, body: str | Mapping[str, Any], backoff: Backoff | None = None) -> dict[str, Any]:
        backoff = backoff or Backoff(0.1, 5.0)
        while True:
            try:
                return await self.post(path, body)
            except NoAnswer as error:
                await asyncio.sleep(backoff.next(error.floor))


def answer_of(response: httpx.Response) -> dict[str, Any]:
    status = response.status_code
    if status in AGAIN:
        raise NoAnswer(f"answered with {status}", floor_of(response))
    try:
        body = json.loads(response.content or b"{}")
    except ValueError as error:
        if status < 300:
            raise NoAnswer("an answer that is no JSON") from error
        body = {}  # a proxy's page, or its redirection
    if not isinstance(body, dict):
        body = {}
    if status >= 300:
        raise Refused(str(body.get("code") or status), str(body.get("error") or ""), status=status, body=body)
    return body


def floor_of(response: httpx.Response) -> float:
    told = response.headers.get("retry-after", "")
    return min(float(told), RETRY_AFTER_MAX) if told.isdecimal() else 0.0
