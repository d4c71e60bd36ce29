"""Where males have one copy: X and Y outside the pseudo-autosomal regions."""

import json
from pathlib import Path

import numba as nb
import numpy as np
import numpy.typing as npt
import polars as pl

from varhouse.errors import InputError
from varhouse.genome.contigs import Contigs
from varhouse.textfile import read_text, split_lines


@nb.njit(cache=True, nogil=True)
def copies_of(ploidy, called, is_haploid):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Give the copies that a genotype is about, from its alleles and how many are called.

    Half of a diploid genotype of a male where he has one copy (`is_haploid`) is a
    hemizygous call: callers write `1/.` there.
    """
    return 1 if is_haploid and ploidy == 2 and called == 1 else ploidy


_Y_NAMES = {"y", "chry"}
_SEX_NAMES = {"x", "chrx"} | _Y_NAMES
_MT_NAMES = {"m", "mt", "chrm", "chrmt"}


class HaploidRegions:
    """X and Y of an assembly without the intervals of a PAR file (0-based, half-open).

    Without a PAR file the whole of X and Y counts; autosomes never do. `on_mt` are the
    contigs of which everybody has one copy.
    """

    def __init__(self, contigs: Contigs, par: Path | None) -> None:
        names = {c.name: {n.lower() for n in (c.name, *c.aliases)} for c in contigs.contigs}
        self.contigs = {c for c, own in names.items() if _SEX_NAMES & own}
        self.on_y = {c for c, own in names.items() if _Y_NAMES & own}
        self.on_mt = {c for c, own in names.items() if _MT_NAMES & own}
        self.par: dict[str, list[tuple[int, int]]] = {}
        if par is None:
            return
        for number, line in enumerate(split_lines(read_text(par)), 1):
            if not line.strip() or line.startswith(("#", "track", "browser")):
                continue
            cells = line.split("\t") if "\t" in line else line.split()
            if len(cells) < 3 or not all(c.isascii() and c.isdigit() for c in cells[1:3]):
                raise InputError(
                    f"{par}:{number}: not a BED line (contig, start, end): {line[:60]!r}"
                )
            name = contigs.canonical(cells[0])
            if name is not None:
                self.par.setdefault(name, []).append((int(cells[1]), int(cells[2])))

    @classmethod
    def from_json(cls, text: str | None, contigs: Contigs | None = None) -> "HaploidRegions":
        """Read what `as_json` wrote; None: nowhere. Which is Y the names of `contigs` tell."""
        out = cls(contigs or Contigs([]), None)
        spans: dict[str, list[list[int]]] = json.loads(text) if text else {}
        out.contigs = set(spans)
        out.on_y &= out.contigs
        out.par = {name: [(a, b) for a, b in own] for name, own in spans.items()}
        return out

    def as_json(self) -> str:
        """Write the contigs, each with its pseudo-autosomal intervals."""
        spans = {name: self.par.get(name, []) for name in sorted(self.contigs)}
        return json.dumps(spans, sort_keys=True)

    def contains(self, contig: pl.Series, pos: pl.Series) -> npt.NDArray[np.bool_]:
        """Tell for each 1-based position whether males have one copy there, bool[n]."""
        out = contig.is_in(sorted(self.contigs)).to_numpy().copy()
        if not out.any():
            return out
        at = pos.to_numpy() - 1
        for name, spans in self.par.items():
            here = (contig == name).to_numpy()
            for start, end in spans:
                out &= ~(here & (at >= start) & (at < end))
        return out
