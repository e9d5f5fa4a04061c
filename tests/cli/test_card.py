"""`jitsuin card` as processes against a private pcscd: what a person types, and what comes back."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cardio.card_management import MasterKeys
from cardio.private_pcscd import PrivatePcscd
from cli.card_virtual import master_keys


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivatePcscd]:
    with PrivatePcscd(tmp_path_factory.mktemp("p"), drivers=1) as one:
        yield one


class Desk:
    """Runs the command; virtual cards that it started end with the test."""

    def __init__(self, server: PrivatePcscd, folder: Path) -> None:
        self.server = server
        self.folder = folder
        self._running: list[subprocess.Popen[str]] = []

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, **self.server.client_environment, "HOME": str(self.folder)}

    def run(self, *arguments: str, said: str = "") -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "cli", "card", *arguments],
            capture_output=True, text=True, timeout=60, check=False, input=said, env=self.environment,
        )  # fmt: skip

    def json(self, *arguments: str, said: str = "") -> Any:
        done = self.run(*arguments, "--json", said=said)
        assert done.stdout, done.stderr
        return json.loads(done.stdout)

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-m", "cli", "card", *arguments], stdout=subprocess.PIPE, text=True, env=self.environment
        )
        self._running.append(process)
        return process

    def insert(self, file: Path, slot: int = 0) -> "subprocess.Popen[str]":
        process = self.start("virtual", "start", str(file), "--port", str(self.server.readers[slot].port), "--json")
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["event"] == "inserted"
        self.wait(slot, present=True)
        return process

    def wait(self, slot: int, *, present: bool) -> None:
        name = self.server.readers[slot].name
        for _ in range(60):
            readers = {one["reader"]: one for one in self.json("list")["readers"]}
            if readers[name]["present"] is present:
                return
        raise AssertionError("the reader did not change")

    def stop(self, process: "subprocess.Popen[str]") -> None:
        process.terminate()
        assert process.wait(10) == 0
        if process.stdout is not None:
            process.stdout.close()

    def end(self) -> None:
        for process in self._running:
            if process.poll() is None:
                process.terminate()
                process.wait(10)
            if process.stdout is not None:
                process.stdout.close()
        for slot in (0, 1):
            self.wait(slot, present=False)


@pytest.fixture
def desk(server: PrivatePcscd, tmp_path: Path) -> Iterator[Desk]:
    one = Desk(server, tmp_path)
    yield one
    one.end()


def test_a_virtual_card_through_its_life(desk: Desk, tmp_path: Path) -> None:
    file = tmp_path / "card.json"
    made = desk.json("virtual", "new", str(file), "--blank")
    assert (made["kind"], made["blank"]) == ("jpki", True)
    assert oct(file.stat().st_mode & 0o777) == "0o600"
    assert desk.run("virtual", "new", str(file)).returncode == 1  # never written over
    desk.insert(file)
    assert [one["card"] for one in desk.json("list")["readers"]] == [made["card"], None]
    told = desk.json("personalise", "--holder", "Hanako", "--pin-stdin", said="1234\nABC123\n")
    assert set(told["certificates"]) == {"signature", "authentication"}
    shown = desk.json("show")
    assert shown["tries_left"] == {"signature": 5, "authentication": 3}
    assert "CN=Hanako" in shown["certificates"]["authentication"]["subject"]
    reading = ("read-certificates", "--with-signature", "--pin-stdin", "--out")
    before = desk.json(*reading, str(tmp_path / "a"), said="abc123\n")
    assert set(before["written"]) == {"signature", "authentication", "signature-ca", "authentication-ca"}
    assert desk.json("reissue", "--key", "signature")["card"] == made["card"]
    desk.json(*reading, str(tmp_path / "b"), said="ABC123\n")
    one, two = ((tmp_path / folder) for folder in "ab")
    assert (one / "signature.cer").read_bytes() != (two / "signature.cer").read_bytes()
    assert (one / "authentication.cer").read_bytes() == (two / "authentication.cer").read_bytes()
    assert desk.json("retire", "0123456789ABCDEF")["error"]["code"] == "cardio.swapped"
    assert desk.json("retire", made["card"])["retired"] is True
    assert desk.json("retire", made["card"])["retired"] is True
    assert desk.json("show")["available"] == {"signature": False, "authentication": False}


def test_signing_and_pins(desk: Desk, tmp_path: Path) -> None:
    file, filing, log = tmp_path / "card.json", tmp_path / "filing.txt", tmp_path / "apdu.log"
    desk.json("virtual", "new", str(file))
    filing.write_text("I move to Hakone.\n")
    desk.insert(file)
    signed = desk.json("sign", str(filing), "--pin-stdin", "--trace", str(log), said="abc123\n")
    assert signed["written"] == str(filing) + ".p7s"
    desk.json("read-certificates", "--out", str(tmp_path))
    ca = tmp_path / "signature-ca.cer"
    subprocess.run(["openssl", "x509", "-inform", "DER", "-in", ca, "-out", tmp_path / "ca.pem"], check=True)
    verified = subprocess.run(
        ["openssl", "cms", "-verify", "-binary", "-content", filing, "-in", signed["written"], "-inform", "DER",
         "-CAfile", tmp_path / "ca.pem", "-purpose", "any", "-out", os.devnull],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert verified.returncode == 0, verified.stderr
    trace = log.read_text()
    assert "00 20 00 80 06 ** ** ** ** ** **" in trace
    assert b"ABC123".hex(" ").upper() not in trace
    wrong = desk.json("verify-pin", "--pin-stdin", said="9999\n")["error"]
    assert (wrong["code"], wrong["fields"]["retries_left"]) == ("cardio.wrong-pin", 2)
    assert desk.json("verify-pin", "--pin-stdin", said="99\n")["error"]["code"] == "cardio.pin-malformed"
    assert desk.json("verify-pin", "--pin-stdin", said="9998\n")["error"]["fields"]["retries_left"] == 1
    assert desk.json("verify-pin", "--pin-stdin", said="1234\n")["error"]["code"] == "cardio.last-try"
    blocked = desk.json("verify-pin", "--last-try", "--pin-stdin", said="9997\n")["error"]["code"]
    assert blocked == "cardio.pin-blocked"
    assert desk.json("verify-pin", "--pin-stdin", said="1234\n")["error"]["code"] == "cardio.pin-blocked"
    assert desk.json("unblock", "--pin-stdin", said="5678\n")["unblocked"] is True
    assert desk.json("change-pin", "--pin-stdin", said="5678\n4321\n")["changed"] is True
    assert desk.json("verify-pin", "--pin-stdin", said="4321\n")["verified"] is True


def test_piv_beside_jpki(desk: Desk, tmp_path: Path) -> None:
    for slot, kind in enumerate(("jpki", "piv")):
        file = tmp_path / f"{kind}.json"
        desk.json("virtual", "new", str(file), "--kind", kind)
        desk.insert(file, slot)
    assert [one["kind"] for one in desk.json("list")["readers"]] == ["jpki", "piv"]
    assert desk.json("show")["error"]["code"] == "cardio.no-card"  # two cards: one must be named
    name = desk.server.readers[1].name
    assert set(desk.json("show", "--reader", name)["certificates"]) == {"signature", "authentication"}
    (tmp_path / "f").write_text("x")
    raw = desk.json("sign", str(tmp_path / "f"), "--form", "raw", "--reader", name, "--pin-stdin", said="123456\n")
    assert raw["octets"] == 256
    assert desk.json("unblock", "--reader", name, "--pin-stdin", said="12345678\n654321\n")["unblocked"] is True
    assert desk.json("change-pin", "--reader", name, "--pin-stdin", said="654321\n111222\n")["changed"] is True


def test_rotated_management_keys(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "one.key").write_text("11" * 16)
    (tmp_path / "two.key").write_text("22" * 16)
    file = tmp_path / "card.json"
    desk.json("virtual", "new", str(file), "--blank", "--master-key-file", str(tmp_path / "one.key"))
    desk.insert(file)
    refused = desk.json("personalise", "--pin-stdin", said="1234\nABC123\n")
    assert refused["error"]["code"] == "cardio.secure-channel-failed"
    keys = ("--master-key-file", str(tmp_path / "one.key"), "--new-master-key-file", str(tmp_path / "two.key"))
    assert desk.json("rotate-keys", *keys)["key_version"] == 2
    assert desk.json("rotate-keys", *keys)["key_version"] == 2


def test_watch_until_stopped(desk: Desk, tmp_path: Path) -> None:
    desk.json("virtual", "new", str(tmp_path / "card.json"), "--blank", "--generation", "next")
    watching = desk.start("watch", "--json")
    assert watching.stdout is not None
    events = [json.loads(watching.stdout.readline())["event"] for _ in range(2)]
    assert events == ["reader.added", "reader.added"]
    card = desk.insert(tmp_path / "card.json")
    assert json.loads(watching.stdout.readline())["event"] == "card.inserted"
    desk.stop(card)
    assert json.loads(watching.stdout.readline())["event"] == "card.removed"
    desk.stop(watching)


def test_virtual_card_waits_for_its_reader(desk: Desk, tmp_path: Path) -> None:
    desk.json("virtual", "new", str(tmp_path / "card.json"), "--blank")
    card = desk.start("virtual", "start", str(tmp_path / "card.json"), "--port", "9")
    assert card.stdout is not None
    assert card.stdout.readline().startswith("waiting")
    card.send_signal(signal.SIGINT)
    assert card.wait(10) == 0


def test_no_service(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cli", "card", "list", "--json"],
        capture_output=True, text=True, timeout=60, check=False,
        env={**os.environ, "PCSCLITE_CSOCK_NAME": str(tmp_path / "nobody")},
    )  # fmt: skip
    assert done.returncode == 1
    assert json.loads(done.stdout)["error"]["code"] == "cardio.no-service"


def test_master_key_files(tmp_path: Path) -> None:
    (tmp_path / "good").write_text("00" * 16 + "\n")
    assert master_keys(tmp_path / "good").by_version == MasterKeys({1: bytes(16)}).by_version
    (tmp_path / "bad").write_text("00" * 15)
    with pytest.raises(Exception, match="secret-missing"):
        master_keys(tmp_path / "bad")
