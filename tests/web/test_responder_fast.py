"""The fast responder over real sockets: the same answers, and what it does with those who do not behave."""

import asyncio
import base64
import os
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, TypeVar
from urllib.parse import quote

import pytest
from cryptography import x509
from cryptography.x509 import ocsp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ca.directory import Database
from ca.ocsp import Access, OpenAccess, Responder
from ca.ocsp_answers import AnswerDesk
from ca.revocation import HoldPolicy, release, revoke
from ca.status import Continuity
from ca.status_errors import StatusError
from ca.status_view import StatusView
from pki import der
from pki.errors import Error
from pki.revocation import Reason
from pki.serial import SerialNumber
from tests.ca.ocsp_requests import request_for
from tests.ca.status_world import AT, AUTHORITY, World, make_world
from tests.support.chance import SeededOctets, SetClock
from web.responder import MAX_REQUEST
from web.responder_connection import Limits
from web.responder_fast import OcspServer

T = TypeVar("T")
PATH = f"/ocsp/{AUTHORITY}"
QUICK = Limits(request_seconds=0.5, idle_seconds=0.5)


def run(body: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(asyncio.wait_for(body, 60))


@pytest.fixture
def world(database: Database, random: Callable[[int], bytes]) -> World:
    return make_world(database, random)


@pytest.fixture
def sqlite_world(sqlite_database: Database, random: Callable[[int], bytes]) -> World:
    return make_world(sqlite_database, random)


class Serving:
    """A server on a free port of loopback, with the view it answers from."""

    def __init__(self, server: OcspServer, port: int, view: StatusView, told: list[Error]) -> None:
        self.server, self.port, self.view, self.told = server, port, view, told

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def exchange(self, octets: bytes) -> bytes:
        reader, writer = await self.connect()
        try:
            writer.write(octets)
            await writer.drain()
            writer.write_eof()
            return await reader.read()
        finally:
            writer.close()


@asynccontextmanager
async def serving(
    world: World,
    limits: Limits | None = None,
    *,
    inline: bool = True,
    refresh: Callable[[], object] | None = None,
    clock: SetClock | None = None,
    access: Access | None = None,
    proxies: frozenset[str] = frozenset(),
) -> AsyncIterator[Serving]:
    told: list[Error] = []
    view = StatusView(world.database, Continuity())
    live = world.responder()
    responder = Responder(AUTHORITY, world.root, live.delegates, view, access=access or OpenAccess(), alarm=told.append)
    loop = asyncio.get_running_loop()
    server = OcspServer(
        {AUTHORITY: AnswerDesk(responder, view)},
        refresh or view.refresh,
        clock or SetClock(AT),
        loop,
        limits,
        told.append,
        inline=inline,
        proxies=proxies,
    )
    listening = await loop.create_server(server, "127.0.0.1", 0)
    try:
        yield Serving(server, listening.sockets[0].getsockname()[1], view, told)
    finally:
        listening.close()
        server.close()
        await listening.wait_closed()


def post(body: bytes, path: str = PATH, more: str = "") -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/ocsp-request\r\n"
    return f"{head}{more}Content-Length: {len(body)}\r\n\r\n".encode() + body


def get(body: bytes, more: str = "") -> bytes:
    return f"GET {PATH}/{quote(base64.b64encode(body), safe='')} HTTP/1.1\r\nHost: x\r\n{more}\r\n".encode()


async def read_response(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    status, *lines = head.split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines if line)
    body = await reader.readexactly(int(headers.get("content-length", "0"))) if " 304 " not in status else b""
    return int(status.split()[1]), headers, body


def status_of(body: bytes) -> ocsp.OCSPCertStatus:
    return ocsp.load_der_ocsp_response(body).certificate_status


@pytest.mark.parametrize("inline", [True, False])
def test_revoked_before_the_request_is_revoked_in_the_answer(world: World, inline: bool) -> None:
    """Kept answers too: POST, GET and nonces see each change at once, both ways."""
    (serial,) = world.issue()
    bare, nonce = request_for(world.root, serial), request_for(world.root, serial, nonce=b"n" * 16)

    async def body() -> None:
        async with serving(world, inline=inline) as here:
            reader, writer = await here.connect()

            async def ask() -> list[ocsp.OCSPCertStatus]:
                writer.write(post(bare) + get(bare) + post(nonce) + get(bare))
                return [status_of((await read_response(reader))[2]) for _ in range(4)]

            good, revoked = ocsp.OCSPCertStatus.GOOD, ocsp.OCSPCertStatus.REVOKED
            for _ in range(3):
                assert await ask() == [good] * 4
                assert await ask() == [good] * 4
                world.database.transaction(lambda conn: revoke(conn, AUTHORITY, serial, Reason.CERTIFICATE_HOLD, AT))
                assert await ask() == [revoked] * 4
                world.database.transaction(
                    lambda conn: release(conn, AUTHORITY, serial, AT, HoldPolicy(releasable=True))
                )
            assert await ask() == [good] * 4
            assert here.server.counts.kept > 0
            writer.close()

    run(body())


def test_the_same_headers_as_the_application_sends(sqlite_world: World) -> None:
    (serial,) = sqlite_world.issue()
    request = request_for(sqlite_world.root, serial)

    async def body() -> None:
        clock = SetClock(AT)
        async with serving(sqlite_world, clock=clock) as here:
            reader, writer = await here.connect()
            writer.write(get(request))
            status, headers, first = await read_response(reader)
            assert status == 200
            assert headers["content-type"] == "application/ocsp-response"
            assert headers["cache-control"] == "public, max-age=14400, no-transform, must-revalidate"
            assert headers["expires"] == "Mon, 23 Nov 2026 04:00:00 GMT"
            assert headers["date"] == "Mon, 23 Nov 2026 00:00:00 GMT"
            clock.advance(seconds=100)
            writer.write(get(request, f"If-None-Match: {headers['etag']}\r\n"))
            status, headers, _ = await read_response(reader)
            assert status == 304
            assert headers["cache-control"] == "public, max-age=14300, no-transform, must-revalidate"
            clock.advance(hours=2)
            writer.write(post(request))
            _, headers, second = await read_response(reader)
            assert second != first, "after half of its life a fresh answer is signed"
            assert ocsp.load_der_ocsp_response(second).this_update_utc == (AT + timedelta(seconds=7300)).datetime
            writer.write(post(request_for(sqlite_world.root, serial, nonce=b"n")))
            _, headers, body = await read_response(reader)
            assert headers["cache-control"] == "no-store"
            read = ocsp.load_der_ocsp_response(body)
            assert read.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce == b"n"
            writer.close()

    run(body())


def test_unknown_is_never_kept(sqlite_world: World) -> None:
    """A serial asked for a second before it is issued must not stay unknown in anybody's cache."""

    async def body() -> None:
        async with serving(sqlite_world) as here:
            reader, writer = await here.connect()
            serial = SerialNumber.draw(SeededOctets("next"))
            sqlite_world.random = SeededOctets("next")
            writer.write(get(request_for(sqlite_world.root, serial)))
            _, headers, first = await read_response(reader)
            assert status_of(first) is ocsp.OCSPCertStatus.UNKNOWN
            assert headers["cache-control"] == "no-store"
            assert sqlite_world.issue() == [serial]
            writer.write(get(request_for(sqlite_world.root, serial)))
            assert status_of((await read_response(reader))[2]) is ocsp.OCSPCertStatus.GOOD
            writer.close()

    run(body())


@pytest.mark.parametrize("fault", [StatusError(), OSError("away"), RuntimeError("what")])
@pytest.mark.parametrize("inline", [True, False])
def test_not_sure_means_try_later_even_for_kept_answers(sqlite_world: World, fault: Exception, inline: bool) -> None:
    (serial,) = sqlite_world.issue()
    request = request_for(sqlite_world.root, serial)

    async def body() -> None:
        broken = False
        holder: list[StatusView] = []

        def refresh() -> None:
            if broken:
                raise fault
            holder[0].refresh()

        async with serving(sqlite_world, refresh=refresh, inline=inline) as here:
            holder.append(here.view)
            reader, writer = await here.connect()
            writer.write(post(request))
            assert status_of((await read_response(reader))[2]) is ocsp.OCSPCertStatus.GOOD
            broken = True
            writer.write(post(request) + get(request))
            for _ in range(2):
                _, headers, answer = await read_response(reader)
                assert der.read_whole(answer).children()[0].integer() == 3
                assert headers["cache-control"] == "no-store"
            assert len(here.told) >= 1
            broken = False
            writer.write(post(request))
            assert status_of((await read_response(reader))[2]) is ocsp.OCSPCertStatus.GOOD
            writer.close()

    run(body())


@pytest.mark.parametrize(
    ("octets", "status"),
    [
        (b"\x00\x01\x02\x03\r\n\r\n", 400),
        (b"GET / HTTP/9.9\r\n\r\n", 400),
        (b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n", 404),
        (b"GET /ocsp/nobody/AAAA HTTP/1.1\r\nHost: x\r\n\r\n", 404),
        (b"GET /ocsp/signature-1/ HTTP/1.1\r\nHost: x\r\n\r\n", 404),
        (b"DELETE /ocsp/signature-1 HTTP/1.1\r\nHost: x\r\n\r\n", 405),
        (b"POST /ocsp/nobody HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", 404),
        (b"POST /ocsp/signature-1 HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx", 415),
        (b"POST /ocsp/signature-1 HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST /ocsp/signature-1 HTTP/1.1\r\nHost: x\r\nContent-Length: 65537\r\n\r\n", 413),
        (b"POST /ocsp/signature-1 HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n", 413),
        (b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", 400),
        (b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 20000, 431),
        (b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n", 200),
    ],
)
def test_what_is_not_ocsp_is_refused(sqlite_world: World, octets: bytes, status: int) -> None:
    async def body() -> bytes:
        async with serving(sqlite_world) as here:
            return await here.exchange(octets)

    got = run(body())
    assert got.startswith(f"HTTP/1.1 {status} ".encode()), got[:100]


def test_chunked_bodies_are_read_and_limited(sqlite_world: World) -> None:
    (serial,) = sqlite_world.issue()
    request = request_for(sqlite_world.root, serial)
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: application/ocsp-request\r\n"
    head += "Transfer-Encoding: chunked\r\n\r\n"

    async def body() -> tuple[bytes, bytes]:
        async with serving(sqlite_world) as here:
            pieces = b"".join(b"1\r\n" + bytes((octet,)) + b"\r\n" for octet in request)
            small = await here.exchange(head.encode() + pieces + b"0\r\n\r\n")
            chunk = b"8000\r\n" + bytes(0x8000) + b"\r\n"
            return small, await here.exchange(head.encode() + chunk * 3 + b"0\r\n\r\n")

    small, large = run(body())
    assert status_of(small.partition(b"\r\n\r\n")[2]) is ocsp.OCSPCertStatus.GOOD
    assert large.startswith(b"HTTP/1.1 413 ")


def test_octet_by_octet_pipelined_and_kept_alive(sqlite_world: World) -> None:
    serials = sqlite_world.issue(5)
    asked = [post(request_for(sqlite_world.root, serial)) for serial in serials]

    async def body() -> None:
        async with serving(sqlite_world) as here:
            reader, writer = await here.connect()
            for octet in asked[0]:
                writer.write(bytes((octet,)))
                await writer.drain()
            assert status_of((await read_response(reader))[2]) is ocsp.OCSPCertStatus.GOOD
            writer.write(b"".join(asked))
            got = [ocsp.load_der_ocsp_response((await read_response(reader))[2]).serial_number for _ in asked]
            assert got == list(serials), "answers come in the order of the requests"
            writer.write(asked[0].replace(b"Host: x", b"Host: x\r\nConnection: close"))
            _, headers, _ = await read_response(reader)
            assert headers["connection"] == "close"
            assert await reader.read() == b""
            writer.close()

    run(body())


def test_expect_continue_and_http_1_0(sqlite_world: World) -> None:
    request = request_for(sqlite_world.root, 5)

    async def body() -> tuple[bytes, bytes]:
        async with serving(sqlite_world) as here:
            waits = await here.exchange(post(request, more="Expect: 100-continue\r\n"))
            return waits, await here.exchange(post(request).replace(b"HTTP/1.1", b"HTTP/1.0"))

    waits, old = run(body())
    assert waits.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")
    assert old.startswith(b"HTTP/1.1 200 OK\r\nconnection: close\r\n")


@pytest.mark.parametrize("began", [b"", b"POST /ocsp", post(b"x" * 100)[:-50]])
def test_slow_clients_are_cut_off(sqlite_world: World, began: bytes) -> None:
    async def body() -> bytes:
        async with serving(sqlite_world, QUICK) as here:
            reader, writer = await here.connect()
            writer.write(began)
            got = await reader.read()
            writer.close()
            assert here.server.counts.cut >= 1
            return got

    got = run(body())
    assert got.startswith(b"HTTP/1.1 408 ") if began else got == b""


def test_those_who_do_not_read_their_answers_are_cut_off(sqlite_world: World) -> None:
    (serial,) = sqlite_world.issue()
    request = post(request_for(sqlite_world.root, serial))

    async def body() -> None:
        limits = Limits(request_seconds=0.5, idle_seconds=60, unsent=4096, waiting=10_000)
        async with serving(sqlite_world, limits) as here:
            _, writer = await here.connect()

            async def write_for_ever() -> None:
                while True:
                    writer.write(request * 20)
                    await writer.drain()

            with pytest.raises(ConnectionError):
                await write_for_ever()
            writer.close()
            assert not here.server.connections

    run(body())


def test_too_many_waiting_and_too_many_connections(sqlite_world: World) -> None:
    request = post(request_for(sqlite_world.root, 5))

    async def body() -> None:
        async with serving(sqlite_world, Limits(waiting=4, connections=3)) as here:
            assert (await here.exchange(request * 10)).startswith(b"HTTP/1.1 503 ")
            held = [await here.connect() for _ in range(3)]
            await asyncio.sleep(0.05)
            # One too many: told so, or cut (nothing more is spent on it).
            try:
                assert (await here.exchange(request)).startswith(b"HTTP/1.1 503 ")
            except OSError:
                assert here.server.counts.connections == 4
            for _, writer in held:
                writer.close()
            await asyncio.sleep(0.05)
            assert (await here.exchange(request)).startswith(b"HTTP/1.1 200 ")

    run(body())


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_fuzz(sqlite_database: Database, data: st.DataObject) -> None:
    """Whatever is sent, in whatever pieces: HTTP comes back or the end, never an exception, and others are served."""
    world = _fuzz_world(sqlite_database)
    base = [post(world[1]), get(world[1]), post(b""), b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"]
    octets = bytearray(b"".join(data.draw(st.lists(st.sampled_from(base), min_size=1, max_size=3))))
    for _ in range(data.draw(st.integers(0, 4))):
        place = data.draw(st.integers(0, len(octets) - 1))
        what = data.draw(st.sampled_from(["flip", "cut", "insert", "double"]))
        if what == "flip":
            octets[place] = data.draw(st.integers(0, 255))
        elif what == "cut":
            del octets[place : place + data.draw(st.integers(1, 20))]
        elif what == "insert":
            octets[place:place] = data.draw(st.binary(max_size=20))
        else:
            octets[place:place] = octets[place : place + 50]
        octets = octets or bytearray(b"\0")
    cut = data.draw(st.integers(0, len(octets)))

    async def body() -> None:
        failures: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: failures.append(context))
        async with serving(world[0]) as here:
            reader, writer = await here.connect()
            writer.write(bytes(octets[:cut]))
            await asyncio.sleep(0)
            writer.write(bytes(octets[cut:]))
            try:
                writer.write_eof()
                got = await reader.read()
            except ConnectionError:
                got = b""
            writer.close()
            assert not got or got.startswith(b"HTTP/1.1 ")
            other = await here.exchange(post(world[1]))
            assert other.startswith(b"HTTP/1.1 200 ")
        assert not failures

    run(body())


_FUZZ: dict[int, tuple[World, bytes]] = {}


def _fuzz_world(database: Database) -> tuple[World, bytes]:
    if id(database) not in _FUZZ:
        _FUZZ.clear()
        world = make_world(database, SeededOctets("fuzz"))
        (serial,) = world.issue()
        _FUZZ[id(database)] = (world, request_for(world.root, serial))
    return _FUZZ[id(database)]


def test_what_is_counted_and_how_old_its_knowledge_is(sqlite_world: World) -> None:
    (serial,) = sqlite_world.issue()
    request = post(request_for(sqlite_world.root, serial))

    async def body() -> tuple[dict[str, int], bytes]:
        clock = SetClock(AT)
        async with serving(sqlite_world, clock=clock) as here:
            await here.exchange(request + request)
            clock.advance(seconds=7)
            told = here.server.numbers()
            return told, await here.exchange(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")

    told, public = run(body())
    assert told["requests_total"] == 2
    assert (told["made_total"], told["kept_total"]) == (1, 1)
    assert told["status_age_seconds"] == 7
    assert public.startswith(b"HTTP/1.1 404"), "not through the public door"


def test_ready_only_while_the_database_can_be_asked(sqlite_world: World) -> None:
    away = False

    def look() -> None:
        if away:
            raise StatusError

    async def body() -> list[bytes]:
        nonlocal away
        async with serving(sqlite_world, refresh=look) as here:
            told = []
            for state in (False, True, False):
                away = state
                told.append(await here.exchange(b"GET /ready HTTP/1.1\r\nHost: x\r\n\r\n"))
            return told

    assert [one[9:12] for one in run(body())] == [b"200", b"503", b"200"]


def test_the_largest_body_is_read(sqlite_world: World) -> None:
    async def body() -> bytes:
        async with serving(sqlite_world) as here:
            return await here.exchange(post(os.urandom(MAX_REQUEST)))

    got = run(body())
    assert der.read_whole(got.partition(b"\r\n\r\n")[2]).children()[0].integer() == 1


def _split(octets: bytes) -> tuple[bytes, bytes]:
    return octets[: len(octets) // 2], octets[len(octets) // 2 :]


@pytest.mark.parametrize("form", ["get", "post"])
def test_a_request_that_came_before_octet_for_octet_is_answered_as_one_that_is_read(
    sqlite_world: World, form: str
) -> None:
    """The third time it is not read again; what stands around it, in front of it and in it is."""

    async def scenario() -> None:
        (serial,) = sqlite_world.issue(1)
        body = request_for(sqlite_world.root, serial)
        whole = get(body) if form == "get" else post(body)
        closing = get(body, "Connection: close\r\n") if form == "get" else post(body, more="Connection: close\r\n")
        async with serving(sqlite_world) as here:
            reader, writer = await here.connect()

            async def ask(*pieces: bytes, answers: int = 1) -> list[tuple[int, dict[str, str], bytes]]:
                for piece in pieces:
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(0.01)
                return [await read_response(reader) for _ in range(answers)]

            (first,) = await ask(whole)
            for _ in range(3):
                assert await ask(whole) == [first]
            assert list(here.server.whole) == [whole]
            # Behind the first half of another, the same octets are that one's second half: nothing of ours.
            head, tail = _split(whole)
            assert await ask(head, tail) == [first]
            assert await ask(whole + head, tail, answers=2) == [first, first]
            assert await ask(whole + whole, whole, answers=3) == [first] * 3
            inside = b"POST /elsewhere HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(whole)
            ((status, _, _),) = await ask(inside, whole)
            assert status == 404
            tag = first[1]["etag"]
            again = whole.replace(b"Host: x\r\n", f"Host: x\r\nIf-None-Match: {tag}\r\n".encode())
            for _ in range(3):
                writer.write(again)
                assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 304")
            sqlite_world.database.transaction(lambda conn: revoke(conn, AUTHORITY, serial, Reason.KEY_COMPROMISE, AT))
            (after,) = await ask(whole)
            assert (after[0], after[2] == first[2]) == (200, False)
            assert await ask(whole) == [after]
            for _ in range(2):
                assert await here.exchange(closing) == await here.exchange(closing)
                assert (await here.exchange(whole)).count(b"HTTP/1.1 200 OK") == 1
            assert here.server.whole[whole].keep_alive
            writer.close()

    run(scenario())
