"""A TOML file of settings that a running gateway reads again."""

import signal


class SettingsFile:
    def __init__(self, path, text=""):
        self.path = path
        self.write(text)

    def write(self, text):
        self.path.write_text(text)

    def reload(self, gateway, text):
        """The answer of the API."""
        self.write(text)
        return gateway.api.post("/api/admin/reload")


def hang_up(gateway):
    gateway.process.send_signal(signal.SIGHUP)
