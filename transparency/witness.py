"""A witness remembers the last checkpoint of each log and cosigns only what grows out of it (c2sp.org/tlog-witness)."""

from collections.abc import Sequence

from pki.instant import Instant
from transparency import checkpoint, note
from transparency.checkpoint import Checkpoint
from transparency.errors import BadNote, ForkDetected
from transparency.merkle import Hash
from transparency.monitor import follow
from transparency.note import KeyType, Signer, Verifier


class Witness:
    """One witness. `seen` maps a log's name to the last checkpoint that was cosigned; the caller keeps it durable.

    The order matters: the caller must have stored the new state before it hands out the cosignature, or a crash would
    let the witness cosign two histories.
    """

    def __init__(self, signer: Signer, logs: Sequence[Verifier], seen: dict[str, Checkpoint]) -> None:
        if signer.verifier.type is not KeyType.COSIGNATURE:
            raise BadNote("a witness signs with a cosignature key")
        self._signer = signer
        self._logs = {verifier.name: verifier for verifier in logs}
        self.seen = seen

    def add_checkpoint(self, octets: bytes, older_size: int, proof: Sequence[Hash], at: Instant) -> bytes:
        """The cosignature line for a signed checkpoint that extends the one seen before.

        Errors: BadNote for an unknown log or a wrong signature; ForkDetected when `older_size` is not the size that
        this witness saw last, or when the checkpoint contradicts it; BadProof.
        """
        signed = note.parse(octets)
        found = checkpoint.parse_checkpoint(signed.text)
        verifier = self._logs.get(found.origin)
        if verifier is None:
            raise BadNote("this witness does not follow that log")
        signed.verified(verifier)
        last = self.seen.get(found.origin)
        if (0 if last is None else last.size) != older_size:
            raise ForkDetected(found.origin, 0 if last is None else last.size, older_size)
        if last is not None:
            follow(last, found, proof)
        self.seen[found.origin] = found
        return self._signer.line(signed.text, at)
