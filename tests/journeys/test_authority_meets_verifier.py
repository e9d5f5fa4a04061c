"""What the authority issues, our verifier believes, also in its strict profile; what is revoked, it does not.

The two were written from the standards by different hands and share no code but DER: where they agree, both read the
clause alike. Each kind of authority: RSA as JPKI's, P-384, P-256, ML-DSA.
"""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from ca.authority import Authority
from ca.crl import CrlIssuer, CrlKind, CrlPolicy, make_crl
from ca.crl_publisher import Publisher
from ca.crl_schedule import scopes_of
from ca.crl_shelf import FolderShelf
from ca.directory import Database, Directory
from ca.ocsp import Responder
from ca.ocsp_delegates import StoredDelegates
from ca.profiles import Variant
from ca.revocation import revoke
from ca.status import Continuity, LiveStatus
from pki.certificate import Certificate
from pki.instant import Instant
from pki.purpose import Purpose
from pki.revocation import Reason
from pki.serial import SerialNumber
from tests.ca.issuing_world import World, make_world
from tests.ca.ocsp_requests import request_for
from verifier.anchors import anchor_of
from verifier.evidence import Evidence
from verifier.indication import SubIndication
from verifier.inputs import PathInputs, Profile, Usage
from verifier.sources import RevocationMode, Source, StatusRules
from verifier.validator import Result, Validator

LATER = timedelta(minutes=5)
USAGE = {Purpose.SIGNATURE: Usage.SIGNATURE, Purpose.AUTHENTICATION: Usage.AUTHENTICATION}


@pytest.fixture(params=list(Variant))
def world(
    request: pytest.FixtureRequest,
    sqlite_database: Database,
    tmp_path: Path,
    at: Instant,
    random: Callable[[int], bytes],
) -> World:
    """A whole authority of each variant."""
    return make_world(sqlite_database, tmp_path, at, random, request.param)


def judge(
    world: World, purpose: Purpose, der: bytes, evidence: Evidence, at: Instant, usage: Usage | None = None
) -> Result:
    mode = RevocationMode.REQUIRED if evidence else RevocationMode.OFF
    validator = Validator(
        [anchor_of(world.authority(purpose))],
        PathInputs(usage=usage or USAGE[purpose], profile=Profile.STRICT),
        StatusRules(mode),
    )
    return validator.validate(der, at, evidence)


def active(world: World, purpose: Purpose) -> Authority:
    return world.database.read(lambda conn: Directory().active(conn, purpose))


def test_paths_hold_for_their_purpose_and_no_other(world: World) -> None:
    for purpose in Purpose:
        der = world.issue(world.order(purpose)).der
        result = judge(world, purpose, der, Evidence(), world.at + LATER)
        assert result.passed, result.reason
        (other,) = set(Purpose) - {purpose}
        assert not judge(world, other, der, Evidence(), world.at + LATER).passed
        assert not judge(world, purpose, der, Evidence(), world.at + LATER, Usage.TLS_SERVER).passed


def test_status_by_crl_partition_and_delta(world: World, tmp_path: Path) -> None:
    purpose = Purpose.SIGNATURE
    der = world.issue(world.order(purpose)).der
    authority = active(world, purpose)
    issuer = CrlIssuer(authority.id, authority.subject, authority.key_identifier, world.keys.open(authority.key_label))
    scopes = world.database.read(lambda conn: scopes_of(conn, authority))
    assert len(scopes) == 2
    shelf = FolderShelf(tmp_path / "crls")
    root = world.authority(purpose)

    def made(scope: str, at: Instant, kind: CrlKind = CrlKind.FULL) -> bytes:
        signed = make_crl(world.database, issuer, scopes[scope], at, CrlPolicy(), kind)
        Publisher(authority.id, root, shelf, world.database).publish(signed, scopes[scope], at)
        return signed.der

    first = {scope: made(scope, world.at + LATER) for scope in scopes}
    soon = world.at + 2 * LATER
    for crl in first.values():
        result = judge(world, purpose, der, Evidence((), (crl,)), soon)
        assert result.passed, result.reason
        assert result.statuses[0].source is Source.CRL
    serial = SerialNumber(Certificate(der).serial)
    world.database.transaction(
        lambda conn: revoke(conn, authority.id, serial, Reason.AFFILIATION_CHANGED, soon, cause="moved")
    )
    for scope, base in first.items():
        later = world.at + 3 * LATER
        delta, full = made(scope, later, CrlKind.DELTA), made(scope, later)
        for crls in ((base, delta), (full,), (base, full)):
            result = judge(world, purpose, der, Evidence((), crls), later)
            assert result.sub_indication is SubIndication.REVOKED
            assert result.revoked is not None
            assert (result.revoked.reason, result.revoked.since) == (Reason.AFFILIATION_CHANGED, soon)


def test_status_by_ocsp(world: World) -> None:
    purpose = Purpose.AUTHENTICATION
    der = world.issue(world.order(purpose)).der
    authority, root = active(world, purpose), world.authority(purpose)
    delegates = StoredDelegates(world.database, world.keys, authority)
    responder = Responder(authority.id, root, delegates, LiveStatus(world.database, Continuity()))
    question = request_for(root, Certificate(der).serial)
    soon = world.at + LATER
    good = responder.answer(question, soon)
    result = judge(world, purpose, der, Evidence((), (), (good,)), soon)
    assert result.passed, result.reason
    assert result.statuses[0].source is Source.OCSP
    serial = SerialNumber(Certificate(der).serial)
    world.database.transaction(
        lambda conn: revoke(conn, authority.id, serial, Reason.KEY_COMPROMISE, soon, cause="lost")
    )
    later = soon + timedelta(seconds=1)
    bad = responder.answer(question, later)
    for answers in ((bad,), (good, bad), (bad, good)):
        result = judge(world, purpose, der, Evidence((), (), answers), later)
        assert result.sub_indication is SubIndication.REVOKED
