"""Sentences that all pages share."""

from collections.abc import Mapping
from typing import Final

from web.pages.wording import Words

WORDS: Final[Mapping[str, Words]] = {
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
    "cause-no-card": Words(
        "手続をする人のカードがリーダーに入っていません。",
        "カードが {入|はい}っていません。",
        "The resident's card is not in a reader.",
    ),
    "cause-choose-reader": Words(
        "カードが2枚以上入っています。使うカードだけにしてください。",
        "カードが {多|おお}すぎます。1{枚|まい}に してください。",
        "There are several cards. Leave in only the one to be used.",
    ),
    "cause-cancelled": Words("取り消されました。", "やめました。", "It was cancelled at the reader."),
    "cause-timed-out": Words(
        "時間内に入力されませんでした。", "{時間|じかん}が すぎました。", "Nobody answered in time."
    ),
    "cause-busy": Words(
        "リーダーは別の操作をしています。",
        "リーダーは いま つかっています。",
        "The reader is busy with something else.",
    ),
    "cause-cardio.removed": Words("カードが抜かれました。", "カードが {抜|ぬ}かれました。", "The card was taken out."),
    "cause-cardio.no-card": Words("カードが抜かれました。", "カードが {抜|ぬ}かれました。", "The card was taken out."),
    "cause-not-held": Words(
        "カードとの通信が切れました。",
        "カードとの {通信|つうしん}が きれました。",
        "The conversation with the card was cut.",
    ),
    "cause-line-cut": Words(
        "リーダーとの接続が切れました。",
        "リーダーとの {接続|せつぞく}が きれました。",
        "The line to the reader was cut.",
    ),
    "none": Words("ありません", "ありません", "None"),
}
