"""What `jitsuin ledger` says on a terminal, in Japanese and English: events, a decision, what does not hold."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from zoneinfo import ZoneInfo

from cli.language import Language
from enrollment.caps import Decision
from enrollment.events import EventKind, LedgerEvent
from pki.instant import Instant

_JAPAN: Final = ZoneInfo("Asia/Tokyo")
Words = tuple[str, str]
"""Japanese, English."""

KINDS: Final[Mapping[EventKind, Words]] = {
    EventKind.ANCHOR: ("対面での本人確認", "seen in person"),
    EventKind.REMOTE_MOVE: ("オンラインの住所変更", "remote move"),
    EventKind.REMOTE_REISSUE: ("オンラインの再発行", "remote re-issue"),
    EventKind.REMOTE_RENEWAL: ("オンラインの更新", "remote renewal"),
    EventKind.OFFICIAL_CHANGE: ("職権による修正", "official change"),
    EventKind.CORRECTION: ("取消し", "correction"),
    EventKind.CONTACT: ("接触", "contact"),
}
CHANNELS: Final[Mapping[str, Words]] = {
    "online": ("オンライン", "online"),
    "gateway": ("住民記録", "resident record"),
    "municipal-main": ("市区町村の窓口", "municipal counter"),
    "branch": ("出張所", "branch"),
    "post-office": ("郵便局", "post office"),
    "mobile": ("出張窓口", "mobile visit"),
}
"""Where; another word stands as it is."""


def pick(words: Words, language: Language) -> str:
    """The one of the two."""
    return words[0 if language is Language.JA else 1]


def minute(at: Instant) -> str:
    """To the minute, in Japan, as officials' days are counted."""
    return at.datetime.astimezone(_JAPAN).strftime("%Y-%m-%d %H:%M")


def events(history: Sequence[LedgerEvent], language: Language) -> Iterator[str]:
    """A line for each event, below one that says when, what, which place, where, which level, which record."""
    yield pick(("番号  日時（日本時間）  できごと", "no.  when (in Japan)  what"), language)
    numbers = {event.event: event.position for event in history}
    for event in history:
        parts = [f"{event.position:3}", minute(event.at), pick(KINDS[event.kind], language)]
        if event.seq is not None and event.cap:
            place = event.seq + event.adjustment
            parts.append(pick((f"{event.cap}回のうち{place}回目", f"{place} of {event.cap}"), language))
        if event.corrects is not None:
            number = numbers[event.corrects]
            parts.append(pick((f"番号{number}の取消し", f"takes back no. {number}"), language))
        parts.append(pick(CHANNELS.get(event.channel, (event.channel, event.channel)), language))
        yield "  ".join(filter(None, [*parts, event.level.upper(), f"[{event.hash[:16]}]"]))
    if not history:
        yield pick(("まだ何もありません。", "Nothing yet."), language)


def card_work(proofs: Sequence[Any], language: Language) -> Iterator[str]:
    """What was done on cards for this person's keys, in order of time."""
    talks = sorted(((talk, proof.spki) for proof in proofs for talk in proof.talks), key=lambda one: one[0].at.seconds)
    if talks:
        yield pick(("カードとのやりとりの記録", "Evidence of work on cards"), language)
    for talk, key in talks:
        word = pick(("鍵", "key"), language)
        yield f"  {minute(talk.at)}  {talk.card_id}  {talk.operation:8}  {word} {key[:16]}  [{talk.digest[:16]}]"


def decision(told: Decision, language: Language) -> Iterator[str]:
    """The decision as a clerk would say it."""
    japanese = language is Language.JA
    what = pick(KINDS[told.procedure], language)
    if japanese:
        yield f"{what}：{'できます' if told.allowed else 'できません'}（{minute(told.at)} 現在）"
        since, in_all = f"{told.used} 回（{told.limit} 回まで）", f"{told.total_used} 回（{told.total_limit} 回まで）"
        yield f"  前回の対面から {since}、通算 {in_all}"
        yield f"  前回の対面：{told.anchor_date or 'なし'}　次の対面の期限：{told.next_in_person_by or '－'}"
        yield f"  決まり：{told.policy_owner or '全国共通'} の {told.policy_version}"
    else:
        yield f"{what}: {'allowed' if told.allowed else 'refused'} (as of {minute(told.at)} in Japan)"
        yield f"  {told.used} of {told.limit} since last seen in person, {told.total_used} of {told.total_limit} in all"
        yield f"  last seen: {told.anchor_date or 'never'}   in person by: {told.next_in_person_by or '-'}"
        yield f"  policy: {told.policy_version} of {told.policy_owner or 'the whole country'}"
    for reason in (*told.reasons, *told.warnings):
        yield f"  {reason.ja if japanese else reason.en}"
        yield f"  → {reason.where_ja if japanese else reason.where_en}"


def verified(told: Mapping[str, Any], language: Language) -> Iterator[str]:
    """What does not hold, and then how much was looked at."""
    for one, faults in told["broken"].items():
        for fault in faults:
            number = pick((f"番号{fault['position']}", f"no. {fault['position']}"), language)
            yield f"{one} {number}: {fault['what']}"
    for bad in told["broken_acts"]:
        yield f"{pick(('職員の署名', 'act'), language)} {bad['act']}: {bad['what']}"
    for bad in told["broken_checks"]:
        yield f"{pick(('本人確認の署名', 'check'), language)} {bad['check']}: {bad['what']}"
    counts = tuple(told[name] for name in ("people", "acts", "checks"))
    bad_counts = tuple(len(told[name]) for name in ("broken", "broken_acts", "broken_checks"))
    if language is Language.JA:
        found = "異常はありません。" if not any(bad_counts) else "異常があります。"
        yield (
            f"{found}台帳 {counts[0]} 人（異常 {bad_counts[0]}）、職員の署名 {counts[1]} 件（異常 {bad_counts[1]}）、"
            f"本人確認の署名 {counts[2]} 件（異常 {bad_counts[2]}）"
        )
        return
    yield (
        f"{'Everything holds' if not any(bad_counts) else 'Something does not hold'}: "
        f"{counts[0]} people, {bad_counts[0]} with a chain that does not hold; "
        f"{counts[1]} signed acts, {bad_counts[1]} that do not hold; "
        f"{counts[2]} signed checks in person, {bad_counts[2]} that do not hold."
    )
