"""A JPKI card through a private pcscd: APDUs and milliseconds of each piece of work; our layer beside the raw calls.

    python -m bench.card [--rounds 20]

The card is a virtual one and answers at once: the figures are those of our layers, of pcscd and of its driver.
On-card key generation is real. The raw calls and ours take turns on the same card; the last lines are what ours cost
more, in processor time of the calling thread: a busy machine changes the clock on the wall, not that.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from smartcard import scard

from cardio import jpki
from cardio.apdu import parse_command
from cardio.card_management import CardManager
from cardio.channel import Channel
from cardio.jpki_card import JpkiCard
from cardio.pcsc import Connection, Context
from cardio.personalisation import CardInReader
from cardio.present_cards import look
from cardio.private_pcscd import PrivatePcscd
from cardio.session import CardSession
from cardio.throwaway_ca import ThrowawayCa
from cardio.virtual_card import FileStorage
from cardio.virtual_jpki import new_card
from cardio.vpcd import Insertion
from pki.instant import Instant
from pki.purpose import Purpose
from tests.cardio.jpki_cards import MASTER_KEYS, PASSWORD, PIN, personalise
from tests.referee.piv_reader import build_fastpoll

CASE_1 = bytes.fromhex("00200080")
BLOCK, BLOCKS = 1000, 8


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


def measure(what: str, work: Callable[[], object], rounds: int, *, counted: bool = True) -> None:
    """Print APDUs, median milliseconds, and those of the processor (the virtual card's own work included)."""
    Counting.passed, times, cpu = 0, [], []
    for _ in range(rounds):
        begun, spent = time.perf_counter(), time.process_time()
        work()
        times.append((time.perf_counter() - begun) * 1000)
        cpu.append((time.process_time() - spent) * 1000)
    apdus = f"{Counting.passed / rounds:6.1f}" if counted else "     –"
    print(f"{what:44} {apdus} APDUs  {statistics.median(times):8.2f} ms  {statistics.median(cpu):8.2f} ms CPU")


def main(rounds: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with PrivatePcscd(folder / "p", names=("Bench",), preload=build_fastpoll(folder)) as pcscd:
            os.environ.update(pcscd.client_environment)
            storage = FileStorage(folder / "card.json")
            card = new_card(storage, os.urandom, lambda d: MASTER_KEYS.key_set(d, 1))
            insertion = Insertion(card, pcscd.readers[0].port).serve_in_thread()
            with Context() as context:
                reader = pcscd.readers[0].name
                context.wait_for_card(reader, 5)
                work(context, reader, rounds)
                layer(context, reader)
            insertion.eject()


def work(context: Context, reader: str, rounds: int) -> None:
    session = CardSession(lambda: Counting(context.connect(reader)), jpki.identify)
    slot = CardInReader(session, CardManager(MASTER_KEYS, os.urandom))
    holder = JpkiCard(session)
    ca = ThrowawayCa("Bench CA", Instant.parse("2026-11-23T00:00:00Z"), os.urandom)
    password = jpki.pin(Purpose.SIGNATURE, PASSWORD)
    measure("personalise (two keys, certificates, PINs)", lambda: personalise(slot, ca), 3)

    def reissue() -> None:
        spki = slot.generate(Purpose.SIGNATURE)
        slot.prove(Purpose.SIGNATURE, b"request")
        slot.install(Purpose.SIGNATURE, ca.issue(spki, Purpose.SIGNATURE, "Bench"), ca.certificate)

    measure("re-issue the signature certificate", reissue, 5)
    session.drop()
    measure("list readers and cards", lambda: look(context), rounds, counted=False)

    def read_both() -> None:
        holder.read(Purpose.AUTHENTICATION)
        holder.read(Purpose.SIGNATURE, password)

    measure("read both certificates", read_both, rounds)
    measure("sign with the signature key", lambda: holder.sign(Purpose.SIGNATURE, password, b"filing"), rounds)
    pin = jpki.pin(Purpose.AUTHENTICATION, PIN)
    measure("verify the authentication PIN", lambda: holder.verify_pin(Purpose.AUTHENTICATION, pin), rounds)
    session.drop()


def layer(context: Context, reader: str) -> None:
    """Round trips of the shortest command: raw, through Connection, through Channel; in turns, medians of the
    blocks.
    """
    command, plain = parse_command(CASE_1), list(CASE_1)
    with context.connect(reader) as connection:
        channel = Channel(connection)
        jpki.select(channel)
        handle, protocol = connection._handle, connection.protocol

        def raw() -> None:
            scard.SCardTransmit(handle, protocol, plain)

        ways: dict[str, Callable[[], object]] = {
            "raw scard": raw,
            "Connection.transmit": lambda: connection.transmit(CASE_1),
            "Channel.send": lambda: channel.send(command),
        }
        times: dict[str, list[float]] = {name: [] for name in ways}
        cpu: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(BLOCKS):
            for name, way in ways.items():
                begun, spent = time.perf_counter(), time.thread_time()
                for _ in range(BLOCK):
                    way()
                times[name].append((time.perf_counter() - begun) / BLOCK)
                cpu[name].append((time.thread_time() - spent) / BLOCK)
    wall, middle = ({name: statistics.median(taken) for name, taken in of.items()} for of in (times, cpu))
    for name, seconds in wall.items():
        rate = f"{1 / seconds:13.0f} /s   {seconds * 1e6:8.1f} µs   {middle[name] * 1e6:8.1f} µs CPU"
        print(f"{'case 1 round trips, ' + name:44} {rate}")
    extra = middle["Channel.send"] - middle["raw scard"]
    print(f"{'what our layer adds to one round trip':44} {extra * 1e6:13.1f} µs")
    print(f"{'at 3000 round trips/s that is (goal ≤ 0.15)':44} {extra * 3000:13.3f}")
    print(f"{'ours / raw, by the clock on the wall':44} {wall['Channel.send'] / wall['raw scard']:13.3f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    main(parser.parse_args().rounds)
