"""The HTTP server's patience: a connection that says nothing, or a head that never ends, is hung up on."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from cli import listening
from cli.listening import address_of, open_socket, run_server, split_address
from pki.errors import Error


async def _hello(scope: dict[str, object], _receive: object, send: object) -> None:
    assert callable(send)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


@contextmanager
def _running() -> Iterator[str]:
    """The server in a thread of this process; ends when asked, as by a signal."""
    ready, over = threading.Event(), threading.Event()
    with open_socket("127.0.0.1:0") as listener:
        address = address_of(listener)

        def run() -> None:
            run_server(_hello, listener, ready.set, over.is_set, signals=False)  # type: ignore[arg-type]

        thread = threading.Thread(target=run)
        thread.start()
        assert ready.wait(30)
        try:
            yield address
        finally:
            over.set()
            thread.join(30)
            assert not thread.is_alive()


@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\nHost: a\r\nX-Slow: "])
def test_who_does_not_finish_a_head_is_hung_up_on(said: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "HEAD_SECONDS", 0.1)
    with _running() as address, socket.create_connection(split_address(address), timeout=30) as slow:
        slow.sendall(said)
        assert slow.recv(100) == b""


def test_a_second_head_that_does_not_end_is_hung_up_on_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "HEAD_SECONDS", 0.1)
    with _running() as address, socket.create_connection(split_address(address), timeout=30) as slow:
        slow.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert slow.recv(1000).endswith(b"ok")
        slow.sendall(b"GET / HTTP/1.1\r\n")
        assert slow.recv(100) == b""


def test_who_asks_properly_is_answered_many_times() -> None:
    with _running() as address, httpx.Client(base_url=f"http://{address}") as client:
        assert [client.get("/").text for _ in range(20)] == ["ok"] * 20


@pytest.mark.parametrize(
    ("address", "code"),
    [("192.0.2.1:80", "cli.address-unusable"), ("[2001:db8::1]:80", "cli.address-unusable")],
)
def test_addresses_of_others_are_named(address: str, code: str) -> None:
    with pytest.raises(Error) as raised:
        open_socket(address)
    assert raised.value.code == code


def test_an_address_is_told_as_it_was_given() -> None:
    with open_socket("[::1]:0") as listener:
        host, port = split_address(address_of(listener))
        assert host == "::1"
        assert port > 0
