"""The records that an operator's card may sign here: acts, and what was seen of a person. A closed list, read strictly.

What is signed is built here, prefix included: nobody hands over octets that are signed as they are.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from cardio.agent.refusals import AgentRefused, Refusal
from cardio.agent.wording_records import EVIDENCE, RECORDS
from pki import officer_signature

LONGEST_RECORD: Final = 8192
_TYPE: Final = "jitsuin-act-v1"
_MOST_DOCUMENTS: Final = 16
_TIME: Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z")
_NAME: Final = re.compile(r"[\x21-\x7e]{1,200}")
_NONCE: Final = re.compile(r"[0-9a-f]{32}")
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True, slots=True)
class Record:
    """What may be signed. `what`: a key of the wording; `at` and `counter`: as the record says."""

    what: str
    at: str
    counter: str
    to_be_signed: bytes


def parse_record(octets: bytes) -> Record:
    """Read a record in the one way in which it may be written (sorted keys, no blanks, UTF-8, nothing more).

    Errors: AgentRefused (malformed, unknown act).
    """
    if not 0 < len(octets) <= LONGEST_RECORD:
        raise AgentRefused(Refusal.MALFORMED)
    try:
        body = json.loads(octets.decode("utf-8"))
        again = json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
    except (ValueError, RecursionError):
        raise AgentRefused(Refusal.MALFORMED) from None
    if not isinstance(body, dict) or again != octets:
        raise AgentRefused(Refusal.MALFORMED)
    if body.get("type") == _TYPE:
        _require(body, _ACT)
        if body["what"] not in RECORDS or body["what"] == EVIDENCE:
            raise AgentRefused(Refusal.UNKNOWN_ACT)
        what, prefix = str(body["what"]), officer_signature.ACT
    else:
        _require(body, _EVIDENCE)
        what, prefix = EVIDENCE, officer_signature.EVIDENCE
    message = prefix + octets
    if len(message) < officer_signature.SHORTEST:
        raise AgentRefused(Refusal.MALFORMED)
    return Record(what, body["at"], body["counter"], message)


def _require(body: Mapping[str, Any], shape: Mapping[str, Callable[[Any], bool]]) -> None:
    if body.keys() != shape.keys() or not all(fits(body[name]) for name, fits in shape.items()):
        raise AgentRefused(Refusal.MALFORMED)


def _text(pattern: re.Pattern[str]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and pattern.fullmatch(value) is not None


def _documents(value: Any) -> bool:
    return isinstance(value, list) and len(value) <= _MOST_DOCUMENTS and all(_is_document(one) for one in value)


def _is_document(value: Any) -> bool:
    if not isinstance(value, dict) or value.keys() != {"expires_on", "kind"}:
        return False
    return _text(_NAME)(value["kind"]) and (value["expires_on"] is None or _text(_DAY)(value["expires_on"]))


_ACT: Final[Mapping[str, Callable[[Any], bool]]] = {
    "at": _text(_TIME),
    "content": _text(_DIGEST),
    "counter": _text(_NAME),
    "nonce": _text(_NONCE),
    "operator": _text(_NAME),
    "subject": _text(_NAME),
    "type": _text(re.compile(_TYPE)),
    "what": _text(_NAME),
}
_EVIDENCE: Final[Mapping[str, Callable[[Any], bool]]] = {
    "at": _text(_TIME),
    "counter": _text(_NAME),
    "documents": _documents,
    "officer": _text(_NAME),
    "person": _text(_NAME),
    "photo_matched": lambda value: isinstance(value, bool),
    "presented_by": _text(_NAME),
}
