"""The judge of certificates, and the only maker of `Linted`: what the signer accepts.

lint(tbs, profile, issuer) → Linted            before signing; raises LintFailed
judge(certificate, …)      → findings          any certificate, of anybody
"""

import hashlib
from collections.abc import Iterator

from ca.authority import Authority
from ca.errors import LintFailed, RequestRefused
from ca.findings import Finding, Severity
from ca.lint_extensions import EXTENSION_RULES
from ca.lint_fields import FIELD_RULES
from ca.lint_profile import judge_profile
from ca.lint_rule import ERROR, NOTICE, WARNING, is_authority, key_usage
from ca.profiles import KeyShape, Profile
from ca.reading import ReadCertificate, read_tbs
from ca.request import prove_possession
from pki import der, names, oids
from pki.algorithms import ALGORITHMS, verify_raw
from pki.certificate import Certificate
from pki.errors import InvalidValue, Malformed
from pki.instant import Instant

RULES = (*FIELD_RULES, *EXTENSION_RULES)
RULES_ID = hashlib.sha256("\n".join(rule.id for rule in RULES).encode()).hexdigest()[:16]
"""Names the set of rules that judged a certificate; stored beside it."""

_FIXED = tuple(rule for rule in RULES if rule.fixed)
_VARYING = tuple(rule for rule in RULES if not rule.fixed)
_MOST_KEPT = 1024
_kept: dict[tuple[object, ...], tuple[Finding, ...]] = {}

_MAKER = object()


class Linted:
    """To-be-signed octets that passed every rule, for one profile and one issuer. Only `lint` makes them."""

    __slots__ = ("authority", "profile", "rules", "tbs")

    def __init__(self, maker: object, tbs: bytes, profile: str, authority: str) -> None:
        if maker is not _MAKER:
            raise TypeError("only lint() makes Linted")
        self.tbs = tbs
        self.profile = profile
        self.authority = authority
        self.rules = RULES_ID


def lint(tbs: bytes, profile: Profile, issuer: Authority) -> Linted:
    """Judge a built certificate by all rules and by its profile. Errors: LintFailed naming the rules it breaks.

    Octets that this process has just judged for the same profile and issuer are not judged again: who writes intents
    and signs them in one process (a batch) has the verdict already.
    """
    known = _clean.get(tbs)
    if known is not None and known[0] is profile and known[1] == issuer:
        return known[2]
    try:
        certificate = read_tbs(tbs)
    except Malformed as error:
        raise LintFailed("x690.der") from error
    findings = [*judge_read(certificate), *judge_profile(certificate, profile, issuer)]
    broken = sorted({finding.rule for finding in findings if finding.severity >= Severity.WARNING})
    if broken:
        raise LintFailed(", ".join(broken))
    linted = Linted(_MAKER, tbs, profile.name, issuer.id)
    if len(_clean) >= _MOST_KEPT:
        _clean.clear()
    _clean[tbs] = (profile, issuer, linted)
    return linted


_clean: dict[bytes, tuple[Profile, Authority, Linted]] = {}


def judge_read(certificate: ReadCertificate) -> list[Finding]:
    """Findings of the rules that hold for anybody's certificate.

    Rules that look only at what an authority repeats in every certificate are asked once for the same octets. They are
    shown nothing but what they read: no verdict can depend on more than it is kept by.
    """
    key = certificate.repeated
    kept = _kept.get(key)
    if kept is None:
        if len(_kept) > _MOST_KEPT:
            _kept.clear()
        kept = tuple(finding for rule in _FIXED for finding in rule.apply(certificate.only(rule.reads)))
        _kept[key] = kept
    found = list(kept)
    for rule in _VARYING:
        found += rule.apply(certificate)
    return found


def judge(
    certificate: Certificate,
    *,
    issuer: Certificate | None = None,
    request: bytes | None = None,
    at: Instant | None = None,
) -> list[Finding]:
    """Findings about a signed certificate: its own form, and its fit with issuer, request and time where given.

    Never raises for a bad certificate: what cannot be read is a finding.
    """
    try:
        whole = der.read_whole(certificate.der).expect(der.SEQUENCE, "a Certificate").children()
        if len(whole) != 3:
            raise Malformed("a Certificate of three parts expected", 0)
        read = read_tbs(whole[0].raw)
    except Malformed as error:
        where = "" if error.offset is None else f" (octet {error.offset})"
        return [Finding("x690.der", ERROR, "4.1; X.690", f"{error.what}{where}")]
    findings = judge_read(read)
    if whole[1].raw != read.algorithm:
        findings.append(Finding("rfc5280.algorithms-differ", ERROR, "4.1.1.2", "inner and outer algorithm differ"))
    if issuer is None and read.issuer == read.subject:
        issuer = certificate if is_authority(read) else None
    if issuer is not None:
        findings.extend(_judge_issuer(certificate, read, issuer))
    if request is not None:
        findings.extend(_judge_request(read, request))
    if at is not None:
        findings.extend(_judge_time(read, at))
    return findings


def _judge_issuer(certificate: Certificate, read: ReadCertificate, issuer: Certificate) -> Iterator[Finding]:
    try:
        above = read_tbs(issuer.tbs)
        if not names.same(read.issuer, above.subject):
            yield Finding("rfc5280.issuer-name", ERROR, "6.1.3 (a)(4)", "the issuer has another name")
        algorithm = ALGORITHMS.get(der.read_whole(certificate.signature_algorithm).children()[0].oid())
        if algorithm is None:
            yield Finding("rfc5280.signature-unknown", NOTICE, "4.1.1.2", "an algorithm that is not spoken here")
        elif not verify_raw(issuer.public_key, algorithm, certificate.signature, certificate.tbs):
            yield Finding("rfc5280.signature", ERROR, "6.1.3 (a)(1)", "the signature is not by the issuer's key")
        bits = key_usage(above)
        if not is_authority(above) or (bits is not None and 5 not in bits):
            yield Finding("rfc5280.issuer-authority", ERROR, "6.1.4 (k), (n)", "the issuer may not sign certificates")
        yield from _judge_key_identifiers(read, above, issuer)
        if not (above.life[0] <= read.life[0] and read.life[1] <= above.life[1]):
            yield Finding("ca.outlives-issuer", WARNING, "JPKI", "it does not lie within its issuer's life")
    except (Malformed, InvalidValue, ValueError, IndexError):
        yield Finding("x690.der", ERROR, "4.1; X.690", "issuer and certificate cannot be compared")


def _judge_key_identifiers(read: ReadCertificate, above: ReadCertificate, issuer: Certificate) -> Iterator[Finding]:
    authority_key, subject_key = read.find(oids.AUTHORITY_KEY_IDENTIFIER), above.find(oids.SUBJECT_KEY_IDENTIFIER)
    if authority_key is None or subject_key is None:
        return
    found = {part.tag: part for part in der.read_whole(authority_key.value).children()}
    if 0x80 in found and found[0x80].value != der.read_whole(subject_key.value).octets():
        yield Finding("rfc5280.key-identifiers", ERROR, "4.2.1.1", "it points to another key of its issuer")
    if 0x82 in found and int.from_bytes(found[0x82].value, signed=True) != issuer.serial:
        yield Finding("rfc5280.issuer-serial", WARNING, "4.2.1.1", "it points to another certificate of its issuer")


def _judge_request(read: ReadCertificate, request: bytes) -> Iterator[Finding]:
    try:
        proven = prove_possession(request, frozenset(KeyShape))
    except RequestRefused as refused:
        yield Finding("rfc2986.request", ERROR, "RFC 2986 4.2", refused.reason)
        return
    if proven.spki != read.spki:
        yield Finding("ca.request-key", ERROR, "RFC 2986 3", "the certified key is not the request's")


def _judge_time(read: ReadCertificate, at: Instant) -> Iterator[Finding]:
    try:
        if not read.life[0] <= at <= read.life[1]:
            yield Finding("rfc5280.time", ERROR, "6.1.3 (a)(2)", "it is not valid at that time")
    except Malformed:
        return
