"""Fixtures of the tests of durable runs, on whatever engine a module's gateway has."""

import pytest

from support.runs import Run


@pytest.fixture
def run(api):
    return Run.create(api)


@pytest.fixture
def agent(gateway):
    return gateway.subscribe("guide")


@pytest.fixture
def ada(gateway):
    return gateway.new_session(user_id="ada")
