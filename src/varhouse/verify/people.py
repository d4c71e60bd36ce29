"""The people of a cohort, the groups they are counted in, and where males have one copy."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from varhouse.verify.rowhash import Labels

_Y_NAMES = {"y", "chry"}
Row = Mapping[str, Any]


@dataclass
class Groups:
    """Groups of people: `names` (stratum_by, stratum); `of` int32[ordinals, kinds]."""

    names: list[tuple[str, str]]
    of: npt.NDArray[np.int32]


@dataclass
class Cohort:
    """What the rows of cohorts, samples and files say of a cohort.

    Attributes
    ----------
    row
        Its row of the table cohorts.
    samples, files
        Rows by ordinal, and by number.
    strata
        What its ingest says that people were sorted by; None: nothing is said.
    n_alleles
        Alleles that frequencies has of it; None: not counted.
    """

    name: str
    row: Row
    samples: dict[int, Row] = field(default_factory=dict)
    files: dict[int, Row] = field(default_factory=dict)
    strata: list[str] | None = None
    n_alleles: int | None = None

    def labels(self) -> Labels:
        """Give what numbers of its files and samples stand for."""
        names = {n: str(r["sample"]) for n, r in self.samples.items()}
        files = {
            n: (str(r["name"]), [names.get(s, "") for s in r["samples"] or []])
            for n, r in self.files.items()
        }
        return Labels(files, names)

    @property
    def by_runs_alone(self) -> bool:
        """Whether all its files have runs."""
        return all(bool(r["has_runs"]) for r in self.files.values())

    def sexes(self) -> npt.NDArray[np.int8]:
        """Give by ordinal 1 for male, 2 for female, 0 for anything else."""
        code = {"male": 1, "female": 2}
        out = np.zeros(max(self.samples, default=-1) + 1, np.int8)
        for n, row in self.samples.items():
            out[n] = code.get(row["sex"], 0)
        return out

    def _value(self, row: Row, column: str) -> str:
        if column in ("sex", "population", "sample", "cohort"):
            value = row.get(column, self.name)
        else:
            value = json.loads(row["attributes"] or "{}").get(column)
        return str(value) if value not in (None, "") else "unknown"

    def has_columns(self, kinds: Iterable[str]) -> bool:
        """Tell whether all columns of some strata stand in the sheet."""
        known = {"sex", "population", "sample", "cohort"}
        for row in self.samples.values():
            known |= set(json.loads(row["attributes"] or "{}"))
        return {c for k in kinds for c in k.split("+")} <= known

    def groups(self, kinds: Iterable[str]) -> Groups:
        """Sort the people into groups.

        Parameters
        ----------
        kinds
            Columns of the sheet, or columns joined by `+`; the first group is everybody.
        """
        kinds = [k for k in dict.fromkeys(kinds) if k != "all"]
        names: dict[tuple[str, str], int] = {("all", "all"): 0}
        of = np.full((max(self.samples, default=-1) + 1, 1 + len(kinds)), -1, np.int32)
        for n, row in self.samples.items():
            of[n, 0] = 0
            for k, kind in enumerate(kinds, 1):
                values = [self._value(row, c) for c in kind.split("+")]
                if len(values) > 1:
                    values = [v.replace("%", "%25").replace("+", "%2B") for v in values]
                of[n, k] = names.setdefault((kind, "+".join(values)), len(names))
        return Groups(list(names), of)


class OneCopy:
    """Where males of a cohort have one copy (1-based, closed), and which of it is on Y.

    Parameters
    ----------
    haploid
        The column of the table cohorts: contigs, each with its pseudo-autosomal intervals.
    aliases
        Contig to its other names.
    """

    def __init__(self, haploid: str | None, aliases: Mapping[str, Iterable[str]]) -> None:
        self._spans: dict[str, list[list[int]]] = json.loads(haploid) if haploid else {}
        self._y = {
            c
            for c in self._spans
            if _Y_NAMES & {c.lower(), *(a.lower() for a in aliases.get(c, ()))}
        }

    def look(
        self, contigs: Any, at: npt.NDArray[np.int64], pos: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.bool_]:
        """Tell of many bases whether males have one copy there.

        Parameters
        ----------
        contigs
            Names, an arrow array.
        at, pos
            int64[n]: which of the contigs, and the base.
        """
        out = np.zeros(pos.size, np.bool_)
        if self._spans and pa.types.is_dictionary(contigs.type):
            contigs = contigs.dictionary_decode()
        for name in self._spans:
            mine = np.flatnonzero(np.asarray(pc.equal(contigs, name))[at])
            if mine.size:
                pieces = self.pieces(name)
                piece = np.searchsorted(pieces[:, 0], pos[mine], side="right") - 1
                out[mine] = pieces[piece, 2] > 0
        return out

    def is_on_y(self, contig: str) -> bool:
        """Tell whether a contig is Y."""
        return contig in self._y

    def pieces(self, contig: str) -> npt.NDArray[np.int64]:
        """Cut a contig: int64[n, 3] of first base, last base, whether males have one copy."""
        if contig not in self._spans:
            return np.array([[-(1 << 40), 1 << 40, 0]], np.int64)
        edges = sorted({e for a, b in self._spans[contig] for e in (a + 1, b + 1)})
        starts = [-(1 << 40), *edges]
        ends = [*(e - 1 for e in edges), 1 << 40]
        return np.array(
            [[a, b, int(self.holds(contig, a))] for a, b in zip(starts, ends, strict=True)],
            np.int64,
        )

    def holds(self, contig: str, pos: int) -> bool:
        """Tell whether males have one copy at a base."""
        if contig not in self._spans:
            return False
        return not any(a < pos <= b for a, b in self._spans[contig])
