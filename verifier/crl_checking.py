"""The status that CRLs give (RFC 5280 6.3.3, letters in the code).

The issuer of a CRL is the issuer of the certificate, with this very key; or another key of the same CA (same name,
same anchor, keyUsage with cRLSign); or whoever the distribution point names as cRLIssuer. Never somebody else whom
the same CA certified. Nothing is believed about a CRL before the signature over its octets held.
"""

from collections.abc import Callable
from typing import Final

from pki.errors import Malformed
from pki.revocation import Reason, Unknown
from verifier import crl_scope
from verifier.algorithms import algorithm_of
from verifier.anchors import TrustAnchor
from verifier.budget import Meter
from verifier.certificate import ParsedCertificate
from verifier.crl import Entry, ParsedCrl
from verifier.errors import UnacceptableAlgorithm, UnacceptableKey
from verifier.extensions import ALL_REASONS, CRL_SIGN, DIRECTORY_NAME, DistributionPoint
from verifier.inputs import PathInputs, Profile
from verifier.keys import FOREVER, check_key, load_key
from verifier.name_preparation import same
from verifier.path import ValidPath
from verifier.path_state import PathCache
from verifier.sources import Finding, Source, Sources, StatusAnswer, StatusRules, weigh

Trusts = Callable[[ParsedCertificate, TrustAnchor, bool], bool]
"""Whether a signer of evidence has an unrevoked path to that anchor; the flag: its CA named it for its own status."""
_UNREADABLE: Final = "its CRL has entries that cannot be read"
_UNPROCESSED: Final = "its CRL has a critical extension that is not processed"
_NOTHING: Final = StatusAnswer(Unknown("no CRL at hand is about it"))


class CrlChecker:
    """Asks the CRLs of one request.

    Whom to ask about signers comes with each question and is not kept: two objects that know each other are freed by
    the garbage collector only, with all that hangs on them.
    """

    __slots__ = (
        "_at",
        "_cache",
        "_context",
        "_meter",
        "_min_rsa_bits",
        "_oldest",
        "_since",
        "_skew",
        "_sources",
        "_strict",
        "_until",
        "_verdicts",
    )

    def __init__(
        self,
        sources: Sources,
        at: int,
        rules: StatusRules,
        inputs: PathInputs,
        meter: Meter,
        cache: PathCache,
    ) -> None:
        self._sources, self._at = sources, at
        self._skew = int(rules.skew.total_seconds())
        limit = rules.maximum_age
        self._oldest = None if limit is None else at - int(limit.total_seconds()) - self._skew
        self._strict, self._min_rsa_bits = inputs.profile is Profile.STRICT, inputs.min_rsa_bits
        self._meter, self._cache = meter, cache
        self._context = self._skew, self._strict, self._min_rsa_bits
        """What of rules and inputs decides whether a CRL is accepted."""
        self._since, self._until = 0, 0
        """How long what is being found out stays true; nothing, once it hangs on more than CRLs, issuer and anchor."""
        self._verdicts: dict[tuple[object, ...], tuple[str, int, int]] = {}
        """Only what the CRL, the issuer and the anchor decide by themselves; never what hangs on a signer's status."""

    def ask(self, path: ValidPath, index: int, trusts: Trusts) -> StatusAnswer:
        """What the CRLs say of `path.certificates[index]`. Errors: BudgetExhausted."""
        if index == 0:
            return self._ask(path, index, trusts)
        # a CA's status is asked with every certificate below it
        key = path.certificates[index].fingerprint, path.contexts[index], self._context
        kept = self._sources.crls.answers
        known = kept.get(key, self._at)
        if known is not None:
            answer, evidence, comparisons = known[2]
            self._meter.spend("evidence", evidence)
            self._meter.spend("name_comparisons", comparisons)
            return answer
        left, outer = dict(self._meter.left), (self._since, self._until)
        self._since, self._until = -FOREVER, FOREVER
        answer = self._ask(path, index, trusts)
        if self._since <= self._at <= self._until:
            evidence, comparisons = (left[what] - self._meter.left[what] for what in ("evidence", "name_comparisons"))
            kept.put(key, self._since, self._until, (answer, evidence, comparisons))
        self._since, self._until = outer
        return answer

    def _ask(self, path: ValidPath, index: int, trusts: Trusts) -> StatusAnswer:
        certificate = path.certificates[index]
        covered, offered, why = 0, False, ""
        findings: dict[bytes, Finding] = {}
        for point in crl_scope.points_of(certificate):
            for crl in self._named(certificate, point):
                # (c): a delta CRL says nothing by itself
                if crl.base_number is not None or (covered == ALL_REASONS and crl.fingerprint in findings):
                    continue
                self._meter.spend("name_comparisons", crl_scope.comparisons(crl, point))
                if not crl_scope.is_about(crl, certificate, point):
                    continue
                fault = self._fault(crl, path, index, trusts)
                if fault:
                    offered, why = True, fault
                    continue
                offered = True
                try:
                    finding = findings.get(crl.fingerprint) or self._finding(crl, path, index, trusts)
                except Malformed:
                    self._until, why = -FOREVER, _UNREADABLE
                    continue
                if index == 0 and self._oldest is not None and finding.this_update < self._oldest and not finding.entry:
                    why = "its CRL is older than the policy allows"
                    continue
                if not finding.entry and not crl.speaks_of(certificate.not_after, self._skew):
                    why = "its CRL is from after its end, and may no longer list the expired (RFC 5280 5)"
                    continue
                findings[crl.fingerprint] = finding
                covered |= crl_scope.reasons_of(crl, point)  # (d), (e), (l)
        found = list(findings.values())
        if any(one.entry for one in found) or covered == ALL_REASONS:
            return weigh(found, Source.CRL)
        if not offered:
            return _NOTHING
        return StatusAnswer(Unknown(why or "the CRLs at hand do not cover every reason"), offered=True)

    def _named(self, certificate: ParsedCertificate, point: DistributionPoint) -> list[ParsedCrl]:
        if not point.crl_issuer:
            return list(self._sources.crls.find(certificate.issuer))
        issuers = [name.value for name in point.crl_issuer if name.kind == DIRECTORY_NAME] or [certificate.issuer]
        return [crl for issuer in issuers for crl in self._sources.crls.find(issuer)]

    def _finding(self, crl: ParsedCrl, path: ValidPath, index: int, trusts: Trusts) -> Finding:
        certificate = path.certificates[index]
        entry = _unless_removed(crl.find(certificate.issuer, certificate.serial))  # (j)
        delta = self._delta(crl, path, index, trusts)
        this_update = crl.this_update
        evidence: tuple[bytes, ...] = (crl.fingerprint,)
        if delta is not None:
            changed = delta.find(certificate.issuer, certificate.serial)  # (i)
            # once it has expired, its entry is removed too (5.3.1), which takes nothing back
            is_removed = changed is not None and changed.reason is Reason.REMOVE_FROM_CRL
            if delta.speaks_of(certificate.not_after, self._skew) or (changed is not None and not is_removed):
                this_update, evidence = max(this_update, delta.this_update), (crl.fingerprint, delta.fingerprint)
                if changed is not None:
                    entry = _unless_removed(changed)  # (k)
        return Finding(entry, this_update, crl.next_update, evidence, crl.issuer + crl.scope.encoded)

    def _delta(self, crl: ParsedCrl, path: ValidPath, index: int, trusts: Trusts) -> ParsedCrl | None:
        """(c), (h): the newest acceptable delta of this complete CRL, signed by the same issuer."""
        if crl.number is None or not self._sources.crls.has_deltas:
            return None
        candidates = [other for other in self._sources.crls.find(crl.issuer) if crl_scope.is_delta_of(other, crl)]
        candidates.sort(key=lambda other: other.number or 0, reverse=True)
        return next((other for other in candidates if not self._fault(other, path, index, trusts)), None)

    def _fault(self, crl: ParsedCrl, path: ValidPath, index: int, trusts: Trusts) -> str:
        """Why the CRL must not be used for this certificate, or nothing: (a), (f), (g)."""
        key = crl.fingerprint, path.certificates[index].issuer, path.contexts[index], self._context
        verdict = self._verdicts.get(key)
        if verdict is None:
            self._meter.spend("evidence")
            accepted = self._sources.crls.accepted
            known = accepted.get(key, self._at)
            if known is not None:
                verdict = "", known[0], known[1]
            else:
                fault = self._fault_of_itself(crl) or self._fault_of_issuer(crl, path, index)
                if fault is None:
                    self._until = -FOREVER
                    return self._fault_of_signer(crl, path, index, trusts) or _fault_of_entries(crl)
                fault = fault or _fault_of_entries(crl)
                verdict = fault, FOREVER, -FOREVER
                if not fault:
                    verdict = "", *self._span(crl, path, index)
                    accepted.put(key, verdict[1], verdict[2], None)
            self._verdicts[key] = verdict
        fault, since, until = verdict
        self._since, self._until = max(self._since, since), min(self._until, until)
        return fault

    def _span(self, crl: ParsedCrl, path: ValidPath, index: int) -> tuple[int, int]:
        """From when to when a CRL is accepted that its issuer or the anchor has signed."""
        keys = path.issuer_of(index)[1], path.anchor.spki
        ends = (algorithm_of(crl.outer_algorithm).until, *(load_key(spki).until for spki in keys))
        return crl.this_update - self._skew, min((crl.next_update or 0) + self._skew, *ends)

    def _fault_of_itself(self, crl: ParsedCrl) -> str | None:
        """(a), and what only the CRL decides, without a look at its entries. None: nothing found."""
        if crl.unknown_critical_extension:
            return _UNPROCESSED
        if not crl_scope.is_fresh(crl, self._at, self._skew):
            return "its CRL is not current"
        if self._strict and (crl.number is None or crl.has_critical_number):
            return "its CRL has no CRLNumber, or a critical one (RFC 5280 5.2.3)"
        return None

    def _fault_of_issuer(self, crl: ParsedCrl, path: ValidPath, index: int) -> str | None:
        """(f), (g), for the issuer itself and the anchor. None: neither has signed it."""
        _, spki, issuer = path.issuer_of(index)
        anchor = path.anchor
        try:
            if path.certificates[index].is_issued_by_name(crl.issuer) and self._verifies(crl, spki):
                if issuer is not None and issuer.key_usage is not None and not issuer.key_usage & CRL_SIGN:
                    return "its issuer may not sign CRLs: keyUsage has no cRLSign"
                return ""
            if anchor.spki != spki and same(anchor.name, crl.issuer) and self._verifies(crl, anchor.spki):
                stated = anchor.certificate
                if stated is not None and stated.key_usage is not None and not stated.key_usage & CRL_SIGN:
                    return "the trust anchor may not sign CRLs: keyUsage has no cRLSign"
                return ""
        except (UnacceptableAlgorithm, UnacceptableKey) as refused:
            return f"its CRL was signed with what is not accepted: {refused.reason}"
        return None

    def _fault_of_signer(self, crl: ParsedCrl, path: ValidPath, index: int, trusts: Trusts) -> str:
        """(f), (g), for another key of the same CA, or whom the distribution point named."""
        _, spki, _ = path.issuer_of(index)
        why = "no certificate at hand may have signed its CRL, or the signature does not verify"
        for signer in (*path.certificates[1:], *self._sources.certificates.find(crl.issuer)):
            if signer.spki == spki or not _bears(signer, crl.issuer):
                continue
            # a key that is not the issuer's own needs cRLSign said, not merely not denied
            if signer.key_usage is None or not signer.key_usage & CRL_SIGN:
                continue
            try:
                if not self._verifies(crl, signer.spki):
                    continue
            except (UnacceptableAlgorithm, UnacceptableKey):
                continue
            if trusts(signer, path.anchor, _vouches_for_itself(signer)):
                return ""
            why = "who signed its CRL has no unrevoked path to the same trust anchor"
        return why

    def _verifies(self, crl: ParsedCrl, spki: bytes) -> bool:
        if crl.inner_algorithm != crl.outer_algorithm:
            return False
        algorithm = algorithm_of(crl.outer_algorithm)
        if self._at > algorithm.until:
            raise UnacceptableAlgorithm(f"{algorithm.name} is no longer accepted")
        check_key(load_key(spki), self._at, self._min_rsa_bits)
        return self._cache.signatures.verifies(
            crl.fingerprint, spki, crl.outer_algorithm, crl.signature, crl.tbs, self._meter
        )


def _fault_of_entries(crl: ParsedCrl) -> str:
    """5.3: of a CRL whose signature holds. Before that anybody could make us read a million entries of theirs."""
    try:
        return _UNPROCESSED if crl.unknown_critical else ""
    except Malformed:
        return _UNREADABLE


def _bears(signer: ParsedCertificate, name: bytes) -> bool:
    return signer.subject == name or same(signer.subject, name)


def _vouches_for_itself(signer: ParsedCertificate) -> bool:
    """Whether its CA chose the signer as cRLIssuer of the signer's own certificate: then nobody else can speak."""
    return any(
        name.kind == DIRECTORY_NAME and same(name.value, signer.subject)
        for point in signer.distribution_points
        for name in point.crl_issuer
    )


def _unless_removed(entry: Entry | None) -> Entry | None:
    return None if entry is None or entry.reason is Reason.REMOVE_FROM_CRL else entry
