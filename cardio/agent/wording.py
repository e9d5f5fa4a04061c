"""What the agent's own page says: key → (Japanese, easy Japanese, English). In easy Japanese `{漢字|かんじ}` is a word
with its reading.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final

from markupsafe import Markup

from cardio.agent.refusals import AgentRefused, Refusal
from cardio.agent.wording_records import WORDS as OF_RECORDS
from cardio.errors import CardError, PinEntryCancelled, PinEntryTimedOut

LANGUAGES: Final = ("ja", "easy", "en")
NAMES: Final = {"ja": "日本語", "easy": "やさしい日本語", "en": "English"}
_READING: Final = re.compile(r"\{([^|{}]+)\|([^{}]+)\}")


def language_of(wanted: str | None, accepted: str | None) -> str:
    """`ja` unless something else is asked for."""
    if wanted in LANGUAGES:
        return str(wanted)
    return "en" if (accepted or "").lower().startswith("en") else "ja"


def wording(language: str) -> Callable[[str], Markup]:
    """The sentences of one language, readings small above their words. Errors: KeyError for a key that is none."""
    at = LANGUAGES.index(language)
    # S704: the words are those of this file, escaped all the same.
    return lambda key: Markup(  # noqa: S704
        _READING.sub(r"<ruby>\1<rt>\2</rt></ruby>", str(Markup.escape(WORDS[key][at])))
    )


def plain(language: str) -> Callable[[str], str]:
    """The same without readings, for places that hold text alone."""
    at = LANGUAGES.index(language)
    return lambda key: _READING.sub(r"\1", WORDS[key][at])


def said_of(error: CardError) -> str:
    """What the page says of it: the end of a key `said-…`. What has no words of its own is told as a lost card."""
    match error:
        case AgentRefused(refusal) if f"said-{refusal}" in WORDS:
            return refusal.value
        case PinEntryCancelled():
            return Refusal.CANCELLED.value
        case PinEntryTimedOut():
            return Refusal.TIMED_OUT.value
    return "failed"


WORDS: Final[Mapping[str, tuple[str, str, str]]] = {
    **OF_RECORDS,
    "title": ("カードリーダー", "カードリーダー", "Card reader"),
    "of": ("接続先", "つながる ところ", "Belongs to"),
    "pair": ("画面とつなぐ", "{画面|がめん}と つなぐ", "Pair with the screen"),
    "pair-how": (
        "窓口または申請の画面に表示されている番号を、ここに入力してください。",
        "もう1つの {画面|がめん}に {番号|ばんごう}が あります。ここに {入|い}れてください。",
        "Type the code here that the web page shows.",
    ),
    "code": ("接続番号", "{番号|ばんごう}", "Pairing code"),
    "pair-do": ("つなぐ", "つなぐ", "Pair"),
    "paired": ("画面とつながっています。", "{画面|がめん}と つながっています。", "Paired with the screen."),
    "unpair": ("接続をやめる", "つなぐのを やめる", "End the pairing"),
    "readers": ("カードリーダーの状態", "カードリーダー", "Readers"),
    "no-service": (
        "カードリーダーの機能が動いていません。自動的に再開を待っています。",
        "カードリーダーが {動|うご}いていません。すこし まってください。",
        "The card service does not answer. Waiting for it to come back.",
    ),
    "no-reader": (
        "カードリーダーが見つかりません。接続を確かめてください。",
        "カードリーダーが ありません。ケーブルを {見|み}てください。",
        "No card reader is connected. Please check its cable.",
    ),
    "empty": ("カードは入っていません。", "カードが ありません。", "No card."),
    "card": ("カードが入っています。", "カードが {入|はい}っています。", "A card is in."),
    "other-card": (
        "このサービスのカードではありません。",
        "この カードは {使|つか}えません。",
        "Not a card of this service.",
    ),
    "trouble": (
        "カードを読めません。入れ直してください。",
        "カードを {読|よ}めません。もう{一度|いちど} {入|い}れてください。",
        "The card cannot be read. Put it in again.",
    ),
    "idle": ("いまお願いすることはありません。", "いま することは ありません。", "Nothing is asked of you now."),
    "login": (
        "暗証番号を入力してください",
        "{暗証番号|あんしょうばんごう}を {入|い}れてください",
        "Enter your PIN",
    ),
    "login-for": (
        "次のサイトにログインします。",
        "この サイトに ログインします。",
        "You are logging in to this site:",
    ),
    "check-pin": (
        "本人確認のため、暗証番号を入力してください",
        "あなたの カードか たしかめます。{暗証番号|あんしょうばんごう}を {入|い}れてください",
        "Enter your PIN, to show that the card is yours",
    ),
    "check-pin-how": (
        "正しいかどうかだけを確かめます。何にもログインせず、何にも署名しません。番号は職員には見えません。",
        "{番号|ばんごう}が あっているか だけ みます。ほかの {人|ひと}には {見|み}えません。",
        "Only whether it is right is checked. You log in to nothing and sign nothing, and nobody else sees the PIN.",
    ),
    "sign": (
        "内容を確かめ、署名用パスワードを入力してください",
        "{文|ぶん}を {読|よ}んでください。よければ {署名用|しょめいよう}パスワードを {入|い}れてください",
        "Read the document, then enter your signature password",
    ),
    "sign-for": (
        "次の文書に署名します。",
        "この {文|ぶん}に {署名|しょめい}します。",
        "You are signing this document:",
    ),
    "new-pins": (
        "新しい暗証番号を決めてください",
        "{新|あたら}しい {暗証番号|あんしょうばんごう}を きめてください",
        "Choose your new PINs",
    ),
    "new-pins-how": (
        "職員には見えません。ほかの人に推測されにくい番号にしてください。",
        "ほかの {人|ひと}には {見|み}えません。{誕生日|たんじょうび}は {使|つか}わないで ください。",
        "The clerk does not see them. Choose what others will not guess.",
    ),
    "change-pin": (
        "いまの暗証番号と、新しい暗証番号を入力してください",
        "いまの {番号|ばんごう}と {新|あたら}しい {番号|ばんごう}を {入|い}れてください",
        "Enter the PIN of now, and a new one",
    ),
    "change-pin-how": (
        "新しい番号が決まりに合わないときや、2回の入力がちがうときは、いまの番号はカードに送られず、回数も減りません。",
        "{新|あたら}しい {番号|ばんごう}が 2つ ちがっても {回数|かいすう}は へりません。",
        "If the new one does not fit the rules, or its two entries differ, nothing is sent and no try is lost.",
    ),
    "renew": (
        "カードに新しい証明書を入れます",
        "カードに {新|あたら}しい {証明書|しょうめいしょ}を {入|い}れます",
        "New certificates are put onto your card",
    ),
    "renew-how": (
        "届出にもとづいて、次のカードに新しい署名用の鍵と証明書を入れます。暗証番号は使いません。カードは終わるまで抜かないでください。",
        "カードに {新|あたら}しい {証明書|しょうめいしょ}を {入|い}れます。おわるまで カードを ぬかないで ください。",
        "A new signature key and certificate are put onto this card, as you filed. No PIN is used. Leave the card in.",
    ),
    "renew-do": ("始める", "はじめる", "Begin"),
    "authentication": (
        "利用者証明用 暗証番号(数字4桁)",
        "{暗証番号|あんしょうばんごう}({数字|すうじ} 4つ)",
        "Authentication PIN (4 digits)",
    ),
    "authentication-now": (
        "いまの暗証番号(数字4桁)",
        "いまの {暗証番号|あんしょうばんごう}({数字|すうじ} 4つ)",
        "The PIN of now (4 digits)",
    ),
    "authentication-again": ("もう一度 数字4桁", "もう{一度|いちど} {数字|すうじ} 4つ", "The 4 digits again"),
    "authentication-new": (
        "新しい暗証番号(数字4桁)",
        "{新|あたら}しい {暗証番号|あんしょうばんごう}({数字|すうじ} 4つ)",
        "The new PIN (4 digits)",
    ),
    "signature": (
        "署名用パスワード(英数字6~16文字)",
        "{署名用|しょめいよう}パスワード({英語|えいご}の {文字|もじ}と {数字|すうじ} 6〜16こ)",
        "Signature password (6 to 16 letters and digits)",
    ),
    "signature-now": (
        "いまの署名用パスワード(英数字6~16文字)",
        "いまの {署名用|しょめいよう}パスワード",
        "The signature password of now (6 to 16 letters and digits)",
    ),
    "signature-again": (
        "もう一度 署名用パスワード",
        "もう{一度|いちど} {署名用|しょめいよう}パスワード",
        "The signature password again",
    ),
    "signature-new": (
        "新しい署名用パスワード(英数字6~16文字)",
        "{新|あたら}しい {署名用|しょめいよう}パスワード({英語|えいご}の {文字|もじ}と {数字|すうじ} 6〜16こ)",
        "The new signature password (6 to 16 letters and digits)",
    ),
    "at-reader": (
        "カードリーダーのキーで入力してください",
        "カードリーダーの ボタンで {入|い}れてください",
        "Type it on the card reader's own keys",
    ),
    "at-reader-how": (
        "番号はこのパソコンには入りません。入力したら、リーダーの緑の確定キーを押してください。やめるときは赤の取消キーです。",
        "{番号|ばんごう}は パソコンに {入|はい}りません。{緑|みどり}は おわり、{赤|あか}は やめる ボタンです。",
        "It does not enter this PC. Press the reader's green key when you have typed it, or its red key to stop.",
    ),
    "at-reader-new": (
        "新しい番号は、リーダーの案内にしたがって2回入力します。",
        "{新|あたら}しい {番号|ばんごう}は 2{回|かい} {入|い}れます。",
        "The new PIN is typed twice, as the reader's display asks.",
    ),
    "tries": ("あと何回まちがえられるか", "あと {何回|なんかい} まちがえても よいか", "Tries left"),
    "last-try": (
        "次にまちがえるとロックされ、窓口での再設定が必要になります。それでも入力します。",
        "つぎに まちがえると ロックされて、{窓口|まどぐち}に {行|い}きます。それでも {入|い}れます。",
        "One more mistake locks it, and a counter must reset it. I am sure.",
    ),
    "wrong": (
        "番号がちがうか、決まりに合っていません。もう一度入力してください。",
        "{番号|ばんごう}が ちがいます。もう{一度|いちど} {入|い}れてください。",
        "That was wrong, or does not fit the rules. Please enter it again.",
    ),
    "ok": ("決定", "{決定|けってい}", "Confirm"),
    "cancel": ("やめる", "やめる", "Cancel"),
    "own-pins": ("自分の暗証番号", "じぶんの {暗証番号|あんしょうばんごう}", "Your own PINs"),
    "own-how": (
        "このカードリーダーのカードについて行います。番号はカードだけに送られ、どのサイトにも送られません。",
        "この リーダーの カードの {番号|ばんごう}です。カードの ほかには {送|おく}られません。",
        "For the card in this reader. What you type goes to the card, and to no site.",
    ),
    "own-check-authentication": (
        "利用者証明用 暗証番号を覚えているか確かめる",
        "{暗証番号|あんしょうばんごう}を たしかめる",
        "Check that I know my authentication PIN",
    ),
    "own-check-signature": (
        "署名用パスワードを覚えているか確かめる",
        "{署名用|しょめいよう}パスワードを たしかめる",
        "Check that I know my signature password",
    ),
    "own-change-authentication": (
        "利用者証明用 暗証番号を変える",
        "{暗証番号|あんしょうばんごう}を かえる",
        "Change my authentication PIN",
    ),
    "own-change-signature": (
        "署名用パスワードを変える",
        "{署名用|しょめいよう}パスワードを かえる",
        "Change my signature password",
    ),
    "said-checked": ("正しい番号です。", "{番号|ばんごう}は あっています。", "That was right."),
    "said-changed": (
        "新しい番号に変わりました。",
        "{新|あたら}しい {番号|ばんごう}に なりました。",
        "It has been changed.",
    ),
    "said-blocked-authentication": (
        (
            "利用者証明用の暗証番号がロックされています。"
            "この番号はもう入力できません。"
            "カードと本人確認書類を持って、窓口で「暗証番号の再設定」をお申し出ください。"
        ),
        (
            "{暗証番号|あんしょうばんごう}が ロックされました。"
            "もう {入|い}れられません。"
            "カードを もって {窓口|まどぐち}に {行|い}ってください。"
        ),
        (
            "The authentication PIN is locked and cannot be entered any more. "
            "Ask a counter for a PIN reset: bring the card and proof of who you are."
        ),
    ),
    "said-blocked-signature": (
        (
            "署名用パスワードがロックされています。"
            "このパスワードはもう入力できません。"
            "カードと本人確認書類を持って、窓口で「暗証番号の再設定」をお申し出ください。"
        ),
        (
            "{署名用|しょめいよう}パスワードが ロックされました。"
            "もう {入|い}れられません。"
            "カードを もって {窓口|まどぐち}に {行|い}ってください。"
        ),
        (
            "The signature password is locked and cannot be entered any more. "
            "Ask a counter for a PIN reset: bring the card and proof of who you are."
        ),
    ),
    "said-blocked-staff": (
        (
            "職員カードの暗証番号がロックされています。"
            "このカードでは仕事を続けられません。"
            "管理者に連絡して、新しい職員カードを受け取ってください。"
        ),
        (
            "{職員|しょくいん}カードの {暗証番号|あんしょうばんごう}が ロックされました。"
            "{管理者|かんりしゃ}に {言|い}って {新|あたら}しい カードを もらってください。"
        ),
        (
            "The PIN of this staff card is locked: no work can go on with it. "
            "Tell your administrator, who gives you a new staff card."
        ),
    ),
    "said-busy": (
        "いまはほかのことをしています。終わってからもう一度押してください。",
        "いま ほかの ことを しています。あとで もう{一度|いちど} おしてください。",
        "Something else is going on. Press again when it is over.",
    ),
    "said-no-card": (
        "カードがありません。カードを入れてからもう一度押してください。",
        "カードが ありません。カードを {入|い}れてください。",
        "There is no card. Put it in, then press again.",
    ),
    "said-choose-reader": (
        "カードが2枚以上あります。1枚だけにしてください。",
        "カードが 2まい あります。1まいに してください。",
        "There are several cards. Leave just one in.",
    ),
    "said-cancelled": (
        "やめました。何も変わっていません。",
        "やめました。なにも かわっていません。",
        "Stopped. Nothing has changed.",
    ),
    "said-timed-out": (
        "時間が過ぎたのでやめました。何も変わっていません。",
        "{時間|じかん}が すぎました。なにも かわっていません。",
        "It took too long and was stopped. Nothing has changed.",
    ),
    "said-failed": (
        "カードと話せなくなりました。カードを入れ直し、番号がどちらか(前か新しいか)確かめてください。",
        "カードが {読|よ}めなく なりました。カードを {入|い}れて もう{一度|いちど} たしかめてください。",
        "The card was lost. Put it in again, and check which PIN it has: the old one or the new one.",
    ),
    "said-code-unknown": (
        "番号がちがうか、時間が過ぎています。画面の番号を確かめてください。",
        "{番号|ばんごう}が ちがいます。{画面|がめん}の {番号|ばんごう}を {見|み}てください。",
        "The code is wrong or too old. Look at the screen again.",
    ),
    "said-service-silent": (
        "接続先に届きません。しばらくしてからもう一度お試しください。",
        "つながりません。すこし まってから もう{一度|いちど} してください。",
        "The service cannot be reached. Try again in a while.",
    ),
    "times": ("回", "{回|かい}", ""),
}
