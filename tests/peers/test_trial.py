"""What `make serve` starts beside the service: a flag reaches the store and is acknowledged; a store that is down is an
alarm."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from cli.clock import SystemClock
from cli.database import Database
from cli.officer_keys import OfficerKeys
from cli.settings import load_settings
from enrollment import protection, registry
from enrollment.acts import What
from enrollment.store import people
from pki.attributes import Attributes, Gender
from tests.support.processes import end
from tests.support.service import command, serving


def free_ports() -> int:
    """The first of three ports in a row that are free."""
    for _ in range(50):
        probes = [socket.socket() for _ in range(3)]
        try:
            probes[0].bind(("127.0.0.1", 0))
            first: int = probes[0].getsockname()[1]
            for number, probe in enumerate(probes[1:], 1):
                probe.bind(("127.0.0.1", first + number))
        except OSError:
            continue
        finally:
            for probe in probes:
                probe.close()
        return first
    raise AssertionError("no three ports in a row")


def said(*words: str) -> Any:
    ran = subprocess.run(command(*words, "--json"), capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def until(what: Callable[[], bool]) -> None:
    over = time.monotonic() + 120
    while not what():
        assert time.monotonic() < over, "it did not come"
        time.sleep(0.2)


@pytest.mark.slow
def test_a_flag_reaches_the_store_and_a_store_that_is_down_is_an_alarm(tmp_path: Path) -> None:
    folder, first = tmp_path / "deployment", free_ports()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        listen = f"127.0.0.1:{probe.getsockname()[1]}"
    subprocess.run(command("init", str(folder), "--listen", listen), capture_output=True, timeout=120, check=True)
    settings = load_settings(folder)
    database, at = Database(settings.database_url), SystemClock().now()
    owner = settings.municipality.code

    def enter(conn: Any) -> Any:
        return registry.register(
            conn, owner, Attributes("実印　花子", at.jst_date(), Gender.FEMALE, "例示県見本市隠町一番"), at, os.urandom
        )

    person = database.transaction(enter)
    clerk = database.read(lambda conn: people.operator_of(conn, f"{owner}-clerk"))
    officers = OfficerKeys(settings, os.urandom)

    def signed(conn: Any, who: Any, act: str, deed: Any) -> Any:
        now = SystemClock().now()
        officers.act(conn, who.operator, What.PROTECTION, person, protection.act_content(act, person), now)
        return deed(conn, person, who, now, os.urandom)

    line = [sys.executable, "-P", "-m", "fixtures.peers", "trial", str(folder), "--parent", str(os.getpid())]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2]), "PEERS_PORT": str(first)}
    with ExitStack() as stack:
        stack.enter_context(serving(folder, "--listen", listen))
        peers = subprocess.Popen(line, stdout=subprocess.PIPE, text=True, env=environment)
        assert peers.stdout is not None
        try:
            assert peers.stdout.readline().startswith("peers:"), "registered, and all three are up"
            store = f"http://127.0.0.1:{first + 2}"
            assert httpx.get(f"{store}/own/flags").json() == {"flags": {}}
            flag = database.transaction(lambda conn: signed(conn, clerk, "apply", protection.apply))
            until(lambda: httpx.get(f"{store}/own/flags").json()["flags"] == {flag.flag: flag.version})
            later = at + timedelta(hours=2)
            until(lambda: database.read(lambda conn: protection.alarms(conn, later)) == [])
            until(lambda: said("office", "alarms", str(folder)) == {"alarms": []})
            httpx.put(f"{store}/plan", content=b'{"outage": true}').raise_for_status()
            boss = database.read(lambda conn: people.operator_of(conn, f"{owner}-supervisor"))
            database.transaction(lambda conn: signed(conn, boss, "confirm", protection.confirm))
            stack.close()  # its own look at the present time would find no alarm yet
            said("office", "run", str(folder), "--once", "--clock", later.iso())
            kinds = [one["kind"] for one in said("office", "alarms", str(folder))["alarms"]]
            assert "flag-unacknowledged" in kinds
        finally:
            end(peers.pid, patience=20)
            peers.wait()
            peers.stdout.close()
    database.close()
    for number in range(3):
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"http://127.0.0.1:{first + number}/own/flags")
    assert (folder / "peers" / "keys.json").stat().st_mode & 0o777 == 0o600
