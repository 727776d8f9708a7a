"""The gateway is one on the test's own Redis, for each test anew."""

import pytest


@pytest.fixture
def gateway(cluster):
    return cluster.start()
