"""Alleles trimmed and moved to the left, one at a time, from the bases of a FASTA file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pysam


class Bases:
    """Bases of a contig by position (1-based), read some thousand at a time."""

    _STEP = 1 << 14

    def __init__(self, fasta: Any, name: str) -> None:
        self._fasta, self._name = fasta, name
        self._from, self._held = 0, ""

    def __getitem__(self, pos: int) -> str:
        at = pos - 1 - self._from
        if not 0 <= at < len(self._held):
            self._from = max(pos - self._STEP, 0)
            end = self._from + 2 * self._STEP
            self._held = self._fasta.fetch(self._name, self._from, end).upper()
            at = pos - 1 - self._from
        return self._held[at]


class Reference:
    """A FASTA file with an index.

    Parameters
    ----------
    fasta
        The file, opened with pysam.
    aliases
        Contig to its other names.
    """

    def __init__(self, fasta: Any, aliases: Mapping[str, list[str]]) -> None:
        self._fasta, self._aliases = fasta, aliases
        self._known: dict[str, Bases | None] = {}

    @classmethod
    def of_config(
        cls, config: Mapping[str, Any], aliases: Mapping[str, list[str]]
    ) -> "Reference | None":
        """Open the reference that the configuration of an ingest names, if it is there."""
        named = (config.get("assembly") or {}).get("reference")
        if not named:
            return None
        path = Path(config.get("folder") or ".") / str(named)
        if not (path.exists() and Path(f"{path}.fai").exists()):
            return None
        try:
            return cls(pysam.FastaFile(str(path)), aliases)
        except (OSError, ValueError):
            return None

    def of(self, contig: str) -> Bases | None:
        """Give the bases of a contig; None if the file has no such."""
        if contig not in self._known:
            names = (contig, *self._aliases.get(contig, ()))
            name = next((n for n in names if n in self._fasta.references), None)
            self._known[contig] = None if name is None else Bases(self._fasta, name)
        return self._known[contig]


def normal(bases: Bases, pos: int, ref: str, alt: str) -> tuple[int, str, str]:
    """Normalise an allele (Tan, Abecasis and Kang, Bioinformatics 2015, 31:2202).

    Parameters
    ----------
    pos
        1-based.
    ref, alt
        Bases in capitals.
    """
    while ref != alt:
        if ref and alt and ref[-1] == alt[-1]:
            if min(len(ref), len(alt)) == 1 and pos == 1:
                break
            ref, alt = ref[:-1], alt[:-1]
        elif not ref or not alt:
            pos -= 1
            base = bases[pos]
            ref, alt = base + ref, base + alt
        else:
            break
    while len(ref) > 1 and len(alt) > 1 and ref[0] == alt[0]:
        pos, ref, alt = pos + 1, ref[1:], alt[1:]
    return pos, ref, alt
