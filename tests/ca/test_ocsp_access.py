"""Only registered relying parties are answered, where that is the setting."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from ca.directory import Database
from ca.errors import UnknownAuthority
from ca.file_key import FileKey
from ca.ocsp import Responder
from ca.ocsp_access import RegisteredOnly
from ca.ocsp_answers import AnswerDesk
from ca.ocsp_request import parse_request
from ca.ocsp_response import UNSUCCESSFUL, ResponseStatus
from ca.profiles import KeyShape
from ca.status import Continuity
from ca.status_view import StatusView
from pki import der
from pki.algorithms import ALGORITHMS
from pki.certid import CertId
from pki.certificate import Certificate
from pki.errors import Error
from pki.instant import Instant
from pki.serial import SerialNumber
from tests.ca.ocsp_requests import encode_request, request_for
from tests.ca.status_world import AT, AUTHORITY, END, World, key, make_root, make_world, name


@pytest.fixture
def world(sqlite_database: Database, random: Callable[[int], bytes]) -> World:
    return make_world(sqlite_database, random)


def party(label: str = "party") -> tuple[FileKey, Certificate]:
    signer = key(f"relying-{label}", KeyShape.P256)
    return signer, make_root(signer._private, name(f"Relying party {label}"))


def signed(request: bytes, signer: FileKey, *certificates: Certificate, flip: int = 0) -> bytes:
    (tbs,) = der.read_whole(request).children()
    signature = bytearray(signer.sign(tbs.raw))
    signature[-1] ^= flip
    chain = der.context(0, der.sequence(*(one.der for one in certificates))) if certificates else b""
    algorithm = ALGORITHMS[signer.shape.signature_algorithm].identifier
    return der.sequence(tbs.raw, der.context(0, der.sequence(algorithm, der.bit_string(bytes(signature)), chain)))


def test_who_is_answered(world: World) -> None:
    (serial,) = world.issue()
    signer, mine = party()
    other, others = party("other")
    live = world.responder()
    access = RegisteredOnly({mine.fingerprint.hex()}.__contains__)
    responder = Responder(AUTHORITY, world.root, live.delegates, live.source, access=access)

    def status(octets: bytes, at: Instant = AT, client: str | None = None) -> ResponseStatus:
        return ResponseStatus(der.read_whole(responder.respond(octets, at, client).der).children()[0].integer())

    plain = request_for(world.root, serial)
    assert status(plain) is ResponseStatus.SIG_REQUIRED
    assert status(signed(plain, signer, mine)) is ResponseStatus.SUCCESSFUL
    assert status(signed(plain, signer, others, mine)) is ResponseStatus.SUCCESSFUL
    for stranger in (
        signed(plain, signer),
        signed(plain, other, others),
        signed(plain, other),
        signed(plain, other, mine),
        signed(plain, signer, *[others] * 5, mine),
        signed(plain, signer, mine, flip=1),
    ):
        assert status(stranger) is ResponseStatus.UNAUTHORIZED
    assert status(signed(plain, signer, mine), END + timedelta(seconds=1)) is ResponseStatus.UNAUTHORIZED
    assert status(plain, client=mine.fingerprint.hex()) is ResponseStatus.SUCCESSFUL
    assert status(plain, client=others.fingerprint.hex()) is ResponseStatus.SIG_REQUIRED
    assert not responder.respond(plain, AT, mine.fingerprint.hex()).shared, "no cache may give it to the next one"


def test_who_keeps_a_record_is_told_of_what_is_answered_and_before_it_is(world: World) -> None:
    serials = world.issue(2)
    signer, mine = party()
    other, others = party("other")
    live, told = world.responder(), []
    fails: list[Error] = []

    def record(fingerprint: str, asked: Sequence[int], at: Instant) -> None:
        if fails:
            raise fails[0]
        told.append((fingerprint, tuple(asked), at))

    access = RegisteredOnly({mine.fingerprint.hex()}.__contains__, record)
    responder = Responder(AUTHORITY, world.root, live.delegates, live.source, access=access)
    plain = request_for(world.root, *serials)
    for refused in (plain, signed(plain, other, others), signed(plain, signer, mine, flip=1), b"garbage"):
        responder.respond(refused, AT, others.fingerprint.hex())
    assert told == []
    for asked, client in ((signed(plain, signer, mine), None), (plain, mine.fingerprint.hex())):
        assert responder.respond(asked, AT, client).this_update == AT
        assert told.pop() == (mine.fingerprint.hex(), tuple(serials), AT)
    fails.append(UnknownAuthority("x"))
    unanswered = responder.respond(plain, AT, mine.fingerprint.hex())
    assert unanswered.der == UNSUCCESSFUL[ResponseStatus.TRY_LATER], "nothing is told that was not written down"


@pytest.mark.parametrize("encoded", [b"", b"\x30\x00", b"garbage", b"\x30\x80"])
def test_garbage_that_somebody_registered_proves_nothing(encoded: bytes) -> None:
    request = parse_request(signed(encode_request(CertId("sha1", b"n" * 20, b"k" * 20, SerialNumber(7))), party()[0]))
    assert request.signature is not None
    odd = replace(request, signature=replace(request.signature, certificates=(encoded,)))
    assert RegisteredOnly(lambda _: True).refuse(odd, AT) is ResponseStatus.UNAUTHORIZED


def test_a_desk_keeps_nothing_for_those_who_may_not_ask(world: World) -> None:
    (serial,) = world.issue()
    _, mine = party()
    live, view = world.responder(), StatusView(world.database, Continuity())
    access = RegisteredOnly({mine.fingerprint.hex()}.__contains__)
    desk = AnswerDesk(Responder(AUTHORITY, world.root, live.delegates, view, access=access), view)
    view.refresh()
    request = request_for(world.root, serial)
    assert len(desk.make(request, AT, mine.fingerprint.hex()).answer.der) > 100
    assert desk.ready(request, AT.seconds) is None
    assert desk.make(request, AT).answer.der == UNSUCCESSFUL[ResponseStatus.SIG_REQUIRED]


def test_by_default_a_signature_is_not_asked_for_nor_looked_at(world: World) -> None:
    (serial,) = world.issue()
    stranger, certificate = party("other")
    answer = world.responder().answer(signed(request_for(world.root, serial), stranger, certificate, flip=1), AT)
    assert der.read_whole(answer).children()[0].integer() == ResponseStatus.SUCCESSFUL
