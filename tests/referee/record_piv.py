"""Writes tests/vectors/piv: a fixed PIV card, and what other people's programs said to it, octet by octet.

    python -m tests.referee.record_piv

The card's keys and PIN are for tests and known to everybody who reads this. Run it where OpenSC 0.23, yubico-piv-tool
2.2, ykcs11 and ykman are installed; `tests/cardio/test_piv_transcripts.py` replays the result without any of them.
"""

import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from cardio.piv_management_key import factory_key
from cardio.piv_slots import KeyAlgorithm
from cardio.private_pcscd import PrivatePcscd
from cardio.virtual_card import MemoryStorage
from cardio.virtual_piv import VirtualPiv
from pki.purpose import Purpose
from tests.cardio.piv_cards import NEW_YUBICO
from tests.cardio.test_piv import World
from tests.cardio.test_piv_transcripts import OWN, own_transcript
from tests.referee.piv_reader import OPENSC_MODULE, READER, YKCS11_MODULE, Recorder, bench, build_fastpoll
from tests.support.chance import SeededOctets

FOLDER = Path(__file__).parent.parent / "vectors" / "piv"
SEED = "piv transcripts"
OPENSC = ("pkcs11-tool", "--module", OPENSC_MODULE)
YKCS11 = ("pkcs11-tool", "--module", YKCS11_MODULE)
LOGIN = ("--login", "--pin", "123456")
YUBICO = ("yubico-piv-tool", "-r", "")
SIGN_RSA = ("--sign", "--id", "01", "-m", "SHA256-RSA-PKCS", "-i", "data", "-o", "signature")

SCRIPTS: dict[str, list[tuple[str | Path, ...]]] = {
    "opensc-name": [("opensc-tool", "-n")],
    "opensc-list": [("pkcs15-tool", "-D"), (*OPENSC, "-L"), (*OPENSC, "-O", *LOGIN)],
    "opensc-sign": [(*OPENSC, *LOGIN, *SIGN_RSA)],
    "opensc-wrong-pin": [("pkcs15-tool", "--verify-pin", "--auth-id", "01", "--pin", "999999")],
    "opensc-pin-change": [(*OPENSC, *LOGIN, "--change-pin", "--new-pin", "654321")],
    "yubico-status": [(*YUBICO, "-a", "version"), (*YUBICO, "-a", "status")],
    "yubico-certificate": [(*YUBICO, "-a", "import-certificate", "-s", "9c", "-i", "certificate.pem")],
    "yubico-pins": [
        (*YUBICO, "-a", "change-pin", "-P", "123456", "-N", "654321"),
        (*YUBICO, "-a", "change-puk", "-P", "12345678", "-N", "87654321"),
        (*YUBICO, "-a", "unblock-pin", "-P", "87654321", "-N", "123456"),
    ],
    "ykcs11-sign": [(*YKCS11, *LOGIN, *SIGN_RSA)],
    "ykman-info": [("ykman", "piv", "info"), ("ykman", "piv", "certificates", "export", "9a", "-")],
}


class RawRecorder(Recorder):
    """Keeps whole octets: a test card has no secrets."""

    def __init__(self, card: VirtualPiv) -> None:
        super().__init__(card)
        self.raw: list[str] = []

    def process(self, raw: bytes) -> bytes:
        answer = self.card.process(raw)
        self.raw += [f"> {raw.hex()}", f"< {answer.hex()}"]
        return answer

    def reset(self) -> None:
        super().reset()
        self._event("reset")

    def power(self, on: bool = True) -> None:
        super().power(on)
        self._event("power on" if on else "power off")

    def _event(self, what: str) -> None:
        if not self.raw or self.raw[-1] != what:
            self.raw.append(what)


def make_image() -> bytes:
    """A personalised card with RSA keys, which sign the same octets the same way each time."""
    world = World(NEW_YUBICO)
    world.slot = world.new_slot(authentication=KeyAlgorithm.RSA_2048, signature=KeyAlgorithm.RSA_2048)
    for purpose in Purpose:
        world.install(purpose, world.issue(purpose))
    session = world.card._running
    session.commit(
        replace(session.memory, management_key=factory_key(), puk=session.memory.puk.with_octets(b"12345678"))
    )
    image = world.card._storage.read()
    assert image is not None
    return image


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / "card.json"
    if not path.exists():
        path.write_bytes(make_image())
    image = path.read_bytes()
    for name, commands in SCRIPTS.items():
        with tempfile.TemporaryDirectory() as folder:
            record(name, commands, image, Path(folder))
    for own in OWN:
        (FOLDER / f"{own}.txt").write_text(own_transcript(own))


def record(name: str, commands: list[tuple[str | Path, ...]], image: bytes, folder: Path) -> None:
    card = VirtualPiv(MemoryStorage(image), SeededOctets(SEED))
    (folder / "data").write_bytes(b"a filing")
    (folder / "home").mkdir()
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
            *("-keyout", "key.pem", "-out", "certificate.pem", "-subj", "/CN=Transcript", "-days", "30"),
        ],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    with PrivatePcscd(folder / "p", names=(READER,), preload=build_fastpoll(folder)) as pcscd:
        recorder = RawRecorder(card)
        with bench(pcscd, card, folder, recorder) as table:
            for command in commands:
                if command[0] == "ykman":
                    isolated = ("unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc")
                    ykman = Path(sys.executable).parent / "ykman"
                    command = (*isolated, ykman, "--device", str(card.memory.serial), *command[1:])
                done = table.try_run(*command)
                print(name, command[0], done.returncode, len(recorder.raw))
    (FOLDER / f"{name}.txt").write_text("\n".join(recorder.raw) + "\n")


if __name__ == "__main__":
    main()
