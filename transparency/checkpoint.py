"""Checkpoints (c2sp.org/tlog-checkpoint): the head of a log, as the text of a signed note.

origin newline size in decimal newline base64(root) newline [extension lines]
"""

import base64
import re
from dataclasses import dataclass

from transparency.errors import BadNote
from transparency.merkle import Hash

_SIZE = re.compile(r"(0|[1-9][0-9]{0,18})\Z")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The root over the first `size` entries of the log named `origin`; `extensions` are further lines."""

    origin: str
    size: int
    root: Hash
    extensions: tuple[str, ...] = ()

    @property
    def text(self) -> bytes:
        """The text of the note."""
        lines = (self.origin, str(self.size), base64.b64encode(self.root).decode(), *self.extensions)
        return ("\n".join(lines) + "\n").encode()


def parse_checkpoint(text: bytes) -> Checkpoint:
    """Read the text of a note. Errors: BadNote."""
    try:
        lines = text.decode("utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise BadNote("a checkpoint is UTF-8") from error
    if len(lines) < 4 or lines.pop() != "" or "" in lines:
        raise BadNote("a checkpoint has at least three lines, none of them empty")
    origin, size, encoded, *extensions = lines
    if not _SIZE.match(size):
        raise BadNote("the size of a checkpoint is a decimal number without zeros in front")
    try:
        octets = base64.b64decode(encoded, validate=True)
    except ValueError as error:  # a letter that is not ASCII as well
        raise BadNote("the root of a checkpoint is base64") from error
    if len(octets) != 32 or base64.b64encode(octets).decode() != encoded:
        raise BadNote("the root of a checkpoint is 32 octets in base64")
    return Checkpoint(origin, int(size), Hash(octets), tuple(extensions))
