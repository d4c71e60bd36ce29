"""Terms of the Data Use Ontology: what people agreed to, in codes.

A permission (`DUO:0000042`, general research use) and modifiers of it (`DUO:0000046`,
non-commercial use only). The list is `data/governance/duo.tsv`, with Chinese names of ours.
"""

import re
from functools import cache

from varhouse.governance.codes import CodeList, codes_of, folded
from varhouse.governance.fields import clean
from varhouse.language import Text

DISEASE_SPECIFIC = "DUO:0000007"
"""Research of one disease, which the scope of the consent has to name."""


@cache
def duo_terms() -> CodeList:
    """Give the list of terms: found as DUO:0000042, DUO_0000042, GRU, or by name."""
    what = Text("DUO term", "DUO 条目")
    return CodeList(what, "DUO", codes_of("duo.tsv"), folded, lambda c: [c.row["short"]])


def is_modifier(code: str) -> bool:
    """Tell whether a term only limits or widens a permission."""
    return duo_terms().codes[code].row["kind"] == "modifier"


def read_duo(value: str) -> str:
    """Take a DUO term by number, letters or name; `DUO:0000042` is kept."""
    text = re.sub(r"\A.*/(?=DUO_)", "", clean(value))
    return duo_terms().read(re.sub(r"\A(?i:duo)[\s:_-]*(?=\d{7}\Z)", "DUO:", text))
