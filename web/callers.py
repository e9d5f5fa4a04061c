"""Who asks at the doors of the gateway and of its officers: requests signed by a key that is known here, each once.

    keyid  municipality:99201/key-1     a municipality's own system            enrollment_peer_keys
           channel:kiosk/key-1          whoever shows or prints records        enrollment_peer_keys
           officer:99201-clerk          an operator, by their card             its certificate, as it was issued here

Where a municipality demands that its officers sign what they do (`enrollment.acts`), a request without the act is
refused with `enrollment.act-not-signed`, whose fields say what the act must name; it is made, signed by the card, and
sent along with the next request (`Jitsuin-Act`).

Nobody holds a token: what can be stolen on the way is one request that was answered already. A key opens its own
municipality's, channel's or officer's doors and no other.
"""

import json
from base64 import b64decode
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from ca.inventory import Query, search
from enrollment import acts
from enrollment.act import parse_act
from enrollment.acts import SignedAct
from enrollment.errors import ActRefused, UnknownOperator
from enrollment.operators import Operator
from enrollment.signed import CHANNEL, MUNICIPALITY
from enrollment.store import Connection, Database, peers
from enrollment.store import people as people_rows
from pki.certificate import parse_certificate
from pki.errors import InvalidValue, Malformed
from pki.http_signature import SignedRequest, authority_of, parse_signed
from pki.instant import Clock, Instant
from web.errors import NotAuthenticated, QuotaExhausted

OFFICER: Final = "officer"
ACT: Final = "jitsuin-act"
"""The header in which an officer's signed act comes along with the request for its deed."""
_LONGEST_ACT: Final = 4096
_NAMES: Final = ("content-digest", "signature-input", "signature")


@dataclass(frozen=True, slots=True)
class Callers:
    """Knows who asks. `service`: our own address; `a_window`: requests of one caller that are remembered at once, which
    is how many it may send in six minutes."""

    database: Database
    service: str
    clock: Clock
    a_window: int = 3600

    def municipality(self) -> Callable[[Request], Awaitable[str]]:
        """A dependency: the code of the municipality whose system signed. Errors: NotAuthenticated, QuotaExhausted."""

        async def caller(request: Request) -> str:
            kind, peer = await self._peer(request)
            if kind != MUNICIPALITY:
                raise NotAuthenticated("a municipality's system is expected here")
            return peer

        return caller

    def channel(self) -> Callable[[Request], Awaitable[str]]:
        """A dependency: the channel that signed. Errors: NotAuthenticated, QuotaExhausted."""

        async def caller(request: Request) -> str:
            kind, peer = await self._peer(request)
            if kind != CHANNEL:
                raise NotAuthenticated("a channel is expected here")
            return peer

        return caller

    def officer(self) -> Callable[[Request], Awaitable[Operator]]:
        """A dependency: the operator whose card signed the request; an act that comes along is recorded for the deed.

        Errors: NotAuthenticated, QuotaExhausted; those of `enrollment.acts.record`.
        """

        async def caller(request: Request) -> Operator:
            signed = await self._read(request)
            operator = await run_in_threadpool(self._operator, signed)
            if ACT in request.headers:
                await run_in_threadpool(self._take_act, operator, request.headers[ACT])
            return operator

        return caller

    async def _read(self, request: Request) -> SignedRequest:
        return await read_signed(request, self.service, self.clock.now())

    async def _peer(self, request: Request) -> tuple[str, str]:
        signed = await self._read(request)
        return await run_in_threadpool(self._known_peer, signed)

    def _known_peer(self, signed: SignedRequest) -> tuple[str, str]:
        who, _, kid = signed.keyid.partition("/")
        kind, _, peer = who.partition(":")
        keys = dict(self.database.read(lambda conn: peers.keys_of(conn, kind, peer)))
        if kid not in keys or not _holds(signed, keys[kid]):
            raise NotAuthenticated("the key is not known here, or the signature does not hold")
        self._once(signed)
        return kind, peer

    def _operator(self, signed: SignedRequest) -> Operator:
        kind, _, name = signed.keyid.partition(":")
        if kind != OFFICER:
            raise NotAuthenticated("an officer's card is expected here")
        at = self.clock.now()
        try:
            operator = self.database.read(lambda conn: people_rows.operator_of(conn, name))
        except UnknownOperator:
            raise NotAuthenticated("the key is not known here, or the signature does not hold") from None
        found = search(self.database, Query(fingerprint=operator.card_fingerprint), at, limit=1, der=True)
        if not found or found[0].revoked is not None or not found[0].validity.contains(at):
            raise NotAuthenticated("the officer's card is not in force")
        if not operator.validity.contains(at):
            raise NotAuthenticated("the officer is not appointed at this time")
        if not _holds(signed, parse_certificate(found[0].der or b"").spki):
            raise NotAuthenticated("the key is not known here, or the signature does not hold")
        self._once(signed)
        return operator

    def _take_act(self, operator: Operator, header: str) -> None:
        """Keep the act that the same card signed. It serves for exactly what it names, once, within five minutes: so
        nothing is lost or gained if its deed is refused."""
        given = parse_act_header(header)
        if given.act.operator != operator.operator:
            raise ActRefused("another officer's than the request's")
        self.database.transaction(lambda conn: acts.record(conn, given, self.clock.now()))

    def _once(self, signed: SignedRequest) -> None:
        who = signed.keyid

        def use(conn: Connection) -> int:
            if not peers.use_nonce(conn, who, signed.nonce, signed.expires):
                raise NotAuthenticated("the request was answered before")
            return peers.count_nonces(conn, who)

        if self.database.transaction(use) > self.a_window:
            raise QuotaExhausted(self.a_window // 6, _seconds_left(self.clock.now()))


def parse_act_header(header: str) -> SignedAct:
    """`base64(record).base64(signature)`: the act as it is written down, and the card's signature over it behind its
    prefix (`pki.officer_signature`). Errors: ActRefused."""
    record, _, signature = header[:_LONGEST_ACT].partition(".")
    try:
        body = json.loads(b64decode(record, validate=True))
        return SignedAct(parse_act(body), b64decode(signature, validate=True))
    except (ValueError, TypeError, RecursionError, InvalidValue):
        raise ActRefused("it cannot be read") from None


async def read_signed(request: Request, service: str, at: Instant) -> SignedRequest:
    """The signed request as it was sent to `service`, our own address; whose it is, is still to be seen.

    Errors: NotAuthenticated for anything but the profile, another address, another body, or another time.
    """
    if any(len(request.headers.getlist(name)) != 1 for name in _NAMES):
        raise NotAuthenticated("the headers of a signed request expected")
    headers = {name: request.headers[name] for name in _NAMES}
    path = request.scope.get("raw_path", b"").partition(b"?")[0].decode("ascii", "replace")
    query = request.scope["query_string"].decode("ascii", "replace")
    body = await request.body()
    try:
        signed = parse_signed(request.method, authority_of(service), path, query, headers, body)
    except Malformed as bad:
        raise NotAuthenticated(bad.what) from None
    if not signed.in_time(at):
        raise NotAuthenticated("it is too old, from the future, or valid for too long")
    return signed


def _seconds_left(at: Instant) -> int:
    return 60 - at.seconds % 60


def _holds(signed: SignedRequest, spki: bytes) -> bool:
    try:
        return signed.signed_by(spki)
    except (Malformed, InvalidValue):
        return False
