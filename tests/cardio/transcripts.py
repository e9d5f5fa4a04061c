"""Golden APDU transcripts: what OpenSC and our own layer say to the fixture card `ok-adult`, and what it answers.

    python -m tests.cardio.transcripts        records those of OpenSC anew (needs opensc, pcscd, vpcd)

The card follows from seeds and PKCS#1 v1.5 signatures have no chance in them, so every answer is the same
everywhere. The PINs in them are those of the test cards.
"""

import os
import subprocess
import tempfile
from pathlib import Path

from cardio.private_pcscd import PrivatePcscd
from cardio.virtual_card import FileStorage, MemoryStorage
from cardio.virtual_jpki import VirtualJpkiCard
from cardio.vpcd import Insertion

FOLDER = Path(__file__).parent.parent / "vectors" / "apdu"
CARD = Path(__file__).parent.parent.parent / "fixtures" / "cards" / "ok-adult.json"
MODULE = "/usr/lib/x86_64-linux-gnu/opensc-pkcs11.so"
SIGN = ("pkcs11-tool", "--module", MODULE, "--sign", "--mechanism", "SHA256-RSA-PKCS", "-i", "data", "-o", "sig")
SCRIPTS = {
    "opensc-list": ("pkcs15-tool", "--list-certificates", "--list-keys", "--list-pins"),
    "opensc-sign-authentication": (
        *SIGN, "--token-label", "JPKI (User Authentication PIN)", "--login", "--pin", "1234", "--id", "01",
    ),
    "opensc-sign-signature": (
        *SIGN, "--token-label", "JPKI (Digital Signature PIN)", "--login", "--pin", "ABC123", "--id", "02",
    ),
    "opensc-wrong-pin": (
        *SIGN, "--token-label", "JPKI (User Authentication PIN)", "--login", "--pin", "9999", "--id", "01",
    ),
}  # fmt: skip


def fixture_card() -> VirtualJpkiCard:
    """A copy of the fixture card that leaves the file alone."""
    return VirtualJpkiCard(MemoryStorage(FileStorage(CARD).read()), lambda n: bytes(n))


class Recording(VirtualJpkiCard):
    """A card that writes down what is said."""

    lines: list[str]

    def process(self, raw: bytes) -> bytes:
        answer = super().process(raw)
        self.lines += [f"> {raw.hex(' ').upper()}", f"< {answer.hex(' ').upper()}"]
        return answer

    def _forget(self) -> None:
        super()._forget()
        if getattr(self, "lines", None):
            self.lines.append("# power or selection")


def read(name: str) -> list[tuple[bytes, bytes]]:
    """Commands and answers of one transcript; lines with # are for people."""
    lines = [line for line in (FOLDER / f"{name}.txt").read_text().splitlines() if line and not line.startswith("#")]
    octets = [bytes.fromhex(line[2:]) for line in lines]
    return list(zip(octets[::2], octets[1::2], strict=True))


def record() -> None:
    """Run OpenSC once for each script, on a fresh copy of the card."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name, PrivatePcscd(Path(name) / "p") as pcscd:
        folder = Path(name)
        (folder / "data").write_bytes(b"a filing\n")
        (folder / "opensc.conf").write_text(
            "app default { card_drivers = jpki; framework pkcs15 { use_file_caching = no; } }"
        )
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": name,
            "OPENSC_CONF": str(folder / "opensc.conf"),
            **pcscd.client_environment,
        }
        for script, command in SCRIPTS.items():
            card = Recording(MemoryStorage(FileStorage(CARD).read()), lambda n: bytes(n))
            card.lines = []
            insertion = Insertion(card, pcscd.readers[0].port).serve_in_thread()
            subprocess.run(["opensc-tool", "-r", "0", "-w", "-a"], env=environment, capture_output=True, check=False)
            card.lines.clear()
            subprocess.run(command, env=environment, cwd=folder, capture_output=True, check=False, timeout=60)
            insertion.eject()
            insertion.wait(5)
            kept = [line for line in card.lines if not line.startswith("#")]
            (FOLDER / f"{script}.txt").write_text("\n".join([f"# {' '.join(command)}", *kept]) + "\n")


if __name__ == "__main__":
    record()
