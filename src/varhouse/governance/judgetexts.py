"""What judgements say to people, in Chinese and English."""

from varhouse.governance.model import PaperKind
from varhouse.language import Text

NOT_YET = Text("{kind} {number} counts from {day} on", "{kind} {number} 自 {day} 起生效")
EXPIRED = Text("{kind} {number} expired on {day}", "{kind} {number} 已于 {day} 到期")
REVOKED = Text("{kind} {number} was revoked on {day}", "{kind} {number} 已于 {day} 撤销")
OTHER_COHORT = Text("{kind} {number} is not of this cohort", "{kind} {number} 不属于该队列")
OTHER_RECIPIENT = Text(
    "{kind} {number} names other recipients", "{kind} {number} 批准的接收方不含本接收方"
)
OTHER_PURPOSE = Text(
    "{kind} {number} is for other purposes", "{kind} {number} 批准的用途不含本用途"
)
TOO_FEW = Text(
    "{kind} {number} covers {approved:,} people, there are {people:,}",
    "{kind} {number} 批准 {approved:,} 人,实有 {people:,} 人",
)
PEOPLE_UNKNOWN = Text(
    "{kind} {number} covers {approved:,} people, and how many there are is not known",
    "{kind} {number} 批准 {approved:,} 人,实有人数不明",
)
OTHER_ASSAY = Text(
    "{kind} {number} covers {covered}, not {missing}",
    "{kind} {number} 只涵盖 {covered},不含 {missing}",
)
NOT_NAMED = Text("{kind} {number} does not name {what}", "{kind} {number} 未写明{what}")
THAT_NAMES = Text("{kind} that names {what}", "写明{what}的{kind}")
NO_PAPER = Text("no {kind} in the ledger", "台账中没有{kind}")
UNKNOWN = Text("not known: {facts}", "未登记: {facts}")
SATISFIED = Text("satisfied by {papers}", "已由 {papers} 满足")
OTHER_ISSUER = Text(
    "{kind} {number} of {day} names as its issuer {issuer}; on that day it was {names}",
    "{kind} {number}({day})写明的签发机关为 {issuer},当日应为 {names}",
)
ISSUER_TITLE = Text("Who gives this paper", "批件的签发机关")
DRAFT = Text("draft, not in force", "征求意见稿,尚未生效")

KINDS: dict[PaperKind, Text] = {
    PaperKind.ETHICS: Text("ethics approval", "伦理审查批件"),
    PaperKind.CONSENT: Text("informed consent", "知情同意"),
    PaperKind.COLLECTION: Text("collection approval", "采集审批"),
    PaperKind.PRESERVATION: Text("preservation approval", "保藏审批"),
    PaperKind.RESEARCH: Text("approval of international cooperation", "国际合作科学研究审批"),
    PaperKind.EXPORT: Text("approval of export of material", "材料出境审批"),
    PaperKind.TRIAL: Text("filing of an international clinical trial", "国际合作临床试验备案"),
    PaperKind.REGISTRATION: Text(
        "registration of a family or region", "重要遗传家系或特定地区登记"
    ),
    PaperKind.REPORT: Text("report in advance", "信息对外提供事先报告"),
    PaperKind.BACKUP: Text("information backup", "信息备份"),
    PaperKind.REVIEW: Text("security review", "安全审查"),
    PaperKind.DAC: Text("decision of the data access committee", "数据访问委员会决定"),
    PaperKind.BASIS: Text("basis for foreign data", "境外数据使用依据"),
    PaperKind.ASSESSMENT: Text("assessment of the transfer abroad", "数据出境安全评估"),
}
"""What papers are called where one is missing: the thing that has to be got."""

PAPER_NAMES: dict[PaperKind, Text] = {
    PaperKind.ETHICS: Text("ethics approval", "伦理审查"),
    PaperKind.CONSENT: Text("informed consent", "知情同意"),
    PaperKind.COLLECTION: Text("collection approval", "采集审批"),
    PaperKind.PRESERVATION: Text("preservation approval", "保藏审批"),
    PaperKind.RESEARCH: Text("international research approval", "国际合作科学研究审批"),
    PaperKind.EXPORT: Text("material export approval", "材料出境审批"),
    PaperKind.TRIAL: Text("clinical trial filing", "国际合作临床试验备案"),
    PaperKind.REGISTRATION: Text(
        "registration of families or regions", "重要遗传家系和特定地区登记"
    ),
    PaperKind.REPORT: Text("report in advance", "信息对外提供或开放使用事先报告"),
    PaperKind.BACKUP: Text("receipt of the backup", "信息备份回执"),
    PaperKind.REVIEW: Text("security review", "安全审查"),
    PaperKind.DAC: Text("decision of the data access committee", "数据访问委员会决定"),
    PaperKind.BASIS: Text("basis for foreign data", "境外受控数据依据"),
    PaperKind.ASSESSMENT: Text("assessment of a transfer abroad", "数据出境安全评估"),
}
"""What they are called where one is listed: by what it lets do."""

NAMED = {
    "cohorts": Text("the cohort", "队列"),
    "assays": Text("the assay", "检测类型"),
    "recipients": Text("the recipient", "接收方"),
    "purposes": Text("the purpose", "用途"),
    "resources": Text("the database {resource}", "数据库 {resource}"),
}
"""What a paper may have to name."""
