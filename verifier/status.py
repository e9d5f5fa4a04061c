"""Is a certificate revoked? CRLs and OCSP answers together, with the status of those who signed them.

The signer of evidence may itself need a path and a status; that circle is cut here: `path` never asks for status,
the checkers ask back through two narrow questions, and a bound on nesting ends every spiral.
"""

from pki.instant import Instant
from pki.revocation import Good, Revoked, Unknown
from verifier.anchors import TrustAnchor
from verifier.budget import Meter
from verifier.certificate import ParsedCertificate
from verifier.crl_checking import CrlChecker
from verifier.inputs import PathInputs
from verifier.ocsp_checking import OcspChecker
from verifier.path import ValidPath
from verifier.path_building import NameIndex
from verifier.path_search import PathSearch
from verifier.path_state import PathCache
from verifier.sources import RevocationMode, Sources, StatusAnswer, StatusRules


class StatusChecker:
    """Asks for the status of certificates in valid paths, over the evidence of one request."""

    __slots__ = (
        "_anchors",
        "_answers",
        "_assumed",
        "_at",
        "_cache",
        "_crls",
        "_inputs",
        "_meter",
        "_ocsp",
        "_open",
        "_rules",
        "_signers",
        "_sources",
    )

    def __init__(
        self,
        sources: Sources,
        anchors: NameIndex[TrustAnchor],
        at: Instant,
        rules: StatusRules,
        inputs: PathInputs,
        meter: Meter,
        cache: PathCache,
    ) -> None:
        self._sources, self._anchors, self._at, self._rules, self._inputs = sources, anchors, at, rules, inputs
        self._meter, self._cache = meter, cache
        # an answer holds for one path upwards: the same key under another anchor or with another keyUsage is asked anew
        self._answers: dict[tuple[bytes, ...], StatusAnswer] = {}
        self._signers: dict[tuple[bytes, ...], bool] = {}
        self._open: list[bytes] = []
        """Certificates whose status is being asked, the outermost first."""
        self._assumed = False
        """Something was taken as given because it is being asked further out; such answers are not kept."""
        self._crls = CrlChecker(sources, at.seconds, rules, inputs, meter, cache)
        self._ocsp = OcspChecker(sources, at.seconds, rules, inputs, meter, cache)

    def ask(self, path: ValidPath, index: int) -> StatusAnswer:
        """The status of `path.certificates[index]`. Errors: BudgetExhausted."""
        certificate = path.certificates[index]
        key = (certificate.fingerprint, *path.contexts[index])
        known = self._answers.get(key)
        if known is not None:
            return known
        if len(self._open) > self._meter.budget.nesting:
            self._assumed = True
            return StatusAnswer(Unknown("too many signers of evidence stand behind one another"), offered=True)
        self._open.append(certificate.fingerprint)
        before, self._assumed = self._assumed, False
        try:
            answer = _join(self._ocsp.ask(path, index, self._is_unrevoked), self._crls.ask(path, index, self._trusts))
        finally:
            self._open.pop()
        if not self._assumed or not self._open:
            self._answers[key] = answer
        self._assumed = before or (self._assumed and bool(self._open))
        return answer

    def is_acceptable(self, answer: StatusAnswer) -> bool:
        """Whether the rules let a certificate with this answer be believed."""
        if isinstance(answer.status, Good):
            return True
        return isinstance(answer.status, Unknown) and (
            self._rules.mode is RevocationMode.IF_PRESENT and not answer.offered
        )

    def _is_unrevoked(self, path: ValidPath) -> bool:
        """For OCSP: the responder, whose issuer's own path is the one being asked about."""
        if path.leaf.fingerprint in self._open:
            self._assumed = True
            return False
        return self.is_acceptable(self.ask(path, 0))

    def _trusts(self, signer: ParsedCertificate, anchor: TrustAnchor, vouches_for_itself: bool) -> bool:
        """For CRLs: some path from `signer` to this very anchor, none of it revoked (RFC 5280 6.3.3 (f))."""
        if signer.fingerprint in self._open:
            # Its own status is being asked. Only where its CA left that status to it is there nobody else to ask.
            self._assumed = True
            return vouches_for_itself
        key = (signer.fingerprint, anchor.name, anchor.spki)
        if key in self._signers:
            return self._signers[key]
        inputs = PathInputs(min_rsa_bits=self._inputs.min_rsa_bits, profile=self._inputs.profile)
        search = PathSearch(
            signer,
            self._sources.certificates,
            self._anchors,
            self._at,
            inputs,
            self._meter,
            self._cache,
            lambda other: other.spki == anchor.spki and other.name == anchor.name,
        )
        before, self._assumed = self._assumed, False
        trusted = any(
            all(self.is_acceptable(self.ask(path, index)) for index in range(len(path.certificates))) for path in search
        )
        if not self._assumed:
            self._signers[key] = trusted
        self._assumed |= before
        return trusted


def _join(ocsp: StatusAnswer, crl: StatusAnswer) -> StatusAnswer:
    """Revoked wins; then good; then whichever had something to say, OCSP first."""
    for answer in (ocsp, crl):
        if isinstance(answer.status, Revoked):
            return answer
    for answer in (ocsp, crl):
        if isinstance(answer.status, Good):
            return answer
    if ocsp.offered:
        return ocsp
    if crl.offered:
        return crl
    return StatusAnswer(Unknown("nothing at hand tells its status"))
