"""`jitsuin home` with a real reader stack, a running service, and its clock at a renewal's time."""

import fcntl
import json
import os
import select
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from cardio import jpki
from cardio.jpki_card import JpkiCard
from cardio.private_pcscd import PrivatePcscd
from cardio.session import CardSession
from cardio.virtual_card import FileStorage
from cardio.virtual_jpki import VirtualJpkiCard
from cli.home import _keep
from cli.home_filing import Prepared
from cli.settings import load_settings
from enrollment.filing import ReissueFiling
from enrollment.wareki import japanese
from pki.certificate import Certificate
from pki.instant import Instant
from pki.purpose import Purpose
from tests.support.service import command, serving

PASSWORD = "ABC123\n"


def jitsuin(*words: str, said: str = "", env: dict[str, str], status: int = 0) -> Any:
    ran = subprocess.run(
        command(*words, "--json"), capture_output=True, text=True, timeout=120, check=False, input=said,
        env={**os.environ, **env},
    )  # fmt: skip
    assert ran.returncode == status, ran.stdout + ran.stderr
    return json.loads(ran.stdout)


@pytest.fixture
def sampled(tmp_path: Path) -> Path:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"  # certificates name it, so it has to be known beforehand
    folder = tmp_path / "deployment"
    for line in (("init", str(folder), "--listen", address), ("sample", str(folder))):
        subprocess.run(command(*line), capture_output=True, timeout=120, check=True)
    return folder


@pytest.fixture
def seat(sampled: Path, tmp_path: Path) -> Iterator[tuple[dict[str, str], Path]]:
    """A reader with the first person's card: the environment of who uses it, and the card's file."""
    file = min((sampled / "cards").glob("*.card"))
    with PrivatePcscd(tmp_path / "p", drivers=1) as pcscd:
        started = command("card", "virtual", "start", str(file), "--port", str(pcscd.readers[0].port), "--json")
        playing = subprocess.Popen(started, stdout=subprocess.PIPE, text=True)
        try:
            assert playing.stdout is not None
            playing.stdout.readline()
            env = pcscd.client_environment
            until = time.monotonic() + 60
            while not jitsuin("card", "list", env=env)["readers"][0]["card"] and time.monotonic() < until:
                time.sleep(0.1)
            yield env, file
        finally:
            playing.terminate()
            playing.wait(10)
            assert playing.stdout is not None
            playing.stdout.close()


def certificates(file: Path) -> dict[Purpose, Certificate]:
    card = JpkiCard(CardSession.of_memory(VirtualJpkiCard(FileStorage(file), os.urandom), jpki.identify))
    password = jpki.pin(Purpose.SIGNATURE, PASSWORD.strip())
    return {
        Purpose.SIGNATURE: Certificate(card.read(Purpose.SIGNATURE, password) or b""),
        Purpose.AUTHENTICATION: Certificate(card.read(Purpose.AUTHENTICATION) or b""),
    }


@pytest.mark.slow
def test_a_statement_a_move_and_a_renewal_years_later(
    sampled: Path, seat: tuple[dict[str, str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    env, file = seat
    monkeypatch.chdir(tmp_path)
    town = ("--municipality", "99201", "--address", "見本市𠮷野町１番")
    address = str(load_settings(sampled).service.listen)
    with serving(sampled, "--listen", address) as service:
        here = ("--service", service.url, "--pin-stdin")
        said = jitsuin("home", "residence", *town, *here, said="1234\n", env=env)
        assert said["proof"] == "card-and-pin"
        early = jitsuin("home", "renew", *here, said=PASSWORD, env=env, status=1)
        assert early["error"]["fields"]["problem_code"] == "enrollment.management-refused"
    before = certificates(file)
    later = before[Purpose.AUTHENTICATION].validity.not_after + timedelta(days=-20)
    day = japanese(later.jst_date())
    with serving(sampled, "--listen", address, "--clock", later.iso()) as service:
        here = ("--service", service.url, "--pin-stdin", "--clock", later.iso())
        done = jitsuin("home", "renew", *here, said=PASSWORD, env=env)
        assert (done["decision"]["procedure"], done["decision"]["used"]) == ("remote-renewal", 1)
        after = certificates(file)
        for purpose in Purpose:
            assert after[purpose].spki != before[purpose].spki
            assert after[purpose].validity.not_after > before[purpose].validity.not_after
        moved = jitsuin("home", "move", *town, *here, "--moved-on", day, said=PASSWORD, env=env)
        assert moved["decision"]["used"] == 2
        again = jitsuin("home", "move", *town, *here, said=PASSWORD, env=env, status=1)
        assert again["error"]["fields"]["problem_code"] == "enrollment.nothing-changes"
    assert [one.name for one in tmp_path.iterdir() if one.suffix == ".json"] == [], "what is done is not kept"


class Cut:
    """Commands at this PC that are killed (SIGKILL) in the middle of their work with the card.

    Their trace goes into a pipe of one page that is read line by line: a command is at most some commands to the card
    ahead of what was read.
    """

    def __init__(self, folder: Path, env: dict[str, str]) -> None:
        self.folder, self.env, self.pipe = folder, env, folder / "trace"
        os.mkfifo(self.pipe)

    def killed(self, *words: str, keep: Path | None = None, after: int) -> int:
        """Run and kill after so many lines: of all, or of those since `keep` was there. How many there were in all."""
        line = [*command(*words, "--trace", str(self.pipe)), *([] if keep is None else ["--keep", str(keep)])]
        env = {**os.environ, **self.env}
        # both ends: neither side waits for the other to open it
        both = os.open(self.pipe, os.O_RDWR)
        fcntl.fcntl(both, fcntl.F_SETPIPE_SZ, 4096)
        process = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, env=env)
        assert process.stdin is not None
        process.stdin.write(PASSWORD.encode())
        process.stdin.close()
        seen = counted = 0
        with open(both, "rb", buffering=0) as trace:
            while counted < after:
                assert process.poll() is None, "it was over before"
                assert select.select([trace], [], [], 120)[0], "it stands still"
                assert trace.readline()
                seen += 1
                counted += keep is None or keep.exists()
            process.send_signal(signal.SIGKILL)
            assert process.wait(30) == -signal.SIGKILL
        return seen

    def lines(self, *words: str, **said: Any) -> tuple[Any, int]:
        """A command to its end, and how many commands and answers it took."""
        trace = self.folder / "whole"
        done = jitsuin(*words, "--trace", str(trace), env=self.env, **said)
        number = len(trace.read_text("utf-8").splitlines())
        trace.unlink()
        return done, number


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_killed_in_the_middle_of_the_card_s_work_finish_goes_on(
    sampled: Path, seat: tuple[dict[str, str], Path], tmp_path: Path
) -> None:
    """While a key is made; just after the filing was kept; while its certificate is written; between two of them."""
    env, file = seat
    cut, kept = Cut(tmp_path, env), tmp_path / "kept.json"
    town = ("--municipality", "99201", "--address", "見本市南町１番")
    address = str(load_settings(sampled).service.listen)

    def finished(service: str) -> int:
        """`finish` twice over: the second time there is nothing left. The commands that it took."""
        assert kept.stat().st_mode & 0o777 == 0o600
        done, number = cut.lines("home", "finish", str(kept), "--service", service)
        assert (done["state"] in ("signed", "installed", "delivered"), kept.exists()) == (True, False)
        used.append(done["decision"]["used"])
        return number

    used: list[int] = []
    before = certificates(file)
    with serving(sampled, "--listen", address) as service:
        here = ("--service", service.url, "--pin-stdin")
        cut.killed("home", "move", *town, *here, keep=None, after=4)
        assert certificates(file) == before, "a pending key changes nothing"
        cut.killed("home", "move", *town, *here, keep=kept, after=1)
        whole = finished(service.url)
        moved = certificates(file)
        assert moved[Purpose.SIGNATURE].spki != before[Purpose.SIGNATURE].spki
        assert moved[Purpose.AUTHENTICATION] == before[Purpose.AUTHENTICATION]
        cut.killed("home", "reissue", *here, keep=kept, after=whole // 2)
        finished(service.url)
        reissued = certificates(file)
        assert reissued[Purpose.SIGNATURE].spki != moved[Purpose.SIGNATURE].spki
    later = before[Purpose.AUTHENTICATION].validity.not_after + timedelta(days=-20)
    with serving(sampled, "--listen", address, "--clock", later.iso()) as service:
        here = ("--service", service.url, "--pin-stdin", "--clock", later.iso())
        cut.killed("home", "renew", *here, keep=kept, after=whole + 6)
        assert {one.spki for one in certificates(file).values()} & {one.spki for one in reissued.values()}, "half"
        finished(service.url)
    renewed = certificates(file)
    assert not {one.spki for one in renewed.values()} & {one.spki for one in reissued.values()}
    assert used == [1, 2, 3], "each once, however often it was begun"


def test_a_filing_that_was_kept_is_read_back_and_nothing_else_is(tmp_path: Path) -> None:
    filing = ReissueFiling("0" * 32, "1" * 64, Instant.parse("2026-11-24T00:00:00Z"))
    prepared = Prepared(filing.filing, filing.document(), b"signature", b"request")
    file = tmp_path / "kept.json"
    _keep(file, prepared.body())
    assert file.stat().st_mode & 0o777 == 0o600
    assert Prepared.of_body(json.loads(file.read_text("utf-8"))) == prepared
    renewal = Prepared(filing.filing, filing.document(), b"s", b"r", b"other")
    assert Prepared.of_body(renewal.body()) == renewal
    for wrong in (
        "",
        "[]",
        "{}",
        '{"document": "!"}',
        "\x00\xff",
        '{"document":"AA==","signature":"","request":"","x":""}',
    ):
        file.write_text(wrong, encoding="utf-8")
        ran = subprocess.run(
            command("home", "finish", str(file), "--service", "http://127.0.0.1:9", "--json"),
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert ran.returncode == 1, ran.stderr
        assert json.loads(ran.stdout)["error"]["code"] == "pki.invalid-value"
        assert ran.stderr == ""


def test_a_service_that_is_away_leaves_the_filing_to_go_on_with(tmp_path: Path) -> None:
    """Refused for good it goes; cut short it stays."""
    from cli import home as commands
    from cli.errors import FilingRefused

    filing = ReissueFiling("0" * 32, "1" * 64, Instant.parse("2026-11-24T00:00:00Z"))
    prepared = Prepared(filing.filing, filing.document(), b"signature", b"request")
    kept = tmp_path / "kept.json"

    class Away:
        def send(self, _prepared: Prepared) -> None:
            raise httpx.ConnectError("away")

    class Refusing:
        def __init__(self, status: int) -> None:
            self.status = status

        def send(self, _prepared: Prepared) -> None:
            raise FilingRefused("code", "no", {"status": self.status})

    for home, error, stays in (
        (Away(), httpx.ConnectError, True), (Refusing(503), FilingRefused, True), (Refusing(429), FilingRefused, True),
        (Refusing(422), FilingRefused, False),
    ):  # fmt: skip
        with pytest.raises(error):
            commands._do(home, prepared, kept, as_json=True)
        assert kept.exists() is stays
        kept.unlink(missing_ok=True)
