"""Direct routes: described like any other, answered without the framework, with the same limits, problems and log."""

import json
import logging
from collections.abc import Callable

import pytest
from fastapi import APIRouter, FastAPI, Response
from fastapi.testclient import TestClient
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict

from pki.errors import InvalidValue, Malformed
from web.application import SECURITY_HEADERS, Frame, compose
from web.direct_route import DirectRoute, StrictRoute
from web.request_json import read_json

SECRET = "Yamada Taro, 1234"
JSON = {"content-type": "application/json", "accept-language": "en"}


class Sum(BaseModel):
    """Two numbers."""

    model_config = ConfigDict(extra="forbid")
    one: int
    other: int = 0


def _routers() -> list[APIRouter]:
    direct = APIRouter(prefix="/direct", route_class=DirectRoute)
    strict = APIRouter(prefix="/strict", route_class=StrictRoute)

    @direct.post("/sum", summary="Add")
    async def add(sent: Sum) -> Response:
        if sent.one == 403:
            raise InvalidValue("another number expected")
        if sent.one == 500:
            raise RuntimeError(SECRET)
        return Response(str(sent.one + sent.other))

    @strict.post("/sum")
    def add_strictly(sent: Sum) -> int:
        return sent.one + sent.other

    return [direct, strict]


@pytest.fixture
def client(random: Callable[[int], bytes]) -> TestClient:
    return TestClient(compose("test", _routers(), Frame(random, lambda: 0.0, max_body=1000)))


@pytest.mark.parametrize("path", ["/direct/sum", "/strict/sum"])
def test_a_body_is_read_in_its_one_meaning(client: TestClient, path: str) -> None:
    assert client.post(path, content=b'{"one": 3, "other": 4}', headers=JSON).text == "7"
    for body, status in (
        (b"", 422 if path == "/strict/sum" else 400),
        (b"{", 400),
        (b'{"one": 3, "one": 4}', 400),
        (b'{"one": NaN}', 400),
        (b'{"one": "\\ud800"}', 400),
        (b'{"one": "x"}', 422),
        (b'{"two": 1}', 422),
        (b"[]", 422),
        (b'{"one": 1' + b" " * 1000 + b"}", 413),
    ):
        answer = client.post(path, content=body, headers=JSON)
        assert answer.status_code == status, (body[:30], answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["content-language"] == "en"
        assert answer.headers["x-request-id"]
        assert all(answer.headers[name] == value for name, value in SECURITY_HEADERS.items())
    told = client.post(path, content=b'{"one": "x", "two": 2}', headers=JSON).json()
    assert [row["at"] for row in told["fields"]["wrong"]] == ["body.one", "body.two"]


def test_what_a_direct_route_raises_becomes_its_problem(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    refused = client.post("/direct/sum", content=b'{"one": 403}', headers=JSON)
    assert (refused.status_code, refused.json()["code"]) == (400, "pki.invalid-value")
    crashed = client.post("/direct/sum", content=b'{"one": 500}', headers=JSON)
    assert (crashed.status_code, crashed.json()["code"]) == (500, "jitsuin.internal")
    assert crashed.headers["x-request-id"] in caplog.text
    assert SECRET not in caplog.text + crashed.text
    assert "unforeseen RuntimeError at tests.web.test_direct_route" in caplog.text
    assert "POST /direct/sum 500" in caplog.text, "the log names the route"


def test_only_json_is_read(client: TestClient) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "", "application/jsonp"):
        answer = client.post("/direct/sum", content=b'{"one": 1}', headers={**JSON, "content-type": kind})
        assert answer.status_code == 422, kind
    for kind in ("application/json", "application/json; charset=utf-8", "Application/JSON"):
        assert client.post("/direct/sum", content=b'{"one": 1}', headers={**JSON, "content-type": kind}).text == "1"


def test_other_methods_and_paths_are_the_frameworks(client: TestClient) -> None:
    assert client.get("/direct/sum").status_code == 405
    assert client.post("/direct/sum/", content=b"{}", headers=JSON, follow_redirects=False).status_code == 307
    assert client.post("/direct", content=b"{}", headers=JSON).status_code == 404


def test_it_is_described_like_any_other_route(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    described = document["paths"]["/direct/sum"]["post"]
    assert described["summary"] == "Add"
    assert described["requestBody"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Sum"}


def test_the_framework_gives_the_same_answer() -> None:
    framework = FastAPI()
    framework.include_router(_routers()[0])
    client = TestClient(framework)
    assert client.post("/direct/sum", content=b'{"one": 3, "other": 4}', headers=JSON).text == "7"
    assert client.post("/direct/sum", content=b'{"one": "x"}', headers=JSON).status_code == 422


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(_VALUES)
def test_what_is_written_is_read_again(value: object) -> None:
    for ascii_only in (True, False):
        assert read_json(json.dumps(value, ensure_ascii=ascii_only).encode()) == value


def _pairs(pairs: list[tuple[str, object]]) -> dict[str, object]:
    assert len(dict(pairs)) == len(pairs), "a name twice"
    return dict(pairs)


@given(
    st.binary(max_size=60)
    | st.text(alphabet='{}[]",:\\u0dnNa1e9 .-+\t', max_size=60).map(str.encode)
    | st.lists(
        st.sampled_from(["{", "}", "[", "]", ",", ":", '"a"', '"b"', '""', '" "', "1", "null", '"\\u0061"', '"é"']),
        max_size=24,
    )
    .map("".join)
    .map(str.encode)
)
@example(b'{"a": 1, "a": 1}')
@example(b'{"a": {"b": "", "b": ""}}')
@example(b'[{"a": "\\"", "a": 1}]')
@example(b'{"a": "x", "\\u0061": "x"}')
@settings(max_examples=400)
def test_any_octets_are_read_as_others_read_them_or_refused(octets: bytes) -> None:
    try:
        value = read_json(octets)
    except Malformed:
        return
    assert json.loads(octets, object_pairs_hook=_pairs) == value
    assert "\ufeff" not in octets.decode()[:1]


@given(_VALUES, st.booleans())
def test_a_name_twice_is_refused_wherever_it_stands(value: object, escaped: bool) -> None:
    name = "\\u006eame" if escaped else "name"
    inner = json.dumps(value, ensure_ascii=False)
    for text in (
        f'{{"name": {inner}, "{name}": {inner}}}',
        f'[{{"name": 1, "other": [{inner}], "{name}": ""}}]',
        f'{{"{name}": {{"name": [], "{name}": {inner}}}}}',
    ):
        with pytest.raises(Malformed):
            read_json(text.encode())
