"""Words of filing a household's move."""

from collections.abc import Mapping
from typing import Final

from web.pages.wording import Words

WORDS: Final[Mapping[str, Words]] = {
    "moves-what": Words(
        "一度の署名で世帯全員の届出ができます。18歳以上の人は、それぞれ自分のカードで同意します。",
        "1{回|かい}で {家族|かぞく}みんなの ひっこしを {知|し}らせます。18さいから {上|うえ}の {人|ひと}は、じぶんの カードで いいですと {言|い}います。",
        "One signature files for the whole household. Everybody of 18 or over agrees with their own card.",
    ),
    "moves-need-card": Words(
        "届出にはカードでのログインが必要です。",
        "カードで ログインして ください。",
        "To file you have to log in with your card.",
    ),
    "moves-protected": Words(
        "支援措置の間は、オンラインでは届け出られません。措置を申し出た窓口に連絡してください。",
        "いまは オンラインで できません。{窓口|まどぐち}に {連絡|れんらく}して ください。",
        "While a support measure is in force nothing is filed from here. Reach the desk where you asked for it.",
    ),
    "new-town": Words("引越し先の市区町村", "あたらしい まち", "Municipality you moved to"),
    "new-address": Words("新しい住所", "あたらしい {住所|じゅうしょ}", "New address"),
    "moved-on": Words("引っ越した日", "ひっこした {日|ひ}", "Day you moved"),
    "who-moves": Words("引っ越した人", "ひっこした {人|ひと}", "Who moved"),
    "write-paper": Words("届出を作る", "{紙|かみ}を つくる", "Write the filing"),
    "my-moves": Words("届出の一覧", "{出|だ}した もの", "My filings"),
    "to-agree": Words(
        "あなたの同意を待っている届出", "あなたを {待|ま}っている もの", "Filings that wait for your consent"
    ),
    "move-made": Words("署名を待っています", "{署名|しょめい}を {待|ま}っています", "Waits for a signature"),
    "move-signed": Words(
        "家族の同意を待っています", "{家族|かぞく}を {待|ま}っています", "Waits for the others' consent"
    ),
    "move-filing": Words("届け出ています", "{出|だ}して います", "Being filed"),
    "filing-goes-on": Words(
        "届出を受け付けています。しばらく待っても変わらないときは、続けるを押してください。二重に届け出ることはありません。",
        "いま {出|だ}して います。かわらない ときは 「つづける」を おして ください。",
        "This is being filed. If nothing changes for a while, go on; it is never filed twice.",
    ),
    "file-on": Words("続ける", "つづける", "Go on"),
    "move-filed": Words("届け出ました", "{出|だ}しました", "Filed"),
    "move-withdrawn": Words("取り下げました", "やめました", "Withdrawn"),
    "sign-this": Words(
        "次の内容にカードで署名します。同じ内容がカードリーダーの画面にも出ます。",
        "つぎの ことを カードで {約束|やくそく}します。リーダーの {画面|がめん}にも おなじ ものが {出|で}ます。",
        "This is what your card signs. The reader's page shows it too.",
    ),
    "sign-do": Words("カードで署名する", "カードで {署名|しょめい}する", "Sign with card"),
    "agreed": Words("同意しました", "いいですと {言|い}いました", "agreed"),
    "not-agreed": Words("まだ同意していません", "まだ {言|い}っていません", "not yet agreed"),
    "file-now": Words("待たずに届け出る", "{待|ま}たないで {出|だ}す", "File without waiting"),
    "file-now-what": Words(
        "まだ同意していない人は窓口での手続になります。ほかの人は待たされません。",
        "まだの {人|ひと}は {窓口|まどぐち}に {行|い}きます。",
        "Whoever has not agreed goes to a counter; nobody else waits for them.",
    ),
    "correct-move": Words("直す", "なおす", "Correct"),
    "correct-what": Words(
        "直したものが新しい届出になり、前のものは取り下げられます。署名と同意はもう一度です。",
        "なおすと まえの {紙|かみ}は なくなります。もう{一度|いちど} {署名|しょめい}します。",
        "What you correct becomes a new filing and the earlier one is withdrawn: it is signed and agreed to again.",
    ),
    "withdraw-move": Words("取り下げる", "やめる", "Withdraw"),
    "until-then": Words(
        "%(day)s までに届け出ないと無効になります",
        "%(day)s までに {出|だ}してください。すぎると やりなおしです。",
        "Void unless it is filed by %(day)s",
    ),
    "results": Words("一人ずつの結果", "ひとりずつの けっか", "Each member's result"),
    "done-online": Words("オンラインで済みました", "おわりました", "Done online"),
    "done-then": Words(
        "新しい署名用の証明書は、窓口か自宅のカードリーダーでカードに入れます。",
        "あたらしい {証明書|しょうめいしょ}を {窓口|まどぐち}で カードに {入|い}れます。",
        "The new signing certificate goes onto the card at a counter, or with a reader at home.",
    ),
    "go-by": Words("窓口で手続（%(day)s まで）", "{窓口|まどぐち}へ（%(day)s まで）", "In person, by %(day)s"),
    "why-cap-reached": Words(
        "オンラインでできる回数か期間を使い切りました",
        "オンラインの {回数|かいすう}が おわりました",
        "The online limit is used up",
    ),
    "why-look-at-counter": Words(
        "窓口での確認が必要です", "{窓口|まどぐち}で {見|み}ます", "A counter has to look at it"
    ),
    "why-consent-missing": Words("同意がありませんでした", "いいですと {言|い}っていません", "The consent is missing"),
    "why-not-in-household": Words(
        "世帯が確かめられませんでした", "{家族|かぞく}か わかりません", "Not known to be of this household"
    ),
    "why-residence-unproven": Words(
        "住所の確認が必要です", "{住所|じゅうしょ}を たしかめます", "The new address has to be proven"
    ),
    "book-visit": Words("窓口を予約する", "{窓口|まどぐち}を {予約|よやく}する", "Book the visit"),
    # prepared for the counter
    "counter-make": Words(
        "窓口用の QR コードを作る", "{窓口|まどぐち}の QR コードを {作|つく}る", "QR code for the counter"
    ),
    "counter-see": Words("作った QR コードを見る", "QR コードを {見|み}る", "See your QR code for the counter"),
    "counter-without-card": Words(
        "窓口用の QR コードは、カードがなくても作れます。",
        "QR コードは カードが なくても {作|つく}れます。",
        "A QR code for the counter can be made without the card.",
    ),
    "counter-code": Words("窓口用の QR コード", "{窓口|まどぐち}の QR コード", "QR code for the counter"),
    "counter-none": Words(
        "窓口用の QR コードはありません。",
        "QR コードは ありません。",
        "There is no QR code for the counter.",
    ),
    "counter-how": Words(
        "窓口でこのコードを見せると、入力した内容がそのまま開きます。1回だけ、%(day)s まで使えます。",
        "{窓口|まどぐち}で {見|み}せます。1{回|かい}だけ、%(day)s まで {使|つか}えます。",
        "Show this code at the counter: what you filled in is opened there. It works once, until %(day)s.",
    ),
    "counter-people": Words("引っ越す人数", "{何人|なんにん}", "People who move"),
    "counter-nothing-filed": Words(
        "まだ届出はされていません。窓口で本人確認のあとに手続します。",
        "まだ {届|とど}けていません。{窓口|まどぐち}で します。",
        "Nothing is filed yet: that is done at the counter, after your identity is checked.",
    ),
}
