"""Words of "who looked at me", questions, notices, consents and representation."""

from collections.abc import Mapping
from typing import Final

from web.pages.wording import Words

WORDS: Final[Mapping[str, Words]] = {
    "history-what": Words(
        "あなたの情報が見られたり渡されたりすると、その前に必ずここに記録されます。",
        "だれかが あなたの {情報|じょうほう}を {見|み}る {前|まえ}に、かならず ここに {書|か}かれます。",
        "Before anybody sees or is given anything about you, it is recorded here.",
    ),
    "filter": Words("しぼり込む", "しぼる", "Filter"),
    "from-day": Words("この日から", "この{日|ひ}から", "From"),
    "until-day": Words("この日まで", "この{日|ひ}まで", "Until"),
    "all": Words("すべて", "ぜんぶ", "All"),
    "filter-do": Words("表示する", "{見|み}る", "Show"),
    "times-alike": Words("同じものが %(count)s 回", "おなじ ものが %(count)s {回|かい}", "%(count)s alike"),
    "more-lines": Words("ほかに %(count)s 行", "ほかに %(count)s", "%(count)s more lines"),
    "export-csv": Words("表を保存（CSV）", "{表|ひょう}を とっておく", "Save as a table (CSV)"),
    "export-json": Words("証明つきで保存（JSON）", "しるし つきで とっておく", "Save with proofs (JSON)"),
    "export-why": Words(
        "証明つきのファイルは、記録があとから書き換えられていないことを、だれでも確かめられます。",
        "この ファイルで、{記録|きろく}が かえられていないことが わかります。",
        "With the proofs anybody can check that no record was changed or left out afterwards.",
    ),
    "ask": Words("心当たりがない", "わからない", "I don't recognise this"),
    "asked": Words("問い合わせ中", "{聞|き}いています", "Asked"),
    "content-yes": Words("わかりました", "わかりました", "I am content"),
    "content-no": Words("納得できません", "まだ わかりません", "I am not content"),
    "about-record": Words("この記録について", "この {記録|きろく}", "About this record"),
    "no-cases": Words("問い合わせはありません。", "{聞|き}いたことは ありません。", "You have asked nothing."),
    "no-history": Words("記録はありません。", "{記録|きろく}は ありません。", "Nobody has looked."),
    "incidents": Words("情報の取扱いの誤り", "まちがいの お{知|し}らせ", "Incidents with data"),
    "incidents-what": Words(
        "誤った照会や提供があったとき、関係する人を記録から調べ、本人に知らせ、ここで公表します。",
        "まちがいが あったときは、その{人|ひと}に {知|し}らせて、ここに {書|か}きます。",
        "After a mistaken look or provision we find from the records whom it concerns, tell them, and publish it here.",
    ),
    # notices
    "notice-case-answered": Words(
        "問い合わせに返事が来ました", "{聞|き}いたことに {返事|へんじ}が {来|き}ました", "Your question was answered"
    ),
    "print-notice": Words("このお知らせを印刷する", "お{知|し}らせを {印刷|いんさつ}する", "Print this notice"),
    "no-new-notices": Words(
        "新しいお知らせはありません。", "あたらしい お{知|し}らせは ありません。", "No new notices."
    ),
    "no-notices": Words("お知らせはありません。", "お{知|し}らせは ありません。", "No notices."),
    # consents
    "consents-what": Words(
        "あなたが渡すことに同意した相手です。いつでもやめられます。やめたその時から渡されません。",
        "あなたが いいですと {言|い}った {相手|あいて}です。いつでも やめられます。",
        "Whom you let have what. You can end each at any time; from that moment nothing more is given.",
    ),
    "purpose": Words("目的", "{何|なん}の ため", "For what"),
    "until": Words("いつまで", "いつまで", "Until"),
    "withdraw": Words("同意をやめる", "やめる", "End it"),
    "withdrawn": Words("やめました", "やめました", "Ended"),
    "over": Words("期限が過ぎました", "おわりました", "Over"),
    "no-consents": Words("同意はありません。", "{同意|どうい}は ありません。", "You have given no consent."),
    # representation
    "grants-what": Words(
        "あなたに代わって手続できる人です。本人確認だけは代われません。",
        "あなたの かわりに {手続|てつづ}きが できる {人|ひと}です。",
        "Who may act for you. Nobody can be seen in person in your place.",
    ),
    "grant-legal-representative": Words("法定代理人", "{親|おや}など", "Legal representative"),
    "grant-proxy": Words("任意代理人", "たのんだ {人|ひと}", "Proxy"),
    "scope": Words("できること", "できる こと", "May do"),
    "revoke": Words("代理をやめる", "やめる", "End it"),
    "no-grants": Words("代理人はいません。", "かわりの {人|ひと}は いません。", "Nobody acts for you."),
    "affair-first-issue": Words("最初の発行", "はじめて もらう", "First issue"),
    "affair-renewal": Words("更新", "{更新|こうしん}", "Renewal"),
    "affair-reissue": Words("再発行", "もう{一度|いちど} もらう", "Re-issue"),
    "affair-pin-reset": Words("暗証番号の再設定", "{暗証番号|あんしょうばんごう}を なおす", "PIN reset"),
    "affair-in-person-check": Words("本人確認", "{本人確認|ほんにんかくにん}", "In-person check"),
    "affair-move": Words("住所の届出", "ひっこし", "Move"),
    "affair-attribute-change": Words("氏名などの変更", "{名前|なまえ}などが かわった", "Change of attributes"),
    "affair-suspension": Words("一時停止", "{止|と}める", "Suspension"),
    "affair-end-of-service": Words("利用の終わり", "おわりに する", "End of service"),
    "affair-correction": Words("訂正", "なおす", "Correction"),
    "affair-protection": Words("支援措置", "まもる しくみ", "Support measure"),
    "affair-gateway": Words("連携", "つながり", "Gateway"),
}
