"""The same OCSP answers before three judges: ours, `openssl ocsp` and pyhanko-certvalidator.

Where a judge says something else, the difference stands in DIFFERENCES, with the rule that makes ours right; one that
is not listed, and one that is listed and no longer there, fail.
"""

import asyncio
import base64
import subprocess
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest
from asn1crypto import ocsp as asn1_ocsp
from asn1crypto import x509 as asn1_x509
from pyhanko_certvalidator import CertificateValidator, ValidationContext
from pyhanko_certvalidator.errors import PathBuildingError, PathValidationError, RevokedError

from pki import der, oids
from pki.instant import Instant
from pki.revocation import Good, Revoked
from tests.verifier.path_world import (
    NO_CHECK,
    UNKNOWN,
    Ca,
    authority_key,
    extended_usage,
    extension,
    key_usage,
    revoked,
    subject_key,
    uri,
)
from verifier.anchors import anchor_of
from verifier.evidence import Evidence
from verifier.sources import StatusRules
from verifier.validator import Validator

pytestmark = pytest.mark.referee
SERIAL, OTHER = 0x1001, 0x1002
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NONCE: Final = bytes(range(16))
GOOD, REVOKED, REFUSED = "good", "revoked", "refused"
"""What a judge says of the certificate; refused: the answer proves nothing to it."""


@cache
def now() -> Instant:
    """When this run began: openssl looks at this machine's clock, so that everything is dated from it."""
    return Instant.from_datetime(datetime.now(UTC))


ROOT, STRANGER, RESPONDER = Ca("Root"), Ca("Stranger"), Ca("Responder")
TWIN: Final = Ca("Twin of the root", ROOT.named)
"""Another CA of the same name."""


def certificate(of: Ca, *extensions: bytes, start: timedelta = -DAY, end: timedelta = 9 * DAY, by: Ca = ROOT) -> bytes:
    """A responder's certificate."""
    return by.issue(
        of.named, of.key, *extensions, key_usage(0), subject_key(of.key), authority_key(by.key),
        serial=77, start=now() + start, end=now() + end,
    )  # fmt: skip


@cache
def root() -> bytes:
    return ROOT.root(serial=1, start=now() + -99 * DAY, end=now() + 99 * DAY)


@cache
def leaf() -> bytes:
    # without the address certvalidator does not look at OCSP answers at all
    address = extension(
        oids.AUTHORITY_INFO_ACCESS, der.sequence(der.sequence(der.oid(oids.ACCESS_OCSP), uri("http://ocsp.example/")))
    )
    return ROOT.leaf(address, serial=SERIAL, start=now() + -30 * DAY, end=now() + 9 * DAY)


def answer(status: bytes = b"\x80\x00", *, serial: int = SERIAL, this: timedelta = -HOUR, then: timedelta | None = HOUR,
           by: Ca = ROOT, **more: Any) -> bytes:  # fmt: skip
    """An answer of the root (or `by`) about the leaf."""
    return by.answer(serial, status, this=now() + this, then=None if then is None else now() + then, **more)


def single(status: bytes = b"\x80\x00", *, serial: int = SERIAL, by: Ca = ROOT, this: timedelta = -HOUR,
           **more: Any) -> bytes:  # fmt: skip
    return by.single(serial, status, now() + this, now() + HOUR, **more)


def delegated(*extensions: bytes, **dates: Any) -> bytes:
    """A good answer by a responder with such a certificate."""
    return answer(responder=RESPONDER, certificates=[certificate(RESPONDER, *extensions, **dates)])


def said_revoked() -> bytes:
    return revoked(now() + -2 * DAY, 1)


SIGNING: Final = extended_usage(oids.OCSP_SIGNING)
CASES: Final[Mapping[str, tuple[Callable[[], bytes], str]]] = {
    "good, by the CA": (answer, GOOD),
    "good, by the CA, named": (lambda: answer(by_name=True), GOOD),
    "good, by a delegate": (lambda: delegated(SIGNING, NO_CHECK), GOOD),
    "good, SHA-256 in the CertID": (lambda: answer(singles=[single(hash_name="sha256")]), GOOD),
    "revoked": (lambda: answer(said_revoked()), REVOKED),
    "revoked, by a delegate": (
        lambda: answer(
            said_revoked(), responder=RESPONDER, certificates=[certificate(RESPONDER, SIGNING, NO_CHECK)]
        ),
        REVOKED,
    ),
    "unknown": (lambda: answer(UNKNOWN), REFUSED),
    "the responder is down": (lambda: der.sequence(der.enumerated(3)), REFUSED),
    "about another number": (lambda: answer(serial=OTHER), REFUSED),
    "about another issuer's": (lambda: answer(singles=[single(by=STRANGER)]), REFUSED),
    "about another CA of the same name": (lambda: answer(singles=[single(key=TWIN.key)]), REFUSED),
    "stale": (lambda: answer(this=-2 * DAY, then=-DAY), REFUSED),
    "from the future": (lambda: answer(this=HOUR, then=2 * HOUR), REFUSED),
    "produced in the future": (lambda: answer(produced=now() + HOUR), REFUSED),
    "without nextUpdate, fresh": (lambda: answer(this=timedelta(minutes=-2), then=None), GOOD),
    "without nextUpdate, a day old": (lambda: answer(this=-DAY, then=None), REFUSED),
    "nextUpdate before thisUpdate": (lambda: answer(this=-HOUR, then=-2 * HOUR), REFUSED),
    "signed by a stranger": (
        lambda: answer(responder=STRANGER, certificates=[certificate(STRANGER, SIGNING, NO_CHECK, by=STRANGER)]),
        REFUSED,
    ),
    "the delegate's CA only bears the name": (
        lambda: answer(responder=RESPONDER, certificates=[certificate(RESPONDER, SIGNING, NO_CHECK, by=TWIN)]),
        REFUSED,
    ),
    "the signature is another key's": (lambda: answer(key=STRANGER.key), REFUSED),
    "the delegate is not for OCSP": (lambda: delegated(NO_CHECK), REFUSED),
    "the delegate is for any purpose": (lambda: delegated(extended_usage("2.5.29.37.0"), NO_CHECK), REFUSED),
    "nocheck is missing": (lambda: delegated(SIGNING), REFUSED),
    "the delegate has ended": (lambda: delegated(SIGNING, NO_CHECK, start=-9 * DAY, end=-DAY), REFUSED),
    "the delegate has not begun": (lambda: delegated(SIGNING, NO_CHECK, start=DAY), REFUSED),
    "the nonce that was sent": (lambda: answer(nonce=NONCE), GOOD),
    "another nonce": (lambda: answer(nonce=NONCE[::-1]), REFUSED),
    "a critical extension": (
        lambda: answer(more=[extension("1.3.6.1.4.1.32473.9", der.null(), critical=True)]),
        REFUSED,
    ),
    "several, ours the second": (lambda: answer(singles=[single(serial=OTHER), single()]), GOOD),
    "several, ours revoked": (lambda: answer(singles=[single(serial=OTHER), single(said_revoked())]), REVOKED),
    "good first, then revoked": (lambda: answer(singles=[single(), single(said_revoked())]), REVOKED),
    "revoked first, then good": (lambda: answer(singles=[single(said_revoked()), single()]), REVOKED),
    "stale first, then good": (lambda: answer(singles=[
        ROOT.single(SERIAL, b"\x80\x00", now() + -3 * DAY, now() + -2 * DAY), single()]), GOOD),
}  # fmt: skip
WITH_NONCE: Final = frozenset({"the nonce that was sent", "another nonce"})

_PRODUCED: Final = "RFC 6960 2.4: producedAt is when the answer was signed; one from the future has not been signed yet"
_NONCE: Final = "RFC 6960 4.4.1, RFC 9654 2.1: the nonce binds the answer to the request; "
_CRITICAL: Final = "RFC 6960 4.1.2, 4.4: an extension that is critical and not understood may not be passed over"
_TWO: Final = "RFC 6960 2.2: good only means that no revocation is known; here one is, in the same answer"
DIFFERENCES: Final[Mapping[tuple[str, str], tuple[str, str]]] = {
    ("produced in the future", "openssl"): (GOOD, _PRODUCED),
    ("produced in the future", "certvalidator"): (GOOD, _PRODUCED),
    ("without nextUpdate, a day old", "openssl"): (
        GOOD,
        "RFC 6960 3.2 (5), 4.2.2.1: without nextUpdate newer knowledge is to be had at any time: a day is too long",
    ),
    ("nocheck is missing", "openssl"): (
        GOOD,
        "RFC 6960 4.2.2.2.1: without nocheck the responder's own status counts, and nothing at hand tells it",
    ),
    ("another nonce", "openssl"): (GOOD, _NONCE + "the command adds one of its own to a request that it reads"),
    ("another nonce", "certvalidator"): (GOOD, _NONCE + "it is not told what was sent"),
    ("a critical extension", "openssl"): (GOOD, _CRITICAL),
    ("a critical extension", "certvalidator"): (GOOD, _CRITICAL),
    ("good first, then revoked", "openssl"): (GOOD, _TWO),
    ("good first, then revoked", "certvalidator"): (GOOD, _TWO),
    ("stale first, then good", "openssl"): (
        REFUSED,
        "RFC 6960 3.2: the answer that is relied on must be recent; it looks at the first of several only",
    ),
}
"""(case, judge) → what it says, and why ours is right."""


def ours(case: str, octets: bytes, folder: Path) -> str:
    del folder
    rules = StatusRules(nonce=NONCE if case in WITH_NONCE else None)
    result = Validator([anchor_of(root())], rules=rules).validate(leaf(), now(), Evidence((), (), (octets,)))
    (status,) = (one.status for one in result.statuses)
    assert result.passed == isinstance(status, Good)
    return GOOD if isinstance(status, Good) else REVOKED if isinstance(status, Revoked) else REFUSED


def openssl(case: str, octets: bytes, folder: Path) -> str:
    for file, encoded in (("root", root()), ("leaf", leaf())):
        text = base64.encodebytes(encoded).decode()
        (folder / f"{file}.pem").write_text(f"-----BEGIN CERTIFICATE-----\n{text}-----END CERTIFICATE-----\n")
    (folder / "answer.der").write_bytes(octets)
    (folder / "request.der").write_bytes(request())
    # of the request it looks at the nonce; whom it asks about are issuer and certificate, by the digest that is said
    asked = ["-no_nonce", *(("-reqin", "request.der") if case in WITH_NONCE else ())]
    asked += ["-sha256"] if "SHA-256" in case else []
    done = subprocess.run(
        ["openssl", "ocsp", *asked, "-issuer", "root.pem", "-cert", "leaf.pem", "-CAfile", "root.pem",
         "-respin", "answer.der"],
        cwd=folder, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    said = done.stdout + done.stderr
    if "Response verify OK" not in said or "Status times invalid" in said or "Nonce Verify error" in said:
        return REFUSED
    for word in (GOOD, REVOKED):
        if f"leaf.pem: {word}" in said:
            return word
    return REFUSED


def request() -> bytes:
    """A request about the leaf with our nonce."""
    certid = der.read_whole(ROOT.single(SERIAL)).children()[0].raw
    nonce = der.sequence(der.oid(oids.OCSP_NONCE), der.octet_string(der.octet_string(NONCE)))
    return der.sequence(der.sequence(der.sequence(der.sequence(certid)), der.context(2, der.sequence(nonce))))


def certvalidator(case: str, octets: bytes, folder: Path) -> str:
    del case, folder
    context = ValidationContext(
        trust_roots=[asn1_x509.Certificate.load(root())],
        ocsps=[asn1_ocsp.OCSPResponse.load(octets)],
        moment=now().datetime,
        allow_fetching=False,
        revocation_mode="require",
    )
    try:
        judge = CertificateValidator(asn1_x509.Certificate.load(leaf()), validation_context=context)
        asyncio.run(judge.async_validate_usage(set()))
    except RevokedError:
        return REVOKED
    except (PathValidationError, PathBuildingError):
        return REFUSED
    return GOOD


@pytest.mark.parametrize("case", CASES)
def test_ours_says_what_the_rules_say(case: str, tmp_path: Path) -> None:
    make, expected = CASES[case]
    assert ours(case, make(), tmp_path) == expected


@pytest.mark.parametrize("judge", [openssl, certvalidator], ids=lambda one: one.__name__)
@pytest.mark.parametrize("case", CASES)
def test_the_others_say_the_same_or_the_difference_is_known(
    case: str, judge: Callable[[str, bytes, Path], str], tmp_path: Path
) -> None:
    make, expected = CASES[case]
    theirs, _ = DIFFERENCES.get((case, judge.__name__), (expected, ""))
    assert judge(case, make(), tmp_path) == theirs


def test_every_difference_is_one() -> None:
    for (case, _), (theirs, why) in DIFFERENCES.items():
        assert theirs != CASES[case][1]
        assert why.startswith("RFC ")
