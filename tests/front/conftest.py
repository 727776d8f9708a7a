"""Each kind of proxy in turn, with two gateways behind it."""

import pytest

from support.reverse_proxy import Haproxy, Nginx
from support.site import site_of
from support.traefik import Traefik

PROXIES = {kind.name: kind for kind in (Nginx, Haproxy, Traefik)}


@pytest.fixture(scope="module", params=PROXIES)
def kind(request):
    return PROXIES[request.param]


@pytest.fixture(scope="module")
def site(kind):
    """As it is deployed, for tests that leave it as they found it."""
    with site_of(kind) as started:
        yield started
