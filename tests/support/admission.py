"""What a token comes to at the handshake of /ws."""

from support.peer import CLOSE


def first_frame(gateway, token=None):
    """What a client that shows it is told first; None: it shows none."""
    peer = gateway.peer()
    assert peer.upgrade("/ws", [("Authorization", f"Bearer {token}")] if token else []).status == 101
    first = peer.next_frame()
    peer.close()
    return first


def closed_with(gateway, token=None):
    """The code; None: it is let in."""
    first = first_frame(gateway, token)
    return first.close_code if first.opcode == CLOSE else None


def refused(gateway, token):
    """As nobody's, and not for any other reason."""
    first = first_frame(gateway, token)
    return first.opcode == CLOSE and (first.close_code, first.close_reason) == (4001, "invalid session")
