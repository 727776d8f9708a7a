"""A gateway as clients and back ends see it: an address and a key, wherever it runs and whoever started it."""

import asyncio
import secrets
from dataclasses import dataclass

from support.api import Api
from support.async_client import AsyncClient


def unique(name) -> str:
    """An id that no other run uses, on a Redis that many may share."""
    return f"{name}-{secrets.token_hex(6)}"


@dataclass(frozen=True)
class Session:
    token: str
    user_id: str
    ref: str


class AsyncApi:
    """The verbs of support.api.Api, each awaited: the calls run beside the loop, which goes on reading sockets."""

    def __init__(self, api: Api):
        self._api = api

    def __getattr__(self, verb):
        call = getattr(self._api, verb)

        async def beside_the_loop(*arguments, **options):
            return await asyncio.to_thread(call, *arguments, **options)

        return beside_the_loop


class Backend:
    def __init__(self, url, key):
        self.url = url.rstrip("/")
        self.key = key
        self._calls = Api(self.url, key)
        self.api = AsyncApi(self._calls)

    @classmethod
    def of(cls, gateway):
        """Of a support.gateway.Gateway."""
        return cls(gateway.url, gateway.api_key)

    @property
    def ws_url(self):
        return self.url.replace("http", "ws", 1) + "/ws"

    async def new_session(self, user_id=None, *, ttl_seconds=600, **fields) -> Session:
        """Of a user of its own, unless one is named."""
        user_id = user_id or unique("user")
        made = await self.api.create_session(user_id, ttl_seconds=ttl_seconds, **fields)
        told = await self.api.session(made["session_id"])
        return Session(made["session_id"], user_id, told["session_ref"])

    async def open(self, session=None, **options) -> AsyncClient:
        """A welcomed client; of a session of its own, unless one is given."""
        session = session or await self.new_session()
        return await AsyncClient.open(self.ws_url, session.token, **options)

    def close(self):
        self._calls.close()
