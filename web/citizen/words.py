"""Every sentence of a person's own pages, three times: Japanese, easy Japanese with readings, English."""

from collections.abc import Mapping
from typing import Final

from web.citizen.words_certificates import WORDS as CERTIFICATES
from web.citizen.words_history import WORDS as HISTORY
from web.citizen.words_moves import WORDS as MOVES
from web.pages.wording import Words
from web.pages.words import WORDS as SHARED
from web.pages.words_records import WORDS as RECORDS

WORDS: Final[Mapping[str, Words]] = {
    **SHARED,
    **RECORDS,
    **HISTORY,
    **MOVES,
    **CERTIFICATES,
    "citizen": Words("わたしのページ", "わたしの ページ", "My pages"),
    "citizen-title": Words("わたしのページ 実印", "わたしの ページ", "My pages: Jitsuin"),
    "exit": Words("今すぐ閉じる", "いますぐ とじる", "Leave now"),
    "exit-why": Words(
        "天気予報の画面に変わり、ここを見ていた跡を消します。",
        "{天気予報|てんきよほう}の {画面|がめん}に なります。ここを {見|み}た しるしを {消|け}します。",
        "Shows the weather forecast and removes the traces of these pages.",
    ),
    "protected": Words(
        "支援措置が有効です。場所がわかることは、このページには出ません。",
        "あなたを まもる しくみが {動|うご}いています。{場所|ばしょ}は ここには {出|で}ません。",
        "A support measure is in force. Nothing on these pages says where.",
    ),
    "protected-contact": Words(
        "お困りのときは、措置を申し出た窓口に、あなたが決めた方法で連絡してください。",
        "こまったら、{窓口|まどぐち}に あなたが {決|き}めた {方法|ほうほう}で {連絡|れんらく}して ください。",
        "If you need help, reach the desk where you asked for it, in the way that you agreed.",
    ),
    # log-in
    "log-in": Words("ログイン", "ログイン", "Log in"),
    "log-in-how": Words(
        "マイナンバーカード型のカードと、パソコンのカードリーダーを使います。",
        "カードと カードリーダーを {使|つか}います。",
        "You need your card and a card reader at your computer.",
    ),
    "pair-title": Words("1. カードリーダーとつなぐ", "1. リーダーと つなぐ", "1. Pair with your card reader"),
    "pair-how": Words(
        "カードリーダーのプログラムの画面に、次の番号を入力してください。番号は5分間、1回だけ使えます。",
        "リーダーの {画面|がめん}に この {番号|ばんごう}を {入|い}れてください。5{分|ふん}のあいだ 1{回|かい}だけ {使|つか}えます。",
        "Type this code into the card reader's page. It works once, for five minutes.",
    ),
    "pair-where": Words("カードリーダーの画面", "リーダーの {画面|がめん}", "The card reader's page"),
    "paired": Words(
        "カードリーダーとつながっています。", "リーダーと つながっています。", "The card reader is paired."
    ),
    "card-title": Words("2. カードでログイン", "2. カードで ログイン", "2. Log in with your card"),
    "card-do": Words("カードでログイン", "カードで ログインする", "Log in with card"),
    "card-needs-script": Words(
        "カードを使うには JavaScript が必要です。ほかの操作は JavaScript なしでもできます。",
        "カードを {使|つか}うには JavaScript が いります。",
        "The card needs JavaScript. Everything else works without it.",
    ),
    "reader-choose": Words("カードリーダーを選ぶ", "リーダーを えらぶ", "Choose the reader"),
    "code-title": Words("カードリーダーがないとき", "リーダーが ない とき", "Without a card reader"),
    "code-how": Words(
        "窓口で本人確認を受けると、1回使えるログイン番号をもらえます。見ることとカードの停止ができます。",
        "{窓口|まどぐち}で ログインの {番号|ばんごう}を もらえます。{見|み}ることと カードを {止|と}めることが できます。",
        "A counter that has seen you gives you a code for one log-in. With it you can look, and lock your card.",
    ),
    "code": Words("ログイン番号", "ログインの {番号|ばんごう}", "Log-in code"),
    "code-do": Words("番号でログイン", "{番号|ばんごう}で ログインする", "Log in with code"),
    "state-wait-pin": Words(
        "カードリーダーの画面で暗証番号を入力してください。",
        "リーダーの {画面|がめん}で {暗証番号|あんしょうばんごう}を {入|い}れてください。",
        "Enter the PIN on the card reader's page.",
    ),
    "state-no-agent": Words(
        "カードリーダーのプログラムが見つかりません。このパソコンで起動しているか確かめてください。",
        "リーダーの プログラムが {動|うご}いていません。",
        "The card reader's program is not running on this computer. Start it, then try again.",
    ),
    "state-no-card": Words(
        "カードが入っていません。カードを入れてください。",
        "カードを {入|い}れてください。",
        "There is no card. Put your card in.",
    ),
    "state-choose-reader": Words(
        "カードが2枚以上あります。リーダーを選んでください。",
        "カードが 2{枚|まい}あります。リーダーを えらんで ください。",
        "There is more than one card. Choose the reader.",
    ),
    "state-second-page": Words(
        "別の画面がカードリーダーを使っています。そちらを閉じてください。",
        "ほかの {画面|がめん}が リーダーを {使|つか}っています。",
        "Another page uses the card reader. Close it.",
    ),
    "state-cancelled": Words("取り消しました。", "やめました。", "Cancelled."),
    "state-timed-out": Words("時間が過ぎました。", "{時間|じかん}が すぎました。", "Time is up."),
    "state-blocked": Words(
        "暗証番号がロックされています。窓口で設定し直せます。",
        "{暗証番号|あんしょうばんごう}が {止|と}まっています。{窓口|まどぐち}で なおせます。",
        "The PIN is blocked. A counter can set it anew.",
    ),
    "state-failed": Words("うまくいきませんでした。", "うまく いきませんでした。", "That did not work."),
    "state-lost": Words(
        "カードリーダーとの接続が切れました。つなぎ直しています。",
        "リーダーと はなれました。もう{一度|いちど} つないでいます。",
        "The card reader's line is cut; trying again.",
    ),
    # the first page
    "hello": Words("あなたのカードと記録", "あなたの カードと {記録|きろく}", "Your card and your records"),
    "card": Words("カードと証明書", "カード", "Card and certificates"),
    "trust": Words("オンライン手続の残り", "オンラインで できる {回数|かいすう}", "What I may do online"),
    "history": Words("だれが見たか", "だれが {見|み}たか", "Who looked at me"),
    "consents": Words("同意", "{同意|どうい}（いいですと {言|い}ったこと）", "Consents"),
    "grants": Words("代理", "かわりの {人|ひと}", "Who may act for me"),
    "notices": Words("お知らせ", "お{知|し}らせ", "Notices"),
    "cases": Words("問い合わせ", "{聞|き}いたこと", "My questions"),
    "moves": Words("引越しの届出", "ひっこしを {知|し}らせる", "File a move"),
    "lock": Words("カードを止める", "カードを {止|と}める", "Lock my card"),
    "more": Words("くわしく", "もっと {見|み}る", "More"),
    "unread": Words("未読 %(count)s 件", "まだ {読|よ}んでいない もの %(count)s", "%(count)s unread"),
    "open-cases": Words(
        "返事待ち %(count)s 件", "{返事|へんじ}を {待|ま}っている もの %(count)s", "%(count)s waiting for an answer"
    ),
    # certificates
    "purpose-signature": Words("署名用", "{署名用|しょめいよう}（{書類|しょるい}に {使|つか}う）", "Signing"),
    "purpose-authentication": Words("利用者証明用", "ログイン{用|よう}", "Log-in"),
    "days-left": Words("あと %(days)s 日", "あと %(days)s {日|にち}", "%(days)s days left"),
    "valid-until": Words("有効期限", "いつまで {使|つか}えるか", "Valid until"),
    "held-good": Words("使えます", "{使|つか}えます", "Can be used"),
    "held-on-hold": Words("止めています", "{止|と}まっています", "On hold"),
    "held-promised": Words("準備中です", "{準備|じゅんび}しています", "Being made"),
    "held-over": Words("期限が切れました", "もう {使|つか}えません", "Expired"),
    "certificate": Words("証明書", "{証明書|しょうめいしょ}", "Certificate"),
    "status": Words("状態", "いまの ようす", "State"),
    "calendar": Words("カレンダーに入れる", "カレンダーに {入|い}れる", "Add to my calendar"),
    "ends-signature": Words(
        "署名用の証明書の期限", "{署名用|しょめいよう}の {期限|きげん}", "Signing certificate ends"
    ),
    "ends-authentication": Words(
        "利用者証明用の証明書の期限", "ログイン{用|よう}の {期限|きげん}", "Log-in certificate ends"
    ),
    "come-by-then": Words(
        "この日までに窓口で本人確認", "この{日|ひ}までに {窓口|まどぐち}へ", "Be seen in person by this day"
    ),
    "card-state-prepared": Words("準備中", "{準備中|じゅんびちゅう}", "Being made"),
    "card-state-active": Words("使えます", "{使|つか}えます", "In use"),
    "card-state-suspended": Words("止めています", "{止|と}まっています", "Locked"),
    "card-state-lost": Words("なくした届出済み", "なくしました", "Reported lost"),
    "card-state-damaged": Words("こわれた届出済み", "こわれました", "Damaged"),
    "card-state-returned": Words("返しました", "{返|かえ}しました", "Returned"),
    "card-state-ended": Words("終わりました", "おわりました", "Ended"),
    "card-state-blank": Words("まだ使えません", "まだ {使|つか}えません", "Blank"),
    "no-card": Words("カードはありません。", "カードは ありません。", "You have no card here."),
    # lock
    "lock-what": Words(
        "なくした、盗まれた、暗証番号を見られた。そう思ったら、すぐに止めてください。",
        "カードを なくしたら すぐに {止|と}めて ください。",
        "Lost, stolen, or somebody saw your PIN? Lock it at once.",
    ),
    "lock-then": Words(
        "止めたその時から、このカードでの署名とログインは受け付けられません。もう一度使えるようにするには窓口に来てください。オンラインではできません。",
        "{止|と}めると カードは {使|つか}えません。もう{一度|いちど} {使|つか}うには {窓口|まどぐち}に {来|き}てください。",
        "From that moment nothing signed or logged in with it is accepted. Only a counter can lift the lock, never this page.",
    ),
    "lock-do": Words("このカードを今すぐ止める", "いますぐ {止|と}める", "Lock this card now"),
    "nothing-to-lock": Words(
        "止められるカードはありません。", "{止|と}める カードは ありません。", "There is no card to lock."
    ),
    # trust
    "moves-left": Words(
        "オンラインの住所変更は あと %(left)s 回（%(limit)s 回のうち %(used)s 回使いました）",
        "オンラインで {住所|じゅうしょ}を あと %(left)s {回|かい} かえられます（%(limit)s {回|かい}の うち %(used)s {回|かい} {使|つか}いました）",
        "%(left)s online changes of address left (%(used)s of %(limit)s used)",
    ),
    "trust-by": Words("%(day)s までに対面で確認", "%(day)s までに {窓口|まどぐち}へ", "in person by %(day)s"),
    "trust-never": Words(
        "まだ対面で確認を受けていません。",
        "まだ {窓口|まどぐち}で {会|あ}っていません。",
        "You have not been seen in person yet.",
    ),
    "trust-ok": Words("オンラインで手続できます。", "オンラインで できます。", "You can do it online."),
    "trust-refused": Words(
        "今はオンラインで手続できません。", "いまは オンラインで できません。", "Not online for now."
    ),
    "trust-reset": Words(
        "窓口か郵便局で一度、顔と書類の確認を受けると、回数は 0 に戻ります。",
        "{窓口|まどぐち}か {郵便局|ゆうびんきょく}で {顔|かお}を {見|み}せると、{回数|かいすう}は 0に もどります。",
        "One check of face and documents at a counter or post office brings the count back to nought.",
    ),
    "grade-high": Words(
        "本人確認の確かさ: 高い", "{本人|ほんにん}と わかる たしかさ: たかい", "How sure we are that it is you: high"
    ),
    "grade-substantial": Words(
        "本人確認の確かさ: 中くらい",
        "{本人|ほんにん}と わかる たしかさ: ふつう",
        "How sure we are that it is you: substantial",
    ),
    "grade-low": Words(
        "本人確認の確かさ: 低い", "{本人|ほんにん}と わかる たしかさ: ひくい", "How sure we are that it is you: low"
    ),
    "trust-remind": Words(
        "カードを使っていると、お知らせの日は遅くなります。次の対面確認のお知らせ: %(day)s",
        "つぎに {窓口|まどぐち}へ {来|く}る お{知|し}らせの {日|ひ}: %(day)s。カードを {使|つか}うと、{日|ひ}は おそく なります。",
        "We remind you of the next check in person on %(day)s; using your card puts that day off.",
    ),
    "timeline": Words("これまでの確認と手続の図", "これまでの {図|ず}", "A picture of checks and procedures so far"),
    "today": Words("今日", "きょう", "today"),
    "events": Words("これまでのこと", "これまでの こと", "What happened so far"),
    "event-anchor": Words("対面での確認", "{窓口|まどぐち}で {会|あ}いました", "Seen in person"),
    "event-remote-move": Words("オンラインの住所変更", "オンラインの ひっこし", "Online change of address"),
    "event-remote-reissue": Words("オンラインの再発行", "オンラインの {再発行|さいはっこう}", "Online re-issue"),
    "event-remote-renewal": Words("オンラインの更新", "オンラインの {更新|こうしん}", "Online renewal"),
    "event-official-change": Words(
        "町名などの変更（役所による）",
        "{役所|やくしょ}が {住所|じゅうしょ}の {名前|なまえ}を かえました",
        "Renamed by the authorities",
    ),
    "event-correction": Words("訂正", "なおしました", "Correction"),
    "event-contact": Words("利用の記録", "{使|つか}った {記録|きろく}", "A contact"),
    "where": Words("行けるところ", "{行|い}ける ところ", "Where you can go"),
    "kind-municipal-main": Words("市区町村の窓口", "{市役所|しやくしょ}など", "Town hall"),
    "kind-branch": Words("出張所", "{出張所|しゅっちょうじょ}", "Branch office"),
    "kind-post-office": Words("郵便局", "{郵便局|ゆうびんきょく}", "Post office"),
    "kind-mobile": Words("出張窓口", "{来|き}てくれる {窓口|まどぐち}", "Visiting desk"),
    "kind-kiosk": Words("端末", "{機械|きかい}", "Kiosk"),
    "see-times": Words("空いている時間を見る", "{空|あ}いている {時間|じかん}を {見|み}る", "See free times"),
    "times": Words("空いている時間", "{空|あ}いている {時間|じかん}", "Free times"),
    "no-times": Words(
        "空いている時間はありません。", "{空|あ}いている {時間|じかん}は ありません。", "No time is free."
    ),
    "book": Words("予約する", "{予約|よやく}する", "Book"),
    "visit-booked": Words("窓口の予約", "{窓口|まどぐち}の {予約|よやく}", "Visit at the counter"),
    "visit-one": Words(
        "待っている手続は、この一度の来庁でまとめて済みます。持ち物はカードと本人確認の書類です。",
        "1{回|かい} {来|く}れば ぜんぶ おわります。カードと {書類|しょるい}を もって {来|き}てください。",
        "One visit settles everything that waits. Bring your card and your documents.",
    ),
    "visit-code": Words("窓口で見せるコード", "{窓口|まどぐち}で {見|み}せる コード", "The code to show at the desk"),
    "cancel-visit": Words("予約を取り消す", "{予約|よやく}を やめる", "Cancel the visit"),
}
