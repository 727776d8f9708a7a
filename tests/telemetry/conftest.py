import pytest

from support.otel_collector import OtelCollector


@pytest.fixture(scope="module")
def collector():
    with OtelCollector() as running:
        yield running


@pytest.fixture(scope="module")
def secure_collector():
    with OtelCollector(tls=True) as running:
        yield running
