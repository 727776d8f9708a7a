"""Who talks to /mcp: by hand, or through one of the official clients."""

import pytest

from support.mcp import NEWER, OLDER, Mcp
from support.mcp_client import McpClient


@pytest.fixture(params=[NEWER, OLDER])
def mcp(request, gateway, closing):
    """By hand, once in each revision."""
    return closing(Mcp(gateway, request.param))


@pytest.fixture
def newer(gateway, closing):
    return closing(Mcp(gateway, NEWER))


@pytest.fixture
def older(gateway, closing):
    return closing(Mcp(gateway, OLDER))


@pytest.fixture
def start_client(closing):
    """start_client("python-2", gateway) is connected when it returns."""
    return lambda name, gateway, key=None: closing(McpClient(name, gateway.url, key or gateway.api_key))
