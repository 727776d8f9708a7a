"""Clients that do not do their part: they answer nothing, or read nothing. Raw sockets, see support.peer."""

from urllib.parse import urlsplit

from support.peer import Peer


def silent_peer(backend, token) -> Peer:
    """Welcomed; it reads, and never says a word, not even a pong. Has `connection_id`."""
    peer = _upgraded(backend, token)
    peer.connection_id = peer.welcome()["connection_id"]
    return peer


def stalled_peer(backend, token) -> Peer:
    """Welcomed; it reads nothing until asked to, and little fits into its socket."""
    peer = _upgraded(backend, token, receive_buffer=4096)
    peer.connection_id = peer.welcome()["connection_id"]
    return peer


def _upgraded(backend, token, **options) -> Peer:
    address = urlsplit(backend.url)
    peer = Peer((address.hostname, address.port), **options)
    response = peer.upgrade(f"/ws?session_token={token}")
    assert response.status == 101, response
    return peer
