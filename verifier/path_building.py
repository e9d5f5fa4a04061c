"""Candidate paths from a leaf up to an anchor, the likeliest first, within a budget (RFC 4158).

An issuer is found by name and proven by signature: several generations of a CA share one name, so the key decides.
Key identifiers only order the candidates, for they are hints that anybody may write.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from pki.errors import Malformed
from verifier.anchors import TrustAnchor
from verifier.budget import Meter
from verifier.certificate import ParsedCertificate
from verifier.errors import UnacceptableAlgorithm, UnacceptableKey
from verifier.name_preparation import canonical
from verifier.signature_cache import SignatureCache, is_signed_by

_T = TypeVar("_T")
_MOST_KEPT_NAMES: Final = 1024
_MOST_KEPT_OCTETS: Final = 512


class NameIndex(Generic[_T]):
    """Things found by an encoded Name: first by its very octets, then by what RFC 5280 7.1 calls the same name."""

    __slots__ = ("_canonical", "_found", "_raw", "_rows")

    def __init__(self, rows: Iterable[tuple[bytes, _T]]) -> None:
        self._rows = list(rows)
        self._raw: dict[bytes, list[_T]] = {}
        for name, thing in self._rows:
            self._raw.setdefault(name, []).append(thing)
        self._canonical: dict[object, list[tuple[bytes, _T]]] | None = None
        self._found: dict[bytes, list[_T]] = {}

    def find(self, name: bytes) -> list[_T]:
        """Every thing of that name. Errors: none; a name that cannot be read finds its own octets only."""
        found = self._found.get(name)
        if found is None:
            found = [*self.exactly(name), *self.otherwise(name)]
            if len(self._found) < _MOST_KEPT_NAMES and len(name) <= _MOST_KEPT_OCTETS:
                self._found[name] = found
        return found

    def exactly(self, name: bytes) -> list[_T]:
        """What bears these very octets."""
        return self._raw.get(name, [])

    def otherwise(self, name: bytes) -> list[_T]:
        """What bears the same name in other octets."""
        if len(self._rows) == len(self._raw.get(name, ())):
            return []
        # made when the first index did not do: preparing names costs more than a signature
        if self._canonical is None:
            made: dict[object, list[tuple[bytes, _T]]] = {}
            for its_name, thing in self._rows:
                made.setdefault(_canonical(its_name), []).append((its_name, thing))
            self._canonical = made
        return [thing for its_name, thing in self._canonical.get(_canonical(name), ()) if its_name != name]


def _canonical(name: bytes) -> object:
    try:
        return canonical(name)
    except Malformed:
        return name


@dataclass(slots=True)
class BuildingReport:
    """Why no path was found, gathered on the way: the message for people, never a ground for belief."""

    named_issuer: bool = False
    """Somebody bears the issuer's name."""
    key_matched: bool = False
    """… and the key identifier that the certificate asks for, yet the signature does not verify."""
    refused: list[str] = field(default_factory=list)
    """Algorithms and keys that were refused."""
    too_deep: bool = False


class PathBuilder:
    """Builds candidate paths over fixed anchors and intermediates."""

    __slots__ = ("_anchors", "_cache", "_intermediates", "_meter", "report")

    def __init__(
        self,
        anchors: NameIndex[TrustAnchor],
        intermediates: NameIndex[ParsedCertificate],
        meter: Meter,
        cache: SignatureCache,
    ) -> None:
        self._anchors = anchors
        self._intermediates = intermediates
        self._meter = meter
        self._cache = cache
        self.report = BuildingReport()

    def paths(
        self, leaf: ParsedCertificate, at: int, admits: Callable[[TrustAnchor], bool] | None = None
    ) -> Iterator[tuple[TrustAnchor, tuple[ParsedCertificate, ...]]]:
        """(anchor, certificates from the leaf upwards) of each path whose signatures all verify.

        `at` (seconds) only orders candidates. Errors: BudgetExhausted, when steps or signatures run out.
        """
        yield from self._extend((leaf,), {(leaf.subject, leaf.spki)}, at, admits)

    def _extend(
        self,
        chain: tuple[ParsedCertificate, ...],
        visited: set[tuple[bytes, bytes]],
        at: int,
        admits: Callable[[TrustAnchor], bool] | None,
    ) -> Iterator[tuple[TrustAnchor, tuple[ParsedCertificate, ...]]]:
        certificate = chain[-1]
        name = certificate.issuer
        tried: set[bytes] = set()
        # the very octets first: names that are the same in other octets are rare, and dear to find
        for anchors, intermediates in (
            (self._anchors.exactly, self._intermediates.exactly),
            (self._anchors.otherwise, self._intermediates.otherwise),
        ):
            for anchor in anchors(name):
                if (admits is None or admits(anchor)) and self._verifies(certificate, anchor.spki, anchor.certificate):
                    yield anchor, chain
            # the same name and key twice in one path adds nothing and is how loops are made
            candidates = [issuer for issuer in intermediates(name) if (issuer.subject, issuer.spki) not in visited]
            if candidates and len(chain) >= self._meter.budget.depth:
                self.report.too_deep = True
                continue
            if len(candidates) > 1:
                candidates.sort(key=lambda issuer: _unlikeliness(certificate, issuer, at))
            for issuer in candidates:
                if issuer.fingerprint in tried or not self._verifies(certificate, issuer.spki, issuer):
                    continue
                tried.add(issuer.fingerprint)
                mark = (issuer.subject, issuer.spki)
                visited.add(mark)
                yield from self._extend((*chain, issuer), visited, at, admits)
                visited.discard(mark)

    def _verifies(self, certificate: ParsedCertificate, spki: bytes, issuer: ParsedCertificate | None) -> bool:
        self._meter.spend("steps")
        self.report.named_issuer = True
        try:
            if is_signed_by(certificate, spki, self._meter, self._cache):
                return True
        except (UnacceptableAlgorithm, UnacceptableKey) as refused:
            self.report.refused.append(refused.reason)
            return False
        if issuer is not None and certificate.authority_key and issuer.key_identifier:
            self.report.key_matched |= certificate.authority_key.key_identifier == issuer.key_identifier
        return False


def _unlikeliness(certificate: ParsedCertificate, issuer: ParsedCertificate, at: int) -> tuple[bool, int, int]:
    """Smaller is tried first: a valid CA; right key identifier, unknown, wrong; the newest (RFC 4158 3.5)."""
    wanted = certificate.authority_key.key_identifier if certificate.authority_key else None
    offered = issuer.key_identifier
    fits = 1 if wanted is None or offered is None else (0 if wanted == offered else 2)
    return not (issuer.ca and issuer.not_before <= at <= issuer.not_after), fits, -issuer.not_before
