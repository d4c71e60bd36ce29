"""Is a source of the store's assembly? Told by its header, its lengths and its REFs.

Another assembly gives wrong answers without an error, so such a source is refused, and
the refusal names the assembly where it can be told (`varhouse.genome.assemblies`).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from varhouse.errors import InputError
from varhouse.genome.assemblies import (
    build_of_header,
    build_of_lengths,
    build_of_words,
    same_build,
)
from varhouse.genome.contigs import Contigs
from varhouse.genome.reference import Reference
from varhouse.tables.textcolumn import pack

MISMATCHES = 5
MISMATCH_RATE = 0.05
"""More REFs than both that differ from the reference: another assembly. dbSNP's own
releases are below 0.3 %; by chance, three of four bases differ."""

_CONTIG = re.compile(r"^##contig=<(?:.*,)?ID=([^,>]+)")
_LENGTH = re.compile(r"[<,]length=(\d+)")
_FIX = "use the source's release for this assembly, or lift it over"


@dataclass(frozen=True)
class Target:
    """What the alleles of a store are of.

    Attributes
    ----------
    contigs
        The contigs; their lengths are those of the whole contigs.
    assembly
        Name of the assembly, if there is one.
    reference
        The reference; None: REFs are not checked.
    partial
        A contig may be longer than its known length: the reference holds a piece.
    """

    contigs: Contigs
    assembly: str | None = None
    reference: Reference | None = None
    partial: bool = False

    @property
    def build(self) -> str | None:
        """Name of a known assembly that this is, by its lengths or its name."""
        by_length = build_of_lengths({c.name: c.length for c in self.contigs.contigs})
        if by_length is not None:
            return by_length.build
        return build_of_words(self.assembly) if self.assembly else None

    @property
    def name(self) -> str:
        """How to call it in a message."""
        return self.assembly or self.build or "the reference's assembly"


def check_said(path: Path, said: str | None, target: Target) -> None:
    """Compare the assembly that the configuration gives a source with the store's.

    Raises
    ------
    InputError
        If it is another one.
    """
    if said is None or target.assembly is None or said == target.assembly:
        return
    theirs, ours = build_of_words(said), target.build
    if theirs is None or ours is None or not same_build(theirs, ours):
        raise InputError(f"{path}: is of assembly {said}, not {target.assembly}", _FIX)


def check_header(path: Path, header: list[str], target: Target) -> None:
    """Compare a VCF header's contigs and assembly with the store's.

    Raises
    ------
    InputError
        If a contig has another length, or the header tells of another assembly.
    """
    lengths: dict[str, int | None] = {}
    for line in header:
        if match := _CONTIG.match(line):
            size = _LENGTH.search(line)
            lengths[match[1]] = int(size[1]) if size else None
    claim = build_of_header("\n".join(header), lengths)
    ours = target.build
    if claim is not None and ours is not None and not same_build(claim.build, ours):
        raise InputError(
            f"{path}: is of {claim.build} by its header ({claim.why}), not {target.name}", _FIX
        )
    for name, length in lengths.items():
        known = target.contigs.canonical(name)
        own = target.contigs.by_name[known].length if known else None
        if length is None or own is None or length == own:
            continue
        if not (target.partial and length > own):
            what = f" ({claim.build})" if claim else ""
            raise InputError(
                f"{path}: its contig {name} has {length:,} bases{what}, that of "
                f"{target.name} has {own:,}",
                _FIX,
            )


class RefCheck:
    """Compares the REFs of a source with the reference, and refuses another assembly."""

    def __init__(self, path: Path, target: Target, header: list[str]) -> None:
        self._path, self._target = path, target
        claim = build_of_header("\n".join(header), {})
        self._claim = f" (its header says {claim.build})" if claim else ""
        self._first = ""
        self.checked = self.differ = 0

    def agrees(self, frame: pl.DataFrame) -> pl.Series:
        """Tell of each row whether REF is the reference's.

        Where the reference holds nothing to compare it counts as agreeing, but not past
        the known end of a contig.
        """
        agrees = np.ones(frame.height, bool)
        rows = frame.select("contig", "pos", "ref")
        whole = [(frame["contig"][0], None, rows)] if frame["contig"].n_unique() == 1 else []
        for contig, row, part in whole or _by_contig(rows):
            bad, checked = self._wrong(contig, part)
            agrees[bad if row is None else row[bad]] = False
            self.checked += checked
            self.differ += bad.size
            if bad.size and not self._first:
                pos, ref = part["pos"][int(bad[0])], part["ref"][int(bad[0])]
                self._first = f"first: {contig}:{pos} {ref[:20]}"
        if self.differ >= MISMATCHES and self.checked > 100_000:
            self.decide()
        return pl.Series(agrees)

    def _wrong(self, contig: str, part: pl.DataFrame) -> tuple[np.ndarray, int]:
        # Compiled code; joining with a compiled source must not wait for it.
        from varhouse.genome.refcompare import REF_AGREES, REF_DIFFERS, compare_ref  # noqa: PLC0415

        reference = self._target.reference
        assert reference is not None
        bases = reference.sequence(contig)
        pos = part["pos"].to_numpy().astype(np.int64)
        text, at = pack(part["ref"])
        length = np.diff(at)
        state = compare_ref(bases, pos, text, at[:-1], at[1:])
        bad = np.flatnonzero(state == REF_DIFFERS)
        checked = int(((state == REF_DIFFERS) | (state == REF_AGREES)).sum())
        whole = self._target.contigs.by_name[contig].length
        if whole is not None and (not self._target.partial or whole > len(bases)):
            past = np.flatnonzero(pos + length - 1 > whole)
            return np.union1d(bad, past), checked + past.size
        return bad, checked

    def decide(self) -> None:
        """Refuse the source if too many REFs differ.

        Raises
        ------
        InputError
            With the numbers and the first such REF.
        """
        if self.differ >= MISMATCHES and self.differ > MISMATCH_RATE * self.checked:
            raise InputError(
                f"{self._path}: {self.differ:,} of {self.checked:,} REF alleles are not "
                f"those of {self._target.name}{self._claim}; {self._first}",
                _FIX,
            )


def _by_contig(rows: pl.DataFrame) -> Iterator[tuple[str, np.ndarray, pl.DataFrame]]:
    """Give each contig with the places of its rows and the rows."""
    for (contig,), part in rows.with_row_index("row").group_by("contig"):
        yield str(contig), part["row"].to_numpy(), part


def check_known(path: Path, counts: dict[str, int], target: Target, names: list[str]) -> None:
    """Refuse a source none of whose contigs is known.

    Raises
    ------
    InputError
        With some of its contigs.
    """
    if counts["records"] and counts["unknown_contig"] == counts["records"]:
        raise InputError(
            f"{path}: none of its contigs ({', '.join(names[:3])}) is in {target.name}",
            "add their names to the aliases table, if the assembly is the same",
        )
