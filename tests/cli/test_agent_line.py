"""The agent's line to its service: what is heard late of an old pairing does nothing to a new one."""

import os
import threading
import time
from collections.abc import Callable, Iterator

import pytest
import uvicorn
from fastapi import FastAPI

from cardio.agent.agent import Agent, Pairing
from cardio.agent.card_thread import CardThread
from cardio.agent.operations import Mode
from cardio.agent.prompts import Prompts
from cardio.agent.readers import Readers, SeenCard
from cardio.watch import Watch
from cli.agent import ServiceLine
from cli.listening import address_of, open_socket
from tests.enrollment.town import AT
from tests.support.chance import SetClock
from web.readers.doors import reader_router
from web.readers.lines import Lines
from web.readers.pairings import Pairings


class Service:
    """The doors for agents, served on loopback."""

    def __init__(self) -> None:
        clock = SetClock(AT)
        self.pairings, self.lines = Pairings(clock, os.urandom), Lines(clock)
        application = FastAPI()
        application.include_router(reader_router(self.pairings, self.lines, os.urandom))
        self._listener = open_socket("127.0.0.1:0")
        self.origin = f"http://{address_of(self._listener)}"
        self._server = uvicorn.Server(uvicorn.Config(application, log_config=None, ws="websockets-sansio"))
        self._thread = threading.Thread(target=self._server.run, args=([self._listener],))
        self._thread.start()

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(10)
        self._listener.close()


def wait_for(holds: Callable[[], object]) -> None:
    until = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.01)


@pytest.fixture
def service() -> Iterator[Service]:
    one = Service()
    yield one
    one.stop()


@pytest.fixture
def agent(service: Service) -> Iterator[tuple[Agent, ServiceLine]]:
    """Without a reader, and without pcscd: pairing needs neither."""
    cards = CardThread()
    readers = Readers(cards, Watch())
    it = Agent(Mode.HOME, service.origin, cards, readers, Prompts(os.urandom), SetClock(AT))
    line = ServiceLine(it, service.origin, 27980)
    yield it, line
    line.stop()
    it.pair(None)
    cards.close()


def test_an_old_pairing_that_ends_late_leaves_the_new_one_alone(
    service: Service, agent: tuple[Agent, ServiceLine], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a slow PC the refusal of the old line may come after somebody else has paired: they stay paired."""
    it, line = agent
    carry, refused, go_on, ended = ServiceLine._carry, threading.Event(), threading.Event(), threading.Event()
    line.pair(service.pairings.code_for("first", "desk"))
    old = it.pairing
    assert old is not None
    wait_for(lambda: service.lines.find(old.channel))
    keep = ServiceLine._keep

    def slow(self: ServiceLine, pairing: Pairing, stop: threading.Event) -> bool:
        held = carry(self, pairing, stop)
        if pairing is old and not held:
            refused.set()
            assert go_on.wait(20)
        return held

    def kept(self: ServiceLine, pairing: Pairing, stop: threading.Event) -> None:
        keep(self, pairing, stop)
        if pairing is old:
            ended.set()

    monkeypatch.setattr(ServiceLine, "_carry", slow)
    service.pairings.end("first")  # the session is over; the service lets the line go at the next word on it
    threading.Thread(target=kept, args=(line, old, threading.Event())).start()  # it opens again, and is refused
    assert refused.wait(20)
    line.pair(service.pairings.code_for("second", "desk"))
    new = it.pairing
    assert new is not None and new is not old
    wait_for(lambda: service.lines.find(new.channel))
    go_on.set()
    assert ended.wait(20)
    assert it.pairing is new
    assert service.lines.find(new.channel) is not None


def test_a_pairing_that_the_service_knows_no_more_ends_here_too(
    service: Service, agent: tuple[Agent, ServiceLine]
) -> None:
    it, line = agent
    line.pair(service.pairings.code_for("first", "desk"))
    pairing = it.pairing
    assert pairing is not None
    wait_for(lambda: service.lines.find(pairing.channel))
    service.pairings.end("first")
    it.readers.put(SeenCard("a reader"))
    wait_for(lambda: it.pairing is None)
