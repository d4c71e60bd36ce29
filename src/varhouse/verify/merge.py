"""The tables of alleles against each other: files of one partition, read side by side.

`variants`, `frequencies` and `totals` are sorted by allele, so that a window of positions is
complete as soon as each file has been read beyond it. Keys are compared as hashes of 64 bits;
a batch of each file that reaches into the window is in memory, and no more.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numba as nb
import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from varhouse.verify.figures import (
    ADJ,
    ALONE,
    COUNTS,
    LEAST,
    MOST,
    SITE_COUNTS,
    as_floats,
    impossible,
    wrong_figures,
)
from varhouse.verify.filescan import Rows
from varhouse.verify.once import TABLE, Once, wrong_rows
from varhouse.verify.rowhash import Words, hash_values, join_hashes, numbers_of
from varhouse.verify.words import KEY

Wrong = Iterator[tuple[str, str]]
"""A table, and what is wrong with it."""

_FIGURES = (
    "af", "af_adj", "call_rate", "call_rate_adj", "hwe_p", "hwe_midp", "inbreeding", "faf95",
    "faf99", "faf95_adj", "faf99_adj",
)  # fmt: skip


def _without_masked(batch: pa.RecordBatch) -> npt.NDArray[np.bool_]:
    """Tell of which rows all numbers are shown: bool[rows]."""
    out = np.ones(batch.num_rows, np.bool_)
    for name in COUNTS:
        if name not in ADJ:
            out &= np.asarray(batch.column(name).is_valid())
    return out


_ALL = np.int64(hash_values(pa.array(["all"])).view(np.int64)[0])
_MANY = 3
"""Rules that a message names."""


@dataclass
class Source:
    """A file that takes part: its batches in order, and the least place in it."""

    table: str
    cohort: int
    batches: Iterator[Rows]
    least: int
    held: list[pl.DataFrame] = field(default_factory=list)
    is_open: bool = False
    is_done: bool = False

    @property
    def reach(self) -> int:
        """No row that is still to come stands before this place."""
        if self.is_done:
            return 1 << 62
        return int(self.held[-1]["place"][-1]) if self.held else self.least


BaseCounts = Callable[[npt.NDArray[np.int64]], Iterator[tuple[int, bool, pl.DataFrame]]]
"""Gives of places what cohorts with runs counted there: cohort, whether all its files have
runs, and rows of place, s (stratum) and the counts of a site."""


class AlleleMerge:
    """Compares the tables of alleles of one partition.

    Parameters
    ----------
    rank
        Contig to its number in the order of its name.
    bases
        What the table callable says of some places.
    once
        What is counted otherwise where people count in another cohort.
    is_view
        The store is the view of a role: where a number of a row is masked nothing is asked of
        it, and sums of groups and cohorts are not those of what is shown.
    """

    def __init__(
        self,
        rank: dict[str, int],
        bases: BaseCounts | None = None,
        *,
        is_view: bool = False,
        once: Once | None = None,
    ) -> None:
        self._rank, self._bases, self._is_view = rank, bases, is_view
        self._once = once or Once()
        self._batches: dict[int, Rows] = {}
        self._said: dict[tuple[str, str], tuple[int, str]] = {}
        self.alone: set[int] = set()
        """Cohorts of which `carriers` are summed up."""
        self.carriers: dict[int, dict[int, Words]] = {}
        """Cohort and stratum to the sums of ALONE over alleles, each times its hash."""
        self.n_alleles: dict[int, int] = {}

    # -- reading -----------------------------------------------------------------------

    def _frame(self, source: Source, rows: Rows) -> pl.DataFrame:
        """Make of a batch what is compared: hashes and counts."""
        batch = rows.batch
        number = max(self._batches, default=-1) + 1
        self._batches[number] = rows
        contig = batch.column("contig")
        if pa.types.is_dictionary(contig.type):
            ranks = np.array([self._rank.get(c, 0) for c in contig.dictionary.to_pylist()])
            place = ranks[numbers_of(contig.indices)] if len(rows) else np.zeros(0)
        else:
            place = np.array([self._rank.get(c, 0) for c in contig.to_pylist()])
        columns: dict[str, object] = {
            "place": (place.astype(np.int64) << 32) + rows.numbers("pos"),
            "h": rows.key(KEY).view(np.int64),
            "batch": np.full(len(rows), number, np.int32),
            "row": np.arange(len(rows), dtype=np.int32),
        }
        if source.table != "variants":
            by, of = rows.hash("stratum_by"), rows.key(("stratum_by", "stratum"))
            columns |= {"b": by.view(np.int64), "s": of.view(np.int64)}
            columns |= {n: self._numbers(rows, n) for n in COUNTS}
            columns["cohort"] = np.full(len(rows), source.cohort, np.int32)
        if source.table == "totals":
            columns["n_cohorts"] = rows.numbers("n_cohorts").astype(np.int64)
            for name in ("stratum", "af", "af_adj", "is_grpmax", "is_grpmax_adj"):
                array = batch.column(name)
                if pa.types.is_dictionary(array.type):
                    array = array.dictionary_decode()
                columns[name] = pl.from_arrow(array)
        frame = pl.DataFrame(columns)
        if source.table == "frequencies":
            self._add_up(source.cohort, frame)
        if source.table != "variants":
            unknown = pl.Series(np.asarray(batch.column("n_samples_adj").is_null()))
            frame = frame.with_columns(known=~unknown)
            if self._is_view:
                whole = _without_masked(batch)
                rows, shown = Rows(batch.filter(whole), rows.partition, rows.labels), frame
                self._look_at_rows(source.table, rows, shown.filter(pl.Series(whole)))
            else:
                self._look_at_rows(source.table, rows, frame)
        return frame

    def _add_up(self, cohort: int, frame: pl.DataFrame) -> None:
        """Count the alleles of a cohort, and weigh what its carriers count."""
        number = int((frame["b"] == _ALL).sum())
        self.n_alleles[cohort] = self.n_alleles.get(cohort, 0) + number
        if cohort not in self.alone:
            return
        sums = self.carriers.setdefault(cohort, {})
        weight, of = frame["h"].to_numpy().view(np.uint64), frame["s"].to_numpy()
        counts = [frame[n].to_numpy().view(np.uint64) for n in ALONE]
        for stratum in np.unique(of):
            mine = of == stratum
            more = np.array([(weight[mine] * c[mine]).sum() for c in counts], np.uint64)
            sums[int(stratum)] = sums.get(int(stratum), np.zeros_like(more)) + more

    @staticmethod
    def _numbers(rows: Rows, name: str) -> npt.NDArray[np.int64]:
        return np.asarray(rows.numbers(name)).astype(np.int64)

    def _look_at_rows(self, table: str, rows: Rows, frame: pl.DataFrame) -> None:
        counts = {n: frame[n].to_numpy() for n in COUNTS}
        known = frame["known"].to_numpy()
        for rule, bad in impossible(counts):
            self._note(table, f"counts that cannot be: {rule} does not hold in", frame, bad)
        for name in ADJ:
            nulls = np.asarray(rows.batch.column(name).is_null())
            bad = nulls == known
            if bad.any():
                self._note(
                    table, f"{name} is null, or is not, against n_samples_adj:", frame, bad
                )
        names = [n for n in _FIGURES if n in rows.batch.schema.names]
        figures = {n: as_floats(rows.batch.column(n)) for n in names}
        for name, bad in wrong_figures(counts, known, figures):
            if bad.any():
                self._note(table, f"{name} that cannot be in", frame, bad)
        bad = known & (counts["n_samples_adj"] == 0)
        if bad.any():
            self._note(table, "n_samples_adj of nobody in", frame, bad)

    def _note(self, table: str, what: str, frame: pl.DataFrame, bad: Any) -> None:
        """Count rows that are wrong, and keep the name of the first."""
        rows = frame.filter(bad) if not isinstance(bad, pl.DataFrame) else bad
        if not rows.height:
            return
        number, first = self._said.get((table, what), (0, ""))
        if not first:
            first = self._name(rows)
        self._said[table, what] = (number + rows.height, first)

    def _name(self, rows: pl.DataFrame) -> str:
        batch, row = rows.select("batch", "row").row(0)
        key = self._batches[batch].place(row, KEY).split(", ")
        return "-".join(k for k in key if k)

    # -- windows -----------------------------------------------------------------------

    def run(self, sources: list[Source]) -> Wrong:
        """Read all files of the partition to their ends, and compare."""
        while True:
            ahead = [s for s in sources if not s.is_done]
            if not ahead:
                break
            # The file that stops the window is the next one to be read on.
            slowest = min(ahead, key=lambda s: s.reach)
            batch = next(slowest.batches, None)
            if batch is None:
                slowest.is_done = True
            elif len(batch):
                slowest.held.append(self._frame(slowest, batch))
            cut = min((s.reach for s in sources), default=1 << 62)
            held = sum(sum(f.height for f in s.held) for s in sources)
            if held >= _WINDOW or cut == 1 << 62:
                self._window(sources, cut)
        yield from self._told()

    def _window(self, sources: list[Source], cut: int) -> None:
        taken: dict[str, list[pl.DataFrame]] = {
            "variants": [],
            "frequencies": [],
            TABLE: [],
            "totals": [],
        }
        for source in sources:
            rest = []
            for frame in source.held:
                n = int(frame["place"].search_sorted(cut))
                taken[source.table].append(frame[:n])
                if n < frame.height:
                    rest.append(frame[n:])
            source.held = rest
        frames = {k: pl.concat(v) if v else pl.DataFrame() for k, v in taken.items()}
        if any(f.height for f in frames.values()):
            self._compare(frames)
        kept = {b for s in sources for f in s.held for b in f["batch"].unique().to_list()}
        self._batches = {k: v for k, v in self._batches.items() if k in kept}

    def _compare(self, frames: dict[str, pl.DataFrame]) -> None:
        variants, rows, totals = frames["variants"], frames["frequencies"], frames["totals"]
        empty = pl.DataFrame(schema={"h": pl.Int64})
        own = rows if rows.height else empty
        known = variants if variants.height else empty
        # In one cohort they are the same alleles: nothing has to be looked for.
        is_alike = (
            variants.height > 0
            and rows.height > 0
            and _are_same(rows.filter(pl.col("b") == _ALL)["h"], variants["h"])
        )
        if variants.height and not is_alike:
            lost = variants.join(own, on="h", how="anti", maintain_order="left")
            self._note("variants", "alleles have no frequencies", lost, lost)
        if rows.height and not is_alike:
            alleles = rows.unique("h", maintain_order=True)
            lost = alleles.join(known, on="h", how="anti", maintain_order="left")
            self._note("frequencies", "alleles are not in variants", lost, lost)
        if self._is_view:
            return
        if rows.height:
            self._strata("frequencies", rows, COUNTS, exactly=True)
        once = frames[TABLE]
        if once.height:
            self._strata(TABLE, once, COUNTS, exactly=True)
        if self._once.cohorts and rows.height + once.height:
            for what, bad in wrong_rows(self._once.among(rows), once, int(_ALL)):
                self._note(TABLE, what, bad, bad)
        if totals.height:
            self._strata("totals", totals, ALONE, exactly=False)
            self._greatest(totals)
        self._compare_bases(rows)
        self._sums(self._once.counted(rows, once), totals)

    def _strata(
        self, table: str, rows: pl.DataFrame, names: tuple[str, ...], *, exactly: bool
    ) -> None:
        """Check that groups of a stratum add up to all, in totals to no more."""
        groups = rows.filter(pl.col("b") != _ALL)
        if not groups.height or _adds_up(rows, names):
            return
        sums = groups.group_by("h", "cohort", "b").agg(pl.col(names).sum())
        whole = rows.filter(pl.col("b") == _ALL)
        both = whole.join(sums, on=["h", "cohort"], suffix="_of")
        ends = [(pl.col(f"{n}_of"), pl.col(n)) for n in names]
        wrong = pl.any_horizontal(a != b if exactly else a > b for a, b in ends)
        bad = both.filter(wrong)
        what = "counts that cannot be: the groups of a stratum do not add up to all in"
        self._note(table, what, bad, bad)
        lone = groups.join(whole, on=["h", "cohort"], how="anti")
        self._note(table, "counts that cannot be: groups without a row of all:", lone, lone)

    def _greatest(self, totals: pl.DataFrame) -> None:
        for end in ("", "_adj"):
            mark, share = f"is_grpmax{end}", f"af{end}"
            known = pl.lit(value=True) if not end else pl.col("known")
            is_group = (pl.col("b") != _ALL) & known
            bad = totals.filter(~is_group & pl.col(mark).is_not_null())
            groups = totals.filter(is_group)
            if groups.height:
                ranked = (
                    groups.filter(pl.col(f"ac{end}") > 0)
                    .sort(share, f"an{end}", "stratum", descending=[True, True, False])
                    .unique(["h", "b"], keep="first", maintain_order=True)
                    .select("h", "s", first=pl.lit(value=True))
                )
                both = groups.join(ranked, on=["h", "s"], how="left", maintain_order="left")
                wanted = pl.col("first").fill_null(value=False)
                off = both.filter(pl.col(mark).ne_missing(wanted))
                bad = pl.concat([bad, off.select(bad.columns)])
            self._note("totals", f"{mark} that cannot be in", bad, bad)

    # -- sums over cohorts -------------------------------------------------------------

    def _sums(self, rows: pl.DataFrame, totals: pl.DataFrame) -> None:
        names = [*COUNTS, "n_cohorts"]
        if not rows.height:
            self._note("totals", "sums over cohorts are wrong", totals, totals)
            return
        own = rows.with_columns(n_cohorts=(pl.col("n_samples") > 0).cast(pl.Int64))
        is_one = self._bases is None and own["cohort"].n_unique() == 1
        # The totals of one cohort are its rows; their order differs where files meet.
        is_one &= own.height == totals.height
        if is_one and _weigh(own, names) == _weigh(totals, names):
            return
        terms = own.select("h", "s", *names)
        sites = own.select("place", "h").unique()
        at_bases = list(self._at_bases(own))
        several = sites.filter(pl.len().over("place") > 1)
        if own["cohort"].n_unique() > 1 and several.height:
            terms = pl.concat([terms, self._lacking(own, several)])
        for frame in at_bases:
            added = sites.join(frame, on="place").with_columns(
                n_cohorts=(pl.col("n_samples") > 0).cast(pl.Int64),
                **{n: pl.lit(0, pl.Int64) for n in ALONE},
            )
            terms = pl.concat([terms, added.select("h", "s", *names)])
        sums = terms.group_by("h", "s").agg(pl.col(names).sum())
        found = totals.select("h", "s", *names, "batch", "row") if totals.height else None
        if found is None:
            self._note("totals", "sums over cohorts are wrong", own, own)
            return
        both = found.join(sums, on=["h", "s"], how="full", suffix="_of", coalesce=True)
        wrong = pl.any_horizontal(pl.col(n).ne_missing(pl.col(f"{n}_of")) for n in names)
        bad = both.filter(wrong).sort("batch", "row", nulls_last=True)
        if not bad.height:
            return
        # A sum that lacks a row of totals is named by the rows that it is of.
        lone = bad.filter(pl.col("batch").is_null())
        if lone.height:
            named = own.join(lone.select("h", "s"), on=["h", "s"], how="semi")
            bad = pl.concat(
                [bad.select("batch", "row"), named.select("batch", "row")]
            ).drop_nulls()
        self._note("totals", "sums over cohorts are wrong", bad, bad)

    @staticmethod
    def _lacking(own: pl.DataFrame, several: pl.DataFrame) -> pl.DataFrame:
        """Give what cohorts add to the alleles of a site that they lack, and others have."""
        site = (
            own.join(several.select("place").unique(), on="place", how="semi")
            .group_by("cohort", "place", "s")
            .agg(
                pl.col(MOST).max(), pl.col(LEAST).min(), pl.col("n_cohorts").max(),
            )
        )  # fmt: skip
        pairs = several.join(site, on="place")
        held = own.select("h", "cohort").unique()
        lacking = pairs.join(held, on=["h", "cohort"], how="anti")
        zero = {n: pl.lit(0, pl.Int64) for n in ALONE}
        return lacking.with_columns(**zero).select("h", "s", *COUNTS, "n_cohorts")

    def _at_bases(self, own: pl.DataFrame) -> Iterator[pl.DataFrame]:
        """Give what cohorts add to alleles at whose places they have none, by callable."""
        places = own["place"].unique().sort().to_numpy()
        for bases, is_once in ((self._bases, False), (self._once.bases, True)):
            for cohort, _, found in bases(places) if bases is not None else ():
                if (cohort in self._once.cohorts) is is_once:
                    mine = own.filter(pl.col("cohort") == cohort)
                    yield found.join(mine.select("place").unique(), on="place", how="anti")

    def _compare_bases(self, rows: pl.DataFrame) -> None:
        """Compare what alleles count of their base with callable."""
        if self._bases is None or not rows.height:
            return
        places = rows["place"].unique().sort().to_numpy()
        for cohort, by_runs_alone, found in self._bases(places):
            mine = rows.filter(pl.col("cohort") == cohort)
            if mine.height:
                self._compare_base(mine, found, by_runs_alone=by_runs_alone)

    def _compare_base(
        self, mine: pl.DataFrame, found: pl.DataFrame, *, by_runs_alone: bool
    ) -> None:
        own = mine
        if not by_runs_alone:
            most, least = pl.col(MOST).max(), pl.col(LEAST).min()
            own = mine.group_by("place", "s", maintain_order=True).agg(
                pl.first("batch", "row"), most, least
            )
        both = own.join(found, on=["place", "s"], how="left", suffix="_of")
        ends = [(pl.col(n), pl.col(f"{n}_of").fill_null(0)) for n in SITE_COUNTS]
        wrong = pl.any_horizontal(a != b if by_runs_alone else a < b for a, b in ends)
        bad = both.filter(wrong)
        what = "rows count of their base something else than the table callable"
        self._note("frequencies", what, bad, bad)

    def _told(self) -> Wrong:
        for (table, what), (number, first) in self._said.items():
            if what.endswith((" in", ":")):
                yield table, f"{what} {number} rows, the first: {first}"
            else:
                yield table, f"{number} {what}, the first: {first}"


@nb.njit(cache=True, nogil=True)
def _add_by(weight, of, counts, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    for i in range(of.size):
        out[of[i]] += weight[i] * np.uint64(counts[i])


def stratum_hash(by: str, stratum: str) -> int:
    """Give the number that stands for a stratum (`AlleleMerge.carriers`)."""
    columns = [hash_values(pa.array([text])) for text in (by, stratum)]
    return int(join_hashes(columns).view(np.int64)[0])


def _are_same(a: pl.Series, b: pl.Series) -> bool:
    """Tell whether two columns hold the same numbers, in whatever order."""
    return a.len() == b.len() and np.array_equal(a.sort(), b.sort())


def _weigh(rows: pl.DataFrame, names: list[str]) -> list[int]:
    """Sum columns up, each row with a random weight of its allele and stratum."""
    weight = join_hashes([rows[n].to_numpy().view(np.uint64) for n in ("h", "s")])
    counts = (rows[n].to_numpy().view(np.uint64) for n in names)
    return [int(weight.sum()), *(int(np.dot(weight, c)) for c in counts)]


def _adds_up(rows: pl.DataFrame, names: tuple[str, ...]) -> bool:
    """Tell whether each stratum counts what all do, by sums of alleles with random weights."""
    weight = rows["h"].to_numpy().view(np.uint64) ^ rows["cohort"].to_numpy().astype(np.uint64)
    weight = weight * np.uint64(0x9E3779B97F4A7C15) | np.uint64(1)
    kinds, of = np.unique(rows["b"].to_numpy(), return_inverse=True)
    sums = np.zeros((len(names), kinds.size), np.uint64)
    for name, out in zip(names, sums, strict=True):
        _add_by(weight, of, rows[name].to_numpy(), out)
    return bool((sums == sums[:, :1]).all())


_WINDOW = 1 << 18
"""Rows of all files together from which a window is compared."""
