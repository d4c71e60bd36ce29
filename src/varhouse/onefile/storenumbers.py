"""What a store says of alleles: statistics of everybody, or of a group of its people."""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl

from varhouse.alleles.key import NOTHING, Declared
from varhouse.genome.contigs import Contigs
from varhouse.genome.reference import Reference, empty_reference
from varhouse.infokeys import info_key
from varhouse.ingest.setup.known_names import open_reference
from varhouse.onefile.annotate import make_normaliser
from varhouse.onefile.annotate_vcf import plain_text
from varhouse.query.expression import find_column
from varhouse.query.groups import GroupCounter
from varhouse.query.people import People
from varhouse.query.rowgroups import Place
from varhouse.store.reader import Store
from varhouse.store.retract import callable_files
from varhouse.tables.schema import CALLABLE, FREQUENCIES, KEY, TOTALS
from varhouse.tables.statistics import (
    Statistic,
    counts_of,
    made_of,
    statistics_of,
    unknown_of,
)
from varhouse.tables.totals import sum_counts


@dataclass(frozen=True)
class Numbers:
    """Statistics of alleles at a place, and what they are called.

    `look` gives the key and a column for each name of `statistics`; `who` says of whom.
    `lack` gives the same of alleles of one contig that the store lacks, where somebody is
    assessed at their site: no copy of so many alleles. With `has_bases` people are assessed
    also where no allele stands.
    """

    statistics: Mapping[str, Statistic]
    look: Callable[[Place], pl.DataFrame]
    lack: Callable[[pl.DataFrame], pl.DataFrame]
    has_bases: bool
    name: str
    who: str

    @property
    def keys(self) -> dict[str, str]:
        """Keys of INFO by statistic."""
        taken: set[str] = set()
        return {n: info_key(f"{self.name}_{n.upper()}", taken) for n in self.statistics}

    def header(self) -> list[str]:
        """Declare the keys."""
        lines = []
        for name, key in self.keys.items():
            statistic = self.statistics[name]
            kind = "Float" if statistic.dtype == pl.Float64 else "Integer"
            what = plain_text(f"{statistic.meaning}; {self.who}")
            lines.append(f'##INFO=<ID={key},Number=A,Type={kind},Description="{what}">')
        return lines


def open_numbers(
    store: Store, people: People | None, columns: Sequence[str], name: str
) -> Numbers:
    """Say where the statistics come from."""
    of_release = f"store of assembly {store.assembly}, release {store.release}"
    if people is not None:
        counter = GroupCounter(store, people, columns)
        known = counter.statistics
        names = [n for n in counter.schema if n in known]
        who = f"{people.size:,} chosen people of the {of_release}"
        statistics = {n: known[n] for n in names}
        return Numbers(
            statistics, counter.count, counter.lacking, counter.has_bases, name, who
        )
    # Everybody is compared with no other group.
    known = {s.name: s for s in statistics_of(TOTALS.name) if s.greatest is None}
    names = [find_column(c, known) for c in columns]

    def look(place: Place) -> pl.DataFrame:
        rows = store.scan("totals", contig=place.contig, start=place.low, end=place.high)
        wanted = (pl.col("stratum_by") == "all") & (pl.col("stratum") == "all")
        if place.only is not None:
            wanted &= pl.col("pos").is_in(pl.Series(place.only, dtype=pl.Int32).implode())
        return rows.filter(wanted).select(*KEY, *names).collect(engine="streaming")

    def lack(keys: pl.DataFrame) -> pl.DataFrame:
        return _count_lacking(store, keys).select(*KEY, *names)

    statistics = {n: known[n] for n in names}
    has_bases = store.file_frame(CALLABLE.name).height > 0
    return Numbers(statistics, look, lack, has_bases, name, f"everybody in the {of_release}")


def _count_lacking(store: Store, keys: pl.DataFrame) -> pl.DataFrame:
    """Make the totals that alleles of one contig would have of which there is no copy."""
    contig, pos = keys["contig"][0], keys["pos"]
    low, high = pos.min(), pos.max()
    counts = counts_of(FREQUENCIES.name)
    whole = (pl.col("stratum_by") == "all") & (pl.col("stratum") == "all")
    names = ["cohort", *KEY, "stratum_by", "stratum", *counts]
    held = (
        store.scan(FREQUENCIES.name, contig=contig, start=low, end=high)
        .filter(whole, pl.col("pos").is_in(pos.unique().implode()))
        .select(names)
        .collect(engine="streaming")
    )
    # Rows of no cohort and no counts: what others counted at the site is added to them.
    nobody = keys.select(
        pl.lit("").alias("cohort"),
        *KEY,
        *(pl.lit("all").alias(n) for n in ("stratum_by", "stratum")),
        *(pl.lit(0, pl.Int32).alias(n) for n in counts),
    )
    part = store.assembly_contigs.part(contig)
    sums = sum_counts(pl.concat([held, nobody]), callable_files(store, part))
    return (
        sums.filter(whole, pl.col("n_samples") > 0)
        .join(keys, on=KEY, how="semi")
        .with_columns(pl.col(counts_of(TOTALS.name)).cast(pl.Int32))
        .with_columns(**unknown_of(TOTALS.name))
        .with_columns(**made_of(TOTALS.name))
    )


@contextmanager
def open_normaliser(
    fasta: str | Path | None,
) -> Iterator[Callable[[pl.DataFrame], pl.DataFrame]]:
    """Make what normalises alleles for the look-up."""
    if fasta is not None:
        with open_reference(Path(fasta), None) as reference:
            yield _by_names_of(reference)
        return
    with tempfile.TemporaryDirectory(prefix="varhouse-annotate-") as folder:
        yield make_normaliser(empty_reference(Path(folder), Contigs([])))


def _by_names_of(reference: Reference) -> Callable[[pl.DataFrame], pl.DataFrame]:
    """Normalise by a reference that may call a contig otherwise than the store does."""
    normalise = make_normaliser(reference)

    def normalised(frame: pl.DataFrame) -> pl.DataFrame:
        names = frame["contig"].unique().to_list()
        known = {n: reference.contigs.canonical(n) or n for n in names}
        own = frame.with_columns(
            contig=pl.col("contig").replace_strict(known, return_dtype=pl.String)
        )
        return normalise(own).with_columns(contig=frame["contig"])

    return normalised


@dataclass
class StoreWork:
    """What is needed to annotate, and what was met on the way.

    `is_aligned` says that `normalise` left-aligns: else an insertion or deletion that is not
    found may be at another place. `n_indels_missed` counts those that were not found.
    """

    store: Store
    numbers: Numbers
    normalise: Callable[[pl.DataFrame], pl.DataFrame]
    is_aligned: bool
    declared: Declared = NOTHING
    n_records: int = 0
    n_alleles: int = 0
    n_found: int = 0
    n_indels_missed: int = 0
    unknown: set[str] = field(default_factory=set)

    def known(self, names: pl.Series) -> dict[str, str]:
        """Give the store's names of contigs; remember those that it does not know."""
        canonical = self.store.assembly_contigs.canonical
        wanted = names.drop_nulls().unique().to_list()
        found = {n: c for n in wanted if (c := canonical(n)) is not None}
        self.unknown.update(n for n in wanted if n not in found)
        return found

    def with_numbers(self, alleles: pl.DataFrame) -> pl.DataFrame:
        """Add a column for each statistic; `alleles` has a key, of contigs of the store.

        A row that has no contig or position has no number either.
        """
        self.n_alleles += alleles.filter(pl.col("alt") != ".").height
        at = pl.DataFrame({"_at": np.arange(alleles.height)})
        placed = pl.concat([alleles.select(KEY), at], how="horizontal").filter(
            pl.col("contig").is_not_null() & pl.col("pos").is_not_null()
        )
        written = pl.col("alt").str.contains("^[A-Za-z]+$")
        placed = placed.with_columns(
            alt=pl.when(written).then(pl.col("alt").str.to_uppercase()).otherwise("alt")
        )
        key = self.normalise(placed.select(KEY)).select(KEY)
        placed = key.with_columns(_at=placed["_at"])
        names = list(self.numbers.statistics)
        schema = {n: s.dtype for n, s in self.numbers.statistics.items()}
        found = [pl.DataFrame(schema={"_at": pl.Int64, **schema})]
        lacking = [found[0]]
        for (contig,), rows in placed.drop_nulls("pos").group_by("contig"):
            numbers = self.numbers.look(_place(str(contig), rows["pos"]))
            found.append(rows.join(numbers, on=KEY).select("_at", *names))
            missed = rows.join(numbers, on=KEY, how="anti")
            self.n_indels_missed += missed.filter(_IS_WRITTEN, ~_HAS_PLACE).height
            may_be = missed.filter(_IS_WRITTEN, _HAS_PLACE | pl.lit(self.is_aligned))
            if not self.numbers.has_bases:
                may_be = may_be.filter(pl.col("pos").is_in(numbers["pos"].unique().implode()))
            if may_be.height:
                told = self.numbers.lack(may_be.select(KEY).unique())
                lacking.append(may_be.join(told, on=KEY).select("_at", *names))
        self.n_found += sum(f.height for f in found)
        every = pl.concat([*found, *lacking[1:]])
        joined = at.join(every, on="_at", how="left", maintain_order="left").drop("_at")
        return pl.concat([alleles, joined], how="horizontal")


_IS_WRITTEN = pl.col("alt").str.contains("^[A-Z]+$")
"""Of symbolic alleles who is assessed at their base says nothing."""

_HAS_PLACE = pl.col("ref").str.len_bytes() == pl.col("alt").str.len_bytes()
"""An insertion or deletion that is not left-aligned may be in the store at another place."""


def _place(contig: str, pos: pl.Series) -> Place:
    only = pos.unique().sort().to_numpy().astype(np.int64)
    return Place(contig, int(only[0]), int(only[-1]), only)
