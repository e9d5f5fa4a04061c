"""What every test may ask for: databases of both kinds, a fixed time, seeded chance; and what no test may do.

`database`            a fresh, migrated Database: the test runs once on SQLite and once on PostgreSQL
`sqlite_database`     only SQLite (a file in a temporary folder)
`postgresql_database` only PostgreSQL (a private server per test worker, no port, gone afterwards)
`at`, `clock`         2026-11-23T00:00:00Z, and a clock that stands there until the test moves it
`random`              `random(n)` gives n octets, the same in every run of this test

No test reaches another machine, and none leaves a process behind.
"""

import ipaddress
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from pki.instant import Instant
from tests.support.chance import SeededOctets, SetClock
from tests.support.postgresql import Server, private_server
from tests.support.processes import nothing_left

if TYPE_CHECKING:
    from cli.database import Database

settings.register_profile(
    "house", derandomize=True, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("house")


def _only_this_machine(event: str, arguments: tuple[object, ...]) -> None:
    if event != "socket.connect":
        return
    address = arguments[1]
    if isinstance(address, tuple) and address and address[0] not in ("", "localhost"):
        try:
            here = ipaddress.ip_address(str(address[0]).partition("%")[0]).is_loopback
        except ValueError:
            here = False
        if not here:
            raise ConnectionRefusedError(f"tests do not talk to other machines: {address[0]}")


sys.addaudithook(_only_this_machine)


@pytest.fixture(scope="session", autouse=True)
def _no_process_is_left() -> Iterator[None]:
    with nothing_left():
        yield


@pytest.fixture
def at() -> Instant:
    """The time that tests happen at unless they say otherwise."""
    return Instant.parse("2026-11-23T00:00:00Z")


@pytest.fixture
def clock(at: Instant) -> SetClock:
    """A clock standing at `at`."""
    return SetClock(at)


@pytest.fixture
def random(request: pytest.FixtureRequest) -> Callable[[int], bytes]:
    """Octets seeded by the test's name."""
    return SeededOctets(request.node.nodeid)


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[Server]:
    """A private PostgreSQL, started once per test worker."""
    with private_server() as server:
        yield server


@pytest.fixture(scope="session")
def _sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "template.db"
    _migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def _postgresql_template(postgresql_server: Server) -> str:
    name = postgresql_server.create_database()
    _migrate(postgresql_server.url(name))
    return name


def _open(url: str) -> "Database":
    from cli.database import Database  # not at the top: tests that need no database start faster without it

    return Database(url)


def _migrate(url: str) -> None:
    database = _open(url)
    database.migrate()
    database.engine.dispose()


@pytest.fixture
def sqlite_database(_sqlite_template: Path, tmp_path: Path) -> Iterator["Database"]:
    """A fresh, migrated SQLite database in a file of its own."""
    path = tmp_path / "jitsuin.db"
    shutil.copy(_sqlite_template, path)
    database = _open(f"sqlite:///{path}")
    yield database
    database.engine.dispose()


@pytest.fixture
def postgresql_database(postgresql_server: Server, _postgresql_template: str) -> Iterator["Database"]:
    """A fresh, migrated PostgreSQL database."""
    name = postgresql_server.create_database(_postgresql_template)
    database = _open(postgresql_server.url(name))
    yield database
    database.engine.dispose()
    postgresql_server.drop_database(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> "Database":
    """A fresh, migrated database of either kind: the test runs on both."""
    given: Database = request.getfixturevalue(f"{request.param}_database")
    return given


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What tests measured and wish to tell (`record_property`), also from other workers."""
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            terminalreporter.write_line(f"{name}: {value}")
