"""INFO of symbolic alleles in VCF: END, SVLEN and what else their extent says.

A symbol is nothing without them. SVLEN is signed as in VCF 4.3: "Difference in length between
REF and ALT alleles", so that of a deletion is negative; it is 0 for an inversion, which has
END alone, as a CNV has. Read back, they give the same allele key.
"""

import polars as pl

from varhouse.alleles.extent import INFO_KEYS, parse_details, parse_extent

_MEANINGS = {
    "END": ("1", "Integer", "Last base of the symbolic allele"),
    "SVLEN": ("A", "Integer", "Difference in length between REF and ALT"),
    "CN": ("A", "Float", "Copy number of the allele"),
    "CHR2": ("1", "String", "Contig of the mate"),
    "POS2": ("1", "Integer", "Position of the mate"),
    "CT": ("1", "String", "Which ends are joined"),
    "STRANDS": ("1", "String", "Strands that are joined"),
    "RN": ("A", "Integer", "Number of repeat sequences of the allele"),
    "RUS": (".", "String", "Repeat unit sequence of each repeat sequence"),
    "RUC": (".", "Float", "Repeat unit count of each repeat sequence"),
    "RB": (".", "Integer", "Bases of each repeat sequence"),
}
OPEN_LINES = [
    '##INFO=<ID={},Number={},Type={},Description="{}">'.format(key, *_MEANINGS[key])
    for key in INFO_KEYS
]
"""Header lines that declare the keys that an extent is made of."""

_REPEATS = ("RUS", "RUC", "RB")
_ENDLESS = ("<INS", "<TRA", "<BND", "<CTX")


def open_info(frame: pl.DataFrame) -> pl.Series:
    """Give `END=...;SVLEN=...` of each row, null for alleles that are written out.

    Parameters
    ----------
    frame
        The columns pos, alt and extent.
    """
    rows = frame.select((pl.col("extent") != "").arg_true()).to_series()
    nothing = pl.Series("open", [None], dtype=pl.String).new_from_index(0, frame.height)
    if not rows.len():
        return nothing
    some = frame.select("pos", "alt", "extent")[rows]
    texts = [write_open(pos, alt, extent) for pos, alt, extent in some.iter_rows()]
    return nothing.scatter(rows, pl.Series(texts, dtype=pl.String))


def write_open(pos: int, alt: str, extent: str) -> str | None:
    """Write what INFO says of a symbolic allele at `pos` (1-based); None: nothing."""
    size, details = parse_extent(extent), parse_details(extent)
    found: dict[str, str] = {}
    if size.length is not None:
        if not alt.startswith(_ENDLESS):
            found["END"] = str(pos + size.reach)
        if alt.startswith("<DEL"):
            found["SVLEN"] = str(-size.length)
        elif size.span is not None or alt.startswith(("<INS", "<DUP")):
            found["SVLEN"] = str(size.length)
    repeats = [len(details[k].split(",")) for k in _REPEATS if k in details]
    if repeats:
        details["RN"] = str(repeats[0])
    found |= {k: v for k, v in details.items() if k in INFO_KEYS}
    return ";".join(f"{k}={v}" for k, v in found.items()) or None
