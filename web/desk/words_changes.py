"""Sentences of what changes about a person at the desk: PINs, attributes, households, visits, codes for home."""

from collections.abc import Mapping
from typing import Final

from web.pages.wording import Words

WORDS: Final[Mapping[str, Words]] = {
    "work-pin-reset": Words("暗証番号の再設定", "{暗証番号|あんしょうばんごう}を {作|つく}りなおす", "New PIN"),
    "work-change": Words(
        "住所・氏名の変更", "{住所|じゅうしょ}・{名前|なまえ}が かわった", "Change of address or name"
    ),
    "work-household": Words("世帯の引っ越し", "{家族|かぞく}の {引|ひ}っこし", "Household move"),
    "work-official-change": Words("職権による修正", "{役所|やくしょ}が {直|なお}す", "Official change"),
    "work-waiting-card": Words(
        "待っている証明書をカードに書き込む",
        "{待|ま}っている {証明書|しょうめいしょ}を カードに {入|い}れる",
        "Certificate that waits for the card",
    ),
    "work-continue-card": Words(
        "転入した人のカードの継続利用",
        "{引|ひ}っこしてきた {人|ひと}の カードを つづけて {使|つか}う",
        "Card of somebody who moved in goes on",
    ),
    "continue-due": Words(
        "転入した人のカードです。%(day)s までにカードと暗証番号を確認しないと、使えなくなります。",
        "{引|ひ}っこしてきた {人|ひと}の カードです。%(day)s までに カードと {番号|ばんごう}を {見|み}ます。",
        "The card of somebody who moved in: unless it is presented with its PIN by %(day)s, it ends.",
    ),
    "work-login-code": Words(
        "自宅からのログイン用の番号", "{家|いえ}で {使|つか}う {番号|ばんごう}", "Log-in code for home"
    ),
    # PINs
    "pin-locked-here": Words(
        "暗証番号がロックされています。本人確認のうえ「暗証番号の再設定」ができます。",
        "{番号|ばんごう}が ロックされています。「{暗証番号|あんしょうばんごう}を {作|つく}りなおす」が できます。",
        "A PIN is locked. Once you have seen who it is, “New PIN” sets it anew.",
    ),
    "pin-which": Words("再設定する暗証番号", "どの {暗証番号|あんしょうばんごう}", "Which PIN"),
    "pin-card": Words("カード", "カード", "Card"),
    "pin-purpose": Words("暗証番号の種類", "どの {番号|ばんごう}", "Which PIN"),
    "pin-permit": Words("再設定を許可する", "ゆるす", "Permit the new PIN"),
    "pin-permit-how": Words(
        "許可は15分間、このカードのこの暗証番号に1回だけ有効です。職員カードで署名されます。",
        "15{分|ふん}のあいだ 1{回|かい}だけです。{職員|しょくいん}カードで {署名|しょめい}します。",
        "The permission is good for fifteen minutes, once, for this PIN of this card. Your card signs it.",
    ),
    "pin-set-how": Words(
        "%(card)s をリーダーに入れ、本人がリーダーの画面で新しい暗証番号(%(which)s)を入力します。職員には見えません。",
        "%(card)s を リーダーに {入|い}れます。{本人|ほんにん}が {新|あたら}しい {番号|ばんごう}(%(which)s)を {入|い}れます。",
        "Put %(card)s into the reader; its holder types the new PIN (%(which)s) at the reader's screen. You do not see it.",
    ),
    "again": Words("本人確認からやり直す", "はじめから やりなおす", "Begin again with the check"),
    "again-how": Words(
        "許可の時間が過ぎたときは、本人確認からやり直します。",
        "{時間|じかん}が すぎたら、はじめから やりなおします。",
        "When the permission's time is over, the person is looked at again.",
    ),
    "done-pin": Words(
        "新しい暗証番号を設定しました。カードを本人に返してください。",
        "{新|あたら}しい {番号|ばんごう}に なりました。カードを {返|かえ}してください。",
        "The new PIN is set. Give the card back to its holder.",
    ),
    # changes
    "change-how": Words(
        "変わるところだけを、住民票のとおりに入力します。空欄は変わりません。署名用証明書は失効し、同じカードに新しく作ります。利用者証明用はそのままです。",
        "かわる ところだけ {書|か}きます。{署名用|しょめいよう}の {証明書|しょうめいしょ}は {新|あたら}しくなります。",
        "Fill in only what changes, as the resident record has it; what is left empty stays. The signature certificate "
        "ends and is made anew on the same card; the authentication certificate stays.",
    ),
    "official-how": Words(
        "町名の変更など、役所が表記を改めた場合です。証明書は失効せず、オンラインの回数も減りません。",
        "{役所|やくしょ}が {書|か}き{方|かた}を かえたときです。{証明書|しょうめいしょ}は そのままです。",
        "For what the office itself reworded, like a renamed street: no certificate ends, and nothing is used up.",
    ),
    "new-address": Words("新しい住所", "{新|あたら}しい {住所|じゅうしょ}", "New address"),
    "new-name": Words("新しい氏名", "{新|あたら}しい {名前|なまえ}", "New name"),
    "new-reading": Words("新しい氏名の読み", "{名前|なまえ}の {読|よ}み", "Reading of the new name"),
    "new-gender": Words("性別", "{性別|せいべつ}", "Gender"),
    "new-born": Words("生年月日", "{生|う}まれた {日|ひ}", "Date of birth"),
    "new-moved_on": Words("引っ越した日", "{引|ひ}っこした {日|ひ}", "Day of the move"),
    "until-now": Words("いまの記録:", "いま:", "Until now:"),
    "reading": Words("氏名の読み(氏名が変わるとき)", "{名前|なまえ}の {読|よ}み", "Reading, if the name changes"),
    "reading-how": Words(
        "ひらがなかカタカナで、氏と名の間を空けます。",
        "かなで {書|か}きます。",
        "In kana, with a space between family and given name.",
    ),
    "record-mistakes": Words(
        "性別・生年月日の誤りを直す",
        "{性別|せいべつ}・{生|う}まれた {日|ひ}を {直|なお}す",
        "Correct the gender or date of birth",
    ),
    "unchanged": Words("変わらない", "かわらない", "unchanged"),
    "born-how": Words(
        "昭和55年2月17日、S55.2.17、1980-02-17 のどれでも。", "S55.2.17 でも いいです。", "As 1980-02-17 or S55.2.17."
    ),
    "not-shown": Words("(変更あり。表示しません)", "({見|み}せません)", "(changes; not shown)"),
    "faults": Words("入力を直してください。", "{直|なお}してください。", "Please correct what was typed."),
    "fault-half-width": Words(
        "半角カナは使えません。全角で入力してください。",
        "{小|ちい}さい カナは {使|つか}えません。",
        "Half-width kana cannot be used: type full-width ones.",
    ),
    "fault-name": Words(
        "氏名に使えない文字があるか、100文字を超えています。外字は Unicode の文字か異体字で入力してください。",
        "{名前|なまえ}に {使|つか}えない {字|じ}が あります。",
        "The name has a character that cannot be used (private-use gaiji, say), or more than 100: use Unicode's characters.",
    ),
    "fault-reading": Words(
        "読みは、ひらがなかカタカナで、氏名と同じ数に区切ってください。",
        "{読|よ}みは かなで {書|か}きます。",
        "The reading is in kana, with as many parts as the name.",
    ),
    "fault-address": Words(
        "住所に使えない文字があるか、200文字を超えています。",
        "{住所|じゅうしょ}に {使|つか}えない {字|じ}が あります。",
        "The address has a character that cannot be used, or more than 200.",
    ),
    "fault-gender": Words(
        "性別を選び直してください。", "{性別|せいべつ}を えらんでください。", "Choose the gender again."
    ),
    "fault-born": Words(
        "生年月日が読み取れません。元号の年と日付を確かめてください。",
        "{日|ひ}が よめません。",
        "The date cannot be read: check the era's year and the day.",
    ),
    "fault-nothing": Words(
        "変わるところを入力してください。", "かわる ところを {書|か}いてください。", "Type what changes."
    ),
    "fault-moved_on": Words(
        "引っ越した日を入力してください(今日までの日付)。",
        "{引|ひ}っこした {日|ひ}を {書|か}いてください(きょうまで)。",
        "Give the day of the move: today, or earlier.",
    ),
    "fault-nobody": Words(
        "来ている人を選んでください。", "{来|き}ている {人|ひと}を えらんでください。", "Choose who is here."
    ),
    "substitutes": Words(
        "証明書では、次の文字が代わりの文字になります。",
        "{証明書|しょうめいしょ}では {字|じ}が かわります。",
        "A certificate carries other characters for these.",
    ),
    "substitutes-shown": Words(
        "代わりの文字を本人に見せました", "{本人|ほんにん}に {見|み}せました", "The person has seen the substitutes"
    ),
    "change-now": Words(
        "記録すると、住民の記録が変わり、古い署名用証明書はすぐに失効します。",
        "すぐに かわります。",
        "The record changes now, and the old signature certificate ends.",
    ),
    "own-card-how": Words(
        "本人のカード %(card)s をリーダーに入れてください。新しい署名用証明書を作って書き込みます。",
        "{本人|ほんにん}の カード %(card)s を {入|い}れてください。",
        "Put the person's own card %(card)s into the reader: the new signature certificate is made on it.",
    ),
    "later": Words("カードはあとで", "カードは あとで", "The card comes later"),
    "later-how": Words(
        "カードを持っていないときは、変更だけを記録して終わります。証明書はカードを持ってきた日に書き込みます。",
        "カードが ないときは あとで できます。",
        "Without the card only the change is recorded; the certificate is made on the day the card is brought.",
    ),
    "done-change": Words(
        "変更を記録し、新しい署名用証明書をカードに書き込みました。カードを本人に返してください。",
        "かわりました。カードを {返|かえ}してください。",
        "The change is recorded and the new certificate is on the card. Give the card back to its holder.",
    ),
    "done-change-only": Words("変更を記録しました。", "かわりました。", "The change is recorded."),
    "done-later": Words(
        "変更を記録しました。署名用証明書は、カードを持ってきたときに書き込みます。",
        "かわりました。カードは あとで {持|も}ってきてください。",
        "The change is recorded. The signature certificate is made when the card is brought.",
    ),
    # households
    "household-how": Words(
        "来ている人の手続を、いま全員まとめて行います。来ていない人は、いつまでに来るかを案内します。",
        "{来|き}ている {人|ひと}は いま できます。ほかの {人|ひと}は あとで {来|き}ます。",
        "Whoever is here is done now, all together; the others are told by when to come.",
    ),
    "roster": Words("世帯", "{家族|かぞく}", "Household"),
    "relation": Words("続柄", "{関係|かんけい}", "Relation"),
    "relation-head": Words("世帯主", "{世帯主|せたいぬし}", "head"),
    "relation-spouse": Words("配偶者", "{夫|おっと}・{妻|つま}", "spouse"),
    "relation-child": Words("子", "{子|こ}ども", "child"),
    "relation-parent": Words("父母", "{父|ちち}・{母|はは}", "parent"),
    "relation-other": Words("その他", "ほか", "other"),
    "member-result": Words("この手続", "どうなる", "What becomes of them"),
    "member-here": Words("いま行う", "いま する", "now"),
    "member-done": Words("済み", "おわり", "done"),
    "member-by": Words("%(day)s までに来庁", "%(day)s までに {来|き}ます", "in person by %(day)s"),
    "member-part": Words("この引っ越しで", "{引|ひ}っこし", "In this move"),
    "part-here": Words("窓口に来ている", "{来|き}ている", "is here"),
    "part-away": Words("今日は来ていない", "{来|き}ていない", "is not here today"),
    "part-stays": Words("引っ越さない", "{引|ひ}っこさない", "does not move"),
    "member-not-moving": Words("引っ越しません", "{引|ひ}っこしません", "does not move"),
    "member-card": Words("証明書はこのカードへ:", "この カードへ:", "its certificate waits for card"),
    "member-consents": Words("本人が同意している(18歳以上)", "いいと {言|い}った(18{歳|さい}から)", "agrees (from 18)"),
    "member-not-here": Words("来ていません", "{来|き}ていません", "not here"),
    "member-consent-missing": Words("同意がありません", "{同意|どうい}が ありません", "has not agreed"),
    "member-look-at-counter": Words("別に手続します", "{別|べつ}に します", "is dealt with apart"),
    "member-not-in-household": Words("記録がありません", "{記録|きろく}が ありません", "no record"),
    "member-not-announced": Words(
        "転出の届出がありません", "{転出|てんしゅつ}の {届出|とどけで}が ありません", "no transfer out was announced"
    ),
    "member-evidence-too-weak": Words(
        "本人確認書類が足りません", "{書類|しょるい}が たりません", "documents are not enough"
    ),
    "all-present": Words(
        "いま行う全員が窓口に来ています", "みんな {来|き}ています", "Everybody who is done now is here in person"
    ),
    "household-cards": Words(
        "それぞれのカードを、1枚ずつリーダーに入れてください。順番は自由です。",
        "カードを 1{枚|まい}ずつ {入|い}れてください。",
        "Put in each member's own card, one after the other, in any order.",
    ),
    "household-left": Words("あと%(left)s枚です。", "あと %(left)s{枚|まい}です。", "%(left)s more to go."),
    "done-household": Words(
        "世帯の手続が終わりました。受付票は全員分と、それぞれの画面から印刷できます。",
        "おわりました。",
        "The household's move is recorded. Receipts are printed here for all, and on each member's own page.",
    ),
    "prefilled": Words(
        "自宅で入力された内容です。本人と確かめてください。",
        "{家|いえ}で {書|か}いた ものです。たしかめてください。",
        "This was filled in at home. Check it with the person.",
    ),
    "prefill-code": Words("自宅で作った QR コード", "{家|いえ}で {作|つく}った QR コード", "QR code from home"),
    "prefill-how": Words(
        "読み取り機で読むか、番号を入力します。1回だけ使えます。",
        "よみとるか {番号|ばんごう}を {入|い}れます。",
        "Scan it, or type its letters. It works once.",
    ),
    "prefill-do": Words("内容を開く", "ひらく", "Open what was filled in"),
    # booked visits
    "bookings": Words("来庁予約", "{予約|よやく}", "Booked visits"),
    "bookings-of": Words("%(day)s の来庁予約", "%(day)s の {予約|よやく}", "Booked visits of %(day)s"),
    "no-bookings": Words("今日の予約はありません。", "{予約|よやく}は ありません。", "Nobody has booked for today."),
    "booking-came": Words(
        "予約した人が来たとき", "{予約|よやく}の {人|ひと}が {来|き}た", "Somebody with a ticket is here"
    ),
    "booking-ticket": Words("予約の QR コードか番号", "QR コードか {番号|ばんごう}", "Ticket's QR code or number"),
    "booking-arrive": Words("来庁した", "{来|き}た", "They are here"),
    "booking-for": Words("手続", "{手続|てつづ}き", "For"),
    "affair-in-person-check": Words("本人確認", "{本人|ほんにん}の {確認|かくにん}", "in-person check"),
    "affair-renewal": Words("更新", "{更新|こうしん}", "renewal"),
    "affair-pin-reset": Words("暗証番号の再設定", "{暗証番号|あんしょうばんごう}", "new PIN"),
    "affair-attribute-change": Words(
        "住所・氏名の変更", "{住所|じゅうしょ}・{名前|なまえ}", "change of address or name"
    ),
    "affair-first-issue": Words("新規発行", "{新|あたら}しい カード", "first issue"),
    "affair-reissue": Words("再発行", "{再発行|さいはっこう}", "re-issue"),
    "affair-move": Words("引っ越し", "{引|ひ}っこし", "move"),
    "affair-suspension": Words("一時停止", "{止|と}める", "suspension"),
    "affair-end-of-service": Words("終了", "おわり", "end of service"),
    "affair-correction": Words("訂正", "{直|なお}す", "correction"),
    "affair-protection": Words("支援措置", "{守|まも}る", "protection"),
    "affair-gateway": Words("住民記録との連携", "{記録|きろく}", "resident records"),
    # codes for home
    "code-how": Words(
        "番号は1回だけ表示されます。24時間のうちに1回ログインできます。",
        "{番号|ばんごう}は 1{回|かい}だけ {見|み}えます。",
        "The code is shown once, and is worth one log-in within 24 hours.",
    ),
    "code-give": Words("番号を表示する", "{番号|ばんごう}を {見|み}る", "Show the code"),
    "code-once": Words(
        "この番号は、この画面と、いま印刷する受付票にだけあります。",
        "この {番号|ばんごう}は いまだけ {見|み}えます。",
        "This code is only on this page, and on the receipt that you print now.",
    ),
    "login-code": Words("ログイン用の番号", "ログインの {番号|ばんごう}", "Log-in code"),
}
