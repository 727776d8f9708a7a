"""Notes when the machine gave this process nothing to run on: then it gave the gateways nothing either, and these take it
that they slept. Nobody's deadline is held against that."""

import threading
import time

LOOK_EVERY, LATE = 0.05, 0.4


class Starved:
    """While it is entered. `seconds`: of all the times together."""

    def __init__(self, journal):
        self.seconds = 0.0
        self._journal = journal
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ended.set()
        self._thread.join()

    def _look(self):
        last = time.monotonic()
        while not self._ended.wait(LOOK_EVERY):
            now = time.monotonic()
            if now - last > LATE:
                self.seconds += now - last
                self._journal.note("fault", kind="starved", target=None, since=last, until=now + LATE)
            last = now
