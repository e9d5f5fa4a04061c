"""Words of putting a new signature certificate onto the card at home."""

from collections.abc import Mapping
from typing import Final

from web.pages.wording import Words

WORDS: Final[Mapping[str, Words]] = {
    "home-cert": Words(
        "カードに新しい署名用証明書を入れる",
        "カードに {新|あたら}しい {証明書|しょうめいしょ}を {入|い}れる",
        "Put the new signing certificate onto your card",
    ),
    "home-cert-what": Words(
        "住所が変わったので、署名用の鍵と証明書を作り直します。お使いのカードリーダーで、いまのカードに入れられます。"
        "暗証番号は使いません。途中でカードが抜けても、続きからできます。",
        "{住所|じゅうしょ}が かわりました。カードに {新|あたら}しい {証明書|しょうめいしょ}を {入|い}れます。"
        "{番号|ばんごう}は いりません。とちゅうで ぬけても つづきが できます。",
        "Your address has changed, so your signature key and its certificate are made anew. Your own reader can put them "
        "onto the card that you have. No PIN is used, and after an interruption it goes on from where it was.",
    ),
    "home-cert-reader": Words("自宅のカードリーダーで", "カードリーダーで する", "With your own card reader"),
    "home-cert-card": Words("カード番号", "カードの {番号|ばんごう}", "Card number"),
    "home-cert-steps": Words("進み具合", "どこまで できたか", "How far it is"),
    "home-cert-step-0": Words(
        "カードの中で新しい鍵を作る", "カードの {中|なか}で {鍵|かぎ}を つくる", "A new key is made inside the card"
    ),
    "home-cert-step-1": Words(
        "認証局が証明書を作る", "{証明書|しょうめいしょ}を つくる", "The authority makes the certificate"
    ),
    "home-cert-step-2": Words(
        "カードに書き込み、読み戻して確かめる",
        "カードに {入|い}れて、{読|よ}んで たしかめる",
        "It is written to the card, read back and compared",
    ),
    "home-cert-step-3": Words("使えるようにする", "{使|つか}えるように する", "It is made ready for use"),
    "home-cert-step-done": Words("済み", "おわり", "done"),
    "home-cert-do": Words("カードに入れる", "カードに {入|い}れる", "Put it onto the card"),
    "home-cert-go-on": Words("続きから始める", "つづきを する", "Go on from there"),
    "home-cert-agree": Words(
        "カードリーダーの画面で「始める」を押してください。",
        "リーダーの {画面|がめん}で「はじめる」を おしてください。",
        "Press “Begin” on the card reader's page.",
    ),
    "home-cert-running": Words(
        "カードに入れています。", "カードに {入|い}れています。", "It is being put onto the card."
    ),
    "home-cert-leave-in": Words(
        "終わるまでカードを抜かないでください。",
        "おわるまで カードを ぬかないで ください。",
        "Leave the card in until it is done.",
    ),
    "home-cert-done": Words(
        "新しい署名用証明書がカードに入り、読み戻して確かめました。",
        "{新|あたら}しい {証明書|しょうめいしょ}が カードに {入|はい}りました。",
        "The new signing certificate is on your card. It was read back and is the right one.",
    ),
    "home-cert-again": Words(
        "何も失われていません。カードとリーダーを確かめて、続きから始めてください。",
        "だいじょうぶです。カードを {見|み}て、つづきを してください。",
        "Nothing is lost. Look after card and reader, then go on from there.",
    ),
    "home-cert-need-card": Words(
        "このカードでログインし直すと、ここから続けられます。",
        "この カードで ログインしてください。",
        "Log in with this card to go on here.",
    ),
    "home-cert-no-reader": Words("カードリーダーがないとき", "カードリーダーが ない とき", "Without a card reader"),
    "home-cert-counter": Words(
        "市区町村の窓口でも、このカードを持って行けば入れられます。予約もできます。",
        "{窓口|まどぐち}でも できます。この カードを もって {行|い}ってください。",
        "A counter of your municipality does it as well: take this card there. You can book a time.",
    ),
    "home-cert-waits": Words(
        "新しい署名用証明書がカードを待っています",
        "{新|あたら}しい {証明書|しょうめいしょ}を カードに {入|い}れましょう",
        "A new signing certificate waits for your card",
    ),
}
