"""Path and status together: the one file that composes them (RFC 5280 6.1.3 (a)(3) is answered here).

validator = Validator(anchors_of(ders), inputs=PathInputs(usage=Usage.SIGNATURE), rules=StatusRules())
result = validator.validate(leaf_der, at, Evidence(certificates, crls, ocsp))
result.indication, result.sub_indication, result.reason, result.policies, result.path, result.statuses, result.checks
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from pki.certificate import Certificate
from pki.errors import Malformed
from pki.instant import Instant
from pki.revocation import Good, Reason, Revoked, Unknown
from verifier.anchors import TrustAnchor
from verifier.budget import Budget, Meter
from verifier.certificate import ParsedCertificate
from verifier.engine_cache import EngineCache, readable
from verifier.errors import BudgetExhausted
from verifier.evidence import Evidence
from verifier.host_names import PeerName, stands_for
from verifier.indication import Indication, SubIndication
from verifier.inputs import PathInputs
from verifier.path import PathFailure, ValidPath
from verifier.path_building import NameIndex
from verifier.path_search import PathSearch, index_anchors, index_certificates
from verifier.path_state import Check, PathCache
from verifier.sources import RevocationMode, Sources, StatusAnswer, StatusRules
from verifier.status import StatusChecker


@dataclass(frozen=True, slots=True)
class Result:
    """The verdict on one certificate at one time, with everything it rests on."""

    indication: Indication
    sub_indication: SubIndication | None
    """None exactly when PASSED."""
    reason: str
    policies: tuple[str, ...] = ()
    path: tuple[str, ...] = ()
    """SHA-256 in hex, from the leaf to the anchor; of a failure, the path that came furthest."""
    statuses: tuple[StatusAnswer, ...] = ()
    """In the order of the path, without the anchor; empty when status was not asked."""
    checks: tuple[Check, ...] = ()
    valid_path: ValidPath | None = None
    """The path, when it holds apart from status."""
    unreadable: tuple[str, ...] = ()
    """Evidence and intermediates that were passed over because they cannot be parsed (SHA-256 in hex)."""

    @property
    def passed(self) -> bool:
        """Whether the certificate may be believed."""
        return self.indication is Indication.PASSED

    @property
    def revoked(self) -> Revoked | None:
        """The leaf's revocation, if it has one, also one after the time in question."""
        status = self.statuses[0].status if self.statuses else None
        return status if isinstance(status, Revoked) else None


_INPUTS: Final = PathInputs()
_RULES: Final = StatusRules()
_BUDGET: Final = Budget()
"""What is asked for where nothing is."""


class Validator:
    """Judges certificates against fixed anchors and rules. Holds no state of a request; may be shared."""

    __slots__ = ("_anchors", "_budget", "_cache", "inputs", "rules")

    def __init__(
        self,
        anchors: Iterable[TrustAnchor],
        inputs: PathInputs | None = None,
        rules: StatusRules | None = None,
        budget: Budget | None = None,
        cache: EngineCache | None = None,
    ) -> None:
        self._anchors = index_anchors(anchors)
        self.inputs, self.rules, self._budget = inputs or _INPUTS, rules or _RULES, budget or _BUDGET
        self._cache = cache or EngineCache()

    def validate(
        self,
        leaf: bytes | Certificate | ParsedCertificate,
        at: Instant,
        evidence: Evidence = Evidence(),  # noqa: B008 - frozen
        *,
        known_at: Instant | None = None,
        name: PeerName | None = None,
        inputs: PathInputs | None = None,
        rules: StatusRules | None = None,
    ) -> Result:
        """Whether `leaf` is to be believed at `at`.

        `known_at` is the time at which the evidence must be current, `at` itself if None. Later than `at`, it lets a
        revocation be dated: one that began after `at` does not count against the certificate at `at`.
        Errors: none, whatever the octets are.
        """
        inputs, rules = inputs or self.inputs, rules or self.rules
        try:
            parsed = leaf if isinstance(leaf, ParsedCertificate) else self._cache.certificate(_octets(leaf))
        except Malformed as bad:
            return _failed(SubIndication.FORMAT_FAILURE, f"the certificate cannot be read: {bad.reason}")
        if name is not None and not stands_for(parsed.alternative_names, name):
            return _failed(
                SubIndication.CHAIN_CONSTRAINTS_FAILURE,
                f"certificate: no alternative name is the {name.kind} name that is asked for (RFC 9525 6)",
                parsed,
            )
        offered = evidence.certificates + evidence.crls + evidence.ocsp
        if len(evidence.certificates) > self._budget.certificates or sum(map(len, offered)) > self._budget.octets:
            return _exhausted(BudgetExhausted("certificates or octets of evidence"))
        meter = Meter(self._budget)
        try:
            sources, unreadable = self._sources(evidence, meter)
        except BudgetExhausted as exhausted:
            return _exhausted(exhausted)
        request = _Request(parsed, at, known_at or at, inputs, rules, meter, self._cache.paths)
        result = request.run(sources, self._anchors)
        return replace(result, unreadable=unreadable) if unreadable else result

    def _sources(self, evidence: Evidence, meter: Meter) -> tuple[Sources, tuple[str, ...]]:
        unreadable: list[str] = []
        cache, seen = self._cache, set[bytes]()

        def certificate(der: bytes) -> ParsedCertificate:
            read = cache.certificate(der)
            for name in (read.issuer, read.subject):
                if name not in seen:
                    seen.add(name)
                    meter.spend("names", len(name))
            return read

        certificates = index_certificates(readable(evidence.certificates, certificate, unreadable))
        crls = cache.crl_set(evidence.crls)
        meter.spend("names", crls.names)
        unreadable += crls.unreadable
        ocsp = tuple(readable(evidence.ocsp, cache.ocsp, unreadable)) if evidence.ocsp else ()
        return Sources(certificates, crls, ocsp, cache.certificate), tuple(unreadable)


def _octets(leaf: bytes | Certificate) -> bytes:
    return leaf.der if isinstance(leaf, Certificate) else leaf


def _failed(sub_indication: SubIndication, reason: str, leaf: ParsedCertificate | None = None) -> Result:
    path = () if leaf is None else (leaf.fingerprint.hex(),)
    check = Check("RFC 9525 6" if leaf else "RFC 5280 4.1", leaf.fingerprint if leaf else None, False, reason)
    return Result(Indication.FAILED, sub_indication, reason, path=path, checks=(check,))


def _exhausted(exhausted: BudgetExhausted) -> Result:
    return Result(Indication.INDETERMINATE, SubIndication.CERTIFICATE_CHAIN_GENERAL_FAILURE, exhausted.reason)


@dataclass(slots=True)
class _Request:
    leaf: ParsedCertificate
    at: Instant
    known_at: Instant
    inputs: PathInputs
    rules: StatusRules
    meter: Meter
    paths: PathCache

    def run(self, sources: Sources, anchors: NameIndex[TrustAnchor]) -> Result:
        search = PathSearch(self.leaf, sources.certificates, anchors, self.at, self.inputs, self.meter, self.paths)
        checker = StatusChecker(sources, anchors, self.known_at, self.rules, self.inputs, self.meter, self.paths)
        furthest: Result | None = None
        try:
            for path in search:
                result = self._with_status(path, checker)
                if result.passed:
                    return result
                if furthest is None or _rank(result) > _rank(furthest):
                    furthest = result
        except BudgetExhausted as exhausted:
            # a revocation that was found is not undone by what was not looked at
            if furthest is None or furthest.sub_indication is not SubIndication.REVOKED:
                return _exhausted(exhausted)
        return furthest or _of(search.failure)

    def _with_status(self, path: ValidPath, checker: StatusChecker) -> Result:
        if self.rules.mode is RevocationMode.OFF:
            return Result(Indication.PASSED, None, "", path.policies, path.fingerprints, (), path.checks, path)
        answers = tuple(self._status(path, index, checker) for index in range(len(path.certificates)))
        checks = list(path.checks)
        verdict: tuple[Indication, SubIndication, str] | None = None
        # from the anchor down: the status of a certificate under a revoked CA says nothing
        for index in range(len(answers) - 1, -1, -1):
            fault = self._fault(answers[index], index, checker)
            certificate = path.certificates[index]
            checks.append(
                Check(
                    "RFC 5280 6.1.3 (a)(3)",
                    certificate.fingerprint,
                    fault is None,
                    fault[2] if fault else type(answers[index].status).__name__.lower(),
                )
            )
            verdict = verdict or fault
        indication, sub_indication, reason = verdict or (Indication.PASSED, None, "")
        policies = () if verdict else path.policies
        return Result(indication, sub_indication, reason, policies, path.fingerprints, answers, tuple(checks), path)

    def _status(self, path: ValidPath, index: int, checker: StatusChecker) -> StatusAnswer:
        answer = checker.ask(path, index)
        if not answer.offered and path.certificates[index] == path.anchor.certificate:
            # an anchor is believed by itself, also when it is what was asked about; a revocation would still count
            return StatusAnswer(Good())
        return answer

    def _fault(
        self, answer: StatusAnswer, index: int, checker: StatusChecker
    ) -> tuple[Indication, SubIndication, str] | None:
        where = "certificate" if index == 0 else f"CA certificate {index} above it"
        status = answer.status
        if isinstance(status, Revoked):
            if self.known_at > self.at and _effective(status) > self.at:
                return None
            if status.reason is Reason.CERTIFICATE_HOLD:
                return (
                    Indication.INDETERMINATE,
                    SubIndication.TRY_LATER,
                    f"{where}: on hold since {status.since.iso()}; ask again at the next update",
                )
            sub_indication = SubIndication.REVOKED_CA_NO_POE if index else SubIndication.REVOKED
            return (
                Indication.FAILED,
                sub_indication,
                f"{where}: revoked since {status.since.iso()}, {status.reason.standard_name}",
            )
        if checker.is_acceptable(answer):
            return None
        why = status.why if isinstance(status, Unknown) else ""
        sub_indication = SubIndication.TRY_LATER if index == 0 else SubIndication.CERTIFICATE_CHAIN_GENERAL_FAILURE
        return Indication.INDETERMINATE, sub_indication, f"{where}: its status is not known: {why}"


def _effective(status: Revoked) -> Instant:
    """From when the key is not to be believed: the earlier of revocation and invalidity date (RFC 5280 5.3.2)."""
    if status.invalidity_date is not None and status.invalidity_date < status.since:
        return status.invalidity_date
    return status.since


def _rank(result: Result) -> int:
    """Which of two failures tells more: a revoked leaf, a revoked CA, an unknown status."""
    if result.sub_indication is SubIndication.REVOKED:
        return 3
    return 2 if result.indication is Indication.FAILED else 1


def _of(failure: PathFailure) -> Result:
    return Result(failure.indication, failure.sub_indication, failure.reason, path=failure.path, checks=failure.checks)
