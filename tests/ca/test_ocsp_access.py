"""Only registered relying parties are answered, where that is the setting."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from ca.directory import Database
from ca.file_key import FileKey
from ca.ocsp import Responder
from ca.ocsp_access import RegisteredOnly
from ca.ocsp_response import ResponseStatus
from ca.profiles import KeyShape
from pki import der
from pki.algorithms import ALGORITHMS
from pki.certificate import Certificate
from pki.instant import Instant
from tests.ca.ocsp_requests import request_for
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
    responder = Responder(AUTHORITY, world.root, live.delegates, live.source, access=RegisteredOnly([mine]))

    def status(octets: bytes, at: Instant = AT) -> ResponseStatus:
        return ResponseStatus(der.read_whole(responder.answer(octets, at)).children()[0].integer())

    plain = request_for(world.root, serial)
    assert status(plain) is ResponseStatus.SIG_REQUIRED
    assert status(signed(plain, signer, mine)) is ResponseStatus.SUCCESSFUL
    assert status(signed(plain, signer)) is ResponseStatus.SUCCESSFUL
    assert status(signed(plain, other, others)) is ResponseStatus.UNAUTHORIZED
    assert status(signed(plain, other)) is ResponseStatus.UNAUTHORIZED
    assert status(signed(plain, other, mine)) is ResponseStatus.UNAUTHORIZED
    assert status(signed(plain, signer, mine, flip=1)) is ResponseStatus.UNAUTHORIZED
    assert status(signed(plain, signer, mine), END + timedelta(seconds=1)) is ResponseStatus.UNAUTHORIZED


def test_by_default_a_signature_is_not_asked_for_nor_looked_at(world: World) -> None:
    (serial,) = world.issue()
    stranger, certificate = party("other")
    answer = world.responder().answer(signed(request_for(world.root, serial), stranger, certificate, flip=1), AT)
    assert der.read_whole(answer).children()[0].integer() == ResponseStatus.SUCCESSFUL
