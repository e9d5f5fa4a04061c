"""A log asks its witnesses, and puts their cosignatures under its published checkpoint (c2sp.org/tlog-witness)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from transparency import monitor, note
from transparency.checkpoint import Checkpoint, parse_checkpoint
from transparency.errors import BadNote, NotFound, TransparencyError, WitnessRefused
from transparency.folder import Folder
from transparency.note import Verifier
from transparency.witness import Submission

SIZE_TYPE = "text/x.tlog.size"
"""The content type of a witness's answer that names the size it cosigned last."""
_CONFLICT = 409


@dataclass(frozen=True, slots=True)
class Reply:
    """A witness's answer over HTTP."""

    status: int
    content_type: str
    body: bytes


Post = Callable[[str, bytes], Reply]
"""Posts octets to an address. Errors: WitnessRefused where nobody answers."""


@dataclass(frozen=True, slots=True)
class Door:
    """A witness's submission prefix, and the key that it cosigns with."""

    url: str
    verifier: Verifier


@dataclass(frozen=True, slots=True)
class Gathered:
    """The checkpoint that was asked about, who cosigned it, and why the others did not."""

    checkpoint: Checkpoint
    cosigned: tuple[str, ...]
    refused: tuple[TransparencyError, ...]


def gather(folder: Folder, log: Verifier, doors: Sequence[Door], post: Post) -> Gathered | None:
    """Ask each witness for its cosignature of the published checkpoint; None before the first checkpoint.

    What they signed is added to the checkpoint; once all of them did, it is also what auditors that want witnesses
    fall back to while a later checkpoint waits. A witness that refuses or is silent holds nothing up.
    """
    signed = folder.checkpoint()
    if signed is None:
        return None
    verifiers = [door.verifier for door in doors]
    audited = monitor.read_checkpoint(signed, log, verifiers)
    have = {name for name, _ in audited.witnesses}
    lines, refused = [], []
    for door in doors:
        if door.verifier.name in have:
            continue
        try:
            lines.append(_ask(folder, audited.checkpoint, signed, door, post))
        except TransparencyError as error:
            refused.append(error)
        else:
            have.add(door.verifier.name)
    if lines:
        with folder.publishing():
            _add(folder, signed, lines)
    if doors and not refused:
        folder.put_cosigned(signed + b"".join(lines))
    return Gathered(audited.checkpoint, tuple(sorted(have)), tuple(refused))


def _add(folder: Folder, signed: bytes, lines: Sequence[bytes]) -> None:
    now = folder.checkpoint()
    if now is not None and note.parse(now).text == note.parse(signed).text:  # else a later one was published meanwhile
        folder.put_checkpoint(now + b"".join(line for line in lines if line not in now))


def _ask(folder: Folder, new: Checkpoint, signed: bytes, door: Door, post: Post) -> bytes:
    """One witness's cosignature line. Errors: WitnessRefused."""
    reply = post(f"{door.url}/add-checkpoint", _submission(folder, new, signed, _seen(folder, door)).octets)
    if reply.status == _CONFLICT and reply.content_type.split(";")[0].strip() == SIZE_TYPE:
        size = _size(reply.body, door)
        if size > new.size:
            raise WitnessRefused(door.verifier.name, f"it cosigned {size} entries already, and we published {new.size}")
        reply = post(f"{door.url}/add-checkpoint", _submission(folder, new, signed, size).octets)
    if reply.status != 200:
        raise WitnessRefused(door.verifier.name, f"it answers {reply.status}")
    return _line(signed, reply.body, door)


def _line(signed: bytes, body: bytes, door: Door) -> bytes:
    """The line among the answer's that this witness's key made. Errors: WitnessRefused."""
    try:
        note.parse(signed + body).verified(door.verifier)
        for line in body.splitlines(keepends=True):
            if any(
                (name, key_id) == (door.verifier.name, door.verifier.key_id)
                for name, key_id, _ in note.parse(b"\n\n" + line).signatures
            ):
                return line
    except BadNote as error:
        raise WitnessRefused(door.verifier.name, error.reason) from error
    raise WitnessRefused(door.verifier.name, "its key signed nothing")


def _size(body: bytes, door: Door) -> int:
    text = body.removesuffix(b"\n")
    if not text.isdigit() or len(text) > 19:
        raise WitnessRefused(door.verifier.name, "it names no size")
    return int(text)


def _seen(folder: Folder, door: Door) -> int:
    """The size that the witness cosigned last, as far as we know."""
    kept = folder.cosigned()
    if kept is None:
        return 0
    parsed = note.parse(kept)
    try:
        parsed.verified(door.verifier)
    except BadNote:
        return 0
    return parse_checkpoint(parsed.text).size


def _submission(folder: Folder, new: Checkpoint, signed: bytes, older: int) -> Submission:
    def load(path: str) -> bytes:
        try:
            return (folder.path / path).read_bytes()
        except FileNotFoundError as error:
            raise NotFound(f"file {path} in the log") from error

    before = Checkpoint(new.origin, older, new.root)
    return Submission(older, tuple(monitor.consistency(load, before, new)), signed)
