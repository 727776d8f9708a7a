"""A socket that plays the gateway to a page: for what a real one does rarely, or never."""

import json
import re

WELCOME = json.dumps(
    {
        "type": "system",
        "event": "welcome",
        "message": "Connected to WebSocket Gateway. Ready to receive messages.",
        "connection_id": "ws_1",
        "instance_id": "ws-gateway-1",
        "heartbeat_interval": 30,
    }
)


class Stage:
    """Plays the gateway's WebSocket: `act` is called with each new socket and how many there were."""

    def __init__(self, console, act):
        self.sockets = []
        console.page.route_web_socket(re.compile("/ws"), lambda socket: self.enter(socket, act))

    def enter(self, socket, act):
        self.sockets.append(socket)
        act(socket, len(self.sockets))
