"""`jitsuin party`: a party is registered, asks a running service, rotates its key, and is ended."""

import json
import secrets
import time
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from cli.__main__ import run
from pki.instant import Instant
from tests.support.service import serving
from tests.web.test_relying_api import CITY
from web.parties import RelyingParty, make_assertion


def _asserted(key: ec.EllipticCurvePrivateKey, kid: str, audience: str) -> dict[str, str]:
    def sign(message: bytes) -> bytes:
        r, s = utils.decode_dss_signature(key.sign(message, ec.ECDSA(SHA256())))
        return r.to_bytes(32) + s.to_bytes(32)

    now = Instant(int(time.time()))
    return {
        "authorization": "Bearer "
        + make_assertion("city", kid, audience, b"", now, secrets.token_hex(16), "ES256", sign)
    }


def _public(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def test_a_registered_party_asks_a_running_service(deployment: Path, tmp_path: Path) -> None:
    one, two = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    (tmp_path / "city.json").write_text(CITY.to_json(), encoding="utf-8")
    (tmp_path / "one.pem").write_bytes(_public(one))
    (tmp_path / "two.pem").write_bytes(_public(two))

    def party(*arguments: str) -> int:
        name, *rest = arguments
        return run(["party", name, str(deployment), "--party", "city", *rest])

    assert party("add", "--registration", str(tmp_path / "city.json"), "--json") == 0
    assert (deployment / "secrets" / "handle-key").stat().st_mode & 0o077 == 0
    kept = (deployment / "secrets" / "handle-key").read_bytes()
    assert party("add", "--registration", str(tmp_path / "city.json")) == 0
    assert (deployment / "secrets" / "handle-key").read_bytes() == kept, "handles stay when registrations change"
    assert party("add-key", "--kid", "1", "--key", str(tmp_path / "one.pem")) == 0
    assert party("add-key", "--kid", "1", "--key", str(tmp_path / "two.pem")) == 1, "a key id is never used again"

    with serving(deployment, "--role", "relying-party") as service, httpx.Client(base_url=service.url) as http:
        assert http.get("/v1/calls").status_code == 401
        assert http.get("/v1/calls", headers=_asserted(one, "1", service.url)).json() == {"items": []}
        assert party("add-key", "--kid", "2", "--key", str(tmp_path / "two.pem")) == 0
        assert party("end-key", "--kid", "1") == 0
        assert http.get("/v1/calls", headers=_asserted(one, "1", service.url)).status_code == 401
        assert http.get("/v1/calls", headers=_asserted(two, "2", service.url)).status_code == 200
        assert party("end") == 0
        assert http.get("/v1/calls", headers=_asserted(two, "2", service.url)).status_code == 401


def test_the_registration_in_the_documentation_is_one() -> None:
    text = (Path(__file__).parents[2] / "docs" / "relying-parties.md").read_text(encoding="utf-8")
    shown = text.split("```json\n")[1].split("```")[0]
    library = RelyingParty.from_json("library", shown)
    assert library.a_minute == 60
    assert RelyingParty.from_json("library", library.to_json()) == library


def test_what_cannot_be_registered_is_named(
    deployment: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.json").write_text("{}", encoding="utf-8")
    weak = ec.generate_private_key(ec.SECP384R1())
    (tmp_path / "weak.pem").write_bytes(_public(weak))
    for arguments in (
        ["add", str(deployment), "--party", "city", "--registration", str(tmp_path / "bad.json"), "--json"],
        ["add-key", str(deployment), "--party", "city", "--kid", "1", "--key", str(tmp_path / "weak.pem"), "--json"],
        ["add-key", str(deployment), "--party", "city", "--kid", "1", "--key", str(tmp_path / "bad.json"), "--json"],
        ["end-key", str(deployment), "--party", "city", "--kid", "9", "--json"],
        ["add", str(tmp_path), "--party", "city", "--registration", str(tmp_path / "bad.json"), "--json"],
    ):
        assert run(["party", *arguments]) == 1
        assert "code" in json.loads(capsys.readouterr().out)["error"]
    assert not (deployment / "secrets" / "handle-key").exists()
