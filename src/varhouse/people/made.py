"""The tables of people of one cohort, made from its calls as a store has them.

The store may be a release, or what an ingest is about to commit (`staged`).
"""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from varhouse import __version__
from varhouse.people.ancestry import ancestry
from varhouse.people.kinship import related
from varhouse.people.listed import find_listed
from varhouse.people.panel import choose_sites, read_packed
from varhouse.people.qc import sample_qc
from varhouse.people.settings import PeopleSettings
from varhouse.store.reader import Store
from varhouse.tables.peopletables import (
    ANCESTRY,
    ANCESTRY_AXES,
    ANCESTRY_LOADINGS,
    PEOPLE_MADE,
    RELATED,
    SAMPLE_CONTIGS,
    SAMPLE_QC,
    TRIOS,
)
from varhouse.tables.schema import Table
from varhouse.tables.shards import Shard, write_shard

FOLLOWING = tuple(
    t.name
    for t in (SAMPLE_QC, SAMPLE_CONTIGS, RELATED, TRIOS, ANCESTRY, ANCESTRY_AXES,
              ANCESTRY_LOADINGS, PEOPLE_MADE)
)  # fmt: skip
"""Tables that follow from the calls of a cohort and the settings alone."""

ONLY_VARIANTS = (
    "the files of {n} sample(s) list variants alone, and tell nothing of other sites: no call"
    " rate, kin, ancestry or runs of homozygosity of these"
)

NO_SITES = "no SNV is common and well called enough: relatedness and ancestry are not told"


@dataclass(frozen=True)
class Made:
    """The tables of people of a cohort.

    Attributes
    ----------
    cohort
        Its name.
    rows
        Table to its rows.
    notes
        What could not be said, and why.
    """

    cohort: str
    rows: dict[Table, pl.DataFrame]
    notes: list[str] = field(default_factory=list)

    def rows_of(self, table: str) -> pl.DataFrame:
        """Give the rows of a table by its name."""
        return next(rows for t, rows in self.rows.items() if t.name == table)

    @property
    def flagged(self) -> pl.DataFrame:
        """Rows of the samples that have flags."""
        return self.rows[SAMPLE_QC].filter(pl.col("flags") != "")

    @property
    def flags(self) -> dict[str, int]:
        """Count the samples by flag, the most frequent first."""
        found = Counter(f for flags in self.flagged["flags"] for f in flags.split(","))
        return dict(sorted(found.items(), key=lambda f: (-f[1], f[0])))

    def write(self, directory: Path) -> list[Shard]:
        """Write a shard a table that has rows."""
        written = (
            write_shard(rows, table, directory, table.name, {"cohort": self.cohort})
            for table, rows in self.rows.items()
        )
        return [shard for shard in written if shard is not None]


def make_people(
    store: Store, cohort: str, settings: PeopleSettings, directory: Path
) -> list[Shard]:
    """Make the tables of people of a cohort; shards of `FOLLOWING` in a folder."""
    return gather(store, cohort, settings).write(directory)


def gather(store: Store, cohort: str, settings: PeopleSettings) -> Made:
    """Make the rows of the tables of people of a cohort."""
    people = store.scan("samples", cohort=cohort).select("ordinal", "sample").collect()
    if people.is_empty():
        return Made(
            cohort, {**_empty(), PEOPLE_MADE: _told(store, cohort, settings, 0, 0, [])}
        )
    sites = choose_sites(store, cohort, settings.sites)
    packed = read_packed(store, cohort, sites)
    qc = sample_qc(store, cohort, settings, packed)
    pairs, trios = related(store, cohort, packed, settings)
    placed = ancestry(store, cohort, packed, pairs, settings)
    listed = int(find_listed(store, cohort).sum())
    notes = [ONLY_VARIANTS.format(n=f"{listed:,}")] if listed else []
    notes += [] if sites.height else [NO_SITES]
    n_flagged = qc.samples.filter(pl.col("flags") != "").height
    rows = {
        SAMPLE_QC: qc.samples,
        SAMPLE_CONTIGS: qc.contigs,
        RELATED: pairs,
        TRIOS: trios,
        ANCESTRY: placed.samples,
        ANCESTRY_AXES: placed.axes,
        ANCESTRY_LOADINGS: placed.loadings,
        PEOPLE_MADE: _told(store, cohort, settings, n_flagged, sites.height, notes),
    }
    return Made(cohort, {t: _fit(t, f, people) for t, f in rows.items()}, notes)


def _empty() -> dict[Table, pl.DataFrame]:
    """Give the rows of a cohort without people."""
    return {SAMPLE_QC: pl.DataFrame(schema=SAMPLE_QC.polars_schema)}


def _fit(table: Table, frame: pl.DataFrame, people: pl.DataFrame) -> pl.DataFrame:
    """Bring rows into the form of their table: the cohort stands in the partition."""
    if "sample" in table.names and "sample" not in frame.columns:
        frame = frame.join(people, on="ordinal", how="left", maintain_order="left")
    wanted = {n: t for n, t in table.polars_schema.items() if n != "cohort"}
    return frame.select(pl.col(n).cast(t) for n, t in wanted.items())


def _told(
    store: Store,
    cohort: str,
    settings: PeopleSettings,
    n_flagged: int,
    n_sites: int,
    notes: list[str],
) -> pl.DataFrame:
    n_samples = store.scan("samples", cohort=cohort).select(pl.len()).collect().item()
    row = {
        **made_from(store, cohort, settings),
        "n_samples": n_samples,
        "n_flagged": n_flagged,
        "n_sites": n_sites,
        "notes": json.dumps(notes, ensure_ascii=False),
    }
    schema = {n: t for n, t in PEOPLE_MADE.polars_schema.items() if n != "cohort"}
    return pl.DataFrame([row], schema=schema)


def made_from(store: Store, cohort: str, settings: PeopleSettings) -> Mapping[str, str]:
    """Say what the tables of a cohort follow from, as `PEOPLE_MADE` keeps it."""
    row = store.scan("cohorts", cohort=cohort).select("fingerprint").collect()
    return {
        "made_from": row["fingerprint"].item(),
        "settings": settings.as_json(),
        "version": __version__,
    }
