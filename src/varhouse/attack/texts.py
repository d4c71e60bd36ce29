"""What attacks say, in both languages."""

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
