"""Candidate paths from a leaf up to an anchor, the likeliest first, within a budget (RFC 4158).

An issuer is found by name and proven by signature: several generations of a CA share one name, so the key decides.
Key identifiers only order the candidates, for they are hints that anybody may write.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from pki.errors import Malformed
from verifier.algorithms import algorithm_of
from verifier.anchors import TrustAnchor
from verifier.budget import Meter
from verifier.certificate import ParsedCertificate
from verifier.errors import BudgetExhausted, UnacceptableAlgorithm, UnacceptableKey
from verifier.keys import load_key
from verifier.name_preparation import canonical
from verifier.signature import holds

_T = TypeVar("_T")


class SignatureCache:
    """Certificates, CRLs and OCSP answers already checked, by SHA-256 of their octets and the issuer's key.

    Never by a signature's value, a name or a key identifier: an old genuine signature under new octets must miss.
    What is kept is arithmetic, true for ever; whether an algorithm is still believed is asked every time.
    """

    __slots__ = ("_kept", "_most")

    def __init__(self, most: int = 1 << 16) -> None:
        self._most = most
        self._kept: dict[tuple[bytes, bytes], bool] = {}

    def get(self, fingerprint: bytes, spki: bytes) -> bool | None:
        """What is known of the object with this SHA-256 under that key."""
        return self._kept.get((fingerprint, spki))

    def put(self, fingerprint: bytes, spki: bytes, answer: bool) -> None:
        """Keep one answer; the oldest goes when it is full."""
        if len(self._kept) >= self._most:
            # two threads may find it full at once: whoever comes second removes one more, which only costs a check
            self._kept.pop(next(iter(self._kept)), None)
        self._kept[fingerprint, spki] = answer


def is_signed_by(certificate: ParsedCertificate, spki: bytes, meter: Meter, cache: SignatureCache) -> bool:
    """Whether the certificate's signature verifies under `spki`.

    Errors: UnacceptableAlgorithm, UnacceptableKey, BudgetExhausted.
    """
    known = cache.get(certificate.fingerprint, spki)
    if known is None:
        algorithm = algorithm_of(certificate.outer_algorithm)
        key = load_key(spki)
        meter.spend("signatures", key.weight)
        known = holds(algorithm, key, certificate.signature, certificate.tbs)
        cache.put(certificate.fingerprint, spki, known)
    return known


class NameIndex(Generic[_T]):
    """Things found by an encoded Name: first by its very octets, then by what RFC 5280 7.1 calls the same name."""

    __slots__ = ("_canonical", "_raw", "_rows")

    def __init__(self, rows: Iterable[tuple[bytes, _T]]) -> None:
        self._rows = list(rows)
        self._raw: dict[bytes, list[_T]] = {}
        for name, thing in self._rows:
            self._raw.setdefault(name, []).append(thing)
        self._canonical: dict[object, list[tuple[bytes, _T]]] | None = None

    def find(self, name: bytes) -> Iterator[_T]:
        """Every thing of that name. Errors: none; a name that cannot be read finds its own octets only."""
        for group in self.groups(name):
            yield from group

    def groups(self, name: bytes) -> Iterator[list[_T]]:
        """First what bears these very octets, then what bears the same name in other octets."""
        found = self._raw.get(name)
        if found:
            yield found
        if len(self._rows) == len(found or ()):
            return
        # made when the first index did not do: preparing names costs more than a signature
        if self._canonical is None:
            self._canonical = {}
            for its_name, thing in self._rows:
                self._canonical.setdefault(_canonical(its_name), []).append((its_name, thing))
        others = [thing for its_name, thing in self._canonical.get(_canonical(name), ()) if its_name != name]
        if others:
            yield others


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
        for anchor in self._anchors.find(certificate.issuer):
            if (admits is None or admits(anchor)) and self._verifies(certificate, anchor.spki, anchor.certificate):
                yield anchor, chain
        tried: set[bytes] = set()
        for group in self._intermediates.groups(certificate.issuer):
            # the same name and key twice in one path adds nothing and is how loops are made
            candidates = [issuer for issuer in group if (issuer.subject, issuer.spki) not in visited]
            if not candidates:
                continue
            if len(chain) >= self._meter.budget.depth:
                self.report.too_deep = True
                return
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


__all__ = ["BudgetExhausted", "BuildingReport", "NameIndex", "PathBuilder", "SignatureCache", "is_signed_by"]
