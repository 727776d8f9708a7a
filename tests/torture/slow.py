"""A reader that takes a kilobyte a second: a small window, and long pauses between its reads."""

import contextlib
import itertools
import json
import time

from support.peer import Peer

READ_SECONDS = 25.0  # then it takes the rest as fast as it comes
BYTES_A_SECOND = 1024
WINDOW = 4096

_numbers = itertools.count(1)


def slow_reader(journal, instance, session, run, stopping):
    """On a thread of its own. Past the proxies, which would read for it."""
    name = f"slow-{next(_numbers)}"
    with contextlib.suppress(OSError, EOFError, TimeoutError, AssertionError), contextlib.closing(Peer(("127.0.0.1", instance.port), receive_buffer=WINDOW)) as peer:
        if peer.upgrade(f"/ws?session_token={session}&client_id={name}").status != 101:
            return
        journal.note("opened", conn=name, tab=name, gateway=instance.number, session=session, client_id=name, slow=True)
        attach = {"type": "attach", "run_id": run, "id": "a1"}
        journal.note("sent", conn=name, tab=name, message=attach)
        peer.send_message(attach)
        code = None
        try:
            read_all(peer, journal, name, run, stopping)
        except (OSError, EOFError):
            pass
        except CloseSeen as closed:
            code = closed.args[0]
        finally:
            journal.note("closed", conn=name, tab=name, code=code, by="them" if code else "us")


class CloseSeen(Exception):
    pass


def read_all(peer, journal, name, run, stopping):
    begun, taken = time.monotonic(), 0
    end = begun + READ_SECONDS + 60
    while time.monotonic() < end:
        frame = peer.next_frame(30)
        if frame.opcode == 0x8:
            raise CloseSeen(frame.close_code)
        if frame.opcode == 0x9:
            peer.send_frame(0xA, frame.payload)
        if frame.opcode != 0x1:
            continue
        message = json.loads(frame.text)
        journal.note("heard", conn=name, tab=name, message=message)
        if message.get("type") == "run" and message.get("event") == "end":
            return
        taken += len(frame.payload)
        if time.monotonic() - begun < READ_SECONDS and not stopping.is_set():
            time.sleep(min(len(frame.payload) / BYTES_A_SECOND, max(0.0, begun + READ_SECONDS - time.monotonic()), 5))
