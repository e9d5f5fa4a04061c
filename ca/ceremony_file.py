"""The reviewed file of a ceremony: one TOML document that says one clear thing, and who has to approve it.

    format = "jitsuin-ceremony-1"
    title = "…"
    at = 2026-11-23T01:00:00Z        the second that certificates begin with
    [custodians]                     needed = 2, and under [[custodians.person]] a name and the public key's SHA-256
    [[step]]                         do = "…", and what that step needs; in order

Everything in the file is read before anything is done; a key that no step knows is an error, not a remark.
"""

import hashlib
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import PurePath
from typing import Any

from ca.errors import CeremonyFileWrong
from ca.parameters import Parameters, Partitioning, PointForm
from ca.profiles import KeyShape, Variant
from ca.template import Agreement
from pki import names, oids
from pki.errors import InvalidValue
from pki.instant import Instant
from pki.purpose import Purpose

FORMAT = "jitsuin-ceremony-1"
_HASH = re.compile(r"[0-9a-f]{64}\Z")
_OID = re.compile(r"[0-2](\.(0|[1-9][0-9]*)){2,}\Z")
_AUTHORITY = re.compile(r"(signature|authentication)-[1-9][0-9]*\Z")


@dataclass(frozen=True, slots=True)
class Custodian:
    """Who may approve; `key_hash` is the SHA-256 of their SubjectPublicKeyInfo in hex."""

    name: str
    key_hash: str


@dataclass(frozen=True, slots=True)
class CreateAuthority:
    """The first or another independent generation: key, root, responder."""

    purpose: Purpose
    variant: Variant
    generation: int
    responder: KeyShape
    parameters: Parameters


@dataclass(frozen=True, slots=True)
class NextGeneration:
    """A new generation of the same name with links in both directions; the one before takes no more orders."""

    before: str
    variant: Variant
    responder: KeyShape


@dataclass(frozen=True, slots=True)
class RenewResponder:
    """A new OCSP signer."""

    authority: str
    responder: KeyShape


@dataclass(frozen=True, slots=True)
class CrossRequest:
    """A request that another domain's authority certifies ours by."""

    authority: str


@dataclass(frozen=True, slots=True)
class CrossCertify:
    """Certify another domain's authority; `certificate` and `request` are files beside the ceremony's."""

    authority: str
    certificate: PurePath
    certificate_hash: str
    request: PurePath
    not_after: Instant
    agreement: Agreement


@dataclass(frozen=True, slots=True)
class EndAuthority:
    """The authority signs nothing more."""

    authority: str


Step = CreateAuthority | NextGeneration | RenewResponder | CrossRequest | CrossCertify | EndAuthority


@dataclass(frozen=True, slots=True)
class Ceremony:
    """A parsed file; `digest` is the SHA-256 of its very octets, which is what custodians approve."""

    title: str
    at: Instant
    needed: int
    custodians: tuple[Custodian, ...]
    steps: tuple[Step, ...]
    digest: str


class _Table:
    """One table of the file, read key by key; `done` sees that no key was left unread."""

    def __init__(self, raw: Mapping[str, Any], where: str) -> None:
        self._left = dict(raw)
        self._where = where

    def wrong(self, key: str, what: str) -> CeremonyFileWrong:
        return CeremonyFileWrong(f"{self._where}{key}", what)

    def take(self, key: str, kind: type, default: Any = ...) -> Any:
        if key not in self._left and default is not ...:
            return default
        value = self._left.pop(key, None)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise self.wrong(key, f"a {kind.__name__} is needed")
        return value

    def table(self, key: str, default: Any = ...) -> "_Table":
        return _Table(self.take(key, dict, default), f"{self._where}{key}.")

    def tables(self, key: str) -> "list[_Table]":
        listed = self.take(key, list, [])
        if not all(isinstance(one, dict) for one in listed):
            raise self.wrong(key, "tables are needed")
        return [_Table(one, f"{self._where}{key}[{number}].") for number, one in enumerate(listed, 1)]

    def choice(self, key: str, kind: type, default: Any = ...) -> Any:
        text = self.take(key, str, default)
        try:
            return kind(text)
        except ValueError:
            raise self.wrong(key, f"one of {', '.join(kind)} is needed") from None  # type: ignore[arg-type]

    def instant(self, key: str) -> Instant:
        moment: datetime = self.take(key, datetime)
        try:
            return Instant.from_datetime(moment)
        except InvalidValue as error:
            raise self.wrong(key, error.what) from error

    def authority(self, key: str) -> str:
        text: str = self.take(key, str)
        if not _AUTHORITY.match(text):
            raise self.wrong(key, "an authority is named like signature-1")
        return text

    def hash(self, key: str) -> str:
        text: str = self.take(key, str).replace(":", "").lower()
        if not _HASH.match(text):
            raise self.wrong(key, "SHA-256 in 64 hex digits is needed")
        return text

    def policy(self, key: str) -> str:
        return self._policy(key, self.take(key, str))

    def policies(self, key: str) -> tuple[str, ...]:
        return tuple(self._policy(key, one) for one in self.take(key, list, []))

    def _policy(self, key: str, text: object) -> str:
        if not isinstance(text, str) or not _OID.match(text):
            raise self.wrong(key, "an object identifier in dots is needed")
        return text

    def done(self) -> None:
        for key in self._left:
            raise self.wrong(key, "nobody knows this key")


def parse_ceremony(octets: bytes) -> Ceremony:
    """Read a reviewed file. Errors: CeremonyFileWrong naming the key."""
    try:
        raw = tomllib.loads(octets.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CeremonyFileWrong("file", f"it is not TOML: {error}") from error
    top = _Table(raw, "")
    if top.take("format", str) != FORMAT:
        raise top.wrong("format", f"{FORMAT} is needed")
    title, at = top.take("title", str), top.instant("at")
    group = top.table("custodians")
    needed, people = group.take("needed", int), []
    for person in group.tables("person"):
        people.append(Custodian(person.take("name", str), person.hash("key")))
        person.done()
    distinct = len(people) == len({one.name for one in people}) == len({one.key_hash for one in people})
    if not distinct or not 2 <= needed <= len(people):
        raise group.wrong("needed", "at least two, and as many custodians with names and keys of their own")
    group.done()
    steps = tuple(map(_step, top.tables("step")))
    if not steps:
        raise top.wrong("step", "at least one step is needed")
    top.done()
    return Ceremony(title, at, needed, tuple(people), steps, hashlib.sha256(octets).hexdigest())


def _step(table: _Table) -> Step:
    readers: dict[str, Callable[[_Table], Step]] = {
        "create-authority": _create,
        "next-generation": _next,
        "renew-responder": _renew,
        "cross-request": lambda given: CrossRequest(given.authority("authority")),
        "cross-certificate": _cross,
        "end-authority": lambda given: EndAuthority(given.authority("authority")),
    }
    name = table.take("do", str)
    if name not in readers:
        raise table.wrong("do", f"one of {', '.join(readers)} is needed")
    step = readers[name](table)
    table.done()
    return step


def _responder(table: _Table) -> KeyShape:
    shape: KeyShape = table.choice("responder", KeyShape, KeyShape.P256.value)
    return shape


def _create(table: _Table) -> CreateAuthority:
    generation = table.take("generation", int, 1)
    if generation < 1:
        raise table.wrong("generation", "generations begin with 1")
    return CreateAuthority(
        table.choice("purpose", Purpose),
        table.choice("variant", Variant),
        generation,
        _responder(table),
        _parameters(table.table("parameters", {})),
    )


def _parameters(table: _Table) -> Parameters:
    values: dict[str, Any] = {}
    for field in fields(Parameters):
        if field.name == "crl_form":
            values[field.name] = table.choice(field.name, PointForm, PointForm.DIRECTORY.value)
        elif field.name == "partitioning":
            values[field.name] = table.choice(field.name, Partitioning, Partitioning.NONE.value)
        else:
            kind = str if field.default is None else type(field.default)
            values[field.name] = table.take(field.name, kind, field.default)
    table.done()
    try:
        return Parameters(**values)
    except InvalidValue as error:
        raise table.wrong("", error.what) from error


def _next(table: _Table) -> NextGeneration:
    return NextGeneration(table.authority("after"), table.choice("variant", Variant), _responder(table))


def _renew(table: _Table) -> RenewResponder:
    return RenewResponder(table.authority("authority"), _responder(table))


def _cross(table: _Table) -> CrossCertify:
    authority = table.authority("authority")
    certificate, digest = PurePath(table.take("certificate", str)), table.hash("certificate_sha256")
    request, not_after = PurePath(table.take("request", str)), table.instant("not_after")
    mappings = []
    for pair in table.tables("mapping"):
        mappings.append((pair.policy("ours"), pair.policy("theirs")))
        pair.done()
    agreement = Agreement(
        policies=table.policies("policies"),
        path_length=table.take("path_length", int, None),
        mappings=tuple(mappings),
        permitted=tuple(_directory_name(one) for one in table.tables("permitted")),
        excluded=tuple(_directory_name(one) for one in table.tables("excluded")),
        require_explicit_policy=table.take("require_explicit_policy", int, None),
        inhibit_policy_mapping=table.take("inhibit_policy_mapping", int, None),
    )
    return CrossCertify(authority, certificate, digest, request, not_after, agreement)


_NAME_KEYS = {
    "country": oids.COUNTRY_NAME,
    "organization": oids.ORGANIZATION_NAME,
    "unit": oids.ORGANIZATIONAL_UNIT_NAME,
    "locality": oids.LOCALITY_NAME,
}


def _directory_name(table: _Table) -> bytes:
    """A subtree's root: country, organization, unit, locality, as many as are given, in this order."""
    rdns = []
    for key, oid in _NAME_KEYS.items():
        text = table.take(key, str, None)
        if text is not None:
            rdns.append(names.attribute(oid, text, printable=key == "country"))
    table.done()
    if not rdns:
        raise table.wrong("", "a name has at least one part")
    return names.name(*rdns)
