"""Counts of alleles from the genotypes of sources, by the definitions of docs/numbers.md."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from varhouse.verify.figures import ALONE, COUNTS
from varhouse.verify.people import Cohort, OneCopy
from varhouse.verify.storedrecords import Calls

Key = tuple[str, int, str, str, str]
Bools = npt.NDArray[np.bool_]
_PLAIN = tuple(n for n in COUNTS if not n.endswith("_adj"))


class Columns:
    """The sample columns of a file: who they are, and in which groups.

    Parameters
    ----------
    cohort
        Whose file it is.
    ordinals
        int64[columns]: who stands in each.
    kinds
        Strata.
    """

    def __init__(
        self, cohort: Cohort, ordinals: npt.NDArray[np.int64], kinds: list[str]
    ) -> None:
        groups = cohort.groups(kinds)
        sexes = cohort.sexes()[ordinals]
        self.people = frozenset(ordinals.tolist())
        self.male, self.female = sexes == 1, sexes == 2
        self.names = groups.names
        self.member = np.zeros((ordinals.size, len(groups.names)), np.float32)
        for kind in range(groups.of.shape[1]):
            self.member[np.arange(ordinals.size), groups.of[ordinals, kind]] = 1


class Graded:
    """Which genotypes of a record are of high quality, before sex is asked.

    Parameters
    ----------
    gq, dp, ad
        What FORMAT says, int[columns, values]; None where it lacks the field.
    limits
        gq, dp, dp_haploid, ab of the policy.
    """

    def __init__(self, gq: Any, dp: Any, ad: Any, limits: Mapping[str, float]) -> None:
        asked = {
            "gq": limits["gq"] > 0,
            "dp": max(limits["dp"], limits["dp_haploid"], limits["ab"]) > 0,
            "ad": limits["ab"] > 0,
        }
        self.is_known = all(
            field is not None and field.dtype.kind == "i"
            for name, field in (("gq", gq), ("dp", dp), ("ad", ad))
            if asked[name]
        )
        self._gq, self._dp, self._ad, self._limits = gq, dp, ad, limits

    @staticmethod
    def _one(field: Any) -> npt.NDArray[np.int64]:
        """Give the one value of each cell; -1 where there is another number of them."""
        value = field[:, 0].astype(np.int64)
        if field.shape[1] > 1:
            value = np.where((field[:, 1:] > -(2**31) + 1).any(axis=1), -1, value)
        return np.asarray(np.where(value < 0, -1, value))

    def passing(self, alleles: npt.NDArray[np.int16], full: Bools, copies: Any) -> Bools:
        """Tell who is of high quality; `copies` int[columns] that a genotype is about."""
        lim = self._limits
        ok = full.copy()
        if lim["gq"] > 0:
            ok &= self._one(self._gq) >= lim["gq"]
        if self._dp is None:
            return ok
        dp = self._one(self._dp)
        ok &= dp >= np.where(copies == 1, lim["dp_haploid"], lim["dp"])
        called = np.where(alleles >= 0, alleles, -1)
        top = called.max(axis=1, initial=-1)
        least = np.where(alleles >= 0, alleles, 999).min(axis=1, initial=999)
        het = full & (top != least)
        if lim["ab"] > 0 and het.any():
            ad = self._ad.astype(np.int64)
            for column in range(alleles.shape[1]):
                allele = alleles[:, column]
                asks = het & (allele > 0)
                inside = asks & (allele < ad.shape[1])
                reads = np.full(len(allele), -1, np.int64)
                rows = np.flatnonzero(inside)
                reads[rows] = ad[rows, allele[rows]]
                has = (reads >= 0) & (dp > 0)
                share = np.divide(reads, dp, out=np.zeros(len(dp)), where=has)
                ok &= ~asks | (has & (share >= lim["ab"]))
        return ok


class CohortCounts:
    """Counts of the alleles of a cohort, as its sources have them.

    Parameters
    ----------
    one_copy
        Where males have one copy.
    """

    def __init__(self, one_copy: OneCopy) -> None:
        self._one_copy = one_copy
        self.counts: dict[Key, npt.NDArray[np.int32]] = {}
        self.by: dict[Key, set[frozenset[int]]] = {}
        self.known: dict[Key, npt.NDArray[np.int32]] = {}

    def add(
        self, keys: list[Key | None], calls: Calls, columns: Columns, graded: Graded
    ) -> None:
        """Add a record: of each ALT its allele, None if the store rejected it."""
        made: dict[tuple[bool, bool], dict[str, Any]] = {}
        for number, key in enumerate(keys, 1):
            if key is None:
                continue
            one = self._one_copy.holds(key[0], key[1])
            on_y = one and self._one_copy.is_on_y(key[0])
            if (one, on_y) not in made:
                made[one, on_y] = self._base(calls, columns, graded, one=one, on_y=on_y)
            base = made[one, on_y]
            rows = np.stack([*self._carriers(number, base), *base["rows"]])
            sums = np.rint(rows.astype(np.float32) @ columns.member).astype(np.int32).T
            if columns.people in self.by.get(key, ()):
                continue
            self.by.setdefault(key, set()).add(columns.people)
            held = self.counts.get(key)
            self.counts[key] = sums if held is None else held + sums

    @staticmethod
    def _base(
        calls: Calls, columns: Columns, graded: Graded, *, one: bool, on_y: bool
    ) -> dict[str, Any]:
        """Give what is counted of everybody at a record, int[people] each."""
        alleles = calls.alleles
        ploidy = (alleles > -2).sum(axis=1)
        called = (alleles >= 0).sum(axis=1)
        man = columns.male & one
        ploidy = np.where(man & (ploidy == 2) & (called == 1), 1, ploidy)
        full = (ploidy > 0) & (called == ploidy)
        off = full & ((ploidy != 2) | man)
        everybody = np.ones(len(alleles), np.int32)
        asked = everybody * (not graded.is_known) * 0
        passing = np.zeros(len(alleles), np.bool_)
        if graded.is_known:
            top = alleles.max(axis=1, initial=-2)
            least = np.where(alleles >= 0, alleles, 999).min(axis=1, initial=999)
            passing = graded.passing(alleles, full, ploidy) & ~(man & (top != least))
            who = ~(columns.female & on_y)
            asked = who.astype(np.int32)
            passing &= who
        an_adj = np.where(passing, np.where(man, np.minimum(called, 1), called), 0)
        rows = {
            "an": called, "n_samples": everybody, "n_not_diploid": off, "an_written": called,
            "n_samples_adj": asked, "an_adj": an_adj, "n_missing": ~full,
            "n_missing_adj": asked * ~passing,
        }  # fmt: skip
        return {
            "rows": [rows[n] for n in COUNTS if n not in ALONE], "alleles": alleles,
            "called": called, "full": full, "off": off, "man": man, "passing": passing,
        }  # fmt: skip

    @staticmethod
    def _carriers(number: int, base: dict[str, Any]) -> list[Any]:
        copies = (base["alleles"] == number).sum(axis=1)
        full, called, passing = base["full"], base["called"], base["passing"]
        het = full & (copies > 0) & (copies < called)
        all_ = full & (copies > 0) & (copies == called)
        hom, hemi = all_ & (called > 1), all_ & (called == 1)
        man = base["man"]
        rows = {
            "ac": copies, "n_het": het, "n_hom_alt": hom, "n_hemi": hemi,
            "n_het_not_diploid": het & base["off"], "n_hom_alt_not_diploid": hom & base["off"],
            "ac_adj": np.where(passing, np.where(man, np.minimum(copies, 1), copies), 0),
            "n_het_adj": het & passing, "n_hom_alt_adj": hom & passing & ~man,
            "n_hemi_adj": (hemi | (hom & man)) & passing,
        }  # fmt: skip
        return [rows[n] for n in ALONE]

    def compare(
        self,
        rows: list[dict[str, Any]],
        names: list[tuple[str, str]],
        groups: int,
        *,
        runs: bool,
    ) -> Iterator[str]:
        """Compare with rows of the table frequencies.

        Parameters
        ----------
        names
            Of the groups, in the order of the counts.
        groups
            How many sets of people the files of the cohort have. Of an allele that is not
            in all of them only what its carriers count is compared.
        runs
            Whether people are counted at bases by runs: then likewise.
        """
        number = {name: n for n, name in enumerate(names)}
        seen: set[Key] = set()
        for row in rows:
            key = (row["contig"], row["pos"], row["ref"], row["alt"], row["extent"])
            if key not in self.counts:
                continue
            seen.add(key)
            at = number.get((row["stratum_by"], row["stratum"]))
            if at is None:
                yield f"{_write(key)}: a stratum of nobody, {row['stratum']}"
                continue
            whole = not runs and len(self.by[key]) == groups
            asked = COUNTS if whole else tuple(n for n in ALONE if n in _PLAIN or not runs)
            found = dict(zip(COUNTS, self.counts[key][at].tolist(), strict=True))
            for name in asked:
                stored = row[name]
                if stored is None:
                    stored = 0
                if stored != found[name]:
                    yield (
                        f"{_write(key)}, {row['stratum_by']} {row['stratum']}: {name} is "
                        f"{stored}, in the source {found[name]}"
                    )
                    break
        for key in self.counts.keys() - seen:
            # Of a gVCF an ALT that nobody is called with is no allele.
            if not runs or int(self.counts[key][0][0]):
                yield f"{_write(key)} is in the source, and not counted"


def _write(key: Key) -> str:
    return "-".join(str(k) for k in key if k != "")
