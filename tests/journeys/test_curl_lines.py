"""Every curl line of the OpenAPI document, as it stands there, by a shell, against a service with a sandbox party."""

import base64
import hashlib
import json
import os
import re
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx

from cardio import jpki
from cardio.jpki_card import JpkiCard
from cardio.session import CardSession
from cardio.virtual_card import FileStorage
from cardio.virtual_jpki import VirtualJpkiCard
from cli.__main__ import run
from cli.database import Database
from cli.party import ensure_handle_key
from cli.party_sandbox import KID, make_request, make_sandbox
from cli.sample import PASSWORD, PIN, enter, people
from cli.settings import load_settings
from pki import cms
from pki.certificate import Certificate
from pki.instant import Instant
from pki.purpose import Purpose
from tests.support.service import serving
from verifier.challenge import login_message
from web.consents import Wish
from web.parties import Parties

ROOT = Path(__file__).parents[2]
PARTY = "sandbox-library"
ORDER = (
    "POST /v1/verifications",
    "GET /v1/verifications/{verification}",
    "GET /v1/verifications/{verification}/verdict",
    "GET /v1/verdict-certificates",
    "POST /v1/verifications/batch",
    "POST /v1/consents",
    "POST /v1/authentications/challenges",
    "POST /v1/authentications",
    "GET /v1/status/{handle}",
    "GET /v1/status",
    "POST /v1/status",
    "GET /v1/calls",
    "DELETE /v1/verifications/{verification}",
)
"""What must come before what: an answer can be read once it was asked for, and until it is deleted."""


class Shell:
    """Somebody at a terminal who copies a line, puts their own handle in the place of `…`, and presses Enter."""

    def __init__(self, place: Path, url: str, key: Path) -> None:
        self.place = place
        # the status on standard error, without a change to the line
        (place / ".curlrc").write_text('write-out = "%{stderr}%{http_code} %{content_type}"\n')
        self.environment = {
            **os.environ,
            "CURL_HOME": str(place),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT / "clients" / "python"),
            "JITSUIN": url,
            "JITSUIN_PARTY": PARTY,
            "JITSUIN_KID": KID,
            "JITSUIN_KEY": str(key),
        }

    def type(self, line: str, **own: str) -> tuple[int, str, str]:
        """Status, kind and content of the answer."""
        for shown, mine in own.items():
            line = line.replace(f"{shown}-…", mine)
        assert "…" not in line, line
        done = subprocess.run(
            ["bash", "-euc", line], cwd=self.place, env=self.environment, capture_output=True, text=True, timeout=60,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, (line, done.stderr)
        status, kind = (*done.stderr.split(), "")[:2]
        return int(status), kind.rstrip(";"), done.stdout

    def put(self, file: str, value: Any) -> None:
        (self.place / file).write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")


def now() -> Instant:
    return Instant(int(time.time()))


def test_every_curl_line_does_what_it_says(tmp_path: Path) -> None:
    folder, desk = tmp_path / "made", tmp_path / "desk"
    desk.mkdir()
    with socket.socket() as probe:  # the certificates name this address: there OCSP is asked
        probe.bind(("127.0.0.1", 0))
        listen = f"127.0.0.1:{probe.getsockname()[1]}"
    assert run(["init", str(folder), "--listen", listen, "--json"]) == 0
    settings = load_settings(folder)
    entered = enter(settings, people(settings.municipality.name)[0], now())
    database = Database(settings.database_url)
    try:
        parties = Parties(database, settings.public_url)
        keys = make_sandbox(settings, parties, now())
        library = parties.registered(PARTY)
        assert library is not None
        parties.register(replace(library, with_consent=frozenset({"address"})), now())
    finally:
        database.close()
    ensure_handle_key(settings)
    request = make_request(settings, now(), os.urandom, PASSWORD)
    assert request is not None
    card = JpkiCard(CardSession.of_memory(VirtualJpkiCard(FileStorage(entered.card), os.urandom), jpki.identify))

    with serving(folder, "--listen", listen) as service, httpx.Client(base_url=service.url) as http:
        documented = {
            f"{method.upper()} {path}": operation
            for path, methods in http.get("/openapi.json").json()["paths"].items()
            for method, operation in methods.items()
            if "curl" in operation.get("description", "")
        }
        assert set(documented) == set(ORDER), "an operation without its place here is an operation that nobody tried"
        page = http.get("/docs").text
        shell = Shell(desk, service.url, keys[PARTY])
        shell.put("request.json", json.loads(request.read_text(encoding="utf-8")))
        shell.put("batch.json", {"items": [json.loads(request.read_text(encoding="utf-8"))]})
        shell.put("consent.json", consent(card))
        shell.put("origin.json", {"origin": "https://library.example"})
        answers: dict[str, Any] = {}
        own: dict[str, str] = {}
        for name in ORDER:
            (line,) = re.findall(r"```sh\n(.*?)\n```", documented[name]["description"], re.DOTALL)
            assert line.replace("&", "&amp;").replace('"', "&quot;").replace("'", "&#x27;") in page
            status, kind, content = shell.type(line, **own)
            promised = [int(code) for code in documented[name]["responses"] if code.startswith("2")]
            assert status == promised[0], (name, content)
            shown = documented[name]["responses"][str(status)].get("content", {})
            assert {kind} == set(shown) or (status == 204 and not content), (name, kind)
            if name == "GET /v1/verdict-certificates":
                assert service.url in content, "the second half of the line has checked the verdict"
            if kind == "application/json" and status != 204:
                answers[name] = json.loads(content)
                assert_like(shown[kind]["example"], answers[name], name)
            if name == "POST /v1/verifications":
                told = answers[name]
                own = {"v": told["id"], "c": told["certificate"]}
                shell.put("handles.json", {"handles": [told["certificate"], told["person"]]})
            if name == "GET /v1/verifications/{verification}/verdict":
                (desk / "VERDICT").write_text(content)
            if name == "POST /v1/authentications/challenges":
                shell.put("login.json", login(card, answers[name]))
        assert answers["POST /v1/verifications"]["indication"] == "PASSED"
        assert answers["POST /v1/verifications"]["attributes"] == {"name": entered.name}
        assert answers["GET /v1/verifications/{verification}"] == answers["POST /v1/verifications"]
        assert answers["POST /v1/verifications/batch"]["items"][0]["indication"] == "PASSED"
        assert answers["POST /v1/authentications"]["indication"] == "PASSED"
        assert answers["GET /v1/status/{handle}"]["status"] == "good"
        assert [row["status"] for row in answers["POST /v1/status"]["items"]] == ["good", "good"]
        assert len(answers["GET /v1/calls"]["items"]) >= 2
        assert (desk / "verdicts.pem").read_text().startswith("-----BEGIN CERTIFICATE-----")
        (line,) = re.findall(
            r"```sh\n(.*?)\n```", documented["GET /v1/verifications/{verification}"]["description"], re.DOTALL
        )
        assert shell.type(line, **own)[0] == 404, "deleted for good"


def assert_like(example: Any, answer: Any, name: str) -> None:
    """The example promises nothing that the answer has not: every member is there, of a kind that fits."""
    if isinstance(example, dict):
        assert isinstance(answer, dict), name
        assert set(example) <= set(answer), (name, set(example) - set(answer))
        for member, value in example.items():
            assert_like(value, answer[member], f"{name} {member}")
    elif isinstance(example, list):
        assert isinstance(answer, list), name
        if example and answer:
            assert_like(example[0], answer[0], name)
    elif example is not None and answer is not None:
        assert type(example) is type(answer), (name, example, answer)


def consent(card: JpkiCard) -> dict[str, str]:
    """What the person's card signs so that the library may have the address."""
    until = Instant(now().seconds + 30 * 86400)
    document = Wish(PARTY, frozenset({"address"}), "図書館の利用登録", until).document(os.urandom(16))
    pin = jpki.pin(Purpose.SIGNATURE, PASSWORD)
    octets = card.read(Purpose.SIGNATURE, pin)
    assert octets is not None
    certificate = Certificate(octets)
    digest = hashlib.new(cms.digest_name(certificate), document).digest()
    attributes = cms.to_be_signed(digest, certificate, now())
    signature = cms.assemble(attributes, card.sign(Purpose.SIGNATURE, pin, attributes), certificate)
    return {"document": base64.b64encode(document).decode(), "signature": base64.b64encode(signature).decode()}


def login(card: JpkiCard, challenge: dict[str, str]) -> dict[str, str]:
    """What a page and the card make of a challenge."""
    octets = card.read(Purpose.AUTHENTICATION)
    assert octets is not None
    message = login_message(challenge["origin"], challenge["nonce"], "sha256")
    value = card.sign(Purpose.AUTHENTICATION, jpki.pin(Purpose.AUTHENTICATION, PIN), message)
    token = {
        "unverifiedCertificate": base64.b64encode(octets).decode(),
        "algorithm": "RS256",
        "signature": base64.b64encode(value).decode(),
        "format": "web-eid:1.0",
    }
    return {"challenge": challenge["id"], "token": json.dumps(token)}
