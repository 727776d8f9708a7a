"""The gateway is one on the test's own Redis, for each test anew."""

import pytest


@pytest.fixture
def gateway(cluster):
    return cluster.start()


def pytest_collection_modifyitems(items):
    """What waits longest begins first: side by side, no process is left at the end to wait alone."""

    def seconds(item):
        slow = item.get_closest_marker("slow")
        return 0 if slow is None else (slow.args or (10,))[0]

    items.sort(key=seconds, reverse=True)
