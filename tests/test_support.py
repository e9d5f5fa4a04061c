"""The ground that other tests stand on holds: nothing outlives a test run, and PostgreSQL is really ours."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from tests.support.chance import SeededOctets, SetClock
from tests.support.postgresql import Server, private_server
from tests.support.processes import end, is_running, left_over, mark_children, nothing_left, wait_gone


def test_a_fresh_postgresql_database_is_empty_and_private(postgresql_server: Server) -> None:
    name = postgresql_server.create_database()
    with psycopg.connect(host=str(postgresql_server.folder), user="jitsuin", dbname=name) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
        assert connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (0,)
        postgresql_server.drop_database(name)  # although somebody is connected
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")


@pytest.mark.slow
def test_postgresql_ends_when_its_test_run_is_killed(tmp_path: Path) -> None:
    program = (
        "import sys, time\n"
        "from tests.support.postgresql import private_server\n"
        "with private_server() as server:\n"
        "    print((server.folder / 'data' / 'postmaster.pid').read_text().split()[0], server.folder, flush=True)\n"
        "    time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        pid, folder = run.stdout.readline().split()
        assert is_running(int(pid))
        run.kill()
    assert wait_gone(int(pid))
    assert Path(folder).name.startswith("jpg-")
    subprocess.run(["rm", "-r", folder], check=True)


@pytest.mark.slow
def test_a_postgresql_that_ends_leaves_no_folder() -> None:
    with private_server() as server:
        folder = server.folder
        assert folder.exists()
    assert not folder.exists()


def test_a_grandchild_left_behind_is_found_named_and_ended(postgresql_server: Server) -> None:
    before = os.environ["JITSUIN_TEST_RUN"]
    try:
        with pytest.raises(AssertionError, match="sleep 600"), nothing_left(patience=0.2):
            # setsid and a shell that ends at once: an orphan that is no child of ours any more
            subprocess.run(["setsid", "sh", "-c", "sleep 600 >/dev/null 2>&1 & sleep 0.3"], check=True)
        assert not any("sleep 600" in command for command in left_over(os.environ["JITSUIN_TEST_RUN"]).values())
        psycopg.connect(host=str(postgresql_server.folder), user="jitsuin", dbname="postgres").close()  # it lives on
    finally:
        os.environ["JITSUIN_TEST_RUN"] = before


def test_end_makes_a_process_end_that_does_not_listen() -> None:
    with subprocess.Popen(
        ["sh", "-c", "trap '' TERM; echo; while :; do sleep 0.1; done"], stdout=subprocess.PIPE
    ) as deaf:
        assert deaf.stdout is not None
        deaf.stdout.readline()
        end(deaf.pid, patience=0.3)
        assert deaf.wait() == -signal.SIGKILL


def test_marks_differ() -> None:
    before = os.environ["JITSUIN_TEST_RUN"]
    try:
        assert mark_children() != mark_children()
    finally:
        os.environ["JITSUIN_TEST_RUN"] = before


def test_tests_do_not_reach_other_machines() -> None:
    import socket

    with socket.socket() as probe, pytest.raises(ConnectionRefusedError, match=r"192\.0\.2\.1"):
        probe.connect(("192.0.2.1", 80))


def test_seeded_octets_repeat_and_do_not_depend_on_the_cut() -> None:
    first, second = SeededOctets("x"), SeededOctets("x")
    assert first(5) + first(70) == second(75)
    assert SeededOctets("y")(75) != SeededOctets("x")(75)


def test_a_clock_moves_only_on(clock: SetClock, random: Callable[[int], bytes]) -> None:
    later = clock.advance(days=1)
    assert clock.now() == later
    with pytest.raises(AssertionError):
        clock.advance(seconds=-1)
    assert len(random(20)) == 20
