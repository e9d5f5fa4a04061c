"""The Python client against the real application, and the sample relying party built on it."""

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.verifier.filing_world import AT, ec_key, rsa_key, sign_filing
from tests.web.test_relying_api import DOCUMENT, SERVICE, Service, build, challenged, login, spki

CLIENTS = Path(__file__).parents[2] / "clients" / "python"


@pytest.fixture(scope="module")
def jitsuin_client() -> Iterator[Any]:
    """Imported from where it lies; it is a distribution of its own."""
    sys.path.insert(0, str(CLIENTS))
    try:
        import jitsuin_client

        yield jitsuin_client
    finally:
        sys.path.remove(str(CLIENTS))


@pytest.fixture
def service(sqlite_database: Any, random: Callable[[int], bytes]) -> Service:
    return build(sqlite_database, random)


def credentials(package: Any, service: Service, key: Any = None, kid: str = "1") -> Any:
    pem = (key or ec_key("party city")).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return package.Credentials("city", kid, pem, SERVICE, lambda: float(service.clock.now().seconds))


class Through(httpx.BaseTransport):
    """The client's requests, carried to the application under test."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = self._service.client.request(
            request.method, request.url.raw_path.decode(), content=request.read(), headers=dict(request.headers)
        )
        return httpx.Response(answer.status_code, headers=dict(answer.headers), content=answer.content)


class ThroughAsync(httpx.AsyncBaseTransport):
    def __init__(self, service: Service) -> None:
        self._inner = Through(service)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return self._inner.handle_request(request)


@pytest.fixture
def client(jitsuin_client: Any, service: Service) -> Iterator[Any]:
    http = httpx.Client(base_url=SERVICE, transport=Through(service))
    with jitsuin_client.Client(credentials(jitsuin_client, service), http) as made:
        yield made


def test_the_whole_life_of_a_verification(client: Any, jitsuin_client: Any, service: Service) -> None:
    signature = sign_filing(service.world.signer, DOCUMENT)
    answer = client.verify(DOCUMENT, signature, fields=["name"], affairs="test", key="key-number-1")
    assert answer.passed
    assert answer.done
    assert answer.attributes == {"name": "実印　花子"}
    assert answer.reason() == ""
    assert client.verify(DOCUMENT, signature, fields=["name"], affairs="test", key="key-number-1").id == answer.id
    assert client.find(answer.id).data == answer.data
    assert client.verdict(answer.id).count(".") == 2
    assert client.status([answer.person])[0]["status"] == "good"
    assert [line["operation"] for line in client.calls()] == ["verification"]
    client.delete(answer.id)
    with pytest.raises(jitsuin_client.Refused) as gone:
        client.find(answer.id)
    assert (gone.value.status, gone.value.code) == (404, "web.no-such-verification")
    assert "戻せません" in gone.value.todo
    changed = client.verify(DOCUMENT + b"!", signature)
    assert not changed.passed
    assert "変わっています" in changed.reason("ja")
    later = client.verify(DOCUMENT, signature, later=True)
    assert not later.done
    assert client.find(later.id).passed


def test_an_rsa_key_and_a_wrong_key(jitsuin_client: Any, service: Service) -> None:
    http = httpx.Client(base_url=SERVICE, transport=Through(service))
    key = rsa_key("party city")
    service.parties.add_key("city", "rsa", spki(key), AT)
    with jitsuin_client.Client(credentials(jitsuin_client, service, key, "rsa"), http) as client:
        assert client.calls() == []
    stranger = credentials(jitsuin_client, service, ec_key("stranger"))
    http = httpx.Client(base_url=SERVICE, transport=Through(service))
    with jitsuin_client.Client(stranger, http) as client, pytest.raises(jitsuin_client.Refused) as refused:
        client.calls()
    assert refused.value.status == 401


async def test_the_asynchronous_client(jitsuin_client: Any, service: Service) -> None:
    http = httpx.AsyncClient(base_url=SERVICE, transport=ThroughAsync(service))
    async with jitsuin_client.AsyncClient(credentials(jitsuin_client, service), http) as client:
        answer = await client.verify(DOCUMENT, sign_filing(service.world.signer, DOCUMENT))
        assert answer.passed
        assert (await client.find(answer.id)).data == answer.data
        assert (await client.status([answer.person]))[0]["status"] == "good"
        assert (await client.verdict(answer.id)).count(".") == 2
        await client.delete(answer.id)
        with pytest.raises(jitsuin_client.Refused):
            await client.find(answer.id)


def test_the_sample_relying_party(client: Any, service: Service, jitsuin_client: Any) -> None:
    assert jitsuin_client
    file = CLIENTS / "sample_relying_party.py"
    assert len(file.read_text(encoding="utf-8").splitlines()) <= 100
    spec = importlib.util.spec_from_file_location("sample_relying_party", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["sample_relying_party"] = module
    spec.loader.exec_module(module)
    library = module.Library(client)

    signature = sign_filing(service.world.signer, DOCUMENT)
    receipt = library.apply(DOCUMENT, signature, "0001")
    assert receipt.accepted, receipt.message
    assert "花子" in receipt.message
    assert library.apply(DOCUMENT, signature, "0001").accepted, "the same application again"
    replayed = library.apply(DOCUMENT, signature, "0002")
    assert not replayed.accepted
    assert not library.apply(b"another form", signature, "0003").accepted

    challenge = challenged(service)
    assert library.log_in(challenge["id"], login(service, challenge)) == "実印　花子"
    assert library.log_in(challenge["id"], login(service, challenge)) is None

    assert library.revoked_members() == []
    service.world.revoke(service.world.signer, AT)
    assert library.revoked_members() == ["実印　花子"]
    del sys.modules["sample_relying_party"]


def test_assertions_for_curl(service: Service, tmp_path: Path) -> None:
    key = ec_key("party city").private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "key.pem").write_bytes(key)
    (tmp_path / "request.json").write_bytes(b"{}")
    environment = {
        **{name: os.environ[name] for name in ("PATH",) if name in os.environ},
        "PYTHONPATH": str(CLIENTS),
        "JITSUIN": SERVICE,
        "JITSUIN_PARTY": "city",
        "JITSUIN_KID": "1",
        "JITSUIN_KEY": str(tmp_path / "key.pem"),
    }
    command = [sys.executable, "-m", "jitsuin_client", "assertion", str(tmp_path / "request.json")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().count(".") == 2
    wrong = subprocess.run(command[:3], env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert wrong.returncode == 2
    assert service
