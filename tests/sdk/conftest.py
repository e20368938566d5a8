"""The mocks that tests talk to."""

import signal

import pytest

pytest.register_assert_rewrite("contracts", "expected")

import variants
from mocking import BEARER, KEYS, SIGNING, Mock


def pytest_configure():
    # A suite that is told to end stops its mocks too, as after Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """Where the variants are."""
    return variants.write(tmp_path_factory.mktemp("scenarios"))


@pytest.fixture(scope="session")
def rows(folder):
    """The mock of rows.toml, for every test that leaves nothing behind in it."""
    with Mock(folder / "rows.toml") as mock:
        yield mock


@pytest.fixture(scope="session")
def reasoning(folder):
    """The mock whose answers begin with reasoning."""
    with Mock(folder / "reasoning.toml") as mock:
        yield mock


@pytest.fixture(scope="session")
def keyed(folder):
    """The mock that checks every key, on Bedrock the bearer's."""
    with Mock(folder / "rows.toml", keys=KEYS.keys() - SIGNING) as mock:
        yield mock


@pytest.fixture(scope="session")
def signed(folder):
    """The mock that checks every key, and on Bedrock verifies signatures."""
    with Mock(folder / "rows.toml", keys=KEYS.keys() - BEARER) as mock:
        yield mock


@pytest.fixture
def start(folder, request):
    """Starts a mock of a variant for one test alone."""

    def start(variant, keys=()):
        mock = Mock(folder / f"{variant}.toml", keys).__enter__()
        request.addfinalizer(mock.__exit__)
        return mock

    return start
