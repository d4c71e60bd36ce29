"""Terms of the Data Use Ontology: what people agreed to, in codes.

A permission (`DUO:0000042`, general research use) and modifiers of it (`DUO:0000046`,
non-commercial use only). The list is `data/governance/duo.tsv`, with Chinese names of ours.
"""

import re
from functools import cache

from varhouse.governance.codes import CodeList, codes_of, folded
from varhouse.governance.fields import FormError, clean
from varhouse.language import Text

DISEASE_SPECIFIC = "DUO:0000007"
"""Research of one disease, which the scope of the consent has to name."""


@cache
def duo_terms() -> CodeList:
    """Give the list of terms: found as DUO:0000042, DUO_0000042, GRU, or by name."""
    what = Text("DUO term", "DUO 条目")
    return CodeList(what, "DUO", codes_of("duo.tsv"), folded, lambda c: [c.row["short"]])


def is_modifier(code: str) -> bool:
    """Tell whether a term only limits or widens a permission, as a disease does."""
    found = duo_terms().codes.get(code)
    return found is None or found.row["kind"] == "modifier"


def is_disease(code: str) -> bool:
    """Tell whether what is kept beside terms is the code of a disease."""
    return _DISEASE.fullmatch(code) is not None


_DISEASE = re.compile(
    r"(MONDO|DOID|HP|OMIM|ORPHA|EFO|ICD10)[:_]?([A-Z]?\d{2,7}(?:\.\d{1,3})?)"
)
"""Codes of diseases that stand beside `DS`, of ontologies and of lists."""

_OF_A_DISEASE = re.compile(
    r"(?:DS|DUO[:_]0000007)[\s:_-]*[\[(]?([A-Z][A-Z0-9]+[:_]?[A-Z0-9.]+)[\])]?"
)

_WIDENS = ("MDS", "RD")
"""Of dbGaP's groups: methods development, and related disorders, are allowed, too. DUO has no
term for what is not limited (its `NMDS` is the limit)."""

_WITH_VALUE = Text(
    "{value!r}: nothing keeps {rest!r} of it; fix: write {term}, and what it is limited to in "
    "the scope of the consent; a disease by its code, as DS-MONDO:0005148",
    "{value!r}: 无法保存其中的 {rest!r};请填写 {term},并在知情同意范围中写明所限内容;"
    "疾病请写编码,例如 DS-MONDO:0005148",
)


def read_duo(value: str) -> list[str]:
    """Take a DUO term by number, letters or name, or several that are joined with hyphens.

    Forms: `DUO:0000042`, `DUO_0000042`, its address, `GRU`, its name; `GRU-IRB-PUB` and
    `HMB(CC)`, as dbGaP's consent groups and the Consent Codes write them
    (doi:10.1371/journal.pgen.1005772); `DS-MONDO:0005148`, a disease by its code.

    Returns
    -------
    list of str
        Terms as `DUO:0000042`, and codes of diseases as `MONDO:0005148`.

    Raises
    ------
    FormError
        If a part of it is no term, or has a value that no code keeps (`DS-CVD`, `GS-CN`).
    """
    text = re.sub(r"\A.*/(?=DUO_)", "", clean(value))
    text = re.sub(r"\A(?i:duo)[\s:_-]*(?=\d{7}\Z)", "DUO:", text)
    terms = duo_terms()
    if code := terms.find(text):
        return [code]
    if found := _DISEASE.fullmatch(text.upper()):
        return [f"{found[1]}:{found[2]}"]
    whole = _OF_A_DISEASE.fullmatch(text.upper())
    if whole and (found := _DISEASE.fullmatch(whole[1])):
        return [DISEASE_SPECIFIC, f"{found[1]}:{found[2]}"]
    return _joined(value, re.sub(r"\((\w+)\)", r"-\1", text))


def _joined(value: str, text: str) -> list[str]:
    """Take terms that are joined with hyphens, each by its letters."""
    terms = duo_terms()
    short = {c.row["short"]: c.code for c in terms.codes.values()}
    head, *more = text.upper().split("-")
    if head not in short or not more:
        terms.read(text)
    for part in more:
        # One permission, and what limits it: two permissions are two items.
        if part not in _WIDENS and not (part in short and is_modifier(short[part])):
            raise FormError(_WITH_VALUE, value=value, rest=part, term=head)
    return [short[p] for p in (head, *more) if p in short]
