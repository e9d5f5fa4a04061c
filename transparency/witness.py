"""A witness remembers the last checkpoint of each log and cosigns only what grows out of it (c2sp.org/tlog-witness).

    request     "old " size newline; proof lines, a hash in base64 each; an empty line; the signed checkpoint
    answer      the cosignature line

What it cosigned is on the disk before the cosignature leaves it: a crash cannot make it cosign two histories.
"""

import base64
import binascii
import re
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from pki.instant import Instant
from transparency import checkpoint, note
from transparency.checkpoint import Checkpoint
from transparency.errors import BadNote, BadSubmission, ClockStepped, ForkDetected, NotSeenLast, UnknownLog
from transparency.merkle import EMPTY, Hash
from transparency.monitor import follow
from transparency.note import KeyType, Signer, Verifier

MAX_PROOF = 63
"""Hashes of a proof: more would be a tree of over 2^63 entries."""

_OLD = re.compile(rb"old (0|[1-9][0-9]{0,18})\Z")


class Memory(Protocol):
    """Where a witness keeps the last signed checkpoint that it cosigned of each log, by the log's name."""

    def held(self, origin: str) -> AbstractContextManager[None]:
        """While held, nobody else reads or writes that log's checkpoint."""
        ...

    def last(self, origin: str) -> bytes | None:
        """The note kept, None before the first."""
        ...

    def keep(self, origin: str, signed: bytes) -> None:
        """Durable when it returns."""
        ...


@dataclass(frozen=True, slots=True)
class Submission:
    """What a log asks a witness: this checkpoint, and the proof that it grew out of the one of `older` entries."""

    older: int
    proof: tuple[Hash, ...]
    signed: bytes

    @property
    def octets(self) -> bytes:
        """The body of an add-checkpoint request."""
        lines = [f"old {self.older}", *(base64.b64encode(one).decode() for one in self.proof), ""]
        return "\n".join(lines).encode() + b"\n" + self.signed


def parse_submission(octets: bytes) -> Submission:
    """Read the body of an add-checkpoint request. Errors: BadSubmission."""
    head, separator, signed = octets.partition(b"\n\n")
    if not separator:
        raise BadSubmission("an empty line separates proof and checkpoint")
    first, *lines = head.split(b"\n")
    match = _OLD.match(first)
    if match is None or len(lines) > MAX_PROOF:
        raise BadSubmission(f"it begins with `old` and a size, and at most {MAX_PROOF} hashes follow")
    return Submission(int(match[1]), tuple(_hash(line) for line in lines), signed)


def _hash(line: bytes) -> Hash:
    try:
        octets = base64.b64decode(line, validate=True)
    except binascii.Error as error:
        raise BadSubmission("a proof line is base64") from error
    if len(octets) != 32 or base64.b64encode(octets) != line:
        raise BadSubmission("a proof line is 32 octets in base64")
    return Hash(octets)


class Witness:
    """One witness with its key, the logs that it follows, and its memory. Threads and processes may share a memory."""

    def __init__(self, signer: Signer, logs: Sequence[Verifier], memory: Memory) -> None:
        """`logs`: the keys it trusts; several of one name are several keys of one log. Errors: BadNote."""
        if signer.verifier.type is not KeyType.COSIGNATURE:
            raise BadNote("a witness signs with a cosignature key")
        self._signer = signer
        self._logs = logs
        self._memory = memory

    def add_checkpoint(self, submission: Submission, at: Instant) -> bytes:
        """The cosignature line for a signed checkpoint that extends the one cosigned last.

        Errors: UnknownLog; BadNote where none of the log's keys signed it; BadSubmission; NotSeenLast with the size
        that was cosigned last; ForkDetected for another root of that very size; BadProof; ClockStepped.
        """
        signed = _note(submission.signed)
        found = checkpoint.parse_checkpoint(signed.text)
        keys = [verifier for verifier in self._logs if verifier.name == found.origin]
        if not keys:
            raise UnknownLog
        signed.verified(*keys)
        if submission.older > found.size:
            raise BadSubmission("the older size is larger than the checkpoint's")
        with self._memory.held(found.origin):
            return self._cosign(found, signed.text, submission, at)

    def _cosign(self, found: Checkpoint, text: bytes, submission: Submission, at: Instant) -> bytes:
        kept = self._memory.last(found.origin)
        last, since = None, Instant(0)
        if kept is not None:
            before = note.parse(kept)
            last = checkpoint.parse_checkpoint(before.text)
            since = before.verified(self._signer.verifier)[self._signer.verifier] or since
        if submission.older != (0 if last is None else last.size):
            raise NotSeenLast(0 if last is None else last.size)
        if at < since:
            raise ClockStepped
        if last is None:
            last = Checkpoint(found.origin, 0, EMPTY)
        if last.size == found.size and last.root != found.root:
            raise ForkDetected(found.origin, last.size, found.size)
        follow(last, found, submission.proof)
        line = self._signer.line(text, at)
        self._memory.keep(found.origin, text + b"\n" + line)
        return line


def _note(octets: bytes) -> note.Note:
    """Errors: BadSubmission for what is no note at all, told apart from one that nobody trusted signed."""
    try:
        return note.parse(octets)
    except BadNote as error:
        raise BadSubmission(error.what) from error
