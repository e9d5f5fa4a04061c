"""The frame around every HTTP face: limits, headers, problems, readiness, and a log that names nobody."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count

import httpx
import pytest
from fastapi import APIRouter, Body, Request, Response
from fastapi.testclient import TestClient

from pki.errors import Error, InvalidValue
from web.application import SECURITY_HEADERS, Frame, compose
from web.language import Language

SECRET = "Yamada Taro, 1234"


@dataclass(eq=False)
class Unlisted(Error):
    """An error that nobody wrote into the table."""

    code = "test.unlisted"
    why = "this must not be told: {what}"
    what: str


def _faults() -> APIRouter:
    router = APIRouter()

    @router.get("/refused/{name}")
    def refused(name: str) -> None:
        raise InvalidValue("a serial number has at most 20 octets")

    @router.get("/unlisted")
    def unlisted() -> None:
        raise Unlisted(SECRET)

    @router.get("/crash")
    def crash() -> None:
        raise RuntimeError(SECRET)

    @router.post("/echo")
    async def echo(request: Request) -> Response:
        return Response(await request.body(), headers={"cache-control": "max-age=60"})

    @router.post("/number")
    def number(value: int = Body(embed=True)) -> int:
        return value

    return router


def _fails() -> None:
    raise ConnectionError(SECRET)


@pytest.fixture
def make(random: Callable[[int], bytes]) -> Callable[..., TestClient]:
    def _make(**options: object) -> TestClient:
        ticks = count()
        frame = Frame(random, lambda: float(next(ticks)), **{"max_body": 1000, **options})  # type: ignore[arg-type]
        return TestClient(compose("test", [_faults()], frame), raise_server_exceptions=True)

    return _make


def _problem(answer: httpx.Response) -> dict[str, object]:
    assert answer.headers["content-type"] == "application/problem+json"
    document: dict[str, object] = answer.json()
    assert document["status"] == answer.status_code
    return document


def test_a_named_error_becomes_its_problem_in_the_language_asked_for(make: Callable[..., TestClient]) -> None:
    client = make()
    english = client.get("/refused/x", headers={"accept-language": "en-GB, ja;q=0.5"})
    assert english.status_code == 400
    assert _problem(english) == {
        "type": "/problems/pki.invalid-value",
        "title": "The request cannot be read",
        "status": 400,
        "detail": "a serial number has at most 20 octets",
        "code": "pki.invalid-value",
        "todo": "Correct the value.",
        "fields": {"what": "a serial number has at most 20 octets"},
    }
    assert english.headers["content-language"] == "en"
    japanese = client.get("/refused/x")
    assert _problem(japanese)["title"] == "リクエストを読み取れません"
    assert client.get(str(_problem(english)["type"])).json()["status"] == 400
    assert client.get("/problems/test.unlisted").status_code == 404


@pytest.mark.parametrize("path", ["/unlisted", "/crash"])
def test_what_is_not_in_the_table_is_a_500_that_tells_nothing(
    make: Callable[..., TestClient], path: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    answer = make().get(path)
    assert answer.status_code == 500
    assert _problem(answer)["code"] == "jitsuin.internal"
    assert SECRET not in answer.text and "unlisted" not in answer.text
    assert SECRET not in caplog.text
    assert answer.headers["x-request-id"] in caplog.text


def test_every_answer_is_dressed(make: Callable[..., TestClient]) -> None:
    client = make()
    for answer in (
        client.get("/health"),
        client.get("/nowhere"),
        client.get("/crash"),
        client.post("/echo", content=b"x" * 2000),
    ):
        for name, value in SECURITY_HEADERS.items():
            assert answer.headers[name] == value, name
        assert len(answer.headers["x-request-id"]) == 16
    kept = client.post("/echo", content=b"x")
    assert kept.headers["cache-control"] == "max-age=60"  # who sets one is heard


def test_a_body_over_the_limit_is_refused_announced_or_not(make: Callable[..., TestClient]) -> None:
    client = make()
    assert client.post("/echo", content=b"x" * 1000).content == b"x" * 1000

    def chunks() -> Iterator[bytes]:
        for _ in range(11):
            yield b"x" * 100

    for body in (b"x" * 1001, chunks()):
        answer = client.post("/echo", content=body, headers={"accept-language": "en"})
        assert answer.status_code == 413
        assert _problem(answer)["title"] == "The request is too large"


def test_an_unreadable_body_is_named_by_field_and_never_repeated(make: Callable[..., TestClient]) -> None:
    answer = make().post("/number", json={"value": SECRET})
    assert answer.status_code == 422
    assert _problem(answer)["fields"] == {
        "wrong": [{"at": "body.value", "what": "Input should be a valid integer, unable to parse string as an integer"}]
    }
    assert SECRET not in answer.text


def test_ready_names_what_does_not_answer(make: Callable[..., TestClient]) -> None:
    assert make(checks={"database": lambda: None}).get("/ready").json() == {"status": "ok"}
    answer = make(checks={"database": _fails, "keys": lambda: None}).get("/ready")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    assert _problem(answer)["fields"] == {"failing": ["database"]}
    assert SECRET not in answer.text


def test_the_log_names_routes_and_nobody(make: Callable[..., TestClient], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="jitsuin.web")
    client = make(language=Language.EN)
    client.get(f"/refused/{SECRET}?who={SECRET}")
    client.get(f"/nowhere/{SECRET}")
    lines = [record.getMessage() for record in caplog.records if record.name == "jitsuin.web"]
    assert [line.rsplit(" ", 1)[0] for line in lines] == ["GET /refused/{name} 400 1000.0 ms", "GET - 404 1000.0 ms"]


async def test_a_body_that_does_not_end_is_given_up(random: Callable[[int], bytes]) -> None:
    frame = Frame(random, lambda: 0.0, max_body=1000, body_seconds=0.05)
    application = compose("test", [_faults()], frame)
    sent: list[dict[str, object]] = []
    never = asyncio.Event()
    first = [{"type": "http.request", "body": b"x", "more_body": True}]

    async def receive() -> dict[str, object]:
        if first:
            return first.pop()
        await never.wait()
        raise AssertionError("nobody sets it")

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/echo", "query_string": b"", "headers": []}
    await application({**scope, "http_version": "1.1", "scheme": "http", "root_path": ""}, receive, send)  # type: ignore[arg-type]
    assert sent[0]["status"] == 408
    assert (b"connection", b"close") in sent[0]["headers"]  # type: ignore[operator]
