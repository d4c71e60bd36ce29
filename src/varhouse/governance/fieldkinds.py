"""Kinds of entries of the ledger, and the fields that each may have.

A field has a name, which entries keep, a form (`fields.py`), and what it is called in Chinese
and English, by which columns of sheets are understood.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from varhouse.governance.codes import (
    read_accession,
    read_country,
    read_ethnic_group,
    read_province,
)
from varhouse.governance.codescredit import read_credit_code
from varhouse.governance.days import ZONE
from varhouse.governance.duo import read_duo
from varhouse.governance.fields import (
    APART,
    DATE,
    DESCRIBED,
    FLAG,
    NAMES,
    NUMBER,
    PAPER_NUMBER,
    PLACES_APART,
    SHARE,
    TEXT,
    TEXTS,
    Form,
    as_word,
    one_of,
)
from varhouse.governance.judgetexts import KINDS as MISSING
from varhouse.governance.judgetexts import PAPER_NAMES
from varhouse.governance.model import Assay, PaperKind, RecipientKind, Tier
from varhouse.language import Text

PEOPLE = "people."
"""Begins the fields of a cohort's people by assay: `people.WGS`."""

_ASSAYS = {
    "wgs": "WGS", "全基因组": "WGS", "全基因组测序": "WGS", "genome": "WGS", "genomes": "WGS",
    "wes": "WES", "外显子": "WES", "全外显子": "WES", "全外显子组": "WES",
    "全外显子组测序": "WES", "exome": "WES", "exomes": "WES",
    "array": "array", "芯片": "array", "基因芯片": "array", "chip": "array",
    "snp_array": "array",
    "panel": "panel", "靶向": "panel", "靶向测序": "panel", "targeted": "panel",
    "nipt": "NIPT", "无创产前检测": "NIPT", "无创": "NIPT",
}  # fmt: skip
_TIERS = {
    **{t.value.casefold(): t.value for t in Tier},
    "0": "T0", "1": "T1", "2": "T2", "3": "T3",
}  # fmt: skip
_PAPERS = {
    **{k.value: k.value for k in PaperKind},
    "伦理审查": "ethics", "伦理": "ethics", "伦理批件": "ethics", "ethics_approval": "ethics",
    "知情同意": "consent", "知情同意书": "consent",
    "采集审批": "collection", "采集": "collection", "人类遗传资源采集审批": "collection",
    "collection_approval": "collection",
    "保藏审批": "preservation", "保藏": "preservation",
    "人类遗传资源保藏审批": "preservation", "biobank": "preservation",
    "国际合作科学研究审批": "international_research", "国际合作": "international_research",
    "国际科学研究合作": "international_research", "国际合作审批": "international_research",
    "international": "international_research",
    "材料出境审批": "material_export", "材料出境": "material_export",
    "出境审批": "material_export",
    "国际合作临床试验备案": "trial_filing", "临床试验备案": "trial_filing",
    "重要遗传家系和特定地区人类遗传资源登记": "registration",
    "重要遗传家系登记": "registration", "特定地区登记": "registration", "登记": "registration",
    "信息对外提供事先报告": "report", "信息对外提供或开放使用事先报告": "report",
    "对外提供事先报告": "report", "事先报告": "report", "prior_report": "report",
    "信息备份": "backup", "信息备份回执": "backup", "备份": "backup",
    "安全审查": "security_review", "review": "security_review",
    "数据访问委员会决定": "dac_decision", "dac": "dac_decision",
    "境外数据依据": "foreign_data_basis", "境外受控数据依据": "foreign_data_basis",
    "basis": "foreign_data_basis",
    "出境安全评估": "transfer_assessment", "数据出境评估": "transfer_assessment",
    # What answers and lists call a paper is what people enter it as.
    **{
        as_word(name): kind.value
        for kind in PaperKind
        for text in (MISSING[kind], PAPER_NAMES[kind])
        for name in (text.en, text.zh)
    },
}  # fmt: skip
_RECIPIENTS = {
    **{k.value: k.value for k in RecipientKind},
    "本单位": "inside", "境内": "domestic", "国内": "domestic",
    "外方": "foreign", "境外": "foreign", "外方单位": "foreign",
    "公开": "open", "开放": "open", "public": "open",
}  # fmt: skip

ASSAYS = Form(
    Text("WGS, WES, array, panel, NIPT", "全基因组(WGS), 外显子(WES), 芯片, 靶向, 无创"),
    one_of(_ASSAYS, "WGS, WES, array, panel, NIPT"),
    Assay,
    is_list=True,
    apart=r"[,;，；、|\s/+]+",
)
TIER = Form(Text("T0, T1, T2, T3", "分级 T0 至 T3"), one_of(_TIERS, "T0, T1, T2, T3"), Tier)
ACCESSIONS = Form(
    Text("accessions of NGDC, CNSA, INSDC, ...", "登记号 (NGDC, CNSA, INSDC 等)"),
    read_accession,
    is_list=True,
    apart=APART,
)
PROVINCES = Form(
    Text("provinces, GB/T 2260 or names", "省份,GB/T 2260 代码或名称"),
    read_province,
    is_list=True,
    apart=PLACES_APART,
)
ETHNIC_GROUPS = Form(
    Text("ethnic groups, GB/T 3304 or names", "民族,GB/T 3304 代码或名称"),
    read_ethnic_group,
    is_list=True,
    apart=PLACES_APART,
)
DUO = Form(Text("DUO codes", "DUO 代码"), read_duo, is_list=True, apart=r"[,;，；、|+\n]+")
CREDIT_CODE = Form(
    Text("18 letters and digits, GB 32100", "18 位统一社会信用代码"), read_credit_code
)
COUNTRY = Form(Text("country, ISO 3166-1 or name", "国家,ISO 3166-1 代码或名称"), read_country)
PAPER_KIND = Form(
    Text("kind of paper", "批件类型"),
    one_of(_PAPERS, ", ".join(PaperKind)),
    PaperKind,
)
RECIPIENT_KIND = Form(
    Text("inside, domestic, foreign, open", "本单位, 境内, 外方, 公开"),
    one_of(_RECIPIENTS, ", ".join(RecipientKind)),
    RecipientKind,
)


@dataclass(frozen=True)
class Field:
    """A field of an entry.

    Attributes
    ----------
    name
        As entries have it; also the heading of a column in English.
    form
        What a value looks like.
    title
        What it is called; the Chinese one is a heading of a column, too.
    others
        Further headings.
    """

    name: str
    form: Form
    title: Text
    others: tuple[str, ...] = ()


@dataclass(frozen=True)
class EntryKind:
    """A kind of entry.

    Attributes
    ----------
    subject
        What it is about.
    needed
        Fields without which nothing is known of a subject.
    """

    name: str
    subject: Text
    fields: Mapping[str, Field]
    needed: tuple[str, ...] = ()

    @property
    def word(self) -> str:
        """What messages call it, in the reader's language."""
        return _WORDS[self.name].say()


_WORDS = {
    "cohort": Text("cohort", "队列"),
    "consent": Text("consent", "知情同意"),
    "paper": Text("paper", "批件"),
    "recipient": Text("recipient", "接收方"),
    "grant": Text("grant", "授权"),
    "withdraw": Text("withdraw", "撤回"),
    "rules": Text("rules", "规则"),
    "small_counts": Text("small_counts", "小计数保护"),
    "days": Text("days", "日期时区"),
}


def _kind(
    name: str, en: str, zh: str, *fields: Field, needed: tuple[str, ...] = ()
) -> EntryKind:
    return EntryKind(name, Text(en, zh), {f.name: f for f in fields}, needed)


def _field(name: str, form: Form, en: str, zh: str, *others: str) -> Field:
    return Field(name, form, Text(en, zh), others)


_ASSAY_NAMES = {
    "WGS": ("genomes", "全基因组测序人数"), "WES": ("exomes", "全外显子组测序人数"),
    "array": ("arrays", "芯片检测人数"), "panel": ("targeted panels", "靶向测序人数"),
    "NIPT": ("NIPT", "无创产前检测人数"),
}  # fmt: skip

COHORT = _kind(
    "cohort", "cohort", "队列",
    _field("title", TEXT, "title", "项目名称", "标题", "队列标题"),
    _field("description", TEXT, "description", "项目简介", "简介", "描述"),
    _field("accessions", ACCESSIONS, "accessions", "登记号", "accession",
           "project", "项目编号"),
    _field("holder", CREDIT_CODE, "legal holder (unified social credit code)",
           "统一社会信用代码", "法人统一社会信用代码", "持有单位代码", "信用代码",
           "社会信用代码", "uscc", "credit_code"),
    _field("holder_name", TEXT, "name of the legal holder", "持有单位", "法人单位", "单位名称",
           "holder_unit"),
    _field("investigator", TEXT, "principal investigator", "项目负责人", "负责人", "pi"),
    _field("contact", TEXT, "contact", "联系方式", "联系邮箱", "email"),
    _field("publications", TEXTS, "publications", "发表文献", "文献", "publication"),
    _field("provinces", PROVINCES, "provinces of collection (GB/T 2260)", "采集省份", "省份",
           "采集地区", "采集地", "省", "省份代码", "采集省市", "province", "province_code"),
    _field("ethnic_groups", ETHNIC_GROUPS, "ethnic groups (GB/T 3304)", "民族", "民族代码",
           "ethnic_group",
           "ethnicity"),
    *(_field(PEOPLE + a, NUMBER, f"people with {en}", zh, f"people_{a.lower()}",
             f"n_{a.lower()}", f"{a.lower()}人数")
      for a, (en, zh) in _ASSAY_NAMES.items()),
    _field("people_total", NUMBER, "distinct people", "总人数", "人数", "例数", "people",
           "n_people"),
    _field("is_pedigree", FLAG, "important genetic family", "重要遗传家系", "家系",
           "是否重要遗传家系",
           "pedigree", "是否家系"),
    _field("generations_affected", NUMBER, "affected generations", "患病代数",
           "generations"),
    _field("disease", TEXT, "disease of the families", "家系疾病", "疾病", "disease_name"),
    _field("is_specific_region", FLAG, "people of a specific region", "特定地区",
           "特定地区人群", "是否特定地区人群", "specific_region", "是否特定地区"),
    _field("us_people", NUMBER, "people of the United States", "美国人人数", "美国人数",
           "美籍人数",
           "us_persons"),
    _field("foreign_share", SHARE, "share of foreign parties in the holder",
           "持有单位外资比例", "外资比例"),
    _field("tier", TIER, "tier", "数据分级", "数据级别", "分级", "级别", "data_tier"),
    _field("storage_site", TEXT, "storage site", "存储地点", "存储节点", "junction"),
    _field("embargo_until", DATE, "last day of the embargo", "禁发期至", "禁发期", "embargo"),
    _field("licence", TEXT, "licence", "使用许可", "许可协议", "license"),
    _field("dac", TEXT, "data access committee", "数据访问委员会", "data_access_committee"),
    _field("survey_round", TEXT, "round of the national survey", "普查轮次", "调查轮次",
           "survey"),
    _field("same_people_as", NAMES, "cohorts of the same people", "相同人群队列",
           "同人群队列"),
    _field("taxon", NUMBER, "NCBI taxon", "物种编号", "taxon_id", "ncbi_taxon"),
)  # fmt: skip

CONSENT = _kind(
    "consent", "consent of a cohort", "队列的知情同意",
    _field("version", DESCRIBED, "version of the consent form", "知情同意书版本",
           "知情同意版本"),
    _field("scope", DESCRIBED, "scope of the consent", "知情同意范围"),
    _field("duo", DUO, "DUO codes", "DUO代码", "duo_code", "duo_codes", "数据使用代码"),
    _field("withdrawal_contact", TEXT, "contact for withdrawal", "退出联系方式"),
    _field("ai_training", FLAG, "consent to training of models", "同意用于模型训练"),
)  # fmt: skip

PAPER = _kind(
    "paper", "permit, filing, review, report or approval", "批件、备案、审查、报告或批准",
    _field("kind", PAPER_KIND, "kind of paper", "批件类型", "类型"),
    _field("number", PAPER_NUMBER, "number", "批件编号", "编号", "批准号", "批件号", "文号",
           "批准文号"),
    _field("issuer", TEXT, "issuer", "发文机关", "批准机构", "签发机构", "审批机关",
           "发证机关", "authority"),
    _field("cohorts", NAMES, "cohorts (* for all)", "队列", "适用队列", "cohort",
           "cohort_id", "cohort_name", "队列名称"),
    _field("valid_from", DATE, "first day", "有效期起", "批准日期", "生效日期", "date"),
    _field("valid_until", DATE, "last day", "有效期至", "有效期止", "截止日期", "到期日期",
           "expiry"),
    _field("people", NUMBER, "people that it covers", "批准人数", "批准例数",
           "approved_people", "n_people"),
    _field("assays", ASSAYS, "assays that it covers", "检测类型", "assay"),
    _field("recipients", TEXTS, "recipients that it covers", "批准接收方", "接收方",
           "recipient"),
    _field("purposes", TEXTS, "purposes that it covers", "批准用途", "用途", "purpose"),
    _field("resources", NAMES, "foreign databases of a basis", "境外数据库", "resource"),
    _field("revoked", DATE, "day from which it counts no more", "撤销日期", "失效日期",
           "revoked_on"),
    needed=("kind", "number", "cohorts"),
)  # fmt: skip

RECIPIENT = _kind(
    "recipient", "recipient", "接收方",
    _field("kind", RECIPIENT_KIND, "kind of recipient", "接收方类型", "类型"),
    _field("country", COUNTRY, "country (ISO 3166-1)", "国家", "国家代码"),
    _field("foreign_share", SHARE, "share of foreign parties", "外资比例"),
    _field("contact", TEXT, "contact", "联系方式", "email"),
    _field("crypt4gh_key", TEXT, "public key of Crypt4GH", "加密公钥", "public_key"),
    _field("code", CREDIT_CODE, "unified social credit code", "统一社会信用代码",
           "credit_code"),
    needed=("kind",),
)  # fmt: skip

GRANT = _kind(
    "grant", "grant to a user", "用户授权",
    _field("principal", TEXT, "user of the system", "用户", "user"),
    _field("cohort", TEXT, "cohort", "队列", "cohort_id", "cohort_name", "队列名称"),
    _field("until", DATE, "last day", "有效期至", "有效期止", "valid_until"),
    _field("reason", TEXT, "reason", "理由", "原因"),
    needed=("principal", "cohort"),
)  # fmt: skip

WITHDRAW = _kind(
    "withdraw", "withdrawal of a cohort", "队列撤回",
    _field("from", DATE, "day from which it may be used no more", "撤回日期"),
    _field("reason", TEXT, "reason", "原因"),
    needed=("from",),
)  # fmt: skip

RULES = _kind(
    "rules", "rules in use", "所用规则",
    _field("file", TEXT, "file", "文件"),
    _field("digest", TEXT, "digest", "摘要值"),
    _field("version", TEXT, "version", "版本"),
)  # fmt: skip

SMALL_COUNTS = _kind(
    "small_counts", "protection of small counts", "小计数保护",
    _field("preset", TEXT, "preset", "预设"),
    _field("digest", TEXT, "digest", "摘要值"),
    _field("version", TEXT, "version", "版本"),
)  # fmt: skip

DAYS = _kind(
    "days", "by which days is counted", "日期时区",
    _field("zone", ZONE, "place or offset from UTC by which days are counted", "时区"),
    needed=("zone",),
)  # fmt: skip

OF_THE_STORE = (RULES, SMALL_COUNTS, DAYS)
"""Of the store as a whole: one of each, called as its kind is."""

KINDS: dict[str, EntryKind] = {
    k.name: k for k in (COHORT, CONSENT, PAPER, RECIPIENT, GRANT, WITHDRAW, *OF_THE_STORE)
}
"""Name of a kind, as entries have it, to the kind."""
