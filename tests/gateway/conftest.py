"""Which gateways do the tests share?"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.gateway.running import Running, classroom, running


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A gateway with a class on it, for tests that leave it as they found it."""
    with running(tmp_path_factory.mktemp("gateway")) as made:
        classroom(made)
        yield made
