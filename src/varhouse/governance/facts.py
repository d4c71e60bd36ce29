"""What rules may ask: the words of their conditions, with types and meanings.

A rule compares facts; whoever asks the rules (the ingest gate, the egress gate) gathers them.
A fact that is not known is None, and a condition about it is *unknown*, which counts as met
where the rule guards something: what is not known is not harmless.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from varhouse.governance.codes import countries
from varhouse.governance.duo import duo_terms
from varhouse.governance.foreign import load_foreign
from varhouse.governance.model import PaperKind, RecipientKind, Tier
from varhouse.language import Text


@dataclass(frozen=True)
class Fact:
    """A word of a condition.

    Attributes
    ----------
    words
        Of a text or list all that it can say; None: anything. What can never be would make a
        rule that never counts.
    most
        Of a number the largest that it can be; the smallest is 0.
    """

    name: str
    kind: type
    meaning: Text
    words: Callable[[], Iterable[str]] | None = None
    most: float = float("inf")


def _fact(
    name: str,
    kind: type,
    en: str,
    zh: str,
    words: Callable[[], Iterable[str]] | None = None,
    most: float = float("inf"),
) -> Fact:
    return Fact(name, kind, Text(en, zh), words, most)


FACTS: dict[str, Fact] = {
    f.name: f
    for f in (
        _fact("action", str, "ingest or share", "入库(ingest)或对外提供(share)",
              lambda: ("ingest", "share")),
        _fact("content", str, "individual or aggregate",
              "个体级(individual)或汇总级(aggregate)数据",
              lambda: ("individual", "aggregate")),
        _fact("people.total", int, "distinct people", "不同个体的人数"),
        _fact("people.WGS", int, "people with genome sequence", "全基因组测序人数"),
        _fact("people.WES", int, "people with exome sequence", "全外显子组测序人数"),
        _fact("people.array", int, "people on arrays", "芯片检测人数"),
        _fact("people.panel", int, "people with targeted panels", "靶向测序人数"),
        _fact("people.NIPT", int, "women with NIPT", "无创产前检测人数"),
        _fact("people.sequenced", int, "people with genome or exome sequence",
              "全基因组或全外显子组测序人数"),
        _fact("people.us", int, "people of the United States", "美国人的人数"),
        _fact("recipient.kind", str, "inside, domestic, foreign or open",
              "接收方类型: inside 本单位, domestic 境内, foreign 外方, open 公开",
              lambda: RecipientKind),
        _fact("recipient.name", str, "name of the recipient", "接收方名称"),
        _fact("recipient.country", str, "its country, ISO 3166-1 alpha-2",
              "接收方国家 (ISO 3166-1)", lambda: countries().codes),
        _fact("recipient.foreign_share", float, "share of foreign parties in it",
              "接收方外资比例", most=1),
        _fact("purpose", str, "what the data is for", "用途"),
        _fact("cohort.is_pedigree", bool, "people of families", "家系人群"),
        _fact("cohort.generations_affected", int, "affected generations", "患病代数"),
        _fact("cohort.disease", str, "the disease of the families", "家系疾病"),
        _fact("cohort.is_specific_region", bool, "people of a specific region",
              "特定地区人群"),
        _fact("cohort.foreign_share", float, "share of foreign parties in the holder",
              "持有单位外资比例", most=1),
        _fact("cohort.tier", str, "T0, T1, T2 or T3", "数据分级 T0 至 T3",
              lambda: Tier),
        _fact("cohort.duo", list, "DUO codes of the consent", "知情同意的 DUO 代码",
              lambda: duo_terms().codes),
        _fact("cohort.ai_training", bool, "consent to training of models", "同意用于模型训练"),
        _fact("cohort.is_embargoed", bool, "the embargo has not ended", "尚在禁发期内"),
        _fact("cohort.is_withdrawn", bool, "it may be used no more", "已撤回,不得再用"),
        _fact("cohort.papers", list, "kinds of its papers, whether they count or not",
              "该队列登记的文件类型(不论是否有效)", lambda: PaperKind),
        _fact("cohort.taxon", int, "NCBI taxon", "NCBI 物种编号"),
        _fact("foreign.resources", list, "controlled foreign databases that it names",
              "数据中出现的境外受控数据库",
              lambda: [r.name for r in load_foreign()]),
    )
}  # fmt: skip
"""Name to fact. Of several cohorts each is judged, and their people together."""
