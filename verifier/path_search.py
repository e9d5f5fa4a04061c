"""Finding the path: candidates are built and processed until one holds, and if none does, the best reason is told."""

from collections.abc import Callable, Iterable, Iterator

from pki.instant import Instant
from verifier.anchors import TrustAnchor
from verifier.budget import Budget, Meter
from verifier.certificate import ParsedCertificate
from verifier.errors import BudgetExhausted
from verifier.indication import Indication, SubIndication
from verifier.inputs import PathInputs
from verifier.path import PathFailure, ValidPath, process
from verifier.path_building import NameIndex, PathBuilder
from verifier.path_state import Check, PathCache


def validate_path(
    leaf: ParsedCertificate,
    intermediates: Iterable[ParsedCertificate] | NameIndex[ParsedCertificate],
    anchors: Iterable[TrustAnchor] | NameIndex[TrustAnchor],
    at: Instant,
    inputs: PathInputs | None = None,
    budget: Budget | Meter | None = None,
    cache: PathCache | None = None,
) -> ValidPath | PathFailure:
    """The first path from `leaf` to an anchor that holds at `at`; the failure that came furthest otherwise.

    Errors: none, whatever the certificates are; a budget that runs out is INDETERMINATE.
    """
    search = PathSearch(leaf, intermediates, anchors, at, inputs or PathInputs(), budget, cache)
    for path in search:
        return path
    return search.failure


class PathSearch:
    """Every path that holds, one after the other; `failure` tells why there are none, or no more."""

    __slots__ = ("_admits", "_at", "_best", "_builder", "_cache", "_exhausted", "_inputs", "_leaf", "meter")

    def __init__(
        self,
        leaf: ParsedCertificate,
        intermediates: Iterable[ParsedCertificate] | NameIndex[ParsedCertificate],
        anchors: Iterable[TrustAnchor] | NameIndex[TrustAnchor],
        at: Instant,
        inputs: PathInputs,
        budget: Budget | Meter | None = None,
        cache: PathCache | None = None,
        admits: Callable[[TrustAnchor], bool] | None = None,
    ) -> None:
        self._leaf, self._at, self._inputs, self._admits = leaf, at, inputs, admits
        self.meter = budget if isinstance(budget, Meter) else Meter(budget or Budget())
        self._cache = cache if cache is not None else PathCache()
        self._builder = PathBuilder(
            anchors if isinstance(anchors, NameIndex) else index_anchors(anchors),
            intermediates if isinstance(intermediates, NameIndex) else index_certificates(intermediates),
            self.meter,
            self._cache.signatures,
        )
        self._best: PathFailure | None = None
        self._exhausted: BudgetExhausted | None = None

    def __iter__(self) -> Iterator[ValidPath]:
        try:
            for anchor, chain in self._builder.paths(self._leaf, self._at.seconds, self._admits):
                self.meter.spend("paths")
                found = process(anchor, chain, self._at, self._inputs, self.meter, self._cache)
                if isinstance(found, ValidPath):
                    yield found
                elif self._best is None or len(found.checks) > len(self._best.checks):
                    self._best = found
        except BudgetExhausted as exhausted:
            self._exhausted = exhausted

    @property
    def failure(self) -> PathFailure:
        """Why nothing (more) was found: the bound that was reached, the best path's fault, or what was missing."""
        if self._exhausted is not None:
            return PathFailure(
                Indication.INDETERMINATE,
                SubIndication.CERTIFICATE_CHAIN_GENERAL_FAILURE,
                self._exhausted.reason,
                (Check("limits", None, False, self._exhausted.reason),),
            )
        return self._best or self._not_built()

    def _not_built(self) -> PathFailure:
        report = self._builder.report
        indication, sub_indication = Indication.INDETERMINATE, SubIndication.NO_CERTIFICATE_CHAIN_FOUND
        if report.too_deep:
            sub_indication = SubIndication.CERTIFICATE_CHAIN_GENERAL_FAILURE
            reason = f"no path of at most {self.meter.budget.depth} certificates was found"
        elif report.refused:
            sub_indication, reason = SubIndication.CRYPTO_CONSTRAINTS_FAILURE, report.refused[0]
        elif report.key_matched:
            indication, sub_indication = Indication.FAILED, SubIndication.SIG_CRYPTO_FAILURE
            reason = "a signature does not verify under the very key that the certificate names"
        elif report.named_issuer:
            reason = "no path to a trust anchor: who bears an issuer's name has not made its signature"
        else:
            reason = "no path to a trust anchor: no certificate at hand bears the issuer's name"
        return PathFailure(indication, sub_indication, reason, (Check("RFC 5280 6.1", None, False, reason),))


def index_anchors(anchors: Iterable[TrustAnchor]) -> NameIndex[TrustAnchor]:
    """Anchors by name, to be used again and again."""
    return NameIndex((anchor.name, anchor) for anchor in anchors)


def index_certificates(certificates: Iterable[ParsedCertificate]) -> NameIndex[ParsedCertificate]:
    """Certificates by subject."""
    return NameIndex((certificate.subject, certificate) for certificate in certificates)
