import pytest

from support.otel_collector import OtelCollector


@pytest.fixture(scope="module")
def collector():
    with OtelCollector() as running:
        yield running
