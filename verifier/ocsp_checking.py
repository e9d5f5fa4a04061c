"""The status that OCSP answers give (RFC 6960 3.2, its numbers in the code).

A responder is the issuer itself, with this very key, or a certificate that this very key signed for OCSP signing
(4.2.2.2). Its own status is asked unless it carries id-pkix-ocsp-nocheck.
"""

from collections.abc import Callable, Iterator
from hashlib import new, sha1
from typing import Final

from pki import oids
from pki.errors import Malformed
from pki.instant import Instant
from pki.revocation import Unknown
from verifier.algorithms import algorithm_of
from verifier.budget import Meter
from verifier.certificate import ParsedCertificate, public_key_bits
from verifier.errors import UnacceptableAlgorithm, UnacceptableKey
from verifier.extensions import DIGITAL_SIGNATURE, key_of
from verifier.inputs import PathInputs
from verifier.keys import check_key, load_key
from verifier.name_preparation import same
from verifier.ocsp import ParsedOcsp, SingleResponse
from verifier.path import ValidPath, process
from verifier.path_state import PathCache
from verifier.signature_cache import is_signed_by
from verifier.sources import Finding, Source, Sources, StatusAnswer, StatusRules, weigh

_OCSP_SIGNING: Final = key_of(oids.OCSP_SIGNING)
_NOTHING: Final = StatusAnswer(Unknown("no OCSP answer at hand is about it"))
IsUnrevoked = Callable[[ValidPath], bool]
"""Whether the leaf of a responder's path is known not to be revoked."""


class OcspChecker:
    """Asks the OCSP answers of one request. As `CrlChecker`, it is told with each question whom to ask back."""

    __slots__ = ("_at", "_cache", "_inputs", "_meter", "_rules", "_skew", "_sources")

    def __init__(
        self,
        sources: Sources,
        at: int,
        rules: StatusRules,
        inputs: PathInputs,
        meter: Meter,
        cache: PathCache,
    ) -> None:
        self._sources, self._at, self._rules, self._inputs = sources, at, rules, inputs
        self._meter, self._cache = meter, cache
        self._skew = int(rules.skew.total_seconds())

    def ask(self, path: ValidPath, index: int, is_unrevoked: IsUnrevoked) -> StatusAnswer:
        """What the answers say of `path.certificates[index]`. Errors: BudgetExhausted."""
        if not self._sources.ocsp:
            return _NOTHING
        certificate = path.certificates[index]
        name, spki, _ = path.issuer_of(index)
        hashes: dict[str, tuple[frozenset[bytes], bytes]] = {}
        findings: list[Finding] = []
        offered, why, unknown = False, "", False
        for response in self._sources.ocsp:
            if response.failure is not None:
                # it was asked about the leaf and gave no answer: a source that is down
                if index == 0:
                    offered, why = True, why or f"the OCSP responder said {response.failure}"
                continue
            for answer in response.answers:
                # 1: the answer is about this certificate of this issuer
                if answer.serial != certificate.serial or answer.hash_name is None:
                    continue
                if answer.hash_name not in hashes:
                    hashes[answer.hash_name] = _hashes(answer.hash_name, (name, certificate.issuer), spki)
                name_hashes, key_hash = hashes[answer.hash_name]
                if answer.name_hash not in name_hashes or answer.key_hash != key_hash:
                    continue
                offered = True
                fault = self._untimely(answer, response, index == 0) or self._unsigned(
                    response, path, index, is_unrevoked
                )
                if fault:
                    why = fault
                elif answer.unknown:
                    unknown, why = True, "the OCSP responder does not know it"
                elif answer.revoked is None and not answer.speaks_of(certificate.not_after, self._skew):
                    why = "the OCSP answer is from after its end, and the responder may have forgotten the expired"
                else:
                    findings.append(
                        Finding(answer.revoked, answer.this_update, answer.next_update, (response.fingerprint,))
                    )
        if unknown:
            # a responder that contradicts itself is believed only where it revokes
            findings = [found for found in findings if found.entry]
        if findings:
            return weigh(findings, Source.OCSP)
        return StatusAnswer(Unknown(why), offered=True) if offered else _NOTHING

    def _untimely(self, answer: SingleResponse, response: ParsedOcsp, is_leaf: bool) -> str:
        """5, 6 and 4.2.2.1; extensions; the nonce."""
        if response.has_unknown_critical or answer.has_unknown_critical:
            return "the OCSP answer has a critical extension that is not processed"
        now, skew = self._at, self._skew
        if answer.this_update > now + skew or response.produced_at > now + skew:
            return "the OCSP answer is from the future"
        if response.produced_at < answer.this_update - skew:
            return "the OCSP answer was produced before what it tells"
        if answer.next_update is None:
            if now - answer.this_update > self._rules.maximum_age_without_next_update.total_seconds() + skew:
                return "the OCSP answer is too old, and does not say until when it holds"
        elif answer.next_update < now - skew or answer.next_update < answer.this_update:
            return "the OCSP answer is out of date"
        elif response.produced_at > answer.next_update + skew:
            return "the OCSP answer was produced after it had ended"
        limit = self._rules.maximum_age
        if is_leaf and limit is not None and now - answer.this_update > limit.total_seconds() + skew:
            return "the OCSP answer is older than the policy allows"
        wanted = self._rules.nonce
        if is_leaf and wanted is not None and response.nonce not in (wanted, b"\x04" + bytes((len(wanted),)) + wanted):
            return "the OCSP answer does not carry the nonce that was sent"
        return ""

    def _unsigned(self, response: ParsedOcsp, path: ValidPath, index: int, is_unrevoked: IsUnrevoked) -> str:
        """2, 3, 4: signed, by whom it says, and that one may."""
        self._meter.spend("evidence")
        name, spki, _ = path.issuer_of(index)
        why = "nobody at hand who may answer for the issuer has signed the OCSP answer"
        try:
            algorithm = algorithm_of(response.algorithm)
            if self._at > algorithm.until:
                raise UnacceptableAlgorithm(f"{algorithm.name} is no longer accepted")
            if _is(response, name, spki) and self._verifies(response, spki):
                # 4.2.2.2: the CA itself
                return ""
        except (UnacceptableAlgorithm, UnacceptableKey) as refused:
            return f"the OCSP answer was signed with what is not accepted: {refused.reason}"
        for delegate in self._delegates(response):
            if not _is(response, delegate.subject, delegate.spki) or not delegate.is_issued_by_name(name):
                continue
            try:
                if not is_signed_by(delegate, spki, self._meter, self._cache.signatures) or not self._verifies(
                    response, delegate.spki
                ):
                    continue
            except (UnacceptableAlgorithm, UnacceptableKey) as refused:
                why = f"the OCSP responder's certificate is not accepted: {refused.reason}"
                continue
            why = self._unauthorised(delegate, path, index, is_unrevoked)
            if not why:
                return ""
        return why

    def _unauthorised(self, delegate: ParsedCertificate, path: ValidPath, index: int, is_unrevoked: IsUnrevoked) -> str:
        """4.2.2.2: id-kp-OCSPSigning, a valid path through the issuer itself, and not revoked."""
        key = delegate.fingerprint, path.contexts[index], self._inputs.min_rsa_bits
        if self._cache.responders.get(key, self._at) is not None:
            return ""
        if delegate.extended_usage is None or _OCSP_SIGNING not in delegate.extended_usage:
            return "the OCSP responder's certificate is not for OCSP signing"
        if delegate.key_usage is not None and not delegate.key_usage & DIGITAL_SIGNATURE:
            return "the OCSP responder's certificate is not for signatures"
        own = process(
            path.anchor,
            (delegate, *path.certificates[index + 1 :]),
            Instant(self._at),
            PathInputs(min_rsa_bits=self._inputs.min_rsa_bits),
            self._meter,
            self._cache,
        )
        if not isinstance(own, ValidPath):
            return f"the OCSP responder has no valid path: {own.reason}"
        if delegate.no_check:
            self._cache.responders.put(key, *own.span(), None)
        elif not is_unrevoked(own):
            return "the OCSP responder's own status is not known to be good"
        return ""

    def _delegates(self, response: ParsedOcsp) -> Iterator[ParsedCertificate]:
        for encoded in response.certificates[:8]:
            try:
                yield self._sources.read_certificate(encoded)
            except Malformed:
                continue
        if response.responder_name is not None:
            yield from self._sources.certificates.find(response.responder_name)

    def _verifies(self, response: ParsedOcsp, spki: bytes) -> bool:
        check_key(load_key(spki), self._at, self._inputs.min_rsa_bits)
        return self._cache.signatures.verifies(
            response.fingerprint, spki, response.algorithm, response.signature, response.tbs, self._meter
        )


def _is(response: ParsedOcsp, name: bytes, spki: bytes) -> bool:
    """3: the signer is the one that responderID names."""
    if response.responder_name is not None:
        return same(response.responder_name, name)
    try:
        # RFC 6960 4.2.1 has byKey be SHA-1; it names a key that is proven by the signature, and proves nothing itself
        return response.responder_key == sha1(public_key_bits(spki), usedforsecurity=False).digest()
    except Malformed:
        return False


def _hashes(hash_name: str, issuers: tuple[bytes, bytes], spki: bytes) -> tuple[frozenset[bytes], bytes]:
    """The issuer's name as its own certificate writes it and as this one does; they may differ in encoding."""
    try:
        key = new(hash_name, public_key_bits(spki)).digest()
    except Malformed:
        key = b""
    return frozenset(new(hash_name, issuer).digest() for issuer in issuers), key
