"""What black-box tests share: the gateway as a process, and the peers that talk to it.

gateway.py  Gateway: starts the real binary, knows its address and key, stops it and checks what it left
client.py   Client: a well-behaved WebSocket client that speaks JSON
process.py  Process: any program that is started here; server_process.py ServerProcess: one with a directory and a log
peer.py     Peer: a raw socket with handmade handshakes, frames and requests, for everything else
api.py      Api: the service API with a key; sse.py  EventStream: an agent's subscription
wait.py     eventually(): wait for a condition, never for a time
"""
