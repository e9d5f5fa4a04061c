"""Carrying out a reviewed file: rehearsed by default, really only with enough custodians' approvals of its very octets.

    parse_ceremony(file) → check_approvals → rehearse (in a transaction that is rolled back, with throw-away keys)
                                           → perform  (each step can be repeated after a crash) → transcript → sign it

A custodian approves by signing `approval_statement(digest, name)` with the key whose hash the file names: on their
card, where the card's program signs a file. The transcript is signed by every authority that took part: the signed text
begins with words that no certificate, CRL or OCSP answer begins with, so it cannot be taken for one.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from sqlalchemy import Connection

from ca import authorities, linking
from ca.authority import Authority
from ca.ceremony_file import (
    Ceremony,
    CreateAuthority,
    CrossCertify,
    CrossRequest,
    EndAuthority,
    NextGeneration,
    RenewResponder,
    Step,
)
from ca.directory import Database, Directory
from ca.errors import ApprovalMissing, CeremonyDiverged, CeremonyError, KeyExists, KeyUnavailable
from ca.file_key import FileKey, generate
from ca.intents import Random, key_hash
from ca.issuance import Signer
from ca.keys import KeyStore, SigningKey
from ca.lint import lint
from ca.profiles import PROFILES, KeyShape, Kind
from ca.store import issued as store
from ca.template import assemble
from pki.algorithms import ALGORITHMS, algorithm_for, load_public_key, verify_raw
from pki.certificate import Certificate, parse_certificate
from pki.errors import Error
from pki.instant import Instant

T = TypeVar("T")
ReadFile = Callable[[str], bytes]
"""Gives the octets of a file that the ceremony names, from beside the ceremony's file."""


@dataclass(frozen=True, slots=True)
class Approval:
    """One custodian's signature over the statement; `spki` is the key that the file names by its hash."""

    name: str
    spki: bytes
    signature: bytes


def approval_statement(digest: str, name: str) -> bytes:
    """The octets that a custodian signs."""
    return f"jitsuin ceremony approval\nfile sha256 {digest}\ncustodian {name}\n".encode()


def transcript_statement(content: bytes) -> bytes:
    """The octets that an authority signs under a transcript."""
    return b"jitsuin ceremony transcript\nsha256 " + hashlib.sha256(content).hexdigest().encode() + b"\n"


def check_approvals(ceremony: Ceremony, approvals: Iterable[Approval]) -> tuple[str, ...]:
    """The names of the custodians whose approval of this very file holds. Errors: ApprovalMissing."""
    wanted = {custodian.name: custodian.key_hash for custodian in ceremony.custodians}
    given = set()
    for approval in approvals:
        if wanted.get(approval.name) != key_hash(approval.spki):
            continue
        try:
            key, algorithm = load_public_key(approval.spki), algorithm_for(approval.spki)
        except Error:
            continue
        if verify_raw(key, algorithm, approval.signature, approval_statement(ceremony.digest, approval.name)):
            given.add(approval.name)
    if len(given) < ceremony.needed:
        raise ApprovalMissing(len(given), ceremony.needed)
    return tuple(sorted(given))


@dataclass(slots=True)
class _Stage:
    """What steps act on: the real things, or a rehearsal's."""

    database: Database
    keys: KeyStore
    responder_keys: KeyStore
    signer: Signer
    at: Instant
    random: Random
    read_file: ReadFile
    authorities: list[str]


def perform(
    ceremony: Ceremony,
    approvals: Iterable[Approval],
    database: Database,
    keys: KeyStore,
    responder_keys: KeyStore,
    random: Random,
    read_file: ReadFile,
) -> bytes:
    """Carry it out; the signed transcript. Cut short, the same call goes on where it stopped.

    Errors: ApprovalMissing before anything is done; CeremonyDiverged naming the step; KeyStoreError.
    """
    approved = check_approvals(ceremony, approvals)
    stage = _Stage(database, keys, responder_keys, Signer(keys, PROFILES), ceremony.at, random, read_file, [])
    results = [_run(stage, number, step) for number, step in enumerate(ceremony.steps, 1)]
    content = _transcript(ceremony, approved, results, rehearsal=False)
    signatures = [_sign_transcript(stage, identifier, content) for identifier in dict.fromkeys(stage.authorities)]
    return _document(content, signatures)


def rehearse(ceremony: Ceremony, database: Database, random: Random, read_file: ReadFile) -> bytes:
    """Everything but keys and signatures: each certificate is built and linted, then all is rolled back.

    The transcript says that it is a rehearsal and is signed by nobody. Errors: as `perform`, but for approvals.
    """
    found: list[bytes] = []

    def body(conn: Connection) -> None:
        scratch = _OneTransaction(conn)
        keys = _ThrowAwayKeys()
        stage = _Stage(scratch, keys, keys, _RehearsingSigner(keys, PROFILES), ceremony.at, random, read_file, [])
        results = [_run(stage, number, step) for number, step in enumerate(ceremony.steps, 1)]
        found.append(_document(_transcript(ceremony, (), results, rehearsal=True), []))
        raise _RolledBack

    with suppress(_RolledBack):
        database.transaction(body)
    return found[-1]


class _RolledBack(Exception):
    """Ends a rehearsal's transaction."""


class _OneTransaction:
    """A database whose every transaction is part of one that will be rolled back."""

    def __init__(self, conn: Connection) -> None:
        self._conn = conn

    def transaction(self, body: Callable[[Connection], T]) -> T:
        return body(self._conn)

    def read(self, body: Callable[[Connection], T]) -> T:
        return body(self._conn)


class _ThrowAwayKeys:
    """Keys that live as long as a rehearsal."""

    def __init__(self) -> None:
        self._made: dict[str, FileKey] = {}

    def create(self, label: str, shape: KeyShape) -> SigningKey:
        if label in self._made:
            raise KeyExists(label)
        self._made[label] = FileKey(label, shape, generate(shape))
        return self._made[label]

    def open(self, label: str) -> SigningKey:
        if label not in self._made:
            raise KeyUnavailable(label)
        return self._made[label]

    def labels(self) -> list[str]:
        return sorted(self._made)


class _RehearsingSigner(Signer):
    """Lints like the real one and puts zeros where the signature goes: what it makes is rolled back anyway."""

    def _signed(self, row: Any, authority: Authority) -> bytes:
        linted = lint(bytes(row.tbs), self._profiles[Kind(row.profile), authority.variant], authority)
        return assemble(linted.tbs, authority.algorithm.identifier, bytes(64))


def _run(stage: _Stage, number: int, step: Step) -> dict[str, Any]:
    name = f"{number} {type(step).__name__}"
    try:
        match step:
            case CreateAuthority():
                done = _create(stage, step)
            case NextGeneration():
                done = _next_generation(stage, step)
            case RenewResponder():
                done = _renew(stage, step)
            case CrossRequest():
                done = _cross_request(stage, step)
            case CrossCertify():
                done = _cross_certify(stage, step)
            case EndAuthority():
                done = _end(stage, step)
    except CeremonyError:
        raise
    except Error as error:
        raise CeremonyDiverged(name, f"{error.code}: {error.reason}") from error
    return {"step": name, **done}


def _expect(condition: bool, step: str, what: str) -> None:
    if not condition:
        raise CeremonyDiverged(step, what)


def _create(stage: _Stage, step: CreateAuthority) -> dict[str, Any]:
    identifier = f"{step.purpose.value}-{step.generation}"
    last = stage.database.read(lambda conn: store.last_generation(conn, step.purpose.value))
    if last < step.generation:
        _expect(last == step.generation - 1, identifier, f"the generation before it is {last}")
    made = authorities.create_generation(
        stage.database,
        stage.keys,
        step.purpose,
        step.generation,
        step.variant,
        stage.at,
        stage.random,
        parameters=step.parameters,
        responder_keys=stage.responder_keys,
        responder_shape=step.responder,
        signer=stage.signer,
    )
    stage.authorities.append(identifier)
    _expect(
        (made.authority.variant, made.authority.parameters) == (step.variant, step.parameters),
        identifier,
        "it exists with other parameters",
    )
    return _told(made)


def _next_generation(stage: _Stage, step: NextGeneration) -> dict[str, Any]:
    before = stage.database.read(lambda conn: Directory().get(conn, step.before))
    # Certificates that point to the serial of their issuer's root fit no link certificate (OpenSSL compares them).
    parameters = replace(before.parameters, issuer_and_serial=False)
    created = CreateAuthority(before.purpose, step.variant, before.generation + 1, step.responder, parameters)
    told = _create(stage, created)
    after = f"{before.purpose.value}-{before.generation + 1}"
    stage.authorities.append(step.before)
    links = {}
    for issuer, subject in ((step.before, after), (after, step.before)):
        request = _request_of(stage, subject)
        issued = linking.link(stage.database, stage.signer, issuer, subject, request, stage.at, stage.random)
        links[f"{subject} by {issuer}"] = _certificate(issued.der)
    if stage.database.read(lambda conn: Directory().get(conn, step.before)).state == "active":
        authorities.succeed(stage.database, step.before)
    return {**told, "links": links, "takes_no_more_orders": step.before}


def _request_of(stage: _Stage, authority_id: str) -> bytes:
    """A request by an authority's key; in a rehearsal, which has no old keys, the one that its root was made from."""
    try:
        key = stage.keys.open(stage.database.read(lambda conn: Directory().get(conn, authority_id)).key_label)
    except KeyUnavailable:
        return stage.database.read(lambda conn: store.root_request(conn, authority_id))
    return authorities.self_request(key)


def _renew(stage: _Stage, step: RenewResponder) -> dict[str, Any]:
    stage.authorities.append(step.authority)
    made = authorities.add_responder(
        stage.database,
        stage.keys,
        step.authority,
        stage.at,
        stage.random,
        stage.responder_keys,
        step.responder,
        signer=stage.signer,
    )
    return {"responder": made.id, "certificate": _certificate(made.certificate.der if made.certificate else b"")}


def _cross_request(stage: _Stage, step: CrossRequest) -> dict[str, Any]:
    authority = stage.database.read(lambda conn: Directory().get(conn, step.authority))
    stage.authorities.append(step.authority)
    if isinstance(stage.signer, _RehearsingSigner):
        return {"authority": step.authority, "request": "made by the real ceremony only"}
    request = linking.cross_request(authority, stage.keys.open(authority.key_label))
    return {"authority": step.authority, "request": base64.b64encode(request).decode()}


def _cross_certify(stage: _Stage, step: CrossCertify) -> dict[str, Any]:
    other = parse_certificate(stage.read_file(str(step.certificate)))
    _expect(other.fingerprint.hex() == step.certificate_hash, step.authority, "the certificate is not the reviewed one")
    stage.authorities.append(step.authority)
    issued = linking.cross_certify(
        stage.database,
        stage.signer,
        step.authority,
        other,
        stage.read_file(str(step.request)),
        step.agreement,
        step.not_after,
        stage.at,
        stage.random,
    )
    return {"authority": step.authority, "certificate": _certificate(issued.der)}


def _end(stage: _Stage, step: EndAuthority) -> dict[str, Any]:
    stage.authorities.append(step.authority)
    if stage.database.read(lambda conn: Directory().get(conn, step.authority)).state != "ended":
        authorities.end(stage.database, step.authority)
    return {"authority": step.authority, "state": "ended"}


def _told(made: authorities.Created) -> dict[str, Any]:
    root, responder = made.authority.certificate, made.responder.certificate
    return {
        "authority": made.authority.id,
        "key": made.authority.key_label,
        "key_sha256": key_hash(made.authority.spki),
        "root": _certificate(root.der if root else b""),
        "responder": _certificate(responder.der if responder else b""),
    }


def _certificate(der: bytes) -> dict[str, str]:
    certificate = Certificate(der)
    return {
        "serial": f"{certificate.serial:040x}",
        "sha256": certificate.fingerprint.hex(),
        "not_before": certificate.validity.not_before.iso(),
        "not_after": certificate.validity.not_after.iso(),
        "der": base64.b64encode(der).decode(),
    }


def _transcript(
    ceremony: Ceremony, approved: tuple[str, ...], results: list[dict[str, Any]], *, rehearsal: bool
) -> bytes:
    content = {
        "format": "jitsuin-transcript-1",
        "rehearsal": rehearsal,
        "title": ceremony.title,
        "at": ceremony.at.iso(),
        "file_sha256": ceremony.digest,
        "approved_by": list(approved),
        "needed": ceremony.needed,
        "steps": results,
    }
    return json.dumps(content, sort_keys=True, ensure_ascii=False, indent=1).encode()


def _sign_transcript(stage: _Stage, authority_id: str, content: bytes) -> dict[str, str]:
    authority = stage.database.read(lambda conn: Directory().get(conn, authority_id))
    signature = stage.keys.open(authority.key_label).sign(transcript_statement(content))
    return {"authority": authority_id, "signature": base64.b64encode(signature).decode()}


def _document(content: bytes, signatures: list[dict[str, str]]) -> bytes:
    return json.dumps({"content": content.decode(), "signatures": signatures}, ensure_ascii=False, indent=1).encode()


def verify_transcript(document: bytes, roots: Mapping[str, Certificate]) -> dict[str, Any]:
    """The content of a transcript that each named authority signed; `roots` by authority id, from elsewhere.

    Errors: CeremonyDiverged when a signature is missing, wrong, or by an authority that is not given.
    """
    try:
        outer = json.loads(document)
        content: dict[str, Any] = json.loads(outer["content"])
        signed = {one["authority"]: base64.b64decode(one["signature"]) for one in outer["signatures"]}
        statement = transcript_statement(outer["content"].encode())
    except (ValueError, KeyError, TypeError) as error:
        raise CeremonyDiverged("transcript", "it cannot be read") from error
    _expect(bool(signed), "transcript", "nobody signed it")
    for authority, signature in signed.items():
        _expect(authority in roots, "transcript", f"the root of {authority} is not given")
        algorithm = ALGORITHMS[algorithm_for(roots[authority].spki).oid]
        right = verify_raw(roots[authority].public_key, algorithm, signature, statement)
        _expect(right, "transcript", f"the signature of {authority} is wrong")
    return content
