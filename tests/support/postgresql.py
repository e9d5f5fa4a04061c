"""A PostgreSQL of our own for the length of a test run: another user, a short temporary path, a socket and no port."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from time import monotonic, sleep

import psycopg
from psycopg import sql

_UNPRIVILEGED = ("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups")
_WITH_US = ("setpriv", "--pdeathsig=QUIT")
"""PostgreSQL's immediate shutdown, sent by the kernel should the test run be killed: nothing outlives it."""

_NEW = ("-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions")
"""Trust: the folder of the socket is open to its owner only."""

_FAST = {
    # A test's database need not survive a power cut; everything else is PostgreSQL as it comes.
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "shared_buffers": "32MB",
    "max_connections": "120",
    "listen_addresses": "",
    "log_statement": "none",
    "timezone": "UTC",
}


class PostgresqlMissing(Exception):
    """PostgreSQL's server programs are not installed: run scripts/setup as root, or install postgresql-15."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: `folder` holds its socket; whoever can read the folder is its superuser `jitsuin`."""

    folder: Path
    _numbers: Iterator[int]

    def url(self, database: str = "postgres") -> str:
        """SQLAlchemy's address of one database of this server."""
        return f"postgresql+psycopg://jitsuin@/{database}?host={self.folder}"

    def create_database(self, template: str = "template1") -> str:
        """The name of a new database, a copy of `template` (which nobody may be using just then)."""
        name = f"test_{next(self._numbers)}"
        with self._administrator() as connection:
            statement = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY")
            connection.execute(statement.format(sql.Identifier(name), sql.Identifier(template)))
        return name

    def drop_database(self, name: str) -> None:
        """Remove it, whoever is still connected."""
        with self._administrator() as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def cut_off(self, name: str, *, off: bool) -> None:
        """Nobody reaches it any more, whoever was connected; or everybody may again."""
        with self._administrator() as connection:
            statement = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
            connection.execute(statement.format(sql.Identifier(name), sql.SQL("false" if off else "true")))
            if off:
                connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))

    def _administrator(self) -> "psycopg.Connection[tuple[object, ...]]":
        return psycopg.connect(host=str(self.folder), user="jitsuin", dbname="postgres", autocommit=True)


@contextmanager
def private_server() -> Iterator[Server]:
    """Make and start a server; end it by its process id and remove what it wrote."""
    programs = _programs()
    folder = Path(tempfile.mkdtemp(prefix="jpg-", dir="/tmp"))  # a socket's path has at most 107 octets
    as_user: tuple[str, ...] = ()
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        as_user = _UNPRIVILEGED
        shutil.chown(folder, "nobody", "nogroup")
    data = folder / "data"
    try:
        subprocess.run(
            [*as_user, f"{programs}/initdb", "-D", f"{data}", "-U", "jitsuin", *_NEW],
            check=True,
            cwd=folder,
            stdout=subprocess.DEVNULL,
        )
        options = [part for key, value in _FAST.items() for part in ("-c", f"{key}={value}")]
        command = [*as_user, *_WITH_US, f"{programs}/postgres", "-D", f"{data}", "-k", f"{folder}", *options]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
        try:
            server = Server(folder, count(1))
            _wait_ready(server, process, folder / "log")
            yield server
        finally:
            process.send_signal(signal.SIGINT)  # fast shutdown: sessions are ended, files are closed
            process.wait(timeout=30)
    finally:
        shutil.rmtree(folder)


def _programs() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    on_path = shutil.which("postgres")
    if on_path is None:
        raise PostgresqlMissing(PostgresqlMissing.__doc__)
    return Path(on_path).resolve().parent


def _wait_ready(server: Server, process: "subprocess.Popen[bytes]", log: Path, patience: float = 60.0) -> None:
    until = monotonic() + patience
    while True:
        try:
            psycopg.connect(host=str(server.folder), user="jitsuin", dbname="postgres").close()
        except psycopg.OperationalError:
            if process.poll() is not None or monotonic() > until:
                raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text(errors='replace')}") from None
            sleep(0.05)
        else:
            return
