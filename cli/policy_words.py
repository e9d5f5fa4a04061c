"""What `jitsuin policy` says on a terminal, in Japanese and English: rules, differences, what a simulation came to."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from cli.language import Language
from cli.ledger_words import CHANNELS, KINDS, Words, pick
from enrollment.policy import COMMON

FIELDS: Final[Mapping[str, Words]] = {
    "version": ("版", "version"),
    "owner": ("定めた者", "set by"),
    "effective_from": ("施行", "in force from"),
    "max_consecutive": ("対面確認の後にオンラインでできる回数", "remote procedures after one check in person"),
    "max_years_since_anchor": (
        "対面確認からオンラインでできる年数",
        "years after the check in which they are possible",
    ),
    "max_total": ("期間内にオンラインでできる回数の合計", "remote procedures in all within the window"),
    "total_window_years": ("その期間（年）", "that window, in years"),
    "consumes": ("回数に数える手続", "procedures that count"),
    "anchors": ("対面確認になる窓口", "desks where being seen counts"),
    "municipal_every": (
        "何回に1回は市区町村の窓口か（0: 問わない）",
        "of so many checks one at a municipal desk (0: any)",
    ),
    "warn_places_left": ("残り何回で知らせるか", "warns when so many are left"),
    "warn_days": ("期限の何日前に知らせるか", "warns so many days before"),
}
"""Every field of a policy, in the order in which people ask for them."""
DIRECTIONS: Final[Mapping[str, Words]] = {
    "looser": ("緩くなる", "looser"),
    "stricter": ("厳しくなる", "stricter"),
    "other": ("どちらでもない", "neither"),
}
_VALUES: Final[Mapping[str, Words]] = (
    {kind.value: words for kind, words in KINDS.items()} | dict(CHANNELS) | {COMMON: ("共通", "all")}
)


def rules(policy: Mapping[str, Any], language: Language) -> Iterator[str]:
    """A line for each field: what it means, its name in the file, its value."""
    for name, words in FIELDS.items():
        yield f"{pick(words, language)} [{name}]: {_value(policy[name], language)}"


def differences(changes: list[dict[str, Any]], language: Language) -> Iterator[str]:
    """A line for each change and its direction; one line if there is none."""
    for one in changes:
        name, before, after = one["field"], _value(one["before"], language), _value(one["after"], language)
        direction = pick(DIRECTIONS[one["direction"]], language)
        yield f"{pick(FIELDS[name], language)} [{name}]: {before} → {after} ({direction})"
    if not changes:
        yield pick(("二つの規則は同じです。", "The two policies are the same."), language)


def outcome(name: str, total: Mapping[str, Any], language: Language) -> str:
    """What one policy came to in the simulated years."""
    words = (
        (
            "{name}: オンライン {remote:,} 件、窓口へ {refused:,} 件（オンラインの届出の {refused_percent} %）、"
            "最も混む月 {busiest_month} に来庁 {busiest_visits:,} 件"
        ),
        (
            "{name}: {remote:,} remote, {refused:,} sent to a counter ({refused_percent} % of those who filed online), "
            "busiest month {busiest_month} with {busiest_visits:,} visits"
        ),
    )
    return pick(words, language).format(name=name, **total)


def _value(value: Any, language: Language) -> str:
    if isinstance(value, list):
        return pick(("、", ", "), language).join(_value(one, language) for one in value) or "–"
    return pick(_VALUES[value], language) if value in _VALUES else str(value)
