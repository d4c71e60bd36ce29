"""What a call is: the genotypes of some records, as a default and a list of the others.

Nearly all genotypes of a record are the same, so a record is held as its most frequent
GT text, which everybody has who is not listed, and a list of the others. Texts are kept
byte for byte (phase, half-missing calls, any ploidy), so nothing is lost; what a text
means is worked out once per distinct text, not per person. Whoever reads, checks, counts or
stores genotypes takes them in this form.
"""

import re
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

MAX_PLOIDY = 16
"""Alleles of a genotype; a text with more is none."""

MISSING_ALLELE, NO_ALLELE = -1, -2
"""In `Genotypes.alleles`: an allele that is not called, and none beyond the ploidy."""

NO_GT = ""
"""In `Genotypes.texts`: that of everybody in a record whose FORMAT has no GT."""

_GT = re.compile(r"[/|]?(\.|\d{1,4})([/|](\.|\d{1,4}))*")


def parse_gt(text: str) -> list[int] | None:
    """Read a GT text: allele numbers, -1 for a missing one; None if it is no genotype.

    VCF 4.5 section 1.6.2: alleles separated by / or |, from 4.4 on with a leading phase.
    """
    if not _GT.fullmatch(text):
        return None
    cells = re.split(r"[/|]", text.lstrip("/|"))
    if len(cells) > MAX_PLOIDY:
        return None
    return [MISSING_ALLELE if c == "." else int(c) for c in cells]


class Listed(NamedTuple):
    """Who has which genotype, in the form that compiled code takes (see `Genotypes`)."""

    default: Int32
    pointer: Int64
    who: Int32
    what: Int32


@dataclass(frozen=True)
class Genotypes:
    """Genotypes of n records.

    Attributes
    ----------
    texts
        The distinct GT texts, d of them.
    default
        int32[n]: text of everybody who is not listed; -1 where there are no people.
    pointer
        int64[n + 1]: people listed for record k are `who[pointer[k]:pointer[k + 1]]`.
    who, what
        int32[m]: sample column (0-based, ascending in a record) and text.
    """

    texts: list[str]
    default: Int32
    pointer: Int64
    who: Int32
    what: Int32

    @classmethod
    def nobody(cls, n: int) -> "Genotypes":
        """Make the genotypes of n records of a file without samples."""
        none = np.zeros(0, np.int32)
        return cls([], np.full(n, -1, np.int32), np.zeros(n + 1, np.int64), none, none)

    @property
    def size(self) -> int:
        """Number of records."""
        return int(self.default.size)

    @property
    def listed(self) -> Listed:
        """The arrays, for compiled code."""
        return Listed(self.default, self.pointer, self.who, self.what)

    @cached_property
    def _parsed(self) -> list[list[int] | None]:
        return [[] if text == NO_GT else parse_gt(text) for text in self.texts]

    @cached_property
    def alleles(self) -> npt.NDArray[np.int16]:
        """Alleles of each text: int16[max(d, 1), p], -1 missing, -2 beyond its ploidy.

        A text that is no genotype, and NO_GT, have none.
        """
        width = max((len(a) for a in self._parsed if a), default=1)
        out = np.full((max(len(self.texts), 1), width), NO_ALLELE, np.int16)
        for row, alleles in zip(out, self._parsed, strict=False):
            if alleles is not None:
                row[: len(alleles)] = alleles
        return out

    @cached_property
    def described(self) -> Int64:
        """Say of each text its alleles, those called, whether these differ, and the greatest.

        int64[max(d, 1), 4]; the greatest is below 0 where none is called.
        """
        alleles = self.alleles.astype(np.int64)
        is_called = alleles > MISSING_ALLELE
        greatest = alleles.max(axis=1)
        least = np.where(is_called, alleles, np.iinfo(np.int16).max).min(axis=1)
        differ = is_called.any(axis=1) & (least != greatest)
        ploidy = (alleles > NO_ALLELE).sum(axis=1)
        return np.stack([ploidy, is_called.sum(axis=1), differ, greatest], axis=1)

    @cached_property
    def valid(self) -> Bools:
        """Tell which texts are genotypes: bool[d]."""
        return np.array([a is not None for a in self._parsed], np.bool_)

    def has_ploidy_above(self, ploidy: int) -> Bools:
        """Tell in which records somebody's genotype has more alleles: bool[n]."""
        high = np.append(self.described[:, 0] > ploidy, False)
        if not high.any():
            return np.zeros(self.size, np.bool_)
        found: Bools = high[self.default]
        record = np.repeat(np.arange(self.size), np.diff(self.pointer))
        found[record[high[self.what]]] = True
        return found

    def part(self, a: int, b: int) -> "Genotypes":
        """Give the genotypes of records a to b, without a copy of the lists."""
        i, j = int(self.pointer[a]), int(self.pointer[b])
        return Genotypes(
            self.texts,
            self.default[a:b],
            self.pointer[a : b + 1] - i,
            self.who[i:j],
            self.what[i:j],
        )

    def pick(self, keep: Bools) -> "Genotypes":
        """Give the genotypes of some records only (bool[n])."""
        if keep.all():
            return self
        listed = np.diff(self.pointer)
        people = np.repeat(keep, listed)
        pointer = np.concatenate([[0], np.cumsum(listed[keep])])
        return Genotypes(
            self.texts, self.default[keep], pointer, self.who[people], self.what[people]
        )

    def take(self, order: Int64) -> "Genotypes":
        """Give the genotypes of records of some numbers, in that order (int64[any])."""
        sizes = np.diff(self.pointer)[order]
        pointer = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])
        at = np.arange(pointer[-1]) + np.repeat(self.pointer[order] - pointer[:-1], sizes)
        return Genotypes(self.texts, self.default[order], pointer, self.who[at], self.what[at])

    @classmethod
    def joined(cls, parts: "list[Genotypes]") -> "Genotypes":
        """Put the records of several behind one another, their texts in one list."""
        if len(parts) == 1:
            return parts[0]
        codes: dict[str, int] = {}
        defaults, sizes, people_texts = [], [], []
        for part in parts:
            mine = [codes.setdefault(text, len(codes)) for text in part.texts]
            # Nobody (-1) takes the last.
            code = np.array([*mine, -1], np.int32)
            defaults.append(code[part.default])
            people_texts.append(code[part.what])
            sizes.append(np.diff(part.pointer))
        pointer = np.concatenate([np.zeros(1, np.int64), np.cumsum(np.concatenate(sizes))])
        who = np.concatenate([part.who for part in parts])
        return cls(
            list(codes), np.concatenate(defaults), pointer, who, np.concatenate(people_texts)
        )

    def spread(self, has_gt: Bools) -> "Genotypes":
        """Put back records without GT, where nobody is called.

        Parameters
        ----------
        has_gt
            bool[all records]: true for each record that is here.
        """
        if has_gt.all():
            return self
        default = np.full(has_gt.size, len(self.texts), np.int32)
        default[has_gt] = self.default
        listed = np.zeros(has_gt.size, np.int64)
        listed[has_gt] = np.diff(self.pointer)
        pointer = np.concatenate([[0], np.cumsum(listed)])
        return Genotypes([*self.texts, NO_GT], default, pointer, self.who, self.what)
