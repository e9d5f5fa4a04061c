"""What the desk says when a part of the service is away."""

from collections.abc import Mapping
from typing import Final

from web.pages.wording import Words

WORDS: Final[Mapping[str, Words]] = {
    "silent-title": Words(
        "証明書への署名が止まっています(%(since)s から)。",
        "{証明書|しょうめいしょ}が いま {作|つく}れません(%(since)s から)。",
        "Certificates are not signed since %(since)s.",
    ),
    "silent-text": Words(
        "新しく発行・更新・再発行など、証明書を作る手続は始められません。紛失・一時停止・本人確認・訂正はいつもどおりできます。途中の手続は失われません。",
        "{新|あたら}しい {証明書|しょうめいしょ}の {手続|てつづ}きは できません。カードを {止|と}める ことは できます。",
        "Nothing that makes a certificate can be begun: first issue, renewal, re-issue. Losses, suspensions, checks and corrections go on as ever. Nothing that was begun is lost.",
    ),
    "away-title": Words("記録の装置に届きません", "いま {記録|きろく}が できません", "The records cannot be reached"),
    "away-what": Words(
        "いま、住民の記録を見ることも、書くこともできません。",
        "いま {記録|きろく}を {見|み}ることも {書|か}くことも できません。",
        "Nobody can be looked up just now, and nothing can be recorded.",
    ),
    "away-not": Words(
        "発行・更新・再発行・本人確認・訂正・承認・住所の閲覧はできません。控えておいて後で行うこともできません。",
        "{発行|はっこう}も {確認|かくにん}も できません。あとで する ことも できません。",
        "Issue, renewal, re-issue, checks, corrections, approvals and seeing addresses are not possible, and none of them can be noted for later.",
    ),
    "away-nobody": Words(
        "15分以内にこの席で仕事をしていた職員だけが、紛失などを控えられます。急ぐときは電話で管理者に連絡してください。",
        "{急|いそ}ぐときは {電話|でんわ}してください。",
        "Only officers who worked at this seat within the last 15 minutes can note a loss. If it is urgent, telephone whoever looks after the service.",
    ),
    "away-again": Words("もう一度試す", "もう{一度|いちど}", "Try again"),
    "note-title": Words("控えておけること", "{書|か}いておけること", "What can be noted"),
    "note-how": Words(
        "カードを止める届出と、来た人の数だけを控えられます。記録の装置が戻ると、一度だけ行われ(署名を求める市区町村では職員が署名して)、一日の締めに出ます。戻るまでカードは止まりません。",
        "カードを {止|と}める ことだけ {書|か}いておけます。{機械|きかい}が {戻|もど}ると、1{回|かい}だけ します。それまで カードは {止|と}まりません。",
        "Only reports that stop a card, and that somebody came. They are carried out once when the records are back (where signatures are demanded, when an officer signs), and stand in the end of the day. Until then the card is not stopped.",
    ),
    "note-act": Words("届出", "なに", "What was reported"),
    "note-loss": Words("紛失の届出", "カードを なくした", "Loss of a card"),
    "note-suspension": Words("カードの一時停止", "カードを {止|と}める", "Suspension of a card"),
    "note-visit": Words("来たが手続できなかった人", "{来|き}た {人|ひと}", "Somebody came and could not be served"),
    "note-card": Words(
        "カードに印刷された番号。来た人の数だけのときは空欄にします。",
        "カードの {番号|ばんごう}を {入|い}れます。",
        "The number on the card; empty for a visit.",
    ),
    "note-card-here": Words("リーダーにあるカード:", "リーダーの カード:", "In the readers here:"),
    "note-do": Words("控える", "{書|か}いておく", "Note it"),
    "note-wrong": Words(
        "控えていません。届出を選び、カードの番号を確かめてください。",
        "{書|か}いて いません。{番号|ばんごう}を {見|み}てください。",
        "Nothing was noted. Choose what was reported and check the card's number.",
    ),
    "note-waiting": Words(
        "この窓口の控え(まだ行われていません)", "まだの もの", "Noted at this desk, not yet carried out"
    ),
    "note-banner": Words(
        "記録の装置が戻りました。まだ行われていない控えが %(count)s 件あります。",
        "まだの ものが %(count)s {件|けん} あります。",
        "The records are back. Notes that are still to be carried out: %(count)s.",
    ),
    "note-now": Words("職員カードで署名して行う", "{署名|しょめい}して する", "Sign with your card and carry out"),
    "note-done": Words(
        "記録の装置が止まっていた間の控え", "{書|か}いておいた もの", "Noted while the records were away"
    ),
    "note-carried": Words("行われました", "しました", "carried out"),
    "note-refused": Words(
        "行えませんでした。住民の画面から手続してください。",
        "できませんでした。{手続|てつづ}きしてください。",
        "could not be carried out: do it on the resident's page",
    ),
}
