"""No signal kills without a word: it drains, reloads, or is logged and ignored."""

import contextlib
import signal

import psutil
import pytest

from support.wait import eventually


def receive(gateway, name):
    gateway.process.send_signal(getattr(signal, name))


@contextlib.contextmanager
def hanging_up(handler):
    """What a gateway that starts within inherits; these tests may themselves have been started by nohup."""
    before = signal.signal(signal.SIGHUP, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("name", ["SIGQUIT", "SIGTERM", "SIGINT", "SIGPWR", "SIGXCPU"])
def test_these_drain(gateway_factory, name):
    gateway = gateway_factory()
    client = gateway.connect()
    receive(gateway, name)
    assert client.closed()[0] == 1012
    assert gateway.wait_exit() == 0
    assert f"told_to_end signal={name}" in gateway.log_text


@pytest.mark.parametrize("name", ["SIGUSR1", "SIGUSR2", "SIGALRM", "SIGVTALRM", "SIGPROF", "SIGPOLL", "SIGRTMIN", "SIGRTMAX"])
def test_these_are_logged_and_ignored(gateway_factory, name):
    gateway = gateway_factory()
    client = gateway.connect()
    receive(gateway, name)
    number = int(getattr(signal, name))
    eventually(lambda: f"signal_ignored signal={name}" in gateway.log_text or f"signal={number} " in gateway.log_text)
    client.assert_silent()
    assert gateway.stop() == 0


def test_hanging_up_reloads(gateway_factory):
    with hanging_up(signal.SIG_DFL):
        gateway = gateway_factory()
    client = gateway.connect()
    receive(gateway, "SIGHUP")
    eventually(lambda: "told_to_reload signal=SIGHUP" in gateway.log_text and "reloaded" in gateway.log_text)
    client.assert_silent()
    assert gateway.stop() == 0


def test_hanging_up_does_not_hurry_a_drain(gateway_factory):
    with hanging_up(signal.SIG_DFL):
        gateway = gateway_factory("--drain-timeout", "2")
    mute = gateway.raw_connect()  # it never answers the close
    mute.welcome()
    receive(gateway, "SIGTERM")
    eventually(lambda: "drain_began" in gateway.log_text)
    for _ in range(3):
        receive(gateway, "SIGHUP")
    assert gateway.wait_exit() == 0
    assert "stopped_at_once" not in gateway.log_text


def test_who_was_started_to_outlive_a_terminal_does(gateway_factory):
    with hanging_up(signal.SIG_IGN):  # what nohup does
        gateway = gateway_factory()
    client = gateway.connect()
    receive(gateway, "SIGHUP")
    client.assert_silent()
    assert psutil.pid_exists(gateway.pid)
    assert gateway.stop() == 0
    assert "told_to_end signal=SIGTERM" in gateway.log_text
