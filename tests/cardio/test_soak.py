"""Long runs: connects, insertions and pcscd restarts by the thousand leave no descriptor, thread or memory behind."""

import gc
import os
import threading
from pathlib import Path

import pytest

from cardio import jpki
from cardio.channel import Channel
from cardio.errors import ConnectionFailed
from cardio.pcsc import Context
from cardio.private_pcscd import PrivatePcscd
from cardio.virtual_jpki import VirtualJpkiCard
from tests.cardio.conftest import Reader

pytestmark = pytest.mark.slow


def held() -> tuple[int, int, int]:
    """Descriptors, threads, kilobytes of this process."""
    gc.collect()
    kilobytes = next(
        int(line.split()[1]) for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS")
    )
    return len(os.listdir("/proc/self/fd")), threading.active_count(), kilobytes


def settled(before: tuple[int, int, int], megabytes: int = 30) -> None:
    after = held()
    assert after[0] <= before[0] + 1
    assert after[1] <= before[1] + 1
    assert after[2] - before[2] < megabytes * 1024


def test_ten_thousand_connects(reader: Reader, context: Context, jpki_card: VirtualJpkiCard) -> None:
    reader.insert(jpki_card)
    for number in range(10_000):
        if number == 500:
            before = held()
        with context.connect(reader.name) as connection, connection.transaction():
            jpki.select(Channel(connection))
    settled(before)


def test_a_thousand_contexts(reader: Reader) -> None:
    for number in range(1_000):
        if number == 50:
            before = held()
        with Context() as one:
            assert reader.name in one.readers()
    settled(before)


def test_a_thousand_insertions(reader: Reader, context: Context, jpki_card: VirtualJpkiCard) -> None:
    for number in range(1_000):
        if number == 50:
            before = held()
        reader.insert(jpki_card)
        with context.connect(reader.name) as connection:
            jpki.select(Channel(connection))
        reader.empty()
    settled(before)


def test_fifty_restarts_of_pcscd(
    pcscd: PrivatePcscd, reader: Reader, context: Context, jpki_card: VirtualJpkiCard
) -> None:
    for number in range(50):
        if number == 5:
            before = held()
        reader.insert(jpki_card)
        connection = context.connect(reader.name)
        jpki.select(Channel(connection))
        pcscd.kill() if number % 2 else pcscd.stop()
        with pytest.raises(ConnectionFailed):
            jpki.select(Channel(connection))
        connection.close()
        pcscd.restart()
        context.renew()
        reader.forget()
    settled(before)
