"""The extent of a symbolic allele: what its symbol leaves open, as short canonical text.

`<DEL>` at one POS is any number of deletions: INFO says which. The extent is the fifth
column of the allele key. It is empty for every allele whose ALT says all (bases, `*`,
breakends), else the number of bases behind POS that the event takes, inserts or repeats, or
`.` where the file does not say; further INFO that tells alleles of one length apart follows
as `/KEY=value`:

- `SPAN`: bases behind POS up to END, where that is not the length (a `<DUP>` of 4.1 to 4.3
  whose SVLEN counts several copies; a file at odds with itself);
- `CN` of a `<CNV>`, and of a `<DUP>` where the header gives it to each ALT (Number=A);
- `RUS`, `RUC`, `RB`: the repeats of a `<CNV:TR>`;
- `CHR2`, `POS2`, `CT`, `STRANDS`: the mate of `<TRA>`, `<BND>` and `<CTX>`.

VCF 4.5, section 3: SVLEN is "the number of the inserted, duplicated, inverted, and deleted
bases", of a CNV "the length of the segment"; "a missing SVLEN should be inferred from the END
field", "the absolute value of SVLEN should be taken", and POS is the base before. END is one
value for all ALTs: of several, each with an SVLEN of its own, it says nothing. An inversion
of 4.1 to 4.3 has SVLEN 0, which counts as none. Confidence intervals are no part of it.
"""

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from varhouse.alleles.unspecified import UNSPECIFIED_ALTS

INFO_KEYS = (
    "END", "SVLEN", "CN", "CHR2", "POS2", "CT", "STRANDS", "RN", "RUS", "RUC", "RB",
)  # fmt: skip
"""INFO keys that an extent is made of."""

UNKNOWN = "."
"""The extent of an allele whose length nobody said; no other extent but "" sorts before."""

_FIELD = re.compile(rf"(?:^|;)({'|'.join(INFO_KEYS)})=([^;]*)".encode())
_NUMBER = re.compile(r"[+-]?\d{1,10}")
_COPIES = re.compile(r"\d{1,9}(?:\.\d{1,9})?(?:[eE][+-]?\d)?")
_MOST = 2**31 - 1
_SYMBOL = re.compile(r"<[^<>]+>")
_MATED = ("<TRA", "<BND", "<CTX")
_TURN = re.compile(r"[0-9A-Za-z+-]{1,16}")
_TEXT = re.compile(r"(\d+|\.)(?:/SPAN=(\d+))?")
_MATE = re.compile(
    r"(?P<before>[A-Za-z.]*)(?P<open>[\[\]])(?P<contig>[^<>]+):(?P<pos>\d+)(?P<close>[\[\]])"
    r"(?P<after>[A-Za-z.]*)"
)

_SINGLE = re.compile(r"\.[A-Za-z]+|[A-Za-z]+\.")

Canonical = Callable[[str], str | None]
"""Gives the canonical name of a contig, None for one that is unknown."""


class Alt(NamedTuple):
    """Which ALT of its record an allele is, and how lists of INFO are to be read.

    Attributes
    ----------
    number
        1-based number of the ALT.
    of
        ALTs of the record.
    own
        Whether SVLEN is declared with Number=A: one value is then not of all ALTs.
    copies
        Whether CN is declared with Number=A: it is then no copy number of a sample.
    """

    number: int
    of: int
    own: bool
    copies: bool = False


class Measure(NamedTuple):
    """Bases behind POS: those of the event (None: unknown), and those up to END.

    `span` is None where END says the same as the length, or nothing of this ALT.
    """

    length: int | None
    span: int | None = None

    @property
    def reach(self) -> int:
        """Bases behind POS up to the end of the event, 0 where it is unknown."""
        return (self.length or 0) if self.span is None else self.span


def is_open(alt: str) -> bool:
    """Tell whether an ALT is a symbol whose extent INFO has to say."""
    return _SYMBOL.fullmatch(alt) is not None and alt not in UNSPECIFIED_ALTS


def read_fields(info: bytes) -> dict[str, str]:
    """Give the values of `INFO_KEYS` in a text of INFO; the first of a key counts."""
    fields: dict[str, str] = {}
    for key, value in _FIELD.findall(info):
        fields.setdefault(key.decode(), value.decode(errors="replace"))
    return fields


def _own(values: list[str], which: Alt) -> str | None:
    """Give the value of the ALT in a list with one for each."""
    return values[which.number - 1] if len(values) == which.of else None


def _own_length(fields: Mapping[str, str], which: Alt) -> int | None:
    """Give SVLEN of the ALT without its sign; None: no value for it."""
    values = fields.get("SVLEN", "").split(",")
    text = _own(values, which)
    if text is None and len(values) == 1 and not which.own:
        text = values[0]
    # A list of another length is of a record that was split: of no known ALT.
    found = abs(_whole(text or ""))
    return found or None


def _whole(text: str) -> int:
    """Read a whole number of 32 bits, as VCF has them; 0 for anything else."""
    found = int(text) if _NUMBER.fullmatch(text) else 0
    return found if abs(found) <= _MOST else 0


def measure(
    alt: str, fields: Mapping[str, str], pos: int, ref_size: int, which: Alt
) -> Measure:
    """Measure a symbolic allele at `pos` (1-based) whose REF has `ref_size` bases."""
    length = _own_length(fields, which)
    if alt.startswith("<INS"):
        return Measure(length)
    span = _whole(fields.get("END", "")) - pos
    if length is None:
        return Measure(max(span, ref_size - 1) or None)
    return Measure(length, span if span > 0 and span != length and which.of == 1 else None)


def read_extent(
    alt: str, info: bytes, place: tuple[str, int, int], which: Alt, canonical: Canonical
) -> str:
    """Make the extent of an allele as it stands in a file.

    Parameters
    ----------
    alt
        The ALT.
    info
        The text of INFO of its record.
    place
        Canonical contig, POS (1-based) and the number of bases of REF.
    which
        Which ALT of the record it is.
    canonical
        Finds the contig of a mate.
    """
    if not is_open(alt):
        return ""
    fields = read_fields(info)
    contig, pos, ref_size = place
    mate = _mate(alt, fields, contig, canonical)
    if alt.startswith(_MATED):
        return UNKNOWN + mate
    found = measure(alt, {**fields, "END": ""} if mate else fields, pos, ref_size, which)
    text = UNKNOWN if found.length is None else str(found.length)
    if found.span is not None:
        text += f"/SPAN={found.span}"
    return text + _copies(alt, fields, which) + _repeats(alt, fields, which) + mate


def _copies(alt: str, fields: Mapping[str, str], which: Alt) -> str:
    if not alt.startswith("<CNV") and not (which.copies and alt.startswith("<DUP")):
        return ""
    value = _own(fields.get("CN", "").split(","), which)
    if value is None or not _COPIES.fullmatch(value):
        return ""
    return f"/CN={float(value):.10g}"


def _repeats(alt: str, fields: Mapping[str, str], which: Alt) -> str:
    """Give the repeats of one `<CNV:TR>`: RN says how many of each list are of which ALT."""
    if not alt.startswith("<CNV:TR"):
        return ""
    numbers = fields.get("RN", ",".join("1" * which.of)).split(",")
    sizes = [int(n) if n.isdecimal() else 0 for n in numbers]
    if len(sizes) != which.of:
        return ""
    first = sum(sizes[: which.number - 1])
    text = ""
    for key in ("RUS", "RUC", "RB"):
        values = fields.get(key, "").split(",")
        mine = values[first : first + sizes[which.number - 1]]
        if len(values) == sum(sizes) and any(v not in ("", ".") for v in mine):
            text += f"/{key}={','.join(_plain(v) for v in mine)}"
    return text


def _plain(value: str) -> str:
    """Write a number the shortest way, bases in capitals; neither holds a `/`."""
    if _COPIES.fullmatch(value):
        return f"{float(value):.10g}"
    return value.upper().replace("/", "%2F")


def _mate(alt: str, fields: Mapping[str, str], contig: str, canonical: Canonical) -> str:
    """Give the mate that old callers write beside `<TRA>` or `<BND>`."""
    said = fields.get("CHR2", "")
    other = canonical(said) or said
    if not alt.startswith(_MATED) and (other in ("", contig) or alt.startswith("<INS")):
        return ""
    found = {"CHR2": other, "POS2": fields.get("POS2") or fields.get("END", "")}
    found |= {k: fields[k] for k in ("CT", "STRANDS") if _TURN.fullmatch(fields.get(k, ""))}
    return "".join(f"/{k}={v.replace('/', '%2F')}" for k, v in found.items() if v)


def parse_extent(extent: str) -> Measure:
    """Read the lengths of an extent."""
    match = _TEXT.match(extent)
    if match is None:
        return Measure(None)
    length, span = match[1], match[2]
    return Measure(None if length == UNKNOWN else int(length), int(span) if span else None)


def parse_details(extent: str) -> dict[str, str]:
    """Give what else than its length an extent says, as INFO (without `SPAN`)."""
    parts = [part.split("=", 1) for part in extent.split("/")[1:]]
    found = {p[0]: p[1].replace("%2F", "/") for p in parts if len(p) == 2}
    return {k: v for k, v in found.items() if k != "SPAN"}


def canonical_breakend(alt: str, canonical: Canonical) -> str:
    """Give the mate of a breakend its canonical name, and its bases in capitals.

    What is none, and a mate on an unknown contig or in angle brackets, stays.
    """
    if _SINGLE.fullmatch(alt):
        return alt.upper()
    match = _MATE.fullmatch(alt)
    if match is None:
        return alt
    name = canonical(match["contig"]) or match["contig"]
    return (
        f"{match['before'].upper()}{match['open']}{name}:{match['pos']}{match['close']}"
        f"{match['after'].upper()}"
    )
