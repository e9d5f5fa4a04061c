"""What the signing process counts, and the file that it writes it into: it listens to nobody."""

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ca.metrics import Family, counter, gauge, text
from cli.settings import Settings
from pki.errors import Error
from pki.instant import Instant


def signing_file(settings: Settings) -> Path:
    """What the signing process writes its numbers into, as a textfile collector reads them, too."""
    return settings.folder / "metrics" / "ca.prom"


@dataclass(slots=True)
class Tally:
    """What the signing process counts."""

    signed: int = 0
    crls: Counter[str] = field(default_factory=Counter)
    errors: Counter[tuple[str, bool]] = field(default_factory=Counter)
    """By code, and whether a key store or token was at fault."""

    def failed(self, error: Error, *, key_store: bool) -> None:
        """Count an error."""
        self.errors[error.code, key_store] += 1

    def families(self, at: Instant) -> list[Family]:
        """As metrics."""
        of_keys: dict[bool, list[tuple[Mapping[str, str], float]]] = {True: [], False: []}
        for (code, key_store), number in sorted(self.errors.items()):
            of_keys[key_store].append(({"code": code}, number))
        kinds = [({"kind": kind}, number) for kind, number in sorted(self.crls.items())]
        return [
            gauge("jitsuin_signing_round_timestamp_seconds", "When the signing process last looked.", ({}, at.seconds)),
            counter("jitsuin_signed_total", "Certificates signed by the signing process.", ({}, self.signed)),
            counter("jitsuin_crls_published_total", "CRLs published.", *kinds),
            counter("jitsuin_key_store_errors_total", "Errors of key stores and tokens, by code.", *of_keys[True]),
            counter("jitsuin_signing_errors_total", "Other errors of the signing process, by code.", *of_keys[False]),
        ]

    def write(self, file: Path, at: Instant) -> None:
        """Replace the file as a whole."""
        file.parent.mkdir(parents=True, exist_ok=True)
        draft = file.with_name(f".{file.name}.{os.getpid()}")
        draft.write_text(text(self.families(at)), encoding="utf-8")
        draft.replace(file)
