"""`jitsuin snapshot` as a command: whole or not there, read-only in an emergency, and never a revocation taken back."""

import json
import os
import random as dice
import resource
import shutil
import signal
import subprocess
import time
from datetime import date
from pathlib import Path

import httpx
import pytest

from ca import revocation
from ca.inventory import Query, search
from ca.journal_file import JournaledDatabase, JournalFile
from ca.profiles import Kind
from cli.database import Database
from cli.keys import open_operator_keys
from cli.officer_keys import OfficerKeys
from cli.settings import load_settings
from enrollment import protection, registry
from enrollment.acts import What
from enrollment.store import peers, people
from pki.attributes import Attributes, Gender
from pki.http_signature import RequestKey
from pki.instant import Instant
from pki.revocation import Reason
from tests.support.processes import end
from tests.support.service import command

ADDRESS = "東京都見本区見本町一丁目２番３号"


class Place:
    """A deployment with two residents, one of them protected, and keys for its snapshots."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.keys = folder, folder.parent / "snapshot-keys"
        self.settings = load_settings(folder)
        self.owner = self.settings.municipality.code
        self.database = Database(self.settings.database_url)
        attributes = Attributes("実印　花子", date(1980, 2, 17), Gender.FEMALE, ADDRESS)
        self.now = Instant(int(time.time()))

        def enter(conn):
            found = [registry.register(conn, self.owner, attributes, self.now, os.urandom) for _ in range(2)]
            clerk = people.operator_of(conn, f"{self.owner}-clerk")
            about = protection.act_content("apply", found[1])
            officers = OfficerKeys(self.settings, os.urandom)
            officers.act(conn, clerk.operator, What.PROTECTION, found[1], about, self.now)
            protection.apply(conn, found[1], clerk, self.now, os.urandom)
            return found

        self.person, self.protected = self.database.transaction(enter)
        self.run("keys", self.keys)

    def run(self, *arguments, status=0, **more):
        line = command("snapshot", *map(str, arguments))
        ran = subprocess.run(line, capture_output=True, text=True, timeout=120, check=False, **more)
        assert ran.returncode == status, (ran.stdout, ran.stderr)
        return json.loads(ran.stdout) if "--json" in arguments and status == 0 else ran.stderr + ran.stdout

    def make(self, out: Path, **more):
        return self.run("make", self.folder, "--keys", self.keys, "--out", out, "--json", **more)

    def officer(self, name: str = "clerk") -> RequestKey:
        key = open_operator_keys(self.settings, os.urandom).open(f"{self.owner}-{name}")
        return RequestKey(f"officer:{self.owner}-{name}", key.public_spki, key.sign)


@pytest.fixture
def place(deployment):
    one = Place(deployment)
    yield one
    one.database.close()


def test_made_listed_and_never_over_another(place, tmp_path):
    out = tmp_path / "town.snapshot"
    place.make(out)
    assert out.stat().st_mode & 0o777 == 0o600
    made = place.database.read(lambda conn: peers.snapshots_of(conn, place.owner))
    assert [(one.people, one.octets) for one in made] == [(2, out.stat().st_size)]
    before = out.read_bytes()
    assert "cli.file-unusable" in place.make(out, status=1)
    assert out.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir() if "snapshot" in path.name) == [
        "snapshot-keys", "town.snapshot",
    ]  # fmt: skip


@pytest.mark.slow
def test_cut_flipped_or_with_other_keys_nothing_is_believed(place, tmp_path):
    out, bad, other = tmp_path / "town.snapshot", tmp_path / "bad.snapshot", tmp_path / "other-keys"
    place.make(out)
    octets = out.read_bytes()
    place.run("keys", other)
    for broken in (octets[: len(octets) // 2], octets[:-1], bytes([octets[5] ^ 1]).join([octets[:5], octets[6:]])):
        bad.write_bytes(broken)
        assert "enrollment.snapshot-damaged" in place.run("verify", bad, "--keys", place.keys, status=1)
    assert "enrollment.snapshot-damaged" in place.run("restore", out, place.folder, "--keys", other, status=1)


@pytest.mark.slow
def test_no_room_on_the_disk_leaves_no_file(place, tmp_path):
    def small():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (300, 300))

    out = tmp_path / "away" / "town.snapshot"
    out.parent.mkdir()
    place.make(out, status=1, preexec_fn=small)
    assert list(out.parent.iterdir()) == []
    assert place.database.read(lambda conn: peers.snapshots_of(conn, place.owner)) == []


@pytest.mark.slow
def test_no_room_where_the_copy_goes_leaves_none_there(place, tmp_path):
    """Enough for the database, none for the copy: a file system that only this process sees, and that is full."""
    away = tmp_path / "away"
    away.mkdir()
    script = 'mount -t tmpfs -o size=8k tmpfs "$1" && head -c 8192 /dev/zero > "$1/filler"; shift; "$@"; told=$?; '
    script += 'ls -A "$AWAY"; exit $told'
    line = command("snapshot", "make", str(place.folder), "--keys", str(place.keys), "--out", str(away / "t.snapshot"))
    alone = ["unshare", "--mount", "--map-root-user", "sh", "-c", script, "sh", str(away), *line]
    environment = {**os.environ, "AWAY": str(away)}
    ran = subprocess.run(alone, capture_output=True, text=True, timeout=120, check=False, env=environment)
    assert (ran.returncode, ran.stdout) == (1, "filler\n"), ran.stderr
    assert "cli.disk-full" in ran.stderr
    assert len(ran.stderr.strip().splitlines()) == 1
    assert place.database.read(lambda conn: peers.snapshots_of(conn, place.owner)) == []
    lines = place.database.read(lambda conn: registry.own_lines(conn, place.person))
    assert [line.result for line in lines] == [registry.COPIED], (
        "a copy that never came to be: written down, not hidden"
    )


@pytest.mark.slow
def test_killed_at_any_moment_there_is_a_whole_snapshot_or_none(place, tmp_path):
    chance = dice.Random(7)
    for number in range(8):
        out = tmp_path / f"{number}.snapshot"
        line = command("snapshot", "make", str(place.folder), "--keys", str(place.keys), "--out", str(out))
        process = subprocess.Popen(line, stdout=subprocess.DEVNULL)
        time.sleep(chance.uniform(0.2, 2.5))
        process.send_signal(signal.SIGKILL)
        process.wait()
        if out.exists():
            assert place.run("verify", out, "--keys", place.keys, "--json")["ok"] is True


def test_an_old_snapshot_in_an_old_database_takes_no_revocation_back(place, tmp_path):
    """The worst day: the database is lost, its backup and the snapshot are older than a revocation."""
    out, backup = tmp_path / "town.snapshot", tmp_path / "backup.db"
    place.make(out)
    place.database.close()
    shutil.copy(place.folder / "jitsuin.db", backup)
    journal = JournalFile(place.settings.path(place.settings.status.journal))
    found = search(place.database, Query(kind=Kind.OPERATOR), place.now, limit=1)[0]
    JournaledDatabase(place.database, journal).transaction(
        lambda conn: revocation.revoke(
            conn, found.authority, found.serial, Reason.KEY_COMPROMISE, place.now, cause="lost"
        )
    )
    place.database.close()
    for file in place.folder.glob("jitsuin.db*"):
        file.unlink()
    shutil.copy(backup, place.folder / "jitsuin.db")
    assert place.database.read(lambda conn: revocation.standing(conn, found.authority, found.serial)) is None
    place.database.close()
    done = place.run("restore", out, place.folder, "--keys", place.keys, "--json")
    assert done["replayed"] >= 1
    assert place.database.read(lambda conn: revocation.standing(conn, found.authority, found.serial)) is not None
    again = place.run("restore", out, place.folder, "--keys", place.keys, "--json")
    assert again == {"people": 0, "events": 0, "flags": 0, "ended": 0, "replayed": 0}


def test_an_emergency_is_read_only_dated_masked_and_written_down_first(place, tmp_path):
    out, looks = tmp_path / "town.snapshot", tmp_path / "looks.jsonl"
    place.make(out)
    looks.write_bytes(b'{"cut off')  # what a crash left of a line that nobody was answered for
    line = command("snapshot", "serve", str(out), "--keys", str(place.keys), "--looks", str(looks), "--json")
    process = subprocess.Popen([*line, "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE, text=True)
    try:
        ready = json.loads(process.stdout.readline())
        key = place.officer()

        def ask(method, path, body=None, nonce=None, by=key):
            url, octets = f"{ready['url']}{path}", b"" if body is None else json.dumps(body).encode()
            at = Instant(int(time.time()))
            headers = by.headers(method, url, octets, at, nonce or os.urandom(12).hex())
            return httpx.request(method, url, content=octets, headers={**headers, "content-type": "application/json"})

        about = httpx.get(f"{ready['url']}/v1/emergency")
        assert (about.json()["people"], about.json()["read_only"]) == (2, True)
        assert about.headers["as-of"] == ready["as_of"]
        body = {"fields": ["name", "address"], "reason": "shelter"}
        clear = ask("POST", f"/v1/emergency/people/{place.person}", body)
        assert clear.status_code == 200, clear.text
        assert clear.json()["shown"]["address"] == ADDRESS
        assert clear.json()["as_of"] == ready["as_of"]
        masked = ask("POST", f"/v1/emergency/people/{place.protected}", body)
        assert ADDRESS not in masked.text
        assert masked.json()["shown"]["address"] == protection.MASKED
        assert ask("POST", f"/v1/emergency/people/{'f' * 32}", body).status_code == 404
        decision = ask("GET", f"/v1/emergency/people/{place.person}/decision")
        assert decision.json()["decision"]["allowed"] is False
        url = f"{ready['url']}/v1/emergency/people/{place.person}"
        assert httpx.post(url, json=body).status_code == 401
        assert ask("GET", f"/v1/emergency/people/{place.person}/decision", nonce="n" * 20).status_code == 200
        assert ask("GET", f"/v1/emergency/people/{place.person}/decision", nonce="n" * 20).status_code == 401
        assert ask("DELETE", f"/v1/emergency/people/{place.person}").status_code == 405
        assert len(looks.read_bytes().splitlines()) == 5, "whoever was not there was looked for too"
    finally:
        end(process.pid)
        process.wait()
        process.stdout.close()
    done = place.run("enter-looks", place.folder, looks, "--json")
    assert done == {"entered": 4, "left": 1}
    assert place.run("enter-looks", place.folder, looks, "--json") == {"entered": 0, "left": 5}
    lines = place.database.read(lambda conn: registry.own_lines(conn, place.protected))
    told = [(line.access.function, line.result) for line in lines]
    assert told == [("snapshot", "copied"), ("emergency", "masked")]
    changed = looks.read_bytes().replace(b"shelter", b"shekter", 1)
    looks.write_bytes(changed)
    assert "enrollment.snapshot-damaged" in place.run("enter-looks", place.folder, looks, status=1)
