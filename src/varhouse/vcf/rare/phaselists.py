"""Lists of phase sets of a sample: PSL, PSO and PSQ (VCF 4.4 and 4.5, section 1.6.2)."""

import re


def phase_list_fault(cells: dict[str, str]) -> str | None:
    """Say what is wrong with PSL, PSO and PSQ of a sample (section 1.6.2)."""
    names = cells.get("PSL", ".").split(",")
    for key in ("PSO", "PSQ"):
        values = cells.get(key, ".").split(",")
        pairs = zip(names, values, strict=False)
        if values != ["."] and any(n == "." and v != "." for n, v in pairs):
            return f"{key} where PSL is ."
    gt = cells.get("GT", "")
    if names == ["."] or not gt:
        return None
    if cells.get("PS", ".") != "." and set(names) != {"."}:
        return "both PS and PSL"
    marks = re.findall(r"[/|]", gt)
    if gt[:1] not in "/|":
        marks.insert(0, "/" if "/" in marks else "|")
    if any(m == "/" and n != "." for m, n in zip(marks, names, strict=False)):
        return "PSL names a phase set for an allele that is not phased"
    return None
