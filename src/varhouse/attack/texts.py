"""What attacks say, in both languages."""

from collections.abc import Mapping
from typing import Any

from varhouse.language import Text

BEYOND = {
    "power": Text(
        "members are told from others with power {value} at {rate} of false positives; at "
        "most {most} is allowed",
        "成员推断攻击在假阳性率 {rate} 下的检验效能为 {value},超过上限 {most}",
    ),
    "small_cells": Text(
        "{value} small counts follow from what is shown; at most {most} are allowed",
        "可由已显示的数据推出 {value} 个小计数,超过上限 {most}",
    ),
    "differences": Text(
        "{value} counts differ by fewer than k from an earlier release or a more open role; "
        "at most {most} are allowed",
        "与以前的版本或更公开的角色相比,有 {value} 个计数的差小于 k,超过上限 {most}",
    ),
    "genotypes": Text(
        "{value} genotypes of single people follow from two releases; at most {most} are "
        "allowed",
        "由两个版本相减可推出 {value} 个个人基因型,超过上限 {most}",
    ),
}
"""Name of a bound to what is said when it is exceeded."""

LINES: dict[str, Text] = {
    "all": Text("all cohorts", "全部队列"),
    "membership": Text(
        "{scope}: of {people:,} people by {alleles:,} alleles, members are found with power "
        "{power:.3f} at 0.05 of false positives, {rare:.3f} at 0.001",
        "{scope}:{people:,} 人,{alleles:,} 个等位基因;成员推断的检验效能在假阳性率 0.05 下为 "
        "{power:.3f},0.001 下为 {rare:.3f}",
    ),
    "relatives": Text(
        "  who is no member and has a parent or child who is: power {power:.3f} at 0.05, "
        "{rare:.3f} at 0.001",
        "  本人不在其中而父母或子女在其中者:检验效能在 0.05 下为 {power:.3f},"
        "0.001 下为 {rare:.3f}",
    ),
    "needed": Text(
        "yes/no questions for any alleles of a target until power is 0.95 at 0.05: {n:,}",
        "就目标的任意等位基因询问有无,检验效能达到 0.95(假阳性率 0.05)所需次数:{n:,}",
    ),
    "questions": Text(
        "yes/no questions for a target's rarest alleles: {told}",
        "就目标最罕见的等位基因逐一询问有无:{told}",
    ),
    "question": Text("power {power:.2f} after {n}", "{n} 次后效能 {power:.2f}"),
    "small": Text(
        "small counts below {k} that follow: {n:,}", "可推出的小于 {k} 的计数:{n:,} 个"
    ),
    "cell": Text(
        "{allele} in {scope}, {by} {stratum}: {count} = {value} ({how})",
        "{allele},{scope},{by} 层 {stratum}:{count} = {value}({how})",
    ),
    "rounded": Text(
        "counts are rounded to multiples of {base}: sums and differences are not asked",
        "计数按 {base} 的倍数取整:不测算加和与求差",
    ),
    "changes": Text(
        "counts that differ by fewer than {k} from earlier releases or more open roles: {n:,}"
        "; genotypes of single people: {genotypes:,}",
        "与以前版本或更公开角色相差小于 {k} 的计数:{n:,} 个;可得的个人基因型:{genotypes:,} 个",
    ),
}


WRONG = {
    "name": Text(
        "no bound of attacks is called {name!r}{near}", "没有名为 {name!r} 的攻击上限{near}"
    ),
    "value": Text("{name}: {value!r} is no number from 0 up", "{name}:{value!r} 不是非负数"),
    "rate": Text(
        "fpr: power is not measured at {value!r}; one of {rates}",
        "fpr:未测算假阳性率 {value!r} 下的检验效能;可选 {rates}",
    ),
}
ATTACKED = Text(
    "the view {role} would tell too much: {what}", "视图 {role} 会泄露过多信息:{what}"
)
ATTACKED_FIX = Text(
    "show less (--leave-out, a greater k), or set policy.small_counts.roles.{role}.attack to "
    "what may be told",
    "请减少展示内容(--leave-out 或增大 k),或在 policy.small_counts.roles.{role}.attack "
    "中设定可接受的上限",
)


def name_of(cell: Mapping[str, Any]) -> str:
    """Say a small count that was found, in the language of the reader."""
    allele = "-".join(str(cell[n]) for n in ("contig", "pos", "ref", "alt"))
    return LINES["cell"].say(
        allele=allele, scope=cell["scope"] or LINES["all"].say(), by=cell["stratum_by"],
        stratum=cell["stratum"], count=cell["count"], value=cell["value"], how=cell["how"],
    ).strip()  # fmt: skip


def lines_of(measured: Mapping[str, Any]) -> list[str]:
    """Say what was measured, a line each, in the language of the reader."""
    lines = []
    for scope, of in measured["membership"].items():
        lines.append(
            LINES["membership"].say(
                scope=scope or LINES["all"].say(),
                people=of["people"],
                alleles=of["alleles"],
                power=of["power"]["0.05"],
                rare=of["power"]["0.001"],
            )
        )
        near = of["relatives"]
        lines.append(LINES["relatives"].say(power=near["0.05"], rare=near["0.001"]))
    told = [
        LINES["question"].say(n=n, power=power) for n, power in measured["questions"].items()
    ]
    if told:
        lines.append(LINES["questions"].say(told=", ".join(told)))
    if measured["questions_needed"] is not None:
        lines.append(LINES["needed"].say(n=measured["questions_needed"]))
    k = measured["k"]
    if k > 1:
        lines.append(LINES["small"].say(k=k, n=measured["small_cells"]))
        lines += [f"  {name_of(cell)}" for cell in measured["examples"]]
        base, n = measured["rounding"], measured["differences"]
        lines.append(
            LINES["rounded"].say(base=base)
            if base > 1
            else LINES["changes"].say(k=k, n=n, genotypes=measured["genotypes"])
        )
    return lines
