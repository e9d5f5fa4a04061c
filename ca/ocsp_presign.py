"""Signing the answers to everything that is asked often, ahead and in bulk, on several processes."""

import multiprocessing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Connection

from ca.directory import Database
from ca.ocsp import AnswerPolicy, issuer_hashes
from ca.ocsp_pack import PackHeader, write_pack
from ca.ocsp_response import CrlReference, ResponseEncoder, SingleAnswer, encode_single
from ca.status import told
from ca.store import status as store
from pki import der
from pki.algorithms import HASH_OIDS
from pki.certificate import Certificate
from pki.instant import Instant
from pki.revocation import Good, Revoked, Status

_CHUNK = 2_000


@dataclass(frozen=True, slots=True)
class Presigner:
    """Signs with one responder for one authority. Processes are forked: they inherit the key, which leaves no memory
    but theirs; call it before threads start."""

    authority: str
    issuer: Certificate
    encoder: ResponseEncoder
    policy: AnswerPolicy
    hash_name: str = "sha1"
    references: Mapping[int, CrlReference] = field(default_factory=dict)
    """By serial, the CRL that an answer names."""

    def fill(self, database: Database, path: Path, at: Instant, processes: int = 1) -> int:
        """Write the pack of all certificates that have not ended; gives how many answers it holds."""
        position, statuses = database.read(lambda conn: _statuses(conn, self.authority, at))
        until = min(at + self.policy.presigned_validity, self.encoder.certificate.validity.not_after)
        header = PackHeader(self.authority, self.hash_name, position, at, until)
        return write_pack(path, header, self.sign(statuses, at, until, processes))

    def sign(
        self, statuses: Sequence[tuple[int, Status]], at: Instant, until: Instant, processes: int = 1
    ) -> Iterator[tuple[int, bytes]]:
        """(serial, OCSPResponse) of each, in order."""
        chunks = [statuses[start : start + _CHUNK] for start in range(0, len(statuses), _CHUNK)]
        if processes < 2 or len(chunks) < 2:
            for chunk in chunks:
                yield from self._signed(chunk, at, until)
            return
        # fork, not spawn: a key in a token's or a file's process memory cannot be sent, and must not be.
        with multiprocessing.get_context("fork").Pool(processes, _adopt, (self, at, until)) as pool:
            for signed in pool.imap(_sign_chunk, chunks):
                yield from signed

    def _signed(self, statuses: Iterable[tuple[int, Status]], at: Instant, until: Instant) -> list[tuple[int, bytes]]:
        name_hash, key_hash = issuer_hashes(self.issuer)[self.hash_name]
        algorithm = der.sequence(der.oid(HASH_OIDS[self.hash_name]), der.null())
        front = algorithm + der.octet_string(name_hash) + der.octet_string(key_hash)
        cutoff = self.policy.cutoff(at)
        signed = []
        for serial, status in statuses:
            cert_id = der.sequence(front, der.integer(serial))
            crl = self.references.get(serial) if isinstance(status, Revoked) else None
            single = encode_single(SingleAnswer(cert_id, status, at, until, cutoff, crl))
            signed.append((serial, self.encoder.encode(at, [single], None)))
        return signed


def _statuses(conn: Connection, authority: str, at: Instant) -> tuple[int, list[tuple[int, Status]]]:
    position, _ = store.head(conn)
    revoked = store.revocations_by_serial(conn, authority)
    good = Good()
    statuses: list[tuple[int, Status]] = []
    for serial in store.issued_serials(conn, authority, at.seconds):
        row = revoked.get(serial)
        if row is not None and row.at > at.seconds:
            continue  # told live: an answer of `at` could say neither the one nor the other
        statuses.append((int(serial, 16), good if row is None else told(row)))
    return position, statuses


_ADOPTED: list[tuple[Presigner, Instant, Instant]] = []


def _adopt(presigner: Presigner, at: Instant, until: Instant) -> None:
    _ADOPTED[:] = [(presigner, at, until)]


def _sign_chunk(chunk: Sequence[tuple[int, Status]]) -> list[tuple[int, bytes]]:
    presigner, at, until = _ADOPTED[0]
    return presigner._signed(chunk, at, until)
