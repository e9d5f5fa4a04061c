"""Letters for whoever prints and posts them: a file each in a folder that only this deployment's user can read.

The printer's system takes a file, prints it and deletes it. A file holds a name, an address and a code: it is as secret
as the letter, and nothing else has the code.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from cli.errors import FileUnusable
from enrollment.code_letters import Paper

LETTERS = Path("letters")
"""Where they lie, from the deployment's folder."""


@dataclass(frozen=True, slots=True)
class LetterFolder:
    """Keeps the promises of `enrollment.code_letters.Post`: a letter is sent once its file is on the disk."""

    folder: Path

    def send(self, paper: Paper) -> None:
        """Write the letter's file; a newer paper of it takes the older one's place. Errors: FileUnusable."""
        document = {
            "address": paper.address,
            "code": paper.grouped,
            "letter": paper.letter,
            "name": paper.name,
            "until": paper.until.jst_date().isoformat(),
        }
        file = self.folder / f"{paper.letter}.json"
        beside = file.with_suffix(".new")
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            beside.unlink(missing_ok=True)
            handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                json.dump(document, stream, ensure_ascii=False)
                stream.flush()
                os.fsync(stream.fileno())
            beside.replace(file)
        except OSError as error:
            raise FileUnusable(str(self.folder), os.strerror(error.errno or 0)) from error
