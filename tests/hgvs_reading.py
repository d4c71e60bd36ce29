"""HGVS names read back and carried out, slowly and plainly: no code of the package.

`apply_to_genome` carries out a c. or n. name on a sequence, `apply_to_protein` a p. name
on a protein; positions come from a transcript's exons and CDS alone.
"""

import re
from dataclasses import dataclass
from itertools import pairwise

CODE = dict(
    zip(
        (a + b + c for a in "TCAG" for b in "TCAG" for c in "TCAG"),
        "FFLLSSSSYY**CC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
        strict=True,
    )
)
ONE = dict(
    zip(
        [
            "Ala", "Arg", "Asn", "Asp", "Cys", "Gln", "Glu", "Gly", "His", "Ile", "Leu",
            "Lys", "Met", "Phe", "Pro", "Ser", "Thr", "Trp", "Tyr", "Val", "Ter",
        ],
        "ARNDCQEGHILKMFPSTWYV*",
        strict=True,
    )
)  # fmt: skip


def reverse_complement(sequence: str) -> str:
    return sequence[::-1].translate(str.maketrans("ACGT", "TGCA"))


def translate(sequence: str) -> str:
    whole = len(sequence) // 3 * 3
    return "".join(CODE.get(sequence[i : i + 3], "X") for i in range(0, whole, 3))


@dataclass(frozen=True)
class Transcript:
    """Exons and CDS pieces, 1-based and closed, in genomic order."""

    exons: list[tuple[int, int]]
    cds: list[tuple[int, int]]
    strand: str

    def exonic(self, pieces: list[tuple[int, int]]) -> list[int]:
        """Positions of pieces in the transcript's direction."""
        up = [p for a, b in pieces for p in range(a, b + 1)]
        return up if self.strand == "+" else up[::-1]

    def labels(self) -> dict[str, int]:
        """Position by its name: `5`, `-3`, `*2`, `5+1`, `6-2`."""
        exon_bases = self.exonic(self.exons)
        coding = self.exonic(self.cds)
        name = {}
        if coding:
            start, stop = exon_bases.index(coding[0]), exon_bases.index(coding[-1])
        for i, p in enumerate(exon_bases):
            if not coding:
                name[p] = str(i + 1)
            elif i < start:
                name[p] = str(i - start)
            else:
                name[p] = str(i - start + 1) if i <= stop else f"*{i - stop}"
        out = {n: p for p, n in name.items()}
        step = 1 if self.strand == "+" else -1
        for p, q in pairwise(exon_bases):
            gap = abs(q - p) - 1
            for k in range(1, gap + 1):
                near = k <= gap + 1 - k
                label = f"{name[p]}+{k}" if near else f"{name[q]}-{gap + 1 - k}"
                out[label] = p + step * k
        return out

    def spliced(self, genome: str) -> str:
        bases = "".join(genome[p - 1] for a, b in self.exons for p in range(a, b + 1))
        return bases if self.strand == "+" else reverse_complement(bases)


_CHANGE = re.compile(
    r"^(?P<a>[*-]?\d+(?:[+-]\d+)?)(?:_(?P<b>[*-]?\d+(?:[+-]\d+)?))?"
    r"(?P<what>>|del(?!ins)|dup|inv|delins|ins|[ACGT]>)(?P<new>[ACGTN]*)$"
)


def edit_of(name: str, transcript: Transcript, genome: str) -> tuple[int, int, str]:
    """Bases first to last (1-based; last = first - 1: none) and what replaces them."""
    match = _CHANGE.match(name)
    assert match is not None, name
    labels = transcript.labels()
    places = [labels[match[x]] for x in "ab" if match[x]]
    low, high = min(places), max(places)
    new = match["new"]
    forward = new if transcript.strand == "+" else reverse_complement(new)
    what = match["what"]
    if what == "ins":
        assert high - low == 1, name
        return high, low, forward
    held = genome[low - 1 : high]
    if what == "dup":
        return low, high, held * 2
    if what == "inv":
        return low, high, reverse_complement(held)
    if what.endswith(">") and low == high:
        own = held if transcript.strand == "+" else reverse_complement(held)
        assert what == f"{own}>", name
    return low, high, forward


def apply_to_genome(name: str, transcript: Transcript, genome: str) -> str:
    """Carry out a c. or n. name (without its prefix)."""
    first, last, new = edit_of(name, transcript, genome)
    return genome[: first - 1] + new + genome[last:]


_RESIDUE = r"[A-Z][a-z]{2}"
_PROTEIN = re.compile(
    rf"^(?P<x>{_RESIDUE})(?P<a>\d+)(?:_(?P<y>{_RESIDUE})(?P<b>\d+))?"
    rf"(?P<what>=|\?|delins|del|dup|ins|)(?P<new>(?:{_RESIDUE})*?)"
    rf"(?P<end>(?:fsTer|extTer)(?:\d+|\?)|fs)?$"
)


def check_protein(name: str, ref: str, new: str) -> None:
    """Fail unless a p. name describes how protein `ref` became `new`.

    Both end with `*` where there is a stop codon, and have nothing behind it.
    """
    match = _PROTEIN.match(name)
    assert match is not None, name
    a = int(match["a"])
    b = int(match["b"] or a)
    assert ref[a - 1 : a] == ONE[match["x"]], name
    assert match["y"] is None or ref[b - 1 : b] == ONE[match["y"]], name
    residues = "".join(ONE[match["new"][i : i + 3]] for i in range(0, len(match["new"]), 3))
    what, end = match["what"], match["end"]
    if what == "?" or end == "fs":
        # The start is lost, or ALT's transcript ends before the next residue.
        assert a == 1 or new == ref[: a - 1], name
        assert (a == 1 or ref[a - 1] == "*") == (what == "?"), name
        return
    if end is not None:
        # Only the first new residue and the distance to the stop are named.
        assert new[: a - 1] == ref[: a - 1], name
        if residues:
            assert new[a - 1 : a] == residues != ref[a - 1 : a], name
        number = end[5:] if end.startswith("fs") else end[6:]
        if number == "?":
            assert "*" not in new, name
        elif end.startswith("fs"):
            assert new.index("*") + 1 == a - 1 + int(number), name
        else:
            assert new.index("*") + 1 == len(ref) + int(number), name
        return
    if what == "=":
        done = ref
    elif what == "dup":
        done = ref[:b] + ref[a - 1 : b] + ref[b:]
    elif what == "ins":
        assert b == a + 1, name
        done = ref[:a] + residues + ref[a:]
    elif what == "del":
        done = ref[: a - 1] + ref[b:]
    else:
        done = ref[: a - 1] + residues + ref[b:]
    assert done.split("*")[0] == new.split("*")[0], name


def protein(transcript_bases: str, start: int) -> str:
    """Residues from a start to the first stop codon, which is kept as `*`."""
    whole = translate(transcript_bases[start:])
    return whole[: whole.index("*") + 1] if "*" in whole else whole
