"""Only allowed hosts are asked, at the address that was judged, within bounds; everything else has a name."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from verifier.errors import FetchFailed, FetchRefused
from verifier.fetch import AllowedHost, FetchLimits, HttpFetcher, is_public

Script = Callable[[socket.socket, bytes], None]


@contextmanager
def server(script: Script) -> Iterator[int]:
    """A real server on loopback that answers every connection by `script`; its port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.05)
        stop = threading.Event()

        def serve() -> None:
            while not stop.is_set():
                try:
                    connection, _ = listening.accept()
                except TimeoutError:
                    continue
                with connection:
                    connection.settimeout(5)
                    request = b""
                    while b"\r\n\r\n" not in request:
                        request += connection.recv(65536)
                    head, _, body = request.partition(b"\r\n\r\n")
                    wanted = next(
                        (int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")),
                        0,
                    )
                    while len(body) < wanted:
                        body += connection.recv(65536)
                    with suppress(OSError):  # the client may go away, as it should
                        script(connection, head + b"\r\n\r\n" + body)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            stop.set()
            thread.join()


def answering(body: bytes, status: str = "200 OK", *headers: str) -> Script:
    def script(connection: socket.socket, _request: bytes) -> None:
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
        connection.sendall("\r\n".join(lines).encode() + body)

    return script


def fetcher(port: int, *, host: str = "ocsp.example", private: bool = True, **more: object) -> HttpFetcher:
    limits = FetchLimits(**more)  # type: ignore[arg-type]
    return HttpFetcher(
        frozenset({AllowedHost(host, port, private)}), time.monotonic, limits, lambda _host, _port: ["127.0.0.1"]
    )


def test_an_allowed_host_is_asked() -> None:
    seen: list[bytes] = []

    def script(connection: socket.socket, request: bytes) -> None:
        seen.append(request)
        answering(b"answer")(connection, request)

    with server(script) as port:
        client = fetcher(port)
        assert client.get(f"http://ocsp.example:{port}/a?b=c") == b"answer"
        assert client.post(f"http://ocsp.example:{port}/", b"question", "application/ocsp-request") == b"answer"
    assert seen[0].startswith(f"GET /a?b=c HTTP/1.1\r\nHost: ocsp.example:{port}\r\n".encode())
    assert b"Content-Type: application/ocsp-request" in seen[1]
    assert seen[1].endswith(b"\r\n\r\nquestion")


@pytest.mark.parametrize(
    "url",
    [
        "http://other.example/",
        "http://ocsp.example/",  # another port than the allowed one
        "https://ocsp.example:81/",
        "ftp://ocsp.example:80/",
        "file:///etc/hostname",
        "http://user:word@ocsp.example:80/",
        "http://ocsp.example:80@other.example/",
        "http://ocsp.example.other.example:80/",
        "http://[::1/",
        "http://ocsp.example:99999/",
        "http://ocsp.example:80/\r\nHost: other",
        "http://ocsp.example:80/ é",
        "gopher://ocsp.example",
        "//ocsp.example/",
        "",
        "http://ocsp.example:80/" + "a" * 3000,
    ],
)
def test_other_addresses_are_refused_before_any_connection(url: str) -> None:
    def resolver(_host: str, _port: int) -> list[str]:
        raise AssertionError("no name should be looked up")

    client = HttpFetcher(frozenset({AllowedHost("ocsp.example", 8080)}), time.monotonic, FetchLimits(), resolver)
    with pytest.raises(FetchRefused):
        client.get(url)


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0", "100.64.0.1", "224.0.0.1",
     "255.255.255.255", "::1", "::", "fe80::1%eth0", "fd00::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "ff02::1",
     "64:ff9b::7f00:1", "2002:7f00:1::", "192.0.2.1", "198.18.0.1", "nonsense"],
)  # fmt: skip
def test_private_addresses_are_refused_whatever_the_name(address: str) -> None:
    assert not is_public(address)
    client = HttpFetcher(
        frozenset({AllowedHost("ocsp.example")}), time.monotonic, FetchLimits(), lambda _h, _p: ["8.8.8.8", address]
    )
    with pytest.raises(FetchRefused, match="private network"):
        client.get("http://ocsp.example/")


@pytest.mark.parametrize("address", ["8.8.8.8", "2001:4860:4860::8888", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_public_addresses_are_public(address: str) -> None:
    assert is_public(address)


def test_the_name_is_looked_up_once_and_that_address_used() -> None:
    """A second look-up could answer with a private address (DNS rebinding)."""
    answers = iter([["127.0.0.1"], ["10.0.0.1"]])
    with server(answering(b"answer")) as port:
        client = HttpFetcher(
            frozenset({AllowedHost("ocsp.example", port, private=True)}),
            time.monotonic,
            FetchLimits(),
            lambda _host, _port: next(answers),
        )
        assert client.get(f"http://ocsp.example:{port}/") == b"answer"
    assert next(answers) == ["10.0.0.1"]


def test_redirects_are_not_followed_unless_allowed_and_never_off_the_list() -> None:
    with (
        server(answering(b"there")) as target,
        server(answering(b"", "302 Found", f"Location: http://ocsp.example:{target}/")) as port,
    ):
        with pytest.raises(FetchFailed, match="status 302"):
            fetcher(port).get(f"http://ocsp.example:{port}/")
        with pytest.raises(FetchRefused):
            fetcher(port, redirects=2).get(f"http://ocsp.example:{port}/")
        both = frozenset({AllowedHost("ocsp.example", port, True), AllowedHost("ocsp.example", target, True)})
        client = HttpFetcher(both, time.monotonic, FetchLimits(redirects=1), lambda _h, _p: ["127.0.0.1"])
        assert client.get(f"http://ocsp.example:{port}/") == b"there"


def test_redirects_end() -> None:
    def script(connection: socket.socket, request: bytes) -> None:
        host = request.split(b"Host: ")[1].split(b"\r\n")[0].decode()
        answering(b"", "302 Found", f"Location: http://{host}/")(connection, request)

    with server(script) as port, pytest.raises(FetchFailed, match="status 302"):
        fetcher(port, redirects=3).get(f"http://ocsp.example:{port}/")


@pytest.mark.parametrize("announced", [True, False])
def test_a_large_body_is_cut_off(announced: bool) -> None:
    def script(connection: socket.socket, _request: bytes) -> None:
        length = b"Content-Length: 100000000\r\n" if announced else b""
        connection.sendall(b"HTTP/1.1 200 OK\r\n" + length + b"\r\n")
        for _ in range(1000):
            connection.sendall(b"x" * 100_000)

    with server(script) as port, pytest.raises(FetchFailed, match="more than 200000 octets"):
        fetcher(port, octets=200_000).get(f"http://ocsp.example:{port}/")


@pytest.mark.parametrize("where", ["header", "body", "nothing"])
def test_a_slow_source_ends_at_the_deadline(where: str) -> None:
    def script(connection: socket.socket, _request: bytes) -> None:
        if where == "nothing":
            time.sleep(1)
            return
        connection.sendall(b"HTTP/1.1 200 OK\r\n" + (b"" if where == "header" else b"\r\n"))
        for _ in range(40):
            connection.sendall(b"x")
            time.sleep(0.05)

    begun = time.monotonic()
    with server(script) as port, pytest.raises(FetchFailed):
        fetcher(port, seconds=0.3).get(f"http://ocsp.example:{port}/")
    assert time.monotonic() - begun < 30  # the drip would go on; that it ended at all is the point


def test_a_body_that_stops_in_the_middle_is_no_answer() -> None:
    def script(connection: socket.socket, _request: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")

    with server(script) as port, pytest.raises(FetchFailed, match="middle"):
        fetcher(port).get(f"http://ocsp.example:{port}/")


def test_nobody_there_and_no_such_name() -> None:
    with socket.create_server(("127.0.0.1", 0)) as once:
        port = once.getsockname()[1]
    with pytest.raises(FetchFailed):
        fetcher(port).get(f"http://ocsp.example:{port}/")

    def resolver(_host: str, _port: int) -> list[str]:
        raise OSError("no such name")

    client = HttpFetcher(frozenset({AllowedHost("ocsp.example")}), time.monotonic, FetchLimits(), resolver)
    with pytest.raises(FetchFailed, match="resolved"):
        client.get("http://ocsp.example/")


def test_nonsense_and_errors_are_failures() -> None:
    def nonsense(connection: socket.socket, _request: bytes) -> None:
        connection.sendall(b"\x00\x01\x02 nonsense\r\n\r\n")

    for script in (nonsense, answering(b"", "500 Internal Server Error"), answering(b"", "404 Not Found")):
        with server(script) as port, pytest.raises(FetchFailed):
            fetcher(port).get(f"http://ocsp.example:{port}/")
