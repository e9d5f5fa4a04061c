"""What validators share between requests: parsed objects by their octets, checked signatures, what issuers decide.

Nothing of it is believed for being here: what hangs on anchors, inputs or time is kept under exactly those.
"""

from collections.abc import Callable, Iterable
from hashlib import sha256
from typing import Final, TypeVar

from pki.errors import Malformed
from verifier.certificate import ParsedCertificate, parse
from verifier.crl import ParsedCrl, parse_crl
from verifier.kept import make_room
from verifier.ocsp import ParsedOcsp, parse_ocsp
from verifier.path_state import PathCache
from verifier.sources import CrlSet

_T = TypeVar("_T")
_Key = bytes | tuple[str, bytes]
MAX_KEPT_OCTETS: Final = 16 << 10
"""A larger certificate or OCSP answer is parsed each time: memory is kept for ordinary ones."""
MAX_CRL_OCTETS: Final = 64 << 20
"""CRLs that are kept parsed between requests, together."""
MAX_CRL_SETS: Final = 128


class EngineCache:
    """Safe to share between threads: entries are only added or dropped."""

    __slots__ = ("_certificates", "_crl_octets", "_crls", "_most", "_ocsp", "_sets", "paths")

    def __init__(self, most: int = 4096) -> None:
        self.paths = PathCache()
        self._most = most
        self._crl_octets = 0
        self._certificates: dict[bytes, ParsedCertificate] = {}
        self._crls: dict[_Key, ParsedCrl] = {}
        self._sets: dict[tuple[_Key, ...], CrlSet] = {}
        self._ocsp: dict[bytes, ParsedOcsp] = {}

    def certificate(self, der: bytes) -> ParsedCertificate:
        """Errors: Malformed."""
        found = self._certificates.get(der)
        if found is None:
            found = parse(der)
            if len(der) <= MAX_KEPT_OCTETS:
                make_room(self._certificates, self._most)
                self._certificates[der] = found
        return found

    def crl_set(self, ders: tuple[bytes, ...]) -> CrlSet:
        """The CRLs among `ders`, indexed, with what earlier requests found out about them."""
        keys = tuple([_key(der) for der in ders])
        found = self._sets.get(keys)
        if found is None:
            unreadable: list[str] = []
            found = CrlSet(readable(ders, self.crl, unreadable), tuple(unreadable))
            if sum(len(key) for key in keys) <= 4 * MAX_KEPT_OCTETS:
                make_room(self._sets, MAX_CRL_SETS)
                self._sets[keys] = found
        return found

    def crl(self, der: bytes) -> ParsedCrl:
        """Errors: Malformed."""
        key = _key(der)
        found = self._crls.get(key)
        if found is None:
            found = parse_crl(der)
            # an index is some six times as large as its CRL: they are kept by octets, not by number
            if self._crl_octets > MAX_CRL_OCTETS or len(self._crls) >= self._most:
                self._crls, self._sets, self._crl_octets = {}, {}, 0
            self._crls[key] = found
            self._crl_octets += len(der)
        return found

    def ocsp(self, der: bytes) -> ParsedOcsp:
        """Errors: Malformed."""
        found = self._ocsp.get(der)
        if found is None:
            found = parse_ocsp(der)
            if len(der) <= MAX_KEPT_OCTETS:
                make_room(self._ocsp, self._most)
                self._ocsp[der] = found
        return found


def _key(der: bytes) -> _Key:
    """The octets themselves while they are few; comparing them costs less than a digest."""
    return der if len(der) <= MAX_KEPT_OCTETS else ("sha256", sha256(der).digest())


def readable(found: Iterable[bytes], read: Callable[[bytes], _T], unreadable: list[str]) -> list[_T]:
    """What can be read; the SHA-256 (in hex) of the rest is added to `unreadable`."""
    kept = []
    for der in found:
        try:
            kept.append(read(der))
        except Malformed:
            unreadable.append(sha256(der).hexdigest())
    return kept
