"""Packs: OCSP answers signed ahead in bulk, one file an authority and hash, read by every worker from the page cache.

    octets 0-7     "JTSNOCSP"
    octets 8-11    n, length of the header, big-endian
    n octets       JSON {authority, hash, position, this_update, next_update, count}
    count × 32     serial (20 octets) | offset of the answer from the start of the answers (8) | its length (4),
                   in ascending order of serial
    the rest       the OCSPResponses, end to end

`position` is the journal position whose statuses the answers tell: a certificate that changed later is answered live.
A pack is written beside its place, flushed and renamed: readers see an old one or a new one, never half of one.
"""

import json
import mmap
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pki.errors import Malformed
from pki.instant import Instant

_MAGIC = b"JTSNOCSP"
_ROW = 32


@dataclass(frozen=True, slots=True)
class PackHeader:
    """What all answers of a pack share."""

    authority: str
    hash_name: str
    position: int
    this_update: Instant
    next_update: Instant


def write_pack(path: Path, header: PackHeader, answers: Iterable[tuple[int, bytes]]) -> int:
    """Write (serial, OCSPResponse) pairs; gives how many. Durable when it returns."""
    rows = sorted(answers)
    told = json.dumps(
        {
            "authority": header.authority,
            "hash": header.hash_name,
            "position": header.position,
            "this_update": header.this_update.seconds,
            "next_update": header.next_update.seconds,
            "count": len(rows),
        }
    ).encode()
    index, offset = bytearray(), 0
    for serial, answer in rows:
        index += serial.to_bytes(20) + offset.to_bytes(8) + len(answer).to_bytes(4)
        offset += len(answer)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with draft.open("wb") as file:
        file.write(_MAGIC + len(told).to_bytes(4) + told + index)
        file.writelines(answer for _, answer in rows)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    return len(rows)


class Pack:
    """A pack opened for reading; its octets stay in the operating system's cache, shared by all workers."""

    def __init__(self, path: Path) -> None:
        """Errors: Malformed for a file that is no whole pack; OSError."""
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size < 12:
                raise Malformed("a pack of OCSP answers expected", 0)
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        length = int.from_bytes(self._map[8:12])
        try:
            if self._map[:8] != _MAGIC:
                raise ValueError("magic")
            told = json.loads(self._map[12 : 12 + length])
            self.authority, self.hash_name = str(told["authority"]), str(told["hash"])
            self.position, self.count = int(told["position"]), int(told["count"])
            self.this_update, self.next_update = Instant(told["this_update"]), Instant(told["next_update"])
        except (ValueError, KeyError, TypeError) as error:
            raise Malformed("a pack of OCSP answers expected", 0) from error
        self._index = 12 + length
        self._answers = self._index + _ROW * self.count
        if self._answers > size:
            raise Malformed("a whole pack of OCSP answers expected", size)

    def is_fresh(self, at: Instant) -> bool:
        """Whether its answers are in the first half of their life."""
        return self.this_update <= at and (at - self.this_update) * 2 < self.next_update - self.this_update

    def answers(self) -> Iterator[bytes]:
        """Every OCSPResponse, by serial."""
        for row in range(self.count):
            yield self._answer(self._index + _ROW * row)

    def _answer(self, at: int) -> bytes:
        start = self._answers + int.from_bytes(self._map[at + 20 : at + 28])
        return self._map[start : start + int.from_bytes(self._map[at + 28 : at + 32])]

    def find(self, cert_id: bytes, serial: int) -> bytes | None:
        """The OCSPResponse about a serial, if it holds that very CertID."""
        if not 0 < serial < 1 << 160:
            return None
        wanted = serial.to_bytes(20)
        low, high = 0, self.count
        while low < high:
            middle = (low + high) // 2
            at = self._index + _ROW * middle
            if self._map[at : at + 20] < wanted:
                low = middle + 1
            else:
                high = middle
        at = self._index + _ROW * low
        if low == self.count or self._map[at : at + 20] != wanted:
            return None
        answer = self._answer(at)
        # Echoed as asked: a requester that leaves the parameters of the hash out gets an answer of its own.
        return answer if cert_id in answer else None
