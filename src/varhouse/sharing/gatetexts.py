"""What the egress gate says, in both languages."""

from varhouse.governance.model import PaperKind
from varhouse.language import Text
from varhouse.sharing.request import Answer

NOT_ADVICE = Text(
    "This supports a decision; it is no legal advice.",
    "本结果仅供决策参考,不构成法律意见。",
)

ANSWERS: dict[Answer, Text] = {
    Answer.ALLOW: Text("allowed", "可以提供"),
    Answer.REPORT: Text(
        "allowed after the report in advance and the backup of the information",
        "完成信息对外提供事先报告和信息备份后可以提供",
    ),
    Answer.REVIEW: Text("needs a security review first", "须先通过安全审查"),
    Answer.DENY: Text("denied", "不得提供"),
}

TO_DO: dict[PaperKind, Text] = {
    PaperKind.REPORT: Text(
        "file the report, then enter its number: varhouse ledger import STORE papers.tsv",
        "先提交事先报告,再登记编号: varhouse ledger import STORE papers.tsv",
    ),
    PaperKind.BACKUP: Text(
        "make the backup (varhouse share pack STORE --to RECIPIENT --cohort COHORT "
        "--for backup -o FOLDER), hand it in, then enter the number of the receipt: "
        "varhouse ledger import STORE papers.tsv",
        "生成备份 (varhouse share pack STORE --to RECIPIENT --cohort COHORT "
        "--for backup -o FOLDER) 并提交,再登记回执编号: "
        "varhouse ledger import STORE papers.tsv",
    ),
    PaperKind.REVIEW: Text(
        "apply for the security review, then enter its number: "
        "varhouse ledger import STORE papers.tsv",
        "申请安全审查,通过后登记编号: varhouse ledger import STORE papers.tsv",
    ),
}
OTHERWISE = Text(
    "get it, then enter it: varhouse ledger import STORE papers.tsv",
    "取得后登记: varhouse ledger import STORE papers.tsv",
)

LINES: dict[str, Text] = {
    "answer": Text("answer      {answer}", "结论        {answer}"),
    "request": Text(
        "request     {content} data of {cohorts} to {recipient} ({kind})",
        "申请        向 {recipient} ({kind}) 提供 {cohorts} 的 {content} 数据",
    ),
    "purpose": Text("purpose     {purpose}", "用途        {purpose}"),
    "on": Text("on          {on}{drafts}", "日期        {on}{drafts}"),
    "drafts": Text(", drafts included", " (含征求意见稿)"),
    "people": Text(
        "people      {now:,} now; {recipient} was given {before:,} before, and has "
        "{after:,} after it",
        "人数        本次 {now:,} 人; 此前已向 {recipient} 提供 {before:,} 人,"
        "提供后共 {after:,} 人",
    ),
    "year": Text(
        "            of these {before:,} -> {after:,} within 12 months",
        "            其中近 12 个月 {before:,} -> {after:,} 人",
    ),
    "assay": Text(
        "  {assay:<10}{now:,} now; {before:,} before, {after:,} after",
        "  {assay:<10}本次 {now:,} 人; 此前 {before:,} 人,提供后 {after:,} 人",
    ),
    "unknown": Text(
        "            of {n:,} people no assay is known: they count as each of them",
        "            有 {n:,} 人检测类型不明,按每一种类型计数",
    ),
    "rule": Text(
        "rule        {rule}  {effect}{cohort}", "规则        {rule}  {effect}{cohort}"
    ),
    "of": Text("  (cohort {cohort})", "  (队列 {cohort})"),
    "certainty": Text(
        "            source: {source} ({certainty})",
        "            依据: {source} ({certainty})",
    ),
    "found": Text(
        "            satisfied by: {paper} {number}", "            已满足: {paper} {number}"
    ),
    "missing": Text("missing     {paper}: {do}", "缺少        {paper}: {do}"),
    "ledger": Text("ledger      entry {n}, {digest}", "台账        第 {n} 条, {digest}"),
    "rules": Text(
        "rules       version {version}, {digest}", "规则集      版本 {version}, {digest}"
    ),
}
"""Lines of an answer on a terminal."""

KINDS: dict[str, Text] = {
    "inside": Text("inside", "本单位"),
    "domestic": Text("domestic", "境内"),
    "foreign": Text("foreign", "外方"),
    "open": Text("anybody", "公开"),
}
CONTENTS: dict[str, Text] = {
    "individual": Text("individual", "个体级"),
    "aggregate": Text("aggregate", "汇总级"),
}

HOUSE: dict[str, tuple[Text, Text]] = {
    "gate.no-rules": (
        Text("the store has no rules", "该库未设定规则"),
        Text(
            "Without rules nothing leaves. Enter a book of rules: "
            "varhouse share rules STORE builtin",
            "未设定规则时不得对外提供任何数据。请登记规则集: "
            "varhouse share rules STORE builtin",
        ),
    ),
    "gate.unknown-cohort": (
        Text("the ledger does not know the cohort", "台账中没有该队列"),
        Text(
            "Nobody knows under which papers it may be used. Enter it: "
            "varhouse ledger import STORE cohorts.tsv",
            "无法确认其使用依据。请先登记: varhouse ledger import STORE cohorts.tsv",
        ),
    ),
    "gate.unknown-recipient": (
        Text("the ledger does not know the recipient", "台账中没有该接收方"),
        Text(
            "Whether it is domestic or foreign decides. Enter it: "
            "varhouse ledger import STORE recipients.tsv",
            "结论取决于接收方是境内单位还是外方。请先登记: "
            "varhouse ledger import STORE recipients.tsv",
        ),
    ),
    "gate.withdrawn": (
        Text("the cohort was withdrawn", "该队列已撤回"),
        Text("It may be used no more, by nobody.", "任何人不得再使用该队列。"),
    ),
    "gate.left": (
        Text(
            "people of whom individual data is asked have left the store since this release",
            "所请求个体数据的人员在该发布之后已退出",
        ),
        Text(
            "They were withdrawn, or their cohort was dropped. Give the newest release: "
            "leave out --release.",
            "相关人员已撤回,或其队列已删除。请提供最新发布: 不写 --release。",
        ),
    ),
    "gate.embargo": (
        Text("the embargo of the cohort has not ended", "该队列尚在禁发期内"),
        Text(
            "Until that day it is for those inside alone.", "禁发期结束前仅供本单位内部使用。"
        ),
    ),
    "gate.tier-3": (
        Text("the cohort is of tier T3", "该队列为 T3 级"),
        Text(
            "It leaves by an explicit grant alone, to whoever takes it out, and with a "
            "decision of the data access committee for whom it is given to.",
            "须对经办人有明确授权,且数据访问委员会同意提供给该接收方,方可提供。",
        ),
    ),
    "gate.open-individual": (
        Text("individual data is never open", "个体级数据不得公开"),
        Text("Open aggregates, or name a recipient.", "请改为公开汇总数据,或指定接收方。"),
    ),
    "gate.tier-open": (
        Text("the tier of the cohort is not open", "该队列的数据分级不允许公开"),
        Text("Aggregates of tier T0 alone are open.", "仅 T0 级队列的汇总数据可以公开。"),
    ),
    "gate.tier": (
        Text("no paper lets this leave the house", "没有允许数据离开本单位的批件"),
        Text(
            "Aggregates of tiers T0 and T1 may go to named recipients. Anything else stays "
            "inside without a paper that names the recipient, such as a decision of the data "
            "access committee.",
            "T0、T1 级汇总数据可提供给指定接收方;其他数据须有写明该接收方的批件"
            "(如数据访问委员会决定),否则不得离开本单位。",
        ),
    ),
    "gate.nobody": (
        Text("it is not known of how many people the data is", "数据涉及的人数不明"),
        Text(
            "The store lists no samples of the cohort, and the ledger no people. "
            "Enter the number: varhouse ledger import STORE cohorts.tsv",
            "库中没有该队列的样本,台账中也没有人数。请登记人数: "
            "varhouse ledger import STORE cohorts.tsv",
        ),
    ),
}
"""Rules that the gate has of its own, whatever book a store has: title and text."""

CLOCK = Text(
    "the clock says {day}, and the audit log has an event of {noted}: that day is asked about;"
    " set the clock right",
    "系统时钟为 {day},而审计日志已有 {noted} 的记录: 按后者审查;请校准时钟",
)
REFUSED = Text(
    "{what}: the egress gate says: {answer}; rules: {rules}{papers}",
    "{what}: 出口审查结论: {answer}; 规则: {rules}{papers}",
)
PAPERS_MISSING = Text("; missing: {papers}", "; 缺少: {papers}")
REFUSED_FIX = Text(
    "varhouse share check {store} --to {recipient}{cohorts} --content {content} "
    "tells all of it",
    "用 varhouse share check {store} --to {recipient}{cohorts} --content {content} "
    "查看全部理由",
)
VIEW_FIX = Text(
    "; aggregates for others come from a view: --audience {role}",
    "; 给他人的汇总数据取自视图: --audience {role}",
)
NO_RULES_FIX = Text(
    "varhouse share rules {store} builtin", "varhouse share rules {store} builtin (登记规则)"
)
TO_IS_NEEDED = Text(
    "{store} is governed: {what} gives data away, and nothing says to whom",
    "{store} 受管理: {what} 会带出数据, 但未说明提供给谁",
)
TO_IS_NEEDED_FIX = Text(
    "--to RECIPIENT, a name of the ledger; --to inside for your own work",
    "加 --to 接收方 (台账中的名称); 自用请加 --to inside",
)
UNDECIDED = Text(
    "{what} may not read a governed store: nobody has decided what it gives away",
    "{what} 不得读取受管理的库: 尚未确定它会带出哪些数据",
)

CERTAINTIES: dict[str, Text] = {
    "seen": Text("read in stored material", "已查阅所存资料"),
    "memory": Text("remembered, not checked again", "凭记忆,未再核对"),
    "assumed": Text("our cautious reading", "从严理解"),
    "house": Text("rule of this program", "本程序的规则"),
}
"""How sure a rule is."""
