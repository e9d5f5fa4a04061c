"""Answers signed ahead: the same as live ones, found again, dropped by change, told apart when damaged."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.x509 import ocsp

from ca.directory import Database
from ca.lint_ocsp import judge_ocsp
from ca.ocsp import AnswerPolicy, Responder
from ca.ocsp_answers import AnswerDesk
from ca.ocsp_pack import Pack
from ca.ocsp_presign import Presigner
from ca.ocsp_response import ResponseEncoder
from ca.revocation import revoke
from ca.status import Continuity
from ca.status_view import StatusView
from pki.certid import certid_of
from pki.errors import Malformed
from pki.revocation import Reason
from tests.ca.ocsp_requests import request_for
from tests.ca.status_world import AT, AUTHORITY, World, make_world


@pytest.fixture
def world(database: Database, random: Callable[[int], bytes]) -> World:
    return make_world(database, random)


def presigner(world: World, hash_name: str = "sha1") -> Presigner:
    encoder = ResponseEncoder(world.responder_certificate, world.responder_key)
    return Presigner(AUTHORITY, world.root, encoder, AnswerPolicy(), hash_name)


@pytest.mark.parametrize("processes", [1, 2])
def test_a_pack_holds_every_living_certificate(world: World, tmp_path: Path, processes: int) -> None:
    alive = world.issue(4100 if processes == 2 else 20)
    ended = world.issue(not_after=AT + timedelta(days=-1))[0]
    world.database.transaction(lambda conn: revoke(conn, AUTHORITY, alive[3], Reason.SUPERSEDED, AT))
    assert presigner(world).fill(world.database, tmp_path / "pack", AT, processes) == len(alive)
    pack = Pack(tmp_path / "pack")
    assert (pack.authority, pack.hash_name, pack.count) == (AUTHORITY, "sha1", len(alive))
    for serial in (alive[0], alive[3], alive[-1]):
        found = pack.find(certid_of(serial, world.root).der, serial)
        assert found is not None
        status = ocsp.load_der_ocsp_response(found).certificate_status
        assert status is (ocsp.OCSPCertStatus.REVOKED if serial == alive[3] else ocsp.OCSPCertStatus.GOOD)
        assert not judge_ocsp(found, issuer=world.root, request=request_for(world.root, serial), at=AT)
    assert pack.find(certid_of(ended, world.root).der, ended) is None
    assert pack.find(certid_of(alive[0], world.root, "sha256").der, alive[0]) is None
    assert pack.is_fresh(AT)
    assert not pack.is_fresh(AT + timedelta(hours=2))


def test_a_desk_gives_packed_answers_until_their_status_changes(world: World, tmp_path: Path) -> None:
    first, second = world.issue(2)
    presigner(world, "sha256").fill(world.database, tmp_path / "pack", AT)
    view = StatusView(world.database, Continuity())
    responder = Responder(AUTHORITY, world.root, world.responder().delegates, view)
    pack = Pack(tmp_path / "pack")
    desk = AnswerDesk(responder, view, [pack])
    view.refresh()
    for serial in (first, second):
        request = request_for(world.root, serial, hash_name="sha256")
        packed = pack.find(certid_of(serial, world.root, "sha256").der, serial)
        assert desk.make(request, AT).answer.der == packed
        kept = desk.ready(request, AT.seconds)
        assert kept is not None
        assert kept.answer.der == packed
    world.database.transaction(lambda conn: revoke(conn, AUTHORITY, first, Reason.SUPERSEDED, AT))
    view.refresh()
    request = request_for(world.root, first, hash_name="sha256")
    assert desk.ready(request, AT.seconds) is None
    status = ocsp.load_der_ocsp_response(desk.make(request, AT).answer.der).certificate_status
    assert status is ocsp.OCSPCertStatus.REVOKED
    assert desk.ready(request_for(world.root, second, hash_name="sha256"), AT.seconds) is not None
    # A new process over the old pack: the view knows that the revocation is younger than the pack.
    fresh = StatusView(world.database, Continuity())
    fresh.refresh()
    again = AnswerDesk(Responder(AUTHORITY, world.root, responder.delegates, fresh), fresh, [pack])
    assert ocsp.load_der_ocsp_response(again.make(request, AT).answer.der).certificate_status is status


def test_what_is_kept_is_bounded(world: World) -> None:
    serials = world.issue(30)
    view = StatusView(world.database, Continuity(), most_known=10)
    desk = AnswerDesk(Responder(AUTHORITY, world.root, world.responder().delegates, view), view, most=5)
    view.refresh()
    assert not view.complete
    for serial in serials:
        assert desk.make(request_for(world.root, serial), AT).answer.shared
    kept = [serial for serial in serials if desk.ready(request_for(world.root, serial), AT.seconds)]
    assert 0 < len(kept) <= 5


def test_a_damaged_pack_is_refused(world: World, tmp_path: Path) -> None:
    world.issue(3)
    path = tmp_path / "pack"
    presigner(world).fill(world.database, path, AT)
    whole = path.read_bytes()
    for damaged in (b"", whole[:11], b"X" + whole[1:], whole[:100], whole[:12] + b"[" + whole[13:]):
        path.write_bytes(damaged)
        with pytest.raises(Malformed):
            Pack(path)
