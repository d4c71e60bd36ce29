"""Keys that the specifications reserve: what INFO and FORMAT keys hold, per VCF version.

VCF 4.3 to 4.5 give Number and Type in tables; 4.1 and 4.2 only list the keys, and the
validator of the EBI (EVA) reads them as the later tables do, which its test files and
those of hts-specs demand. Where EVA and the text of 4.4 differ (CICN, CIPOS, EVENT ...)
the text holds.
"""

import re
from dataclasses import dataclass, replace
from functools import cache

ANY = "."
"""Number or Type that a declaration may choose."""


@dataclass(frozen=True)
class Reserved:
    """What a reserved key holds.

    Attributes
    ----------
    number, type
        As in a header line; `.` is free.
    section
        Section of the specification.
    low, high
        Inclusive bounds of each number; infinite when there are none.
    strict
        False: files differ so much that another declaration is only a warning, and
        values of a key that is not declared are not checked.
    """

    number: str
    type: str
    section: str
    low: float = float("-inf")
    high: float = float("inf")
    strict: bool = True


# Key: (Number, Type) of the tables "Reserved INFO keys" and "Reserved genotype keys".
_INFO = {
    "AA": "1 String", "AC": "A Integer", "AF": "A Float", "AN": "1 Integer", "BQ": "1 Float",
    "CIGAR": "A String", "DB": "0 Flag", "DP": "1 Integer", "END": "1 Integer",
    "H2": "0 Flag", "H3": "0 Flag", "MQ": "1 .", "MQ0": "1 Integer", "NS": "1 Integer",
    "SOMATIC": "0 Flag", "VALIDATED": "0 Flag", "1000G": "0 Flag",
}  # fmt: skip
_DEPTHS = {"AD": "R Integer", "ADF": "R Integer", "ADR": "R Integer"}
_FORMAT = {
    "DP": "1 Integer", "EC": "A Integer", "FT": "1 String", "GL": "G Float", "GP": "G Float",
    "GQ": "1 Integer", "GT": "1 String", "HQ": "2 Integer", "MQ": "1 Integer",
    "PL": "G Integer", "PQ": "1 Integer", "PS": "1 Integer",
}  # fmt: skip

# Structural variants (sections 3 and 4). Up to 4.3 SVLEN and HOMLEN are free.
_SV_INFO = {
    "IMPRECISE": "0 Flag", "NOVEL": "0 Flag", "SVTYPE": "1 String", "SVLEN": ". Integer",
    "CIPOS": "2 Integer", "CIEND": "2 Integer", "HOMLEN": ". Integer", "HOMSEQ": ". String",
    "BKPTID": ". String", "MEINFO": "4 String", "METRANS": "4 String", "DGVID": "1 String",
    "DBVARID": "1 String", "DBRIPID": "1 String", "MATEID": ". String", "PARID": "1 String",
    "EVENT": "1 String", "CILEN": "2 Integer", "DPADJ": ". Integer", "CN": "1 Integer",
    "CNADJ": ". Integer", "CICN": "2 Integer", "CICNADJ": ". Integer",
}  # fmt: skip
_SV_INFO_44 = {
    "IMPRECISE": "0 Flag", "NOVEL": "0 Flag", "SVTYPE": "1 String", "SVLEN": "A Integer",
    "CIPOS": ". Integer", "CIEND": ". Integer", "HOMLEN": ". Integer", "HOMSEQ": ". String",
    "BKPTID": ". String", "MEINFO": ". String", "METRANS": ". String", "DGVID": ". String",
    "DBVARID": ". String", "DBRIPID": ". String", "MATEID": ". String", "PARID": ". String",
    "EVENT": ". String", "EVENTTYPE": ". String", "CILEN": ". Integer", "CN": "A Float",
    "CICN": ". Float", "SVCLAIM": "A String", "RN": "A Integer", "RUS": ". String",
    "RUL": ". Integer", "RUC": ". Float", "RB": ". Integer", "CIRUC": ". Float",
    "CIRB": ". Integer", "RUB": ". Integer",
}  # fmt: skip
_SV_FORMAT = {
    "CN": "1 Integer", "CNQ": "1 Float", "CNL": ". Float", "NQ": "1 Integer",
    "HAP": "1 Integer", "AHAP": "1 Integer",
}  # fmt: skip
_SV_FORMAT_43 = {**_SV_FORMAT, "CNL": "G Float", "CNP": "G Float"}
_SV_FORMAT_44 = {**_SV_FORMAT_43, "CN": "1 Float", "CICN": "2 Float"}
_PHASE_LISTS = {"PSL": "P String", "PSO": "P Integer", "PSQ": "P Integer"}
_LOCAL = {
    "LEN": "1 Integer", "LA": ". Integer", "LAA": ". Integer", "LAD": "LR Integer",
    "LADF": "LR Integer", "LADR": "LR Integer", "LEC": "LA Integer", "LGL": "LG .",
    "LGP": "LG .", "LPL": "LG Integer", "LPP": "LG Integer", "PP": "G Integer",
}  # fmt: skip

_LOOSE = {
    1: {"INFO": {}, "FORMAT": {"AD": "R Integer"}},
    2: {"INFO": {**_DEPTHS}, "FORMAT": {**_DEPTHS}},
    3: {"INFO": {"SB": "4 Integer"}, "FORMAT": {"PP": "G Integer"}},
    4: {"INFO": {"SB": "4 Integer"}, "FORMAT": {"PP": "G Integer", **_PHASE_LISTS}},
    5: {"INFO": {"SB": "4 Integer"}, "FORMAT": {}},
}
"""Keys of common use or of EVA's silence: another declaration is only a warning."""

_SIGNED = {"SVLEN", "CIPOS", "CIEND", "CILEN", "CICN", "CICNADJ", "CIRUC", "CIRB", "CNADJ",
           "DPADJ"}  # fmt: skip
_PROBABILITY = {("INFO", "AF"), ("FORMAT", "GP"), ("FORMAT", "CNP")}
_MODIFIED = re.compile(
    r"(?:(?P<depth>DPM|ADM)|M)(?:\d+[ACGTUN]|5mC|5hmC|5fC|5caC|5hmU|5fU|5caU|6mA|8oxoG|[Xx]aoN)"
)
"""Base modifications of VCF 4.5 (`M5mC`, `DPM27551C` ...)."""


def _make(kind: str, name: str, what: str, section: str, *, strict: bool = True) -> Reserved:
    number, type_ = what.split()
    low, high = float("-inf"), float("inf")
    if (kind, name) in _PROBABILITY:
        low, high = 0.0, 1.0
    elif type_ == "Integer" and name not in _SIGNED:
        low = 0.0
    return Reserved(number, type_, section, low, high, strict)


@cache
def all_reserved(kind: str, version: int) -> dict[str, Reserved]:
    """Give the reserved keys of `INFO` or `FORMAT` for VCF 4.`version` (1 to 5)."""
    fixed = "1.4" if version <= 2 else "1.6"
    if kind == "INFO":
        plain, section = {**_INFO, **({} if version <= 2 else _DEPTHS)}, f"{fixed}.1"
        sv, sv_section = (_SV_INFO if version <= 3 else _SV_INFO_44), "3"
        if version == 5:
            plain["MQ"] = "1 Float"
    else:
        plain, section = {**_FORMAT, **({} if version <= 2 else _DEPTHS)}, f"{fixed}.2"
        sv_section = "4"
        sv = {1: _SV_FORMAT, 2: _SV_FORMAT, 3: _SV_FORMAT_43}.get(version, _SV_FORMAT_44)
        if version <= 2:
            plain["GLE"] = "G String"
        if version == 5:
            plain |= {**_LOCAL, **_PHASE_LISTS}
    loose = _LOOSE[version][kind]
    out = {n: _make(kind, n, w, section, strict=False) for n, w in loose.items()}
    out |= {n: _make(kind, n, w, sv_section) for n, w in sv.items()}
    out |= {n: _make(kind, n, w, section) for n, w in plain.items()}
    if kind == "FORMAT" and version <= 2:
        # Up to 4.2 GP is phred-scaled (section 1.4.2).
        out["GP"] = replace(out["GP"], high=float("inf"))
    return out


def reserved(kind: str, name: str, version: int | None) -> Reserved | None:
    """Say what a key must hold; None if the specification leaves it free.

    Parameters
    ----------
    kind
        `INFO` or `FORMAT`.
    version
        Minor version of the file (VCF 4.x); None, where the file does not say, is read
        as 4.3.
    """
    minor = 3 if version is None else version
    found = all_reserved(kind, minor).get(name)
    if found is None and kind == "FORMAT" and minor >= 5:
        match = _MODIFIED.fullmatch(name)
        if match and match["depth"]:
            return Reserved("M", "Integer", "1.6.2", low=0.0)
        if match:
            return Reserved("M", "Float", "1.6.2", 0.0, 1.0)
    return found
