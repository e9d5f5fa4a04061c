"""Who can see what, as data: database roles, what each may do with which records, and the SQL that makes it so.

From this one table come PostgreSQL's grants and row policies (`jitsuin database grants`), the page
`/about/who-can-see-what`, and the tests that play the adversary. A municipality's own role sees the rows of people whom
it keeps and nobody else's, whatever it asks; the public status, the signing process and the answers to relying parties
see no name and no address at all. The roles of the programs that serve counters and filings see whom their database
keeps: municipalities that want to be apart from each other there too have databases of their own.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

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


def town_role(code: str) -> str:
    """The role of one municipality. Errors: ValueError for anything but five digits, for it becomes part of SQL."""
    if len(code) != 5 or not code.isascii() or not code.isdigit():
        raise ValueError("a municipality's code has five digits")
    return f"jitsuin_town_{code}"


def statements(columns: Mapping[str, frozenset[str]], towns: list[str]) -> Iterator[str]:
    """PostgreSQL's statements that make the table above true; running them again changes nothing.

    `columns`: every table with its columns, as the database has them; `towns`: codes. Names are ours or checked: none
    comes from outside.
    """
    ours = {table: group for table in sorted(columns) if (group := group_of(table)) is not None}
    for role in (*RIGHTS, *map(town_role, towns)):
        login = "LOGIN" if role != TOWNS else "NOLOGIN"
        yield (
            f"DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN "
            f"CREATE ROLE {role} {login} NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE; END IF; END $$"
        )
    for code in towns:
        yield f"GRANT {TOWNS} TO {town_role(code)}"
    for table, group in ours.items():
        yield f"REVOKE ALL ON {table} FROM PUBLIC"
        for role, rights in RIGHTS.items():
            yield f"REVOKE ALL ON {table} FROM {role}"
            right = rights.get(group)
            if right is not None:
                yield from _grants(table, columns[table], role, right)
        if table.startswith("enrollment_"):
            yield from _policies(table, columns[table])
    for table in sorted(columns):
        if table.endswith("_alembic_version"):
            yield f"GRANT SELECT ON {table} TO {', '.join(RIGHTS)}"


def _grants(table: str, columns: frozenset[str], role: str, right: Right) -> Iterator[str]:
    match right:
        case Right.READ:
            yield f"GRANT SELECT ON {table} TO {role}"
        case Right.OWN:
            if _own_rows(table, columns) is not None:
                yield f"GRANT SELECT ON {table} TO {role}"
        case Right.WRITE:
            changing = "SELECT, INSERT" if table in APPEND_ONLY else "SELECT, INSERT, UPDATE"
            deleting = ", DELETE" if not table.startswith("enrollment_") or table == "enrollment_nonces" else ""
            yield f"GRANT {changing}{deleting} ON {table} TO {role}"
        case Right.KNOW:
            yield f"GRANT SELECT ({', '.join(KNOWN)}) ON {table} TO {role}"


def _own_rows(table: str, columns: frozenset[str]) -> str | None:
    """The condition under which a row is a municipality's own; None where no row can be told to be."""
    code = "right(current_user::text, 5)"
    if table == "enrollment_people" or ("owner" in columns and "person" not in columns):
        return f"owner = {code}"
    if "person" in columns:  # who keeps the person now: the rows go along when somebody moves
        return "person IN (SELECT person FROM enrollment_people)"
    if "card_id" in columns:
        return "card_id IN (SELECT card_id FROM enrollment_cards)"
    return None


def _policies(table: str, columns: frozenset[str]) -> Iterator[str]:
    planes = ", ".join(role for role in RIGHTS if role != TOWNS)
    yield f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY"
    yield f"DROP POLICY IF EXISTS planes ON {table}"
    yield f"CREATE POLICY planes ON {table} TO {planes} USING (true) WITH CHECK (true)"
    yield f"DROP POLICY IF EXISTS towns ON {table}"
    own = _own_rows(table, columns)
    everybody = group_of(table) is Group.REFERENCE
    yield f"CREATE POLICY towns ON {table} FOR SELECT TO {TOWNS} USING ({'true' if everybody else own or 'false'})"
