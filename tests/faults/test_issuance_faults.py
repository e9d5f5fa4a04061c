"""Issuance when writes fail and processes die: afterwards the same call finishes, and there is one certificate."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from ca import journal
from ca.directory import Database
from ca.file_key import FileKey
from ca.store import issued as store
from ca.store.tables import CERTIFICATES, INTENTS
from pki.certificate import Certificate
from pki.instant import Instant
from tests.ca.issuing_world import World, make_world, request
from tests.faults.issuing_driver import CALLS, STEPS, order


class _Fault(Exception):
    pass


@pytest.fixture
def world(database: Database, tmp_path: Path, at: Instant, random: Callable[[int], bytes]) -> World:
    return make_world(database, tmp_path, at, random)


def check_invariants(database: Database) -> dict[str, int]:
    """What must hold whenever anybody looks: certificates are what was intended, and every one is in the journal."""

    def look(conn: Any) -> dict[str, int]:
        intents = {row.id: row for row in conn.execute(select(INTENTS)).all()}
        certificates = conn.execute(select(CERTIFICATES)).all()
        told = {(e.event.issuer, e.event.serial) for e in journal.entries_after(conn, 0) if e.event.kind == "issued"}
        for row in certificates:
            intent = intents[row.intent_id]
            assert Certificate(bytes(row.der)).tbs == bytes(intent.tbs)
            assert (row.issuer, row.serial, intent.state) == (intent.issuer, intent.serial, "issued")
        assert {row.intent_id for row in certificates} == {i for i, row in intents.items() if row.state == "issued"}
        assert {(row.issuer, row.serial) for row in certificates} == told
        return {"intents": len(intents), "certificates": len(certificates)}

    return database.read(look)


WRITES = [
    (store, "remember_keys"),
    (store, "remember_partition"),
    (store, "insert_intents"),
    (FileKey, "sign"),
    (store, "insert_certificates"),
    (store, "set_intents_state"),
    (journal, "record"),
]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(("owner", "name"), WRITES, ids=[name for _, name in WRITES])
def test_a_failing_write_leaves_nothing_half_done(
    world: World, owner: Any, name: str, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = world.order()
    original = getattr(owner, name)

    def faulty(*arguments: Any, **named: Any) -> Any:
        if when == "after":
            original(*arguments, **named)
        raise _Fault

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, faulty)
        with pytest.raises(_Fault):
            world.issue(wanted)
    before = check_invariants(world.database)
    assert before["certificates"] == 4
    issued = world.issue(wanted)
    assert check_invariants(world.database) == {"intents": 5, "certificates": 5}
    assert world.issue(wanted) == issued


def _run(world: World, tmp_path: Path, step: str) -> subprocess.CompletedProcess[str]:
    path = tmp_path / "request.der"
    if not path.exists():
        path.write_bytes(request("card signature"))
    url = world.database.engine.url.render_as_string(hide_password=False)  # type: ignore[attr-defined]
    return subprocess.run(
        [sys.executable, "-m", "tests.faults.issuing_driver", url, tmp_path / "keys", path, step],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )


def _killed_then_repeated(world: World, tmp_path: Path, steps: list[str]) -> None:
    for step in steps:
        killed = _run(world, tmp_path, step)
        assert (killed.returncode, killed.stdout) == (-9, ""), (step, killed.stderr)
        check_invariants(world.database)
    finished = _run(world, tmp_path, "none")
    assert finished.returncode == 0, finished.stderr
    assert check_invariants(world.database) == {"intents": 5, "certificates": 5}
    repeated = world.issue(order(request("card signature")))
    assert repeated.serial.hex == finished.stdout.strip()


def test_a_process_killed_on_the_way_leaves_what_the_same_call_finishes(world: World, tmp_path: Path) -> None:
    """Killed again and again, each time a little later: one certificate all the same."""
    _killed_then_repeated(world, tmp_path, ["after:insert_intents", "after:sign", "after:insert_certificates"])


@pytest.mark.slow
@pytest.mark.parametrize("step", STEPS)
def test_a_process_killed_at_any_step(world: World, tmp_path: Path, step: str) -> None:
    _killed_then_repeated(world, tmp_path, [step])


def test_every_step_is_on_the_way() -> None:
    assert len(STEPS) == 2 * len(CALLS)
