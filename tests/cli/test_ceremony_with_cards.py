"""A ceremony as its custodians meet it: each approves with a card of their own, through a reader."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cardio.private_pcscd import PrivatePcscd
from tests.cli.test_card import Desk
from tests.support.service import command

STEPS = """
[[step]]
do = "renew-responder"
authority = "authentication-1"
"""


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with PrivatePcscd(tmp_path / "p", drivers=1) as server:
        one = Desk(server, tmp_path)
        yield one
        one.end()


@dataclass(frozen=True, slots=True)
class Custodian:
    """Somebody with a card in a reader."""

    name: str
    reader: str
    pin: str
    certificate: Path
    key_hash: str

    def approve(self, desk: Desk, file: Path) -> str:
        text, signature = file.with_name(f"{self.name}.txt"), file.with_name(f"{self.name}.sig")
        _run("ceremony", "statement", str(file), self.name, str(text))
        signing = ("sign", str(text), "--form", "raw", "--out", str(signature), "--key", "signature", "--pin-stdin")
        desk.json(*signing, "--reader", self.reader, said=f"{self.pin}\n")
        return f"{self.name}={self.certificate},{signature}"


def _run(*arguments: str, status: int = 0) -> "subprocess.CompletedProcess[str]":
    ran = subprocess.run(command(*arguments), capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == status, ran.stderr
    return ran


def _custodian(desk: Desk, slot: int, name: str, kind: str) -> Custodian:
    card, folder = desk.folder / f"{name}.json", desk.folder / f"{name}-card"
    desk.json("virtual", "new", str(card), "--kind", kind)
    desk.insert(card, slot)
    reader, pin = desk.server.readers[slot].name, "ABC123" if kind == "jpki" else "123456"
    reading = ["read-certificates", "--out", str(folder), "--reader", reader]
    if kind == "jpki":
        reading += ["--with-signature", "--pin-stdin"]
    written = desk.json(*reading, said=f"{pin}\n")["written"]
    certificate = Path(written["signature"])
    return Custodian(name, reader, pin, certificate, _run("ceremony", "key-hash", str(certificate)).stdout.strip())


def _file(folder: Path, *custodians: Custodian) -> Path:
    people = "".join(f'[[custodians.person]]\nname = "{one.name}"\nkey = "{one.key_hash}"\n' for one in custodians)
    at = datetime.now(UTC) + timedelta(hours=1)  # the authorities were founded a moment ago
    head = f'format = "jitsuin-ceremony-1"\ntitle = "A new OCSP signer"\nat = {at:%Y-%m-%dT%H:%M:%SZ}\n'
    (folder / "ceremony.toml").write_text(f"{head}[custodians]\nneeded = 2\n{people}{STEPS}")
    return folder / "ceremony.toml"


def test_two_custodians_approve_with_their_cards(deployment: Path, desk: Desk) -> None:
    aoi, hina = _custodian(desk, 0, "aoi", "jpki"), _custodian(desk, 1, "hina", "piv")
    file, transcript = _file(desk.folder, aoi, hina), desk.folder / "transcript.json"
    perform = ("ceremony", "run", str(deployment), str(file), "--perform", "--transcript", str(transcript))
    by_aoi, by_hina = aoi.approve(desk, file), hina.approve(desk, file)

    alone = _run(*perform, "--approval", by_aoi, status=1)
    assert alone.stderr.startswith("jitsuin: ca.approval-missing: ")
    swapped = by_aoi.replace("aoi=", "hina=", 1)
    assert "ca.approval-missing" in _run(*perform, "--approval", by_aoi, "--approval", swapped, status=1).stderr
    assert not transcript.exists()

    ran = _run(*perform, "--approval", by_aoi, "--approval", by_hina, "--json")
    assert json.loads(ran.stdout)["approved_by"] == ["aoi", "hina"]
    export = ("ca", "export", str(deployment), "--authority", "authentication-1", "--kind", "root")
    _run(*export, "--certificates", str(desk.folder / "roots"))
    (root,) = (desk.folder / "roots").iterdir()
    checked = _run("ceremony", "verify", str(transcript), "--root", f"authentication-1={root}", "--json")
    assert json.loads(checked.stdout)["approved_by"] == ["aoi", "hina"]
