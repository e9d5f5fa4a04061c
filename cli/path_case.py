"""One case of `jitsuin verify path --batch`: a JSON object, read into what the path engine takes.

    {"id", "anchors": [file], "leaf": file, "intermediates": [file], "crls": [file], "ocsp": [file], "at": RFC 3339,
     "initial_policies": [oid], "require_explicit_policy", "inhibit_policy_mapping", "inhibit_any_policy": bool,
     "revocation": "required" | "if-present" | "off", "usage", "name": {"dns" | "ip" | "email": value} | null,
     "max_depth": int | null, "min_rsa_bits": int, "profile": "rfc5280" | "strict"}

All but id, anchors and leaf may be left out. Files are DER or PEM (one object or several), relative to the batch file.
"""

import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, TypeVar

from cli.errors import CaseUnusable
from pki.der import oid
from pki.errors import Error, InvalidValue, Malformed
from pki.instant import Instant
from verifier.evidence import Evidence
from verifier.host_names import NameKind, PeerName
from verifier.inputs import PathInputs, Profile, Usage
from verifier.pem import objects_in
from verifier.sources import RevocationMode

KEYS: Final = frozenset(
    {"id", "anchors", "leaf", "intermediates", "crls", "ocsp", "at", "initial_policies", "require_explicit_policy"}
    | {"inhibit_policy_mapping", "inhibit_any_policy", "revocation", "usage", "name", "max_depth", "min_rsa_bits"}
    | {"profile"}
)
MAX_FILE_OCTETS: Final = 256 << 20
MAX_KEPT_OCTETS: Final = 64 << 20
_RFC_3339: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}:[0-9]{2}):([0-9]{2})(?:\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_Choice = TypeVar("_Choice", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class PathCase:
    """A case with its files read; nothing in them is parsed yet."""

    anchors: tuple[bytes, ...]
    leaf: bytes
    evidence: Evidence
    at: Instant | None
    revocation: RevocationMode
    name: PeerName | None
    inputs: PathInputs


class Files:
    """The files of a batch, relative to its folder; what many cases name is read once while it does not change."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kept: dict[str, tuple[tuple[int, int, int], list[bytes]]] = {}
        self._octets = 0

    def read(self, name: str) -> list[bytes]:
        """The objects of a file. Errors: CaseUnusable."""
        path = self._folder / name
        try:
            state = path.stat()
            if not stat.S_ISREG(state.st_mode):  # a pipe or a device might never end
                raise CaseUnusable(f"{name} is not a file")
            if state.st_size > MAX_FILE_OCTETS:
                raise CaseUnusable(f"the file {name} is too large")
            signature = (state.st_ino, state.st_size, state.st_mtime_ns)
            kept = self._kept.get(name)
            if kept is not None and kept[0] == signature:
                return kept[1]
            found = objects_in(path.read_bytes())
        except (OSError, ValueError) as bad:
            raise CaseUnusable(f"the file {name} cannot be read") from bad
        except Malformed as bad:
            raise CaseUnusable(f"the file {name} is neither DER nor PEM: {bad.what}") from bad
        if self._octets > MAX_KEPT_OCTETS:
            self._kept, self._octets = {}, 0
        self._kept[name] = (signature, found)
        self._octets += state.st_size
        return found


def read_case(case: Mapping[str, object], files: Files) -> PathCase:
    """Read a case and the files it names. Errors: CaseUnusable."""
    if unknown := sorted(set(case) - KEYS):
        raise CaseUnusable(f"there is no field {unknown[0]!r}")
    leaf = case.get("leaf")
    if not isinstance(leaf, str):
        raise CaseUnusable("'leaf' must be the name of a file")
    first, *others = files.read(leaf)
    anchors = _files(case, "anchors", files)
    shortest = _number(case.get("min_rsa_bits"), "min_rsa_bits")
    evidence = Evidence(
        (*_files(case, "intermediates", files), *others), _files(case, "crls", files), _files(case, "ocsp", files)
    )
    return PathCase(
        anchors,
        first,
        evidence,
        _instant(case.get("at")),
        _choice(case, "revocation", RevocationMode.IF_PRESENT),
        _name(case.get("name")),
        PathInputs(
            _policies(case.get("initial_policies")),
            _flag(case, "require_explicit_policy"),
            _flag(case, "inhibit_policy_mapping"),
            _flag(case, "inhibit_any_policy"),
            _choice(case, "usage", Usage.ANY),
            _number(case.get("max_depth"), "max_depth"),
            PathInputs().min_rsa_bits if shortest is None else shortest,
            _choice(case, "profile", Profile.RFC5280),
        ),
    )


def _files(case: Mapping[str, object], key: str, files: Files) -> tuple[bytes, ...]:
    found = case.get(key)
    if found is None:
        return ()
    if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
        raise CaseUnusable(f"{key!r} must be a list of files")
    return tuple(der for name in found for der in files.read(name))


def _instant(found: object) -> Instant | None:
    """RFC 3339 5.6: more forms than it has would be read by one reader and not by the next."""
    if found is None:
        return None
    written = _RFC_3339.fullmatch(found) if isinstance(found, str) else None
    if written is None:
        raise CaseUnusable("'at' must be a time like 2026-11-23T00:00:00Z")
    day, minute, second, zone = written.groups()
    try:
        # 5.7: the sixtieth second is a leap second; the seconds of certificates do not count it
        at = Instant.parse(f"{day}T{minute}:{'59' if second == '60' else second}{zone.upper()}")
    except (InvalidValue, OverflowError) as bad:
        raise CaseUnusable("'at' must be a time that exists") from bad
    return at


def _policies(found: object) -> frozenset[str] | None:
    if found is None:
        return None
    if not isinstance(found, list):
        raise CaseUnusable("'initial_policies' must be a list of object identifiers")
    try:
        for policy in found:
            oid(policy)
    except (Error, AttributeError, TypeError) as bad:
        raise CaseUnusable("'initial_policies' must be a list of object identifiers") from bad
    # an empty list asks for nothing in particular, as an absent one
    return frozenset(found) or None


def _flag(case: Mapping[str, object], key: str) -> bool:
    found = case.get(key)
    if found is not None and not isinstance(found, bool):
        raise CaseUnusable(f"{key!r} must be true or false")
    return bool(found)


def _choice(case: Mapping[str, object], key: str, default: _Choice) -> _Choice:
    found = case.get(key)
    if found is None:
        return default
    try:
        return type(default)(str(found))
    except ValueError as bad:
        raise CaseUnusable(f"{key!r} must be one of {', '.join(type(default))}") from bad


def _number(found: object, key: str) -> int | None:
    if found is None:
        return None
    if not isinstance(found, int) or isinstance(found, bool) or found < 0:
        raise CaseUnusable(f"{key!r} must be a number from 0")
    return found


def _name(found: object) -> PeerName | None:
    if found is None:
        return None
    if isinstance(found, dict) and len(found) == 1:
        ((kind, value),) = found.items()
        if kind in list(NameKind) and isinstance(value, str):
            return PeerName(NameKind(kind), value)
    raise CaseUnusable("'name' must be one of dns, ip and email with its value")
