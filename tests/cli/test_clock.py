"""Clocks: the machine's never goes back, and one set to another time goes on from there."""

import pytest

from cli import clock as clocks
from cli.clock import SystemClock
from pki.instant import Instant


class Time:
    """Stands in for the machine's clock alone."""

    def __init__(self) -> None:
        self.seconds = 1_000_000.5

    def time(self) -> float:
        return self.seconds


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Time:
    time = Time()
    monkeypatch.setattr(clocks, "time", time)
    return time


def test_it_stands_still_rather_than_go_back(machine: Time) -> None:
    clock = SystemClock()
    assert clock.now() == Instant(1_000_000)
    machine.seconds -= 3600
    assert clock.now() == Instant(1_000_000)
    machine.seconds += 3601
    assert clock.now() == Instant(1_000_001)


def test_a_clock_that_was_set_goes_on_from_there(machine: Time) -> None:
    at = Instant.parse("2030-01-01T00:00:00Z")
    clock = SystemClock.starting_at(at)
    assert clock.now() == at
    machine.seconds += 10
    assert clock.now().seconds == at.seconds + 10
    assert SystemClock(clock.shift).now() == clock.now()
