"""What reports of the audit log say, in both languages."""

from varhouse.language import Text
from varhouse.sharing.given import READ, REFUSED

OUTCOME: dict[str, Text] = {
    "left": Text("left", "已提供"),
    "may_have_left": Text("interrupted: counts as given", "中断,按已提供计"),
    "failed": Text("failed, nothing left", "失败,未提供"),
    REFUSED: Text("refused", "已拒绝"),
    READ: Text("read on a terminal", "终端查阅"),
}

PROBLEMS: dict[str, Text] = {
    "persons": Text(
        "audit, line {n}: the persons of this giving ({file}) are gone or were changed",
        "审计日志第 {n} 行:该次提供所涉人员文件({file})缺失或被修改",
    ),
}

RELEASE = Text("release {n}", "发布 {n}")
UNREAD = Text(
    "{what} may not be read by you: what is noted there was not compared",
    "您无权读取 {what},未核对其中所记内容",
)
VERIFIED = Text(
    "ledger {ledger} lines, audit log {audit} lines, {anchors} anchors: nothing was changed",
    "台账 {ledger} 行,审计日志 {audit} 行,锚点 {anchors} 个:未发现改动",
)
VERIFY_FIX = Text(
    "find out who changed it, and restore _store/governance from a backup",
    "请查明改动者,并从备份恢复 _store/governance",
)
KEEP = Text(
    "keep these heads elsewhere, and hold them against the chains later:",
    "请将以下末条摘要另行保存,以备日后核对:",
)
NOTHING = Text("nothing left this store", "没有数据离开本库")
PEOPLE_OF = Text(
    "{recipient}: {people} distinct people in all", "{recipient}:合计 {people} 名不同个体"
)
HEADER = Text(
    "cohort\trecipient\tgiven\trefused\tpeople\tcontent\trules\tfirst\tlast",
    "队列\t接收方\t提供次数\t拒绝次数\t人数\t内容\t规则\t首次\t末次",
)

PERSON: dict[str, Text] = {
    "unknown": Text(
        "no open release of the store has a sample of this name, and no event names it",
        "本库未封存的版本中没有该样本,审计日志亦无记载",
    ),
    "sample": Text("sample in cohorts: {cohorts}", "所在队列:{cohorts}"),
    "releases": Text("releases of the store: {releases}", "所在版本:{releases}"),
    "sealed": Text(
        "sealed releases, which nobody opens any more: {releases}",
        "已封存、不再打开的版本:{releases}",
    ),
    "views": Text("releases of the view {role}: {releases}", "视图 {role} 的版本:{releases}"),
    "withdrawn": Text(
        "withdrawn from {cohort} on {day} (release {release})",
        "已于 {day} 从 {cohort} 撤出(版本 {release})",
    ),
    "given": Text(
        "{time} {what} to {recipient} ({content}; {outcome}) by {by}, rules {rules}, "
        "output {digest}",
        "{time} 通过 {what} 提供给 {recipient}({content};{outcome}),操作者 {by},规则 {rules},"
        "输出摘要 {digest}",
    ),
    "none": Text("was given to nobody", "未向任何接收方提供"),
}

LETTER: dict[str, Text] = {
    "title": Text(
        "Answer to a request for erasure, {day}", "关于删除个人数据请求的答复({day})"
    ),
    "who": Text(
        "The person is named here by a keyed hash: {person}.",
        "本答复以带密钥的哈希代表申请人:{person}。",
    ),
    "held": Text("1. What we held", "一、我方持有的数据"),
    "given": Text("2. What was given to whom, and when", "二、向何人、何时提供"),
    "withdrawn": Text("3. What was withdrawn", "三、已撤出的数据"),
    "remains": Text("4. What remains to be done", "四、尚待办理"),
    "not_withdrawn": Text("Nothing yet.", "尚无。"),
    "withdraw": Text(
        "Take the person out of the newest data: "
        "varhouse store withdraw STORE --cohort {cohort} --sample ID --reason TEXT.",
        "从最新数据中撤出该人:"
        "varhouse store withdraw STORE --cohort {cohort} --sample ID --reason TEXT。",
    ),
    "purge": Text(
        "Releases {releases} of the store hold the person: after the withdrawal "
        "varhouse store gc STORE --purge-withdrawn seals them and deletes their data.",
        "数据库版本 {releases} 含有该人数据:撤出后用 "
        "varhouse store gc STORE --purge-withdrawn 封存并删除其数据。",
    ),
    "view": Text(
        "Releases {releases} of the view {role} count the person: the purge seals them, too; "
        "then make a new one: varhouse share release STORE --role {role}.",
        "视图 {role} 的发布 {releases} 计入了该人:上述清除会一并封存;"
        "随后重新发布: varhouse share release STORE --role {role}。",
    ),
    "recipient": Text(
        "Ask {recipient} to delete what was given ({givings}), and to confirm it in writing.",
        "请 {recipient} 删除已提供的数据({givings}),并书面确认。",
    ),
    "open": Text(
        "What was opened to everybody ({givings}) cannot be called back; give notice of the "
        "new release.",
        "已公开的数据({givings})无法收回;请公告新版本。",
    ),
    "inside": Text(
        "Delete what lies inside ({givings}): working copies, results about the person.",
        "删除内部留存({givings}):工作副本及涉及该人的结果。",
    ),
    "done": Text("Nothing is left to be done in this store.", "本库中无待办事项。"),
    "limits": Text(
        "This is told from the audit log and the releases of this store. What was copied from "
        "its files by other ways than varhouse is not known here. It supports a decision and "
        "is no legal advice.",
        "以上依据本库审计日志与各版本得出;绕过 varhouse 复制的文件不在此列。"
        "本答复仅供决策参考,不构成法律意见。",
    ),
}
