"""A PIV card through a private pcscd: APDUs and milliseconds of each piece of work; beside yubikit on the same card.

    python -m bench.piv [--rounds 30]

The card is a virtual one and answers at once, so the figures are those of our layers, of pcscd and of its driver; keys
come from a box, so RSA's search for primes is left out. Both libraries sign by the same card, in turns.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from yubikit.core import TRANSPORT
from yubikit.core.smartcard import SmartCardConnection
from yubikit.piv import KEY_TYPE, SLOT, PivSession

from cardio import piv_commands
from cardio.channel import Channel
from cardio.pcsc import Connection, Context
from cardio.piv import PivCard, identify
from cardio.piv_personalisation import cipher_for, derive_secrets, personalise
from cardio.piv_slot import PivSlot
from cardio.piv_slots import KeyAlgorithm
from cardio.private_pcscd import PrivatePcscd
from cardio.session import CardSession
from cardio.vpcd import Insertion
from pki.purpose import Purpose
from tests.cardio.piv_cards import EXPIRES, MASTER, NEW_YUBICO, PIN, SmallAuthority, new_card
from tests.referee.piv_reader import build_fastpoll

ROUND_TRIPS = 5000


class Counting:
    """A connection that counts what passes through it."""

    passed = 0

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.transaction = connection.transaction
        self.close = connection.close

    def transmit(self, command: bytes) -> bytes:
        Counting.passed += 1
        return self._connection.transmit(command)


class Theirs(SmartCardConnection):
    """yubikit over our connection."""

    def __init__(self, connection: Counting) -> None:
        self._connection = connection

    @property
    def transport(self) -> TRANSPORT:
        return TRANSPORT.USB

    def send_and_receive(self, apdu: bytes) -> tuple[bytes, int]:
        answer = self._connection.transmit(bytes(apdu))
        return answer[:-2], int.from_bytes(answer[-2:], "big")

    def close(self) -> None:
        self._connection.close()


def measure(what: str, work: Callable[[], object], rounds: int) -> float:
    """Print APDUs and median milliseconds; gives the milliseconds."""
    Counting.passed, times = 0, []
    for _ in range(rounds):
        begun = time.perf_counter()
        work()
        times.append((time.perf_counter() - begun) * 1000)
    middle = statistics.median(times)
    print(f"{what:34} {Counting.passed / rounds:6.1f} APDUs  {middle:8.2f} ms")
    return middle


def main(rounds: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with PrivatePcscd(folder / "p", names=("Bench",), preload=build_fastpoll(folder)) as pcscd:
            os.environ.update(pcscd.client_environment)
            card, _ = new_card(NEW_YUBICO)
            insertion = Insertion(card, pcscd.readers[0].port).serve_in_thread()
            with Context() as context:
                context.wait_for_card(pcscd.readers[0].name, 5)
                run(context, pcscd.readers[0].name, rounds)
            insertion.eject()


def run(context: Context, reader: str, rounds: int) -> None:
    with context.connect(reader) as connection:
        piv_commands.select(Channel(connection))
        begun = time.perf_counter()
        for _ in range(ROUND_TRIPS):
            connection.transmit(b"\x00\x20\x00\x80")
        print(f"{'case 1 round trips':34} {ROUND_TRIPS / (time.perf_counter() - begun):12.0f} /s")
    session = CardSession(lambda: Counting(context.connect(reader)), identify)
    secrets = derive_secrets(MASTER, session.identity, cipher_for(session))
    authority, view = SmallAuthority(), PivCard(session)
    slot = PivSlot(
        session,
        management_key=lambda: secrets.management_key,
        pin=lambda: PIN,
        random=os.urandom,
        algorithms={Purpose.AUTHENTICATION: KeyAlgorithm.RSA_2048, Purpose.SIGNATURE: KeyAlgorithm.P256},
    )
    measure("personalise", lambda: personalise(session, secrets, expires=EXPIRES, random=os.urandom), 1)

    def renew(purpose: Purpose) -> None:
        spki = slot.generate(purpose)
        slot.prove(purpose, b"request")
        slot.install(purpose, authority.issue(spki), authority.certificate)

    for purpose in Purpose:
        measure(f"first {purpose} certificate", lambda purpose=purpose: renew(purpose), 1)  # type: ignore[misc]
    measure("re-issue (P-256)", lambda: renew(Purpose.SIGNATURE), rounds)
    measure("look at the card", view.describe, rounds)
    measure("sign, RSA-2048", lambda: view.sign(Purpose.AUTHENTICATION, PIN, b"filing"), rounds)

    ours = measure("sign, P-256: ours", lambda: view.sign(Purpose.SIGNATURE, PIN, b"filing"), rounds)

    def theirs_sign() -> None:
        connection = Theirs(Counting(context.connect(reader)))
        theirs = PivSession(connection)
        theirs.verify_pin("123456")
        theirs.sign(SLOT.SIGNATURE, KEY_TYPE.ECCP256, b"filing", hashes.SHA256())
        connection.close()

    session.drop()
    theirs = measure("sign, P-256: yubikit", theirs_sign, rounds)
    print(f"{'ours / yubikit':34} {ours / theirs:12.2f}")
    print("(ours also reads the certificate, looks at the tries left, and checks the signature)")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=30)
    main(parser.parse_args().rounds)
