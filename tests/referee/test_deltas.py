"""Deltas before strangers: what only a delta knows, openssl, pyhanko-certvalidator and our verifier take from it.

The CRLs are those that the schedule makes, the certificates those that a deployment issues.
"""

import asyncio
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from asn1crypto import crl as asn1_crl
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko_certvalidator import CertificateValidator, ValidationContext
from pyhanko_certvalidator.errors import RevokedError
from pyhanko_certvalidator.policy_decl import CertRevTrustPolicy, RevocationCheckingPolicy, RevocationCheckingRule

from ca.crl_reading import Crl
from ca.crl_schedule import CrlMaker
from ca.crl_shelf import FolderShelf
from ca.directory import Database
from ca.findings import Severity
from ca.lint_crl import judge_crl
from ca.parameters import Parameters
from ca.profiles import Variant
from ca.revocation import revoke
from pki import oids
from pki.certificate import Certificate
from pki.instant import Instant
from pki.purpose import Purpose
from pki.revocation import Reason
from pki.serial import SerialNumber
from tests.ca.issuing_world import OCSP, make_world, pkilint_findings
from verifier.anchors import anchor_of
from verifier.evidence import Evidence
from verifier.indication import SubIndication
from verifier.inputs import PathInputs, Profile, Usage
from verifier.sources import RevocationMode, StatusRules
from verifier.validator import Validator

PARAMETERS = Parameters(ocsp_uri=OCSP, delta_uri="http://127.0.0.1:8080/crl/{authority}/{name}.crl")
POINTED = {Variant.JPKI: False, Variant.P256: False, Variant.NEXT: True, Variant.ML_DSA: True}
"""In which variants certificates and full CRLs tell where deltas are."""
PURPOSE, AUTHORITY = Purpose.AUTHENTICATION, "authentication-1"
URI = "http://127.0.0.1:8080/crl/authentication-1/delta.crl"


@pytest.mark.parametrize("variant", list(Variant))
def test_what_only_the_delta_knows(
    sqlite_database: Database, tmp_path: Path, at: Instant, random: Callable[[int], bytes], variant: Variant
) -> None:
    world = make_world(sqlite_database, tmp_path, at, random, variant, PARAMETERS)
    root = world.authority(PURPOSE)
    leaf = Certificate(world.issue(world.order(PURPOSE)).der)
    assert _freshest(leaf.x509.extensions) == ([URI] if POINTED[variant] else [])
    shelf = FolderShelf(tmp_path / "crls")
    maker = CrlMaker(world.database, world.keys, shelf, "one", deltas=True)
    kinds = [one.row.kind for now in (at, at + timedelta(seconds=5)) for one in maker.run(now)]
    assert kinds == ["full", "full", "delta", "delta"]
    first = shelf.current(AUTHORITY, "delta")
    assert first is not None
    serial, soon, later = SerialNumber(leaf.serial), at + timedelta(minutes=5), at + timedelta(hours=2)
    world.database.transaction(lambda conn: revoke(conn, AUTHORITY, serial, Reason.SUPERSEDED, soon))
    assert {one.row.kind for one in maker.run(later)} == {"delta"}
    full, delta = shelf.current(AUTHORITY, "full"), shelf.current(AUTHORITY, "delta")
    assert full is not None
    assert delta is not None
    assert _freshest(x509.load_der_x509_crl(full.der).extensions) == ([URI] if POINTED[variant] else [])
    assert _freshest(x509.load_der_x509_crl(delta.der).extensions) == []
    for octets, base in ((full.der, None), (delta.der, Crl(full.der))):
        findings = judge_crl(octets, issuer=root, base=base, at=later)
        assert [one for one in findings if one.severity >= Severity.WARNING] == []
    assert _ours(root, leaf, (full.der,), later) is None
    assert _ours(root, leaf, (full.der, delta.der), later) is SubIndication.REVOKED
    if variant is Variant.ML_DSA:
        return  # neither referee reads ML-DSA in the versions at hand
    assert pkilint_findings(tmp_path, leaf.der) == 0
    for octets in (full.der, delta.der):
        assert _pkilint_crl(tmp_path, octets) == ""
    assert _openssl(tmp_path, root, leaf, (full.der, delta.der), later) == 0
    assert _certvalidator(root, leaf, (full.der, first.der), at + timedelta(minutes=1))
    # Who is not told of deltas does not look for them.
    assert _openssl(tmp_path, root, leaf, (full.der, delta.der), later, "-use_deltas") == (2 if POINTED[variant] else 0)
    assert _certvalidator(root, leaf, (full.der, delta.der), later) == (not POINTED[variant])


def _freshest(extensions: x509.Extensions) -> list[str]:
    try:
        points = extensions.get_extension_for_class(x509.FreshestCRL)
    except x509.ExtensionNotFound:
        return []
    assert points.oid.dotted_string == oids.FRESHEST_CRL
    assert not points.critical
    return [name.value for point in points.value for name in point.full_name or ()]


def _ours(root: Certificate, leaf: Certificate, crls: tuple[bytes, ...], at: Instant) -> SubIndication | None:
    inputs = PathInputs(usage=Usage.AUTHENTICATION, profile=Profile.STRICT)
    validator = Validator([anchor_of(root)], inputs, StatusRules(RevocationMode.REQUIRED))
    return validator.validate(leaf.der, at, Evidence((), crls)).sub_indication


def _openssl(
    folder: Path, root: Certificate, leaf: Certificate, crls: tuple[bytes, ...], at: Instant, *more: str
) -> int:
    paths = {name: folder / f"{name}.pem" for name in ("root", "leaf", "crls")}
    paths["root"].write_bytes(root.x509.public_bytes(Encoding.PEM))
    paths["leaf"].write_bytes(leaf.x509.public_bytes(Encoding.PEM))
    paths["crls"].write_bytes(b"".join(x509.load_der_x509_crl(crl).public_bytes(Encoding.PEM) for crl in crls))
    # Without -extended_crl OpenSSL takes a delta for a full CRL (get_crl_score passes over baseCRLNumber).
    command = ["openssl", "verify", "-x509_strict", "-crl_check", "-extended_crl", "-attime", str(at.seconds), *more]
    command += ["-CAfile", str(paths["root"]), "-CRLfile", str(paths["crls"]), str(paths["leaf"])]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0 or "certificate revoked" in ran.stderr, ran.stderr
    return ran.returncode


def _certvalidator(root: Certificate, leaf: Certificate, crls: tuple[bytes, ...], at: Instant) -> bool:
    rule = RevocationCheckingRule.CRL_REQUIRED
    context = ValidationContext(
        trust_roots=[asn1_x509.Certificate.load(root.der)],
        crls=[asn1_crl.CertificateList.load(crl) for crl in crls],
        moment=at.datetime,
        revinfo_policy=CertRevTrustPolicy(RevocationCheckingPolicy(rule, rule)),
        allow_fetching=False,
    )
    validator = CertificateValidator(asn1_x509.Certificate.load(leaf.der), validation_context=context)
    try:
        asyncio.run(validator.async_validate_usage({"digital_signature"}))
    except RevokedError:
        return False
    return True


def _pkilint_crl(folder: Path, crl: bytes) -> str:
    path = folder / "judged.crl"
    path.write_bytes(crl)
    linter = Path(sys.executable).with_name("lint_crl")
    command = [str(linter), "lint", "-t", "CRL", "-p", "PKIX", "-s", "WARNING", str(path)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return "" if ran.returncode == 0 else ran.stdout + ran.stderr
