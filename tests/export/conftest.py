"""A server of PostgreSQL for the tests that ask for it."""

from collections.abc import Iterator

import pytest

from databases import postgres_server


@pytest.fixture(scope="session")
def postgres() -> Iterator[None]:
    with postgres_server():
        yield
