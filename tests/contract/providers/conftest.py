"""A real server of the wire format, and providers that talk to it over TCP."""

from collections.abc import AsyncIterator, Iterator

import pytest

from penstock.providers.transport import Transport
from upstream.client import Build, builder
from upstream.process import Upstream


@pytest.fixture(scope="session")
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        yield running


@pytest.fixture
async def transport() -> AsyncIterator[Transport]:
    made = Transport()
    yield made
    await made.close()


@pytest.fixture
def build(upstream: Upstream, transport: Transport) -> Build:
    """Return a maker of providers for the test server; keywords replace what is usual."""
    return builder(upstream.base_url, transport)
