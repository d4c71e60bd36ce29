"""Who stands in a store more than once: the table `same_people`.

Pairs that are one person by their calls (`samepairs`) are joined: who is one person with
somebody is one person with all that he is one person with. Twins of one zygote have one set of
calls and are two people: where the column `twin` of the sheet says so, they are told apart.

A person counts as the first of his samples: cohorts of whole genomes (assay WGS) go before
others, then by name of the cohort, then of the sample. That follows from what is in the store,
not from what came first. Where the cohort of the first sample has nothing of a partition, the
first of those that have something counts there.
"""

from collections.abc import Sequence

import polars as pl

from varhouse.people.samepairs import Pairs, SameSettings, find_pairs
from varhouse.store.reader import Store
from varhouse.tables.peopletables import SAME_PEOPLE

TWIN = "twin"
"""Column of the sheet: the sample id of the twin, or one word that both twins have."""

Sample = tuple[str, str]
"""Cohort and sample id."""


def find_same(
    store: Store,
    cohorts: Sequence[str] | None = None,
    settings: SameSettings | None = None,
    *,
    once: bool = False,
) -> pl.DataFrame:
    """Find who stands in the store more than once.

    Parameters
    ----------
    cohorts
        Only those of whom a sample is in one of these; None: all.
    once
        Whether totals count a person once.

    Returns
    -------
    pl.DataFrame
        Rows of the table same_people: one of each pair of samples of one person, or of twins.
    """
    return same_people(store, find_pairs(store, cohorts, settings), once=once)


def same_people(store: Store, pairs: Pairs, *, once: bool) -> pl.DataFrame:
    """Say of pairs whose person each is, and where he counts: see `find_same`."""
    same = pairs.same
    if same.is_empty():
        return pl.DataFrame(schema=SAME_PEOPLE.polars_schema)
    people = _people(store, sorted({*same["cohort_1"], *same["cohort_2"]}))
    rank = {(c, s): k for k, (c, s) in enumerate(people.select("cohort", "sample").rows())}
    twins = dict(zip(rank, people[TWIN].to_list(), strict=True))
    linked = _components(same.select("cohort_1", "sample_1", "cohort_2", "sample_2").rows())
    parts = _parts(store)
    rows: dict[Sample, tuple[str, str, list[str]]] = {}
    for samples in linked:
        for person in _persons(sorted(samples, key=rank.__getitem__), twins):
            taken: set[str] = set()
            for cohort, sample in person:
                mine = parts.get(cohort, set())
                rows[cohort, sample] = (*person[0], sorted(mine & taken) if once else [])
                taken |= mine
    return _table(same, people, rows, twins)


def _people(store: Store, cohorts: Sequence[str]) -> pl.DataFrame:
    """List the samples of some cohorts in the order in which they count."""
    wanted = pl.col("cohort").is_in(list(cohorts))
    assays = store.scan("cohorts").filter(wanted).select("cohort", "assay").collect()
    samples = store.scan("samples").filter(wanted)
    twin = pl.col("attributes").str.json_path_match(f"$.{TWIN}").replace("", None)
    rows = samples.select("cohort", "ordinal", "sample", twin.alias(TWIN)).collect()
    late = pl.col("assay").str.to_uppercase().ne_missing(pl.lit("WGS"))
    return (
        rows.join(assays, on="cohort", how="left")
        .sort(late, "cohort", "sample", "ordinal")
        .drop("assay")
    )


def _parts(store: Store) -> dict[str, set[str]]:
    """Name the partitions in which each cohort counts."""
    out: dict[str, set[str]] = {}
    for table in ("frequencies", "callable"):
        files = store.file_frame(table)
        if files.height:
            for cohort, part in files.select("partition.cohort", "partition.part").rows():
                out.setdefault(cohort, set()).add(part)
    return out


def _components(pairs: Sequence[tuple[str, str, str, str]]) -> list[list[Sample]]:
    """Join pairs: lists of samples that are linked."""
    parent: dict[Sample, Sample] = {}

    def root(sample: Sample) -> Sample:
        parent.setdefault(sample, sample)
        while parent[sample] != sample:
            parent[sample] = parent[parent[sample]]
            sample = parent[sample]
        return sample

    for cohort_1, sample_1, cohort_2, sample_2 in pairs:
        parent[root((cohort_1, sample_1))] = root((cohort_2, sample_2))
    linked: dict[Sample, list[Sample]] = {}
    for sample in parent:
        linked.setdefault(root(sample), []).append(sample)
    return list(linked.values())


def are_twins(a: Sample, b: Sample, twins: dict[Sample, str | None]) -> bool:
    """Tell whether the sheet says that two samples are twins.

    One names the other, or both have one word.
    """
    of_a, of_b = twins[a], twins[b]
    return of_a == b[1] or of_b == a[1] or (of_a is not None and of_a == of_b)


def _persons(samples: Sequence[Sample], twins: dict[Sample, str | None]) -> list[list[Sample]]:
    """Part linked samples into people; both in the order in which they count.

    Without twins all are one person. The first of a cohort's twins is the same person as the
    first of another's: which of them it is, calls do not tell, and for sums it is the same.
    """
    persons: list[list[Sample]] = []
    for sample in samples:
        mine = [
            p
            for p in persons
            if not any(o[0] == sample[0] and are_twins(o, sample, twins) for o in p)
        ]
        if mine:
            mine[0].append(sample)
        else:
            persons.append([sample])
    return persons


def _table(
    same: pl.DataFrame,
    people: pl.DataFrame,
    rows: dict[Sample, tuple[str, str, list[str]]],
    twins: dict[Sample, str | None],
) -> pl.DataFrame:
    """Make rows of the table: of a pair, who counts later stands first."""
    order = people.with_row_index("rank").with_columns(pl.col("rank").cast(pl.Int64))
    known = pl.DataFrame(
        [(*sample, *row) for sample, row in rows.items()],
        schema={
            "cohort": pl.String,
            "sample": pl.String,
            "first_cohort": pl.String,
            "first_sample": pl.String,
            "not_in": pl.List(pl.String),
        },
        orient="row",
    )
    known = known.join(order, on=["cohort", "sample"])
    for end in ("1", "2"):
        names = {n: f"{n}_{end}" for n in known.columns}
        same = same.join(known.rename(names), on=[f"cohort_{end}", f"sample_{end}"])
    ends = (
        same if swap is False else same.rename(_swapped(same.columns))
        for swap in (False, True)
    )
    both = pl.concat(f.select(sorted(same.columns)) for f in ends)
    later = both.filter(pl.col("rank_1") > pl.col("rank_2"))
    pairs = later.select("cohort_1", "sample_1", "cohort_2", "sample_2").rows()
    said = [are_twins((a, b), (c, d), twins) for a, b, c, d in pairs]
    return (
        later.rename({"cohort_2": "with_cohort", "sample_2": "with_sample"})
        .rename({f"{n}_1": n for n in known.columns})
        .with_columns(
            twins=pl.Series(said, dtype=pl.Boolean), counted=pl.col("not_in").list.len() == 0
        )
        .select(SAME_PEOPLE.names)
        .cast(pl.Schema(SAME_PEOPLE.polars_schema))
        .sort("cohort", *SAME_PEOPLE.sort)
    )


def _swapped(columns: Sequence[str]) -> dict[str, str]:
    """Name the columns of the first of a pair as those of the second, and the other way."""
    ends = {"1": "2", "2": "1"}
    return {c: c[:-1] + ends[c[-1]] for c in columns if c[-2:] in ("_1", "_2")}
