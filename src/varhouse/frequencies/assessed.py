"""Who of a cohort was assessed at a site without having an allele: files of different people.

Whether somebody was assessed is a matter of the *site* (contig and pos), not of the ALT:
where file A has `G A` and file B `G T`, the people of both were called there, so `an` of
either allele counts all of them, with no copy in the other file. A record is about the
site of its own POS and the sites at which its alleles stand once they are normalised; an
allele is asked for at its normalised position. What was rejected is about nothing; ALT `<*>`
was not, people are called there as where ALT is `.`, and who has it does not have G. A file
without a record at the site says nothing of its people there, even if a deletion of it
reaches over the site; but people with a capture kit are assumed called wherever it covers
the base, and not assessed elsewhere (`varhouse.frequencies.kits`). `bcftools merge -m all` of
normalised files counts the same.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from varhouse.alleles.unspecified import NO_ALT
from varhouse.frequencies.called import Calls, count_called
from varhouse.frequencies.kits import Kits
from varhouse.frequencies.rows import frequency_frame
from varhouse.frequencies.strata import Strata
from varhouse.genome.haploid import HaploidRegions
from varhouse.genotypes.calls import NO_GT, Int32, parse_gt
from varhouse.genotypes.planefiles import NEEDED, list_files
from varhouse.genotypes.planefiles import RECORD as _RECORD
from varhouse.tables.schema import KEY, KEY_SCHEMA, REJECTS, SITES
from varhouse.tables.statistics import genotype_counts, site_counts
from varhouse.tables.windows import Window

SITE, STRATUM = ("contig", "pos"), ("stratum_by", "stratum")

_NO_SITES = pl.LazyFrame(schema=SITES.polars_schema)
_NO_REJECTS = pl.LazyFrame(schema=REJECTS.polars_schema)

PLANE_BYTES = 1 << 26
"""Bytes of planes read at once, about: of records of many ALTs fewer."""


@dataclass(frozen=True)
class People:
    """The people of a cohort.

    Attributes
    ----------
    strata
        Their strata, by ordinal.
    group_of
        Number of the group of people that each file holds.
    members
        Ordinals of the people of each group.
    columns
        For each file int32[columns]: ordinal of each sample column.
    haploid
        Where males have one copy.
    kits
        What the kits of `strata` cover; None: people have none.
    """

    strata: Strata
    group_of: dict[int, int]
    members: list[list[int]]
    columns: dict[int, npt.NDArray[np.int32]]
    haploid: HaploidRegions
    kits: Kits | None = None


class Sites:
    """Records of the files of a cohort by the sites that they are about.

    Parameters
    ----------
    sites, genotypes
        Files of these tables.
    rejected
        Of people with kits: contig, pos and file of records that were rejected. Of who has
        such a record, or one of which no allele is kept, nothing is assumed there.
    """

    def __init__(
        self,
        sites: list[str],
        genotypes: list[str],
        people: People,
        rejected: pl.DataFrame | None = None,
    ) -> None:
        self._people = people
        self._genotypes = pl.scan_parquet(genotypes, glob=False) if genotypes else None
        cells = people.strata.male.size
        self._sizes = np.array(
            [np.bincount(people.strata.cell[m], minlength=cells) for m in people.members],
            np.int32,
        ).reshape(-1, cells)
        files = {f: g for f, g in people.group_of.items() if people.members[g]}
        group = pl.col("file").replace_strict(files, default=None, return_dtype=pl.Int64)
        scan = pl.scan_parquet(sites, glob=False) if sites else _NO_SITES
        says = pl.col("alt").str.contains(NO_ALT) | (
            pl.col("allele_pos").list.drop_nulls().list.len() > 0
        )
        mute = [scan.filter(~says)] if people.kits is not None else []
        mute += [rejected.lazy()] if rejected is not None else []
        self._mute = [
            frame.select(*SITE, group=group).filter(pl.col("group").is_not_null())
            for frame in mute
        ]
        self._sites = (
            scan.filter(says)
            .select(
                "contig",
                "pos",
                *_RECORD,
                "allele_pos",
                n_alt=pl.col("alt").str.count_matches(",", literal=True).cast(pl.Int64) + 1,
                group=group,
            )
            .filter(pl.col("group").is_not_null())
        )
        left = (pl.col("pos") - pl.col("allele_pos").list.min()).max()
        right = (pl.col("allele_pos").list.max() - pl.col("pos")).max()
        reach = self._sites.select(pl.max_horizontal(left, right, pl.lit(0)))
        self._reach = int(reach.collect(engine="streaming").item() or 0)

    def others(self, held: pl.DataFrame, window: Window) -> pl.DataFrame:
        """Give counts for the groups of people that were assessed and lack an allele.

        Parameters
        ----------
        held
            The key and `group` of every allele in the files, in a window.

        Returns
        -------
        pl.DataFrame
            Rows of frequencies without `cohort` and `part`; no copy of the allele in any.
        """
        alleles = held.select(KEY).unique().sort(KEY).with_row_index("row")
        return self._count(alleles, held, window, self._about(window))

    def places(self, window: Window) -> pl.DataFrame:
        """Give the sites that records are about, or rejected records: contig, pos."""
        frames = (self._about(window), self._muted(window))
        return pl.concat(f.select(SITE) for f in frames).unique()

    def without_allele(self, sites: pl.DataFrame, window: Window) -> pl.DataFrame:
        """Give counts at sites (contig, pos) of a window at which no allele stands.

        Returns
        -------
        pl.DataFrame
            Columns contig, pos, stratum_by, stratum and the counts of `site_counts`; those of
            high quality, which no row of frequencies says, are 0. No row where nobody was
            assessed.
        """
        sites = sites.sort(SITE)
        nothing = {n: pl.lit("", t) for n, t in KEY_SCHEMA.items() if n not in SITE}
        alleles = sites.with_columns(**nothing).select(KEY).with_row_index("row")
        held = pl.DataFrame(schema={**KEY_SCHEMA, "group": pl.Int64})
        rows = self._count(alleles, held, window, self._about(window))
        return rows.select(*SITE, *STRATUM, pl.col(site_counts()).fill_null(0))

    def _count(
        self, alleles: pl.DataFrame, held: pl.DataFrame, window: Window, about: pl.DataFrame
    ) -> pl.DataFrame:
        """Count people of groups that lack alleles (with `row` from 0), as `others`."""
        about = about.join(
            alleles.select("contig", "pos").unique(), on=["contig", "pos"], how="semi"
        )
        entries = about.select("contig", "pos", "group").unique()
        lacking = (
            alleles.join(entries, on=["contig", "pos"])
            .join(held, on=[*KEY, "group"], how="anti")
            .select("row", "contig", "pos", "group")
        )
        entries = (
            lacking.select("contig", "pos", "group").unique().sort("contig", "pos", "group")
        ).with_row_index("entry")
        pairs = lacking.join(entries, on=["contig", "pos", "group"]).sort("row", "entry")
        records = about.join(entries, on=["contig", "pos", "group"]).sort("entry", *_RECORD)
        strata = self._people.strata
        # Where kits say who was looked at, no record is needed for that.
        needed = (pairs if self._people.kits is None else alleles)["row"].unique().sort()
        index = pl.DataFrame({"row": needed}).with_row_index("index")
        pairs = pairs.join(index, on="row", how="left", maintain_order="left")
        members = self._people.members
        an, missing, n, odd = count_called(
            _longs(pairs["index"]),
            _longs(pairs["entry"]),
            np.searchsorted(_longs(records["entry"]), np.arange(entries.height + 1)),
            _longs(entries["group"]),
            np.cumsum([0, *map(len, members)], dtype=np.int64),
            np.array([s for group in members for s in group], np.int32),
            self._calls(records),
            strata.cell,
            strata.male,
            needed.len(),
        )
        if self._people.kits is not None:
            mute = alleles.join(self._muted(window), on=SITE)
            heard = pl.concat(
                f.select("row", "group") for f in (pairs, held.join(alleles, on=KEY), mute)
            ).unique()
            an, missing, n, odd = self._in_kits(alleles, heard, (an, missing, n, odd))
        counts = {
            name: np.zeros((needed.len(), len(strata.by)), np.int32)
            for name in genotype_counts()
        }
        counts |= {
            "an": strata.sums(an),
            "n_missing": strata.sums(missing),
            "n_not_diploid": strata.sums(odd),
        }
        out = frequency_frame(alleles[needed], counts, strata, strata.sums(n))
        return out.filter(pl.col("n_samples") > 0)

    def _in_kits(
        self, alleles: pl.DataFrame, heard: pl.DataFrame, counts: tuple[Int32, ...]
    ) -> tuple[Int32, Int32, Int32, Int32]:
        """Leave out who is not assessed by his kit, and add those who are without a record.

        Parameters
        ----------
        alleles
            Alleles of the window, `row` from 0.
        heard
            Groups with a record of the site of an allele: row, group.
        counts
            int32[alleles, cells] each: an, n_missing, n_samples, n_not_diploid by records.
        """
        kits, strata = self._people.kits, self._people.strata
        assert kits is not None
        at = alleles["contig"], alleles["pos"]
        assessed = kits.assessed(*at, strata)
        an, missing, n, odd = (np.where(assessed, c, 0).astype(np.int32) for c in counts)
        copies = kits.assumed(*at, strata, self._people.haploid)
        silent = np.tile(self._sizes.sum(axis=0, dtype=np.int32), (alleles.height, 1))
        np.subtract.at(silent, _longs(heard["row"]), self._sizes[_longs(heard["group"])])
        silent = np.where(copies > 0, silent, 0)
        return an + copies * silent, missing, n + silent, odd + silent * (copies == 1)

    def _muted(self, window: Window) -> pl.DataFrame:
        """Find groups of whom nothing is assumed at sites: contig, pos, group."""
        frames = [f.filter(window.rows()).collect() for f in self._mute]
        empty = pl.DataFrame(schema={n: KEY_SCHEMA[n] for n in SITE} | {"group": pl.Int64})
        return pl.concat([empty, *frames]).unique()

    def _about(self, window: Window) -> pl.DataFrame:
        """Find records about sites of a window, with pos of the site and own_pos."""
        near = self._sites.filter(window.widened(self._reach).rows()).collect()
        names = ["contig", "pos", "group", *_RECORD, "own_pos", "n_alt"]
        near = near.with_columns(own_pos="pos")
        moved = (
            near.drop("pos")
            .rename({"allele_pos": "pos"})
            .explode("pos", empty_as_null=True)
            .filter(pl.col("pos").is_not_null() & (pl.col("pos") != pl.col("own_pos")))
        )
        about = pl.concat([near.select(names), moved.select(names).unique()])
        return about.filter(window.rows())

    def _calls(self, records: pl.DataFrame) -> Calls:
        """Read the genotypes of records at sites (`_about`), in order."""
        places = self._people.columns
        calls = list_files(self._rows(records), records, places, NO_GT)
        alleles = [parse_gt(t) or [] for t in calls.texts]
        return Calls(
            ploidy=np.array([len(a) for a in alleles], np.int32),
            called=np.array([sum(x >= 0 for x in a) for a in alleles], np.int32),
            default=calls.default,
            begin=calls.begin,
            end=calls.end,
            who=calls.who,
            what=calls.what,
            haploid=self._people.haploid.contains(records["contig"], records["pos"]),
        )

    def _rows(self, records: pl.DataFrame) -> Iterator[pl.DataFrame]:
        """Read the rows of genotypes of records, of some PLANE_BYTES at a time."""
        names = ["contig", "own_pos", *_RECORD, "n_alt"]
        wanted = records.select(names).unique().sort(names)
        if self._genotypes is None or wanted.is_empty():
            return
        people = {f: c.size for f, c in self._people.columns.items()}
        width = wanted["file"].replace_strict(people, return_dtype=pl.Int64)
        ends = ((wanted["n_alt"] + 2) * (width + 3) // 4).cum_sum()
        for _, mine in wanted.group_by(ends // PLANE_BYTES, maintain_order=True):
            near = pl.col("pos").is_between(
                pl.lit(mine["own_pos"].min()), pl.lit(mine["own_pos"].max())
            ) & pl.col("contig").is_in(mine["contig"].unique().to_list())
            yield (
                self._genotypes.filter(near)
                .select(NEEDED)
                .join(mine.select(_RECORD).lazy(), on=_RECORD, how="semi")
                .collect(engine="streaming")
            )


def _longs(column: pl.Series) -> npt.NDArray[np.int64]:
    return column.to_numpy().astype(np.int64)


def rejected_sites(
    paths: Iterable[str], canonical: Callable[[str], str | None]
) -> pl.DataFrame:
    """Find where whole records of files were rejected: contig, pos, file.

    Parameters
    ----------
    paths
        Files of the table rejects, with contigs and positions as in the cohort's files.
    canonical
        Gives the canonical name of a contig.
    """
    files = list(paths)
    found = pl.scan_parquet(files, glob=False) if files else _NO_REJECTS
    whole = found.filter(pl.col("alt_index").is_null() & pl.col("pos").is_not_null())
    rows = whole.select("contig", "pos", "file").unique().collect()
    names = {n: canonical(n) for n in rows["contig"].unique()}
    return rows.with_columns(
        pl.col("contig").replace_strict(names, default=None, return_dtype=pl.String)
    ).filter(pl.col("contig").is_not_null())
