"""Who can see what, as data: database roles, and what each may do with which records.

From this one table come PostgreSQL's grants and row policies (`enrollment.row_policies`, `jitsuin database grants`),
the page `/about/who-can-see-what`, and the tests that play the adversary. A municipality's own role sees the rows of
people whom it keeps and nobody else's, whatever it asks; the public status, the signing process and the answers to
relying parties see no name and no address at all. The programs that serve counters and filings see a resident only in
a transaction that names that resident or the municipality, so that no query finds anybody by name; counters, gates and
citizens' pages that log in as their own municipality's role reach nobody else's residents by whatever they name. The
periodic work has no such role: flags and moves go from one municipality to the other by it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

LOCALS: Final = "jitsuin_locals"
"""The group of the login roles of one municipality's counters and gate: what their plane may, for its own residents."""
LEAVERS: Final = "jitsuin_leavers"
"""The same of its citizens' pages and filings, by which a resident may also leave for another municipality."""
LOCAL_PLANES: Final[Mapping[str, str]] = {
    "jitsuin_desk": LOCALS,
    "jitsuin_gateway": LOCALS,
    "jitsuin_citizen": LEAVERS,
}
"""Planes that can serve one municipality alone, each with the group that holds its login roles to it."""
TOWNS: Final = "jitsuin_towns"
"""The group of all municipalities' roles; each is `jitsuin_town_` and five digits."""


class Group(StrEnum):
    """Kinds of records."""

    RESIDENTS = "residents"
    LOOKS = "looks"
    LEDGER = "ledger"
    FLAGS = "flags"
    CARDS = "cards"
    GATE = "gate"
    WORK = "work"
    REFERENCE = "reference"
    AUTHORITY = "authority"
    LOG = "log"
    FACES = "faces"


@dataclass(frozen=True, slots=True)
class Told:
    """A name for people."""

    ja: str
    en: str


WORDS: Final[Mapping[Group, Told]] = {
    Group.RESIDENTS: Told("氏名・生年月日・性別・住所", "name, date of birth, gender, address"),
    Group.LOOKS: Told("だれがだれの情報を見たかの記録", "records of who looked at whom"),
    Group.LEDGER: Told("本人確認と手続の台帳", "the ledger of checks in person and procedures"),
    Group.FLAGS: Told("支援措置の有無（理由は持たない）", "protection flags (never the reason)"),
    Group.CARDS: Told("カードと証明書の状態", "states of cards and certificates"),
    Group.GATE: Told("住民記録からの通知", "messages of the resident records"),
    Group.WORK: Told("申請・届出・窓口の処理", "applications, filings and work at counters"),
    Group.REFERENCE: Told("市区町村・窓口・担当者の名簿", "municipalities, counters and operators"),
    Group.AUTHORITY: Told("発行した証明書と失効", "certificates issued and revoked"),
    Group.LOG: Told("改ざんを防ぐ公開ログ（内容は読めない）", "the public log against rewriting (reveals no content)"),
    Group.FACES: Told("検証者との通信・画面のセッション", "relying parties' calls and pages' sessions"),
}

TABLES: Final[Mapping[str, Group]] = {
    "enrollment_people": Group.RESIDENTS,
    "enrollment_access_records": Group.LOOKS,
    "enrollment_ledger": Group.LEDGER,
    "enrollment_policies": Group.REFERENCE,
    "enrollment_municipalities": Group.REFERENCE,
    "enrollment_counters": Group.REFERENCE,
    "enrollment_operators": Group.REFERENCE,
    "enrollment_channels": Group.REFERENCE,
    "enrollment_peer_keys": Group.REFERENCE,
    "enrollment_protection": Group.FLAGS,
    "enrollment_notices": Group.FLAGS,
    "enrollment_unlocks": Group.FLAGS,
    "enrollment_cards": Group.CARDS,
    "enrollment_certificates": Group.CARDS,
    "enrollment_card_keys": Group.CARDS,
    "enrollment_gateway": Group.GATE,
    "enrollment_brakes": Group.GATE,
}
"""Tables by name; every other one belongs to the group of its prefix."""
PREFIXES: Final[Mapping[str, Group]] = {
    "enrollment_": Group.WORK,
    "ca_": Group.AUTHORITY,
    "transparency_": Group.LOG,
    "web_": Group.FACES,
}


def group_of(table: str) -> Group | None:
    """The group of a table; None for one that is not ours."""
    named = TABLES.get(table)
    if named is not None:
        return named
    return next((group for prefix, group in PREFIXES.items() if table.startswith(prefix)), None)


class Right(StrEnum):
    """What may be done with records of a group."""

    READ = "read"
    WRITE = "write"
    """Read, add and change; where records are append-only, read and add."""
    KNOW = "know"
    """That somebody is kept, by whom and in which state: no name, no address."""
    OWN = "own"
    """Read, of one's own people only."""


APPEND_ONLY: Final = frozenset({"enrollment_ledger", "enrollment_access_records", "enrollment_evidence"})
"""Nobody but the tables' owner changes a row of these."""
KNOWN: Final = ("person", "owner", "status", "version", "since")
"""The columns of a resident that say nothing personal."""

_COUNTER: Final[Mapping[Group, Right]] = dict.fromkeys(Group, Right.WRITE)

RIGHTS: Final[Mapping[str, Mapping[Group, Right]]] = {
    "jitsuin_desk": _COUNTER,
    "jitsuin_citizen": _COUNTER,
    "jitsuin_gateway": _COUNTER,
    "jitsuin_office": _COUNTER,
    "jitsuin_relying_party": {
        Group.RESIDENTS: Right.KNOW,
        Group.LOOKS: Right.WRITE,
        Group.LEDGER: Right.READ,
        Group.FLAGS: Right.READ,
        Group.CARDS: Right.READ,
        Group.REFERENCE: Right.READ,
        Group.AUTHORITY: Right.READ,
        Group.LOG: Right.WRITE,
        Group.FACES: Right.WRITE,
    },
    "jitsuin_signer": {Group.AUTHORITY: Right.WRITE, Group.LOG: Right.WRITE, Group.REFERENCE: Right.READ},
    "jitsuin_status": {Group.AUTHORITY: Right.READ},
    TOWNS: {
        Group.RESIDENTS: Right.OWN,
        Group.LOOKS: Right.OWN,
        Group.LEDGER: Right.OWN,
        Group.FLAGS: Right.OWN,
        Group.CARDS: Right.OWN,
        Group.GATE: Right.OWN,
        Group.REFERENCE: Right.READ,
    },
}
"""Role → group → right. What is not here is not allowed."""

ROLE_WORDS: Final[Mapping[str, Told]] = {
    "jitsuin_desk": Told("窓口", "counters"),
    "jitsuin_citizen": Told("住民の画面と届出", "citizens' pages and filings"),
    "jitsuin_gateway": Told("住民記録との接続", "the gate to the resident records"),
    "jitsuin_office": Told("定期処理", "the periodic work"),
    "jitsuin_relying_party": Told("署名検証者への応答", "answers to relying parties"),
    "jitsuin_signer": Told("発行局の署名処理", "the authorities' signing process"),
    "jitsuin_status": Told("失効情報の公開", "the public status of certificates"),
    TOWNS: Told("各市区町村（自分の住民だけ）", "each municipality (its own residents only)"),
}

LOCAL_WORDS: Final = Told(
    "市区町村ごとに分けて動かすときは、その市区町村の住民だけです。",
    "Where each municipality has a process of its own: its own residents only.",
)
"""What is said of a plane in `LOCAL_PLANES`."""


def town_role(code: str) -> str:
    """The role of one municipality. Errors: ValueError for anything but five digits, for it becomes part of SQL."""
    if len(code) != 5 or not code.isascii() or not code.isdigit():
        raise ValueError("a municipality's code has five digits")
    return f"jitsuin_town_{code}"


def local_role(plane: str, code: str) -> str:
    """The login role of one municipality's part of a plane, where several share a database; `plane` is one of
    `LOCAL_PLANES`. Errors: as `town_role`; ValueError for another plane.
    """
    if plane not in LOCAL_PLANES:
        raise ValueError("this plane serves every municipality")
    return f"{plane}_{town_role(code)[-5:]}"
