"""Words of questions and incidents at the desk."""

from collections.abc import Mapping
from typing import Final

from web.pages.wording import Words

WORDS: Final[Mapping[str, Words]] = {
    "cases": Words("記録についての問い合わせ", "{記録|きろく}の {質問|しつもん}", "Questions about records"),
    "cases-what": Words(
        "住民が「心当たりがない」とした記録です。期限までに調べて答えます。住民の氏名や住所はここには出ません。",
        "「わからない」と {言|い}われた {記録|きろく}です。{期限|きげん}までに {答|こた}えます。",
        "Records that a resident did not recognise. Look into each and answer by its day. No name or address is shown here.",
    ),
    "cases-waiting": Words("答えを待っている", "{答|こた}えを {待|ま}っています", "Waiting for our answer"),
    "cases-others": Words("答えたもの", "{答|こた}えました", "Answered"),
    "case-by": Words("期限 %(day)s", "%(day)s まで", "Due %(day)s"),
    "case-late": Words(
        "期限 %(day)s を過ぎています", "おくれています: %(day)s まででした", "Overdue: it was due on %(day)s"
    ),
    "case-asked": Words("問い合わせの日", "いつ", "Asked on"),
    "case-record": Words("問い合わせのあった記録", "この {記録|きろく}", "The record asked about"),
    "case-answer": Words("答える", "{答|こた}える", "Answer"),
    "case-finding": Words("調べた結果", "わかったこと", "Finding"),
    "case-text": Words(
        "住民への説明(1000字まで、住民が読みます)",
        "{説明|せつめい}",
        "Explanation, which the resident will read (up to 1,000 characters)",
    ),
    "case-then": Words(
        "「誤り」か「不正」と答えると、ほかに関係する人を調べるための事案が始まります。",
        "まちがいの ときは ほかの {人|ひと}も しらべます。",
        "If it was a mistake or unlawful, an incident begins, to find everybody else whom it concerns.",
    ),
    "case-another": Words(
        "前に答えた人や、その記録で見た本人は答えられません。ほかの責任者が答えます。",
        "ほかの {人|ひと}が {答|こた}えます。",
        "Whoever answered before, or looked, cannot answer. Another supervisor does.",
    ),
    "case-earlier": Words("前の答え", "{前|まえ}の {答|こた}え", "The earlier answer"),
    "case-incident": Words("始まった事案", "はじまった こと", "The incident that began"),
    "incidents": Words("誤りと漏えいの事案", "まちがいと もれ", "Incidents"),
    "incidents-how": Words(
        "関係する人は、閲覧と提供の記録から計算します。本人への通知は、見つけた人とは別の責任者が決めます。",
        "{関係|かんけい}する {人|ひと}は {記録|きろく}から わかります。{知|し}らせるのは ほかの {人|ひと}が きめます。",
        "Whom it concerns is computed from the records. Another supervisor than who found it has everybody told.",
    ),
    "incident-begin": Words("事案を始める", "はじめる", "Begin an incident"),
    "incident-drill": Words(
        "訓練として行う(だれにも通知しません)",
        "{練習|れんしゅう}です(だれにも {言|い}いません)",
        "As a drill (nobody is told)",
    ),
    "drill": Words(
        "訓練: だれにも通知されず、公表もされません",
        "{練習|れんしゅう}です。だれにも {言|い}いません",
        "DRILL: nobody is told and nothing is published",
    ),
    "drill-mark": Words("訓練", "{練習|れんしゅう}", "DRILL"),
    "state-found": Words("見つかった", "{見|み}つかりました", "Found"),
    "state-scoped": Words("範囲を調べた", "しらべました", "Scoped"),
    "state-notified": Words("通知した", "{知|し}らせました", "Told"),
    "state-notified-drill": Words(
        "訓練: 通知の手順まで済んだ", "れんしゅう: {知|し}らせる ところまで した", "Drill: gone through telling"
    ),
    "state-closed": Words("終わった", "おわりました", "Closed"),
    "incident-found": Words("見つけた人", "だれが", "Found by"),
    "incident-scope": Words("関係する人を調べる", "{人|ひと}を しらべる", "Find whom it concerns"),
    "incident-since": Words("いつから(日本時間)", "いつから", "From (time in Japan)"),
    "incident-until": Words("いつまで(日本時間)", "いつまで", "Until (time in Japan)"),
    "incident-narrow": Words(
        "しくみ、相手、事務、記録の番号のうち少なくとも一つを入れます。",
        "ひとつは {入|い}れてください。",
        "Name at least one of function, recipient, affairs and record numbers.",
    ),
    "incident-numbers": Words(
        "記録の番号(空白で区切る)", "{記録|きろく}の {番号|ばんごう}", "Record numbers, separated by blanks"
    ),
    "incident-count": Words("関係する人数と記録", "{人|ひと}と {記録|きろく}", "People and records concerned"),
    "incident-tally": Words(
        "%(people)s 人、%(records)s 件", "%(people)s {人|にん}、%(records)s", "%(people)s people, %(records)s records"
    ),
    "incident-tell": Words("関係する全員に通知する", "みんなに {知|し}らせる", "Tell everybody concerned"),
    "incident-tell-drill": Words(
        "通知の手順を行う(訓練: だれにも通知しません)",
        "{練習|れんしゅう}する(だれにも {言|い}いません)",
        "Go through telling (drill: nobody is told)",
    ),
    "incident-tell-other": Words(
        "通知は、見つけた人とは別の責任者が行います。",
        "{知|し}らせるのは ほかの {人|ひと}です。",
        "Another supervisor than who found it has everybody told.",
    ),
    "incident-letters": Words("本人への通知を印刷する", "{手紙|てがみ}を {印刷|いんさつ}する", "Print the notices"),
    "incident-letters-how": Words(
        "ここのページを使わない人に送ります。印刷した人の氏名と住所を見たことは、本人の記録に残ります。",
        "ページを {使|つか}わない {人|ひと}に {送|おく}ります。{見|み}た ことは {記録|きろく}に のこります。",
        "For those who do not use their pages. That you saw their names and addresses is in their records.",
    ),
    "incident-letters-not": Words(
        "支援措置を受けている人と転出した人 %(count)s 人の分は印刷されません。本人が来たときに窓口で伝えてください。",
        "%(count)s {人|にん}の {分|ぶん}は {印刷|いんさつ}できません。{窓口|まどぐち}で {伝|つた}えます。",
        "Not printed for %(count)s people under protection or moved away. Tell them at the counter when they come.",
    ),
    "incident-letters-part": Words("%(first)s 人目から %(last)s 人目", "%(first)s-%(last)s", "%(first)s to %(last)s"),
    "incident-close": Words("事案を終える", "おわりに する", "Close the incident"),
    "incident-public": Words("公表される内容", "みんなが {読|よ}む こと", "What the public reads"),
    "incident-public-drill": Words(
        "公表される内容の見本(訓練のため公表されません)",
        "{見本|みほん}です({練習|れんしゅう}なので {出|で}ません)",
        "What the public would read (a drill: it is not published)",
    ),
}
