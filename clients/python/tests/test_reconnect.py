import random

import pytest

from websocket_gateway.reconnect import Again, Reconnect, Stop


def delays(reconnect, code, times):
    return [reconnect.closed(code).delay for _ in range(times)]


def test_waits_at_random_up_to_twice_as_long_each_time():
    most = [0.0] * 10
    for seed in range(300):
        for n, delay in enumerate(delays(Reconnect(can_renew=False, rng=random.Random(seed)), None, 10)):
            most[n] = max(most[n], delay)
            assert 0 <= delay <= min(20, 0.25 * 2**n)
    assert all(found > 0.9 * min(20, 0.25 * 2**n) for n, found in enumerate(most))


def test_a_welcome_begins_anew():
    reconnect = Reconnect(can_renew=False, rng=random.Random(1))
    delays(reconnect, 1012, 8)
    reconnect.welcomed()
    assert reconnect.closed(1012, lived=6).delay <= 0.25
    delays(reconnect, None, 8)
    reconnect.welcomed()
    assert reconnect.closed(1006).delay <= 0.25


def test_who_is_sent_away_after_each_welcome_waits_longer_each_time():
    reconnect, waited = Reconnect(can_renew=False, rng=random.Random(1)), 0.0
    for _ in range(12):
        reconnect.welcomed()
        waited += reconnect.closed(1011, lived=0.1).delay
    assert waited > 20


def test_a_draining_gateway_sets_the_floor_until_the_next_welcome():
    reconnect = Reconnect(can_renew=False, rng=random.Random(1))
    reconnect.draining(1500)
    assert 1.5 <= reconnect.closed(1012).delay <= 1.75
    reconnect.welcomed()
    assert reconnect.closed(1012, lived=6).delay <= 0.25


def test_who_is_sent_on_comes_at_once_and_then_with_backoff():
    reconnect = Reconnect(can_renew=False, rng=random.Random(1))
    reconnect.welcomed()
    reconnect.draining(0)
    assert reconnect.closed(1012, lived=6) == Again(0.0)
    for n, delay in enumerate(delays(reconnect, None, 4)):
        assert 0 < delay <= 0.25 * 2**n
    reconnect.welcomed()
    reconnect.draining(0)
    assert isinstance(reconnect.closed(4003), Stop)


@pytest.mark.parametrize("code", [1008, 4001, 4003])
def test_a_session_is_renewed_once(code):
    assert isinstance(Reconnect(can_renew=False).closed(code), Stop)
    reconnect = Reconnect(can_renew=True)
    assert isinstance(reconnect.closed(code), Again)
    assert isinstance(reconnect.closed(code), Stop)
    reconnect.welcomed()
    assert isinstance(reconnect.closed(code), Again)


def test_too_many_connections_come_back_late():
    for seed in range(50):
        for n, delay in enumerate(delays(Reconnect(can_renew=True, rng=random.Random(seed)), 4004, 8)):
            assert 5 <= delay <= min(60, 5 * 2 ** (n + 1))


def test_who_was_replaced_stays_away():
    assert Reconnect(can_renew=True).closed(4010) == Stop(4010, "replaced by a newer connection of the same client")


@pytest.mark.parametrize("code", [None, 1000, 1001, 1006, 1011, 1012, 4000, 4005, 4008, 4009])
def test_everything_else_comes_back(code):
    assert isinstance(Reconnect(can_renew=False).closed(code), Again)
