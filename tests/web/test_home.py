"""The first page: both languages, every link of it answered, nothing from elsewhere."""

import os
import re
from pathlib import Path

import cryptography_vectors
import pytest
from fastapi import APIRouter
from fastapi.testclient import TestClient

from pki.certificate import parse_certificate
from pki.purpose import Purpose
from tests.support.chance import SeededOctets
from web.application import Frame, compose
from web.home import AuthorityCard, make_home_router
from web.language import Language

CERTIFICATE = parse_certificate(
    (
        Path(os.path.dirname(cryptography_vectors.__file__)) / "x509/PKITS_data/certs/TrustAnchorRootCertificate.crt"
    ).read_bytes()
)


@pytest.fixture
def client() -> TestClient:
    crl = APIRouter()
    crl.get("/crl/{authority}.crl")(lambda authority: {"crl": authority})
    cards = [AuthorityCard("signature-1", Purpose.SIGNATURE, CERTIFICATE)]
    home = make_home_router(cards, frozenset({"/v1/verifications"}), Language.JA)
    return TestClient(compose("test", [home, crl], Frame(random=SeededOctets("home"), stopwatch=lambda: 0.0)))


def test_both_languages_and_who_decides(client: TestClient) -> None:
    japanese, english = client.get("/?lang=ja"), client.get("/?lang=en")
    assert 'lang="ja"' in japanese.text
    assert "認証局" in japanese.text
    assert "Authority for signature" in english.text
    assert "認証局" not in english.text
    assert client.get("/", headers={"Accept-Language": "en"}).headers["content-language"] == "en"
    assert client.get("/?lang=xx").headers["content-language"] == "ja"


def test_only_what_this_process_serves_is_shown(client: TestClient) -> None:
    page = client.get("/").text
    assert "/v1/verifications" in page
    assert "/v1/filings" not in page


def test_every_link_is_answered_here_and_the_style_too(client: TestClient) -> None:
    page = client.get("/").text
    links = set(re.findall(r'(?:href|src)="([^"]+)"', page))
    assert links
    for link in links:
        assert link.startswith("/")
        assert client.get(link).status_code == 200, link
    assert not re.search(r"<script|style=|onclick", page)
    assert client.get("/ca/signature-1.cer").content == CERTIFICATE.der
    assert client.get("/ca/signature-9.cer").status_code == 404
