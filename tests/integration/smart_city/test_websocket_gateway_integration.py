"""The gateway with a real Redis, in three phases: sockets, HTTP API and Redis watched at once.

Uses the gateway at TEST_BACKEND_URL and the Redis at TEST_REDIS_URL, and starts the rest itself: see
tests/README_WEBSOCKET_TESTS.md. The tests are in the modules of their phases beside this one.
"""

import pytest

from integration.smart_city.phase_1_connection import Phase1Connection
from integration.smart_city.phase_2_registry import Phase2Registry
from integration.smart_city.phase_2_consul import Phase2Consul
from integration.smart_city.phase_2_mcp import Phase2Mcp
from integration.smart_city.phase_3_load import Phase3Load
from integration.smart_city.phase_3_telemetry import Phase3Telemetry

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.integration, pytest.mark.websocket]


# pytest runs the tests of the last base class first.
class TestWebSocketGatewayIntegration(Phase3Telemetry, Phase3Load, Phase2Consul, Phase2Mcp, Phase2Registry, Phase1Connection):
    pass
