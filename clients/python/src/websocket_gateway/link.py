"""The WebSocket under a client: opened once, and a note of when it last had a byte."""

import time
from collections.abc import Mapping
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.datastructures import Headers
from websockets.exceptions import InvalidStatus

from .errors import ConnectionFailed

MESSAGE_BYTES_MAX = 64 * 1024 * 1024
OPEN_SECONDS = 10.0
# Who is refused so will be refused again; anything else may be a proxy's or a gateway's bad moment.
REFUSED = (400, 401, 403, 404, 405, 426)


class HeardConnection(ClientConnection):
    """Bytes count as life, also those of a message that is not whole yet: a slow line is no dead one."""

    last_heard = 0.0

    def data_received(self, data: bytes) -> None:
        self.last_heard = time.monotonic()
        super().data_received(data)


async def open_socket(url: str, token: str | None, options: Mapping[str, Any]) -> HeardConnection:
    headers = Headers(options.get("additional_headers") or {})
    if token:
        headers["Authorization"] = f"Bearer {token}"
    own: dict[str, Any] = {"max_size": MESSAGE_BYTES_MAX, "open_timeout": OPEN_SECONDS, "close_timeout": 2}
    own |= {**options, "additional_headers": headers, "create_connection": HeardConnection}
    try:
        socket = await connect(url, **own)
    except InvalidStatus as error:
        status = error.response.status_code
        raise ConnectionFailed(f"the handshake was answered with {status}", status) from error
    assert isinstance(socket, HeardConnection)
    socket.last_heard = time.monotonic()
    return socket
