"""Frequencies of a cohort whose files hold different people, added up by allele.

Whether somebody was assessed is a matter of the *site* (contig and pos), not of the ALT:
where file A has `G A` and file B `G T`, the people of both were called there, so `an` of
either allele counts all of them, with no copy in the other file. A record is about the
site of its own POS and the sites at which its alleles stand once they are normalised; an
allele is asked for at its normalised position. What was rejected is about nothing; ALT `<*>`
was not, people are called there as where ALT is `.`, and who has it does not have G. A file
without a record at the site says nothing of its people there, even if a deletion of it
reaches over the site. `bcftools merge -m all` of normalised files counts the same.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from varhouse.alleles.unspecified import NO_ALT
from varhouse.frequencies.called import Calls, count_called
from varhouse.frequencies.haploid import HaploidRegions
from varhouse.frequencies.rows import frequency_frame
from varhouse.frequencies.strata import Strata
from varhouse.genotypes.calls import NO_GT, parse_gt
from varhouse.genotypes.planefiles import NEEDED, NO_ROWS, list_files
from varhouse.genotypes.planefiles import RECORD as _RECORD
from varhouse.tables.consistency import check_rows
from varhouse.tables.schema import FREQUENCIES, KEY
from varhouse.tables.shards import Shard, write_shard
from varhouse.tables.statistics import (
    adj_counts,
    counts_at_site,
    counts_of,
    genotype_counts,
    made_of,
    unknown_of,
)
from varhouse.tables.windows import Window, cut_windows

MERGE_ROWS = 2_000_000
"""Rows of frequencies that are added up at once."""

_GROUP = (*KEY, "stratum_by", "stratum")


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
    """

    strata: Strata
    group_of: dict[int, int]
    members: list[list[int]]
    columns: dict[int, npt.NDArray[np.int32]]
    haploid: HaploidRegions


def merge_part(
    cohort: str, shards: list[tuple[int, Shard]], people: People, directory: Path
) -> tuple[list[Shard], int]:
    """Add the frequencies of a partition up over files of different people.

    Parameters
    ----------
    shards
        (file, shard) of the tables frequencies, sites and genotypes.
    directory
        Folder for the new shards of frequencies, of this partition alone.

    Returns
    -------
    tuple
        The shards, and the number of distinct alleles.
    """
    by_table = {
        table: [(f, s) for f, s in shards if s.table == table]
        for table in ("frequencies", "sites", "genotypes")
    }
    frequencies = [s for _, s in by_table["frequencies"]]
    if not frequencies:
        return [], 0
    groups = pl.DataFrame(
        {
            "path": [s.path for _, s in by_table["frequencies"]],
            "group": [people.group_of[f] for f, _ in by_table["frequencies"]],
        }
    )
    frame = pl.scan_parquet(
        [s.path for s in frequencies], include_file_paths="path", glob=False
    )
    sites = _Sites(
        [s.path for _, s in by_table["sites"]],
        [s.path for _, s in by_table["genotypes"]],
        people,
    )
    out, n = [], 0
    for i, window in enumerate(cut_windows(frame, MERGE_ROWS)):
        rows = frame.filter(window.rows()).collect().join(groups, on="path", how="left")
        held = rows.select(*KEY, "group").unique()
        counts = counts_of(FREQUENCIES.name)
        names = [*_GROUP, *counts]
        piece = (
            pl.concat(
                [
                    rows.select(names),
                    sites.others(held, window).select(names),
                    _adj_of_others(rows, held).select(names),
                ]
            )
            .group_by(_GROUP)
            .agg(pl.col(counts).sum())
            .with_columns(**unknown_of(FREQUENCIES.name))
            .with_columns(**made_of(FREQUENCIES.name), cohort=pl.lit(cohort))
        )
        check_rows("frequencies", piece, f"cohort {cohort}", exactly=True)
        n += int(((piece["stratum_by"] == "all") & (piece["stratum"] == "all")).sum())
        name = f"frequencies-{i:05d}"
        shard = write_shard(piece, FREQUENCIES, directory, name, frequencies[0].partition)
        out += [shard] if shard is not None else []
    return out, n


def _adj_of_others(rows: pl.DataFrame, held: pl.DataFrame) -> pl.DataFrame:
    """Give the counts of high quality of groups of people that lack an allele.

    Those of the allele of the same site that they do have: who passed there, passed there.
    Of several alleles the one with most called copies of high quality, for all groups of all
    strata, so that these add up. A site at which none of their alleles is kept says
    nothing: they are not counted as people whose quality is known.

    Parameters
    ----------
    rows
        Rows of frequencies of a window, all of each site, with the `group` of people.
    held
        The key and `group` of every allele among them.
    """
    site = ("contig", "pos")
    own = [*KEY, "group"]
    has_fields = rows.filter(pl.col("n_samples_adj").is_not_null())
    best = (
        has_fields.filter(pl.col("stratum_by") == "all")
        .sort(pl.col("an_adj"), -pl.col("n_missing_adj"), *KEY, descending=True)
        .unique([*site, "group"], keep="first", maintain_order=True)
        .select(own)
    )
    zero = [n for n, e in counts_at_site(FREQUENCIES.name).items() if not e.meta.root_names()]
    known = (
        has_fields.join(best, on=own)
        .with_columns(pl.lit(0, pl.Int32).alias(n) for n in zero)
        .select(*site, "group", "stratum_by", "stratum", *adj_counts())
    )
    lacking = (
        held.select(KEY)
        .unique()
        .join(known.select(*site, "group").unique(), on=site)
        .join(held, on=[*KEY, "group"], how="anti")
    )
    none = {n: pl.lit(0, pl.Int32) for n in counts_of(FREQUENCIES.name)}
    return lacking.join(known, on=[*site, "group"]).with_columns(
        **{n: zero for n, zero in none.items() if n not in adj_counts()}
    )


class _Sites:
    """Records of the files of a cohort by the sites that they are about."""

    def __init__(self, sites: list[str], genotypes: list[str], people: People) -> None:
        self._people = people
        self._genotypes = pl.scan_parquet(genotypes, glob=False) if genotypes else None
        files = {f: g for f, g in people.group_of.items() if people.members[g]}
        self._sites = (
            pl.scan_parquet(sites, glob=False)
            .filter(
                pl.col("alt").str.contains(NO_ALT)
                | (pl.col("allele_pos").list.drop_nulls().list.len() > 0)
            )
            .select(
                "contig",
                "pos",
                *_RECORD,
                "allele_pos",
                group=pl.col("file").replace_strict(
                    files, default=None, return_dtype=pl.Int64
                ),
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
        about = self._about(window).join(
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
        needed = pairs["row"].unique().sort()
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

    def _about(self, window: Window) -> pl.DataFrame:
        """Find records about sites of a window, with pos of the site and own_pos."""
        near = self._sites.filter(window.widened(self._reach).rows()).collect()
        names = ["contig", "pos", "group", *_RECORD, "own_pos"]
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
        """Read the genotypes of records (contig, own_pos, file, record), in their order."""
        wanted = records.select(*_RECORD).unique()
        found = NO_ROWS
        if self._genotypes is not None and wanted.height:
            near = pl.col("pos").is_between(
                pl.lit(records["own_pos"].min()), pl.lit(records["own_pos"].max())
            ) & pl.col("contig").is_in(records["contig"].unique().to_list())
            found = (
                self._genotypes.filter(near)
                .select(NEEDED)
                .join(wanted.lazy(), on=_RECORD, how="semi")
                .collect(engine="streaming")
            )
        calls = list_files(found, records, self._people.columns, NO_GT)
        alleles = [parse_gt(t) or [] for t in calls.texts]
        return Calls(
            ploidy=np.array([len(a) for a in alleles], np.int32),
            called=np.array([sum(x >= 0 for x in a) for a in alleles], np.int32),
            default=calls.default,
            begin=calls.begin,
            end=calls.end,
            who=calls.who,
            what=calls.what,
            haploid=self._people.haploid.contains(records["contig"], records["own_pos"]),
        )


def _longs(column: pl.Series) -> npt.NDArray[np.int64]:
    return column.to_numpy().astype(np.int64)
