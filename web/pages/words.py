"""Sentences that all pages share."""

from collections.abc import Mapping
from typing import Final

from web.pages.wording import Words
from web.pages.words_causes import CAUSES

WORDS: Final[Mapping[str, Words]] = {
    **CAUSES,
    "skip": Words("本文へ移動", "{本文|ほんぶん}へ いく", "Skip to the main text"),
    "language": Words("言語", "ことば", "Language"),
    "training": Words(
        "研修中: 本物の手続ではありません",
        "{練習|れんしゅう}です。{本当|ほんとう}の{手続|てつづ}きでは ありません",
        "Training: nothing here is real",
    ),
    "refused": Words("できませんでした", "できませんでした", "That was not possible"),
    "what-now": Words("次にすること", "つぎに すること", "What to do now"),
    "error-code": Words("番号", "ばんごう", "Code"),
    "back": Words("戻る", "もどる", "Back"),
    "home": Words("はじめの画面", "はじめの {画面|がめん}", "Start"),
    "log-out": Words("ログアウト", "おわる(ログアウト)", "Log out"),
    "yes": Words("はい", "はい", "Yes"),
    "no": Words("いいえ", "いいえ", "No"),
    "none": Words("ありません", "ありません", "None"),
}
