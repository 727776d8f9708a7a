"""End to end on real infrastructure: a person's page in Chromium, or a client, the gateway, Redis, and an agent.

Uses the gateway at TEST_BACKEND_URL and the Redis at TEST_REDIS_URL, and starts the rest itself: see
tests/README_WEBSOCKET_TESTS.md. The tests are in the two end_to_end modules beside this one.
"""

import pytest

from integration.smart_city.end_to_end_failures import EndToEndFailures
from integration.smart_city.end_to_end_flows import EndToEndFlows

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.e2e, pytest.mark.websocket]


# pytest runs the tests of the last base class first.
class TestWebSocketGatewayE2E(EndToEndFailures, EndToEndFlows):
    pass
