"""What an ingest's alleles say beside other tables: sources, consequences, Hardy-Weinberg.

One pass over the partitions, in the windows of `measure`: of each only sums, counts of bins
and the few alleles that stand out are kept.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from math import pi
from statistics import NormalDist

import numpy as np
import polars as pl

from varhouse.alleles.key import key_text
from varhouse.report.measure import angular_bin, windows
from varhouse.store.reader import Store
from varhouse.tables.schema import KEY
from varhouse.tables.windows import Window

SOURCE = "annotations_"

HWE_STEP = 0.001
"""Width of a bin of -log10 p."""

HWE_BINS = 320_000
"""Down to the least number that is not 0."""

LEAST_EXPECTED = 5
"""Rarer homozygotes to expect of an allele that is tested: with fewer the exact test has so
few outcomes that its p are not spread evenly even in a population in equilibrium."""

WORST = 25
"""Alleles of a cohort named for Hardy-Weinberg, sources, impact or ClinVar."""

COMMON = 0.05
"""An allele of this frequency is known to every large source that covers its site."""

_EVERYBODY = pl.col("stratum_by") == "all"
_SUMS = ("n", "sx", "sy", "sxx", "syy", "sxy")
_COLUMNS = (*KEY, "cohort", "ac", "an", "af", "n_hom_alt", "n_samples", "hwe_midp")


@dataclass(frozen=True)
class Field:
    """A frequency of a source: a field, or the quotient of two (`AC/AN`).

    Attributes
    ----------
    source, name
        Of the source, and of the field in its table.
    value
        What gives it of a row of the table.
    """

    source: str
    name: str
    value: pl.Expr

    @property
    def is_overall(self) -> bool:
        """Tell whether it is of everybody in the source, by its name."""
        return self.name.lower() in ("af", "ac/an")


@dataclass(frozen=True)
class Compared:
    """What the pass found; every frame has a column `cohort`.

    Attributes
    ----------
    hwe
        Cohort to int64[HWE_BINS]: tested alleles by -log10 p.
    worst
        `allele, p`: the least p of these, up to WORST a cohort.
    cells
        `source, field, x, y, n`: alleles in both by frequency, in the bins of
        `measure.angular_bin`; x: the source, y: the cohort.
    agreement
        `source, field, n, r` (in both; Pearson's correlation), `n_common, n_absent`
        (alleles of frequency COMMON and above; of these the source has none).
    apart
        `source, field, allele, af, source_af, an, distance`: alleles in both whose
        frequencies are furthest apart (arcsin scale, 0 to 1), up to WORST each.
    high
        `allele, gene, consequence, hgvsp, lof, ac, an, af, n_hom_alt`: the most frequent
        alleles of impact HIGH.
    clinvar
        `source, allele, significance, stars, ac, an, af, n_hom_alt`: the most frequent that
        a source calls pathogenic.
    """

    hwe: dict[str, np.ndarray]
    worst: pl.DataFrame
    cells: pl.DataFrame
    agreement: pl.DataFrame
    apart: pl.DataFrame
    high: pl.DataFrame
    clinvar: pl.DataFrame
    fields: list[Field]
    has_consequences: bool
    has_significance: bool


def frequency_fields(store: Store) -> list[Field]:
    """List the frequencies that the sources of a store have.

    A field counts if it is a floating-point number with the word `af` in its name, as INFO
    fields of gnomAD, ChinaMAP, WBBC and dbSNP have (`AF`, `AF_eas`, `North_AF`), other than
    the greatest of several groups (`AF_grpmax`). A source without a field `AF` that has `AC`
    and `AN` gives their quotient.
    """
    found = []
    for source, schema in _sources(store):
        names = {n.lower(): n for n in schema.names()}
        own = [
            n
            for n, dtype in schema.items()
            if dtype == pl.Float64 and _is_frequency(re.split(r"[^a-z0-9]+", n.lower()))
        ]
        found += [Field(source, n, pl.col(n)) for n in sorted(own)]
        ac, an = names.get("ac"), names.get("an")
        if "af" not in names and ac and an and schema[ac].is_integer():
            quotient = pl.when(pl.col(an) > 0).then(pl.col(ac) / pl.col(an))
            found.append(Field(source, f"{ac}/{an}", quotient))
    return found


def _is_frequency(parts: list[str]) -> bool:
    words = [w for part in parts for w in part.split("_")]
    return "af" in words and not {"max", "grpmax", "popmax"} & set(words)


def _sources(store: Store) -> Iterator[tuple[str, pl.Schema]]:
    """List the sources of alleles that the view shows, with the schemas of their tables.

    A page is a file that is handed on: of what may not be passed on it shows nothing.
    """
    withheld = set(store.restricted)
    for table in store.open_tables:
        if table.removeprefix(SOURCE) in withheld:
            continue
        if table.startswith(SOURCE):
            yield table.removeprefix(SOURCE), store.scan(table).collect_schema()


def compare(store: Store, cohorts: list[str]) -> Compared:
    """Compare the alleles of some cohorts of a release with what else is known of them.

    Parameters
    ----------
    store
        The store at the release to read; what its view masks is in no number.
    cohorts
        Names of the cohorts.
    """
    fields = frequency_fields(store)
    significance = _significance_fields(store)
    hwe = {c: np.zeros(HWE_BINS, np.int64) for c in cohorts}
    found: dict[str, list[pl.DataFrame]] = {n: [] for n in _FRAMES}
    for part, window in windows(store, cohorts):
        rows = _rows(store, cohorts, part, window)
        found["worst"].append(_add_hwe(rows, hwe))
        for source in dict.fromkeys(f.source for f in fields):
            own = [f for f in fields if f.source == source]
            for name, frame in _against(store, rows, part, window, own).items():
                found[name].append(frame)
        found["high"].append(_high(store, rows, part, window))
        for source, column, stars in significance:
            found["clinvar"].append(
                _pathogenic(store, rows, part, window, (source, column, stars))
            )
    put = {n: pl.concat([pl.DataFrame(schema=_FRAMES[n]), *f]) for n, f in found.items()}
    by_field = ["cohort", "source", "field"]
    return Compared(
        hwe,
        _most(put["worst"], ["cohort"], "p", descending=False),
        put["cells"].group_by(*by_field, "x", "y").agg(pl.col("n").sum()).sort(pl.all()),
        _agreement(put["agreement"].group_by(by_field).agg(pl.all().sum()).sort(by_field)),
        _most(put["apart"], by_field, "distance"),
        _most(put["high"], ["cohort"], "af"),
        _most(put["clinvar"], ["cohort", "source"], "af"),
        fields,
        "consequences" in store.open_tables,
        bool(significance),
    )


_ALLELE = {"ac": pl.Int32, "an": pl.Int32, "af": pl.Float64, "n_hom_alt": pl.Int32}
_OF = {"cohort": pl.String, "source": pl.String, "field": pl.String}
_FRAMES: dict[str, dict[str, type[pl.DataType]]] = {
    "worst": {"cohort": pl.String, "allele": pl.String, "p": pl.Float64},
    "cells": {**_OF, "x": pl.Int32, "y": pl.Int32, "n": pl.Int64},
    "agreement": {
        **_OF, **dict.fromkeys(_SUMS, pl.Float64), "n_common": pl.Int64, "n_absent": pl.Int64,
    },
    "apart": {
        **_OF, "allele": pl.String, "af": pl.Float64, "source_af": pl.Float64, "an": pl.Int32,
        "distance": pl.Float64,
    },
    "high": {
        "cohort": pl.String, "allele": pl.String, "gene": pl.String, "consequence": pl.String,
        "hgvsp": pl.String, "lof": pl.String, **_ALLELE,
    },
    "clinvar": {
        "cohort": pl.String, "source": pl.String, "allele": pl.String,
        "significance": pl.String, "stars": pl.Int64, **_ALLELE,
    },
}  # fmt: skip


def _fit(name: str, frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(pl.col(c).cast(t) for c, t in _FRAMES[name].items())


def _most(
    frame: pl.DataFrame, by: list[str], column: str, *, descending: bool = True
) -> pl.DataFrame:
    """Keep the first WORST rows of each group; alleles of the same value by their names."""
    ordered = frame.sort(
        *by, column, "allele", descending=[False] * len(by) + [descending, False]
    )
    return ordered.group_by(by, maintain_order=True).head(WORST)


def _rows(store: Store, cohorts: list[str], part: str, window: Window) -> pl.DataFrame:
    return (
        store.scan("frequencies", cohort=cohorts, part=part)
        .filter(window.rows(), _EVERYBODY)
        .select(_COLUMNS)
        # What is masked in a view is nowhere.
        .filter(pl.col("af").is_not_null(), pl.col("ac").is_not_null())
        .collect(engine="streaming")
    )


def _add_hwe(rows: pl.DataFrame, hwe: dict[str, np.ndarray]) -> pl.DataFrame:
    """Count the p of tested alleles into `hwe`, and give the least of each cohort."""
    rarer = pl.min_horizontal("af", 1 - pl.col("af"))
    called = pl.col("n_samples").cast(pl.Float64)
    tested = rows.filter(
        pl.col("hwe_midp").is_not_null(),
        pl.min_horizontal(called, pl.col("an") / 2) * rarer * rarer >= LEAST_EXPECTED,
    ).select("cohort", *KEY, p=pl.col("hwe_midp").clip(1e-300, 1))
    bins = (-pl.col("p").log10() / HWE_STEP).floor().clip(0, HWE_BINS - 1).cast(pl.Int64)
    counted = tested.group_by("cohort", bin=bins).agg(n=pl.len())
    for cohort, place, n in counted.rows():
        hwe[cohort][place] += n
    least = tested.sort("p", *KEY).group_by("cohort", maintain_order=True).head(WORST)
    return _fit("worst", least.with_columns(allele=key_text()))


def _against(
    store: Store, rows: pl.DataFrame, part: str, window: Window, fields: list[Field]
) -> dict[str, pl.DataFrame]:
    """Set frequencies against those of one source; of several records of it the first."""
    source = fields[0].source
    values = [f.value.cast(pl.Float64).alias(f"f{i}") for i, f in enumerate(fields)]
    told = (
        store.scan(SOURCE + source, part=part)
        .filter(window.rows())
        .select(*KEY, *values)
        .unique(KEY, keep="first", maintain_order=True)
        .collect(engine="streaming")
    )
    joined = rows.join(told, on=KEY, how="left")
    out: dict[str, list[pl.DataFrame]] = {"cells": [], "agreement": [], "apart": []}
    for i, field in enumerate(fields):
        x, y = pl.col("source_af"), pl.col("af")
        of = {"source": pl.lit(source), "field": pl.lit(field.name)}
        one = joined.with_columns(
            source_af=pl.when(pl.col(f"f{i}").is_between(0, 1)).then(pl.col(f"f{i}"))
        )
        both = one.filter(x.is_not_null()).with_columns(**of)
        cells = both.group_by("cohort", "source", "field", x=angular_bin(x), y=angular_bin(y))
        common = y >= COMMON
        sums = one.group_by("cohort").agg(
            n=x.is_not_null().sum(),
            sx=x.sum(),
            sy=y.filter(x.is_not_null()).sum(),
            sxx=(x * x).sum(),
            syy=(y * y).filter(x.is_not_null()).sum(),
            sxy=(x * y).sum(),
            n_common=common.sum(),
            n_absent=(common & x.is_null()).sum(),
        )
        distance = (x.sqrt().arcsin() - y.sqrt().arcsin()).abs() * (2 / pi)
        apart = (
            both.with_columns(distance=distance)
            .sort("distance", *KEY, descending=[True] + [False] * len(KEY))
            .group_by("cohort", maintain_order=True)
            .head(WORST)
            .with_columns(allele=key_text())
        )
        out["cells"].append(_fit("cells", cells.agg(n=pl.len())))
        out["agreement"].append(_fit("agreement", sums.with_columns(**of)))
        out["apart"].append(_fit("apart", apart))
    return {name: pl.concat(frames) for name, frames in out.items()}


def _agreement(sums: pl.DataFrame) -> pl.DataFrame:
    n, sx, sy, sxx, syy, sxy = (pl.col(c) for c in _SUMS)
    spread = (n * sxx - sx * sx) * (n * syy - sy * sy)
    r = pl.when(spread > 1e-12).then((n * sxy - sx * sy) / spread.clip(0).sqrt())
    return sums.select(
        "cohort", "source", "field", n.cast(pl.Int64), "n_common", "n_absent", r=r
    )


def _high(store: Store, rows: pl.DataFrame, part: str, window: Window) -> pl.DataFrame:
    """Give the most frequent alleles of impact HIGH, with the transcript to be named.

    That is the one of `pick`; where it is not HIGH, the first of those that are.
    """
    worst = (
        store.scan("consequences", part=part)
        .filter(window.rows(), pl.col("impact") == "HIGH")
        .select(
            *KEY, "pick", "canonical", "transcript_id", "consequence", "hgvsp", "lof",
            gene=pl.coalesce("gene_name", "gene_id"),
        )
        .collect(engine="streaming")
        .sort("pick", "canonical", "transcript_id", descending=[True, True, False])
        .unique(KEY, keep="first", maintain_order=True)
    )  # fmt: skip
    return _carried(rows.join(worst, on=KEY), "high")


def _carried(rows: pl.DataFrame, name: str) -> pl.DataFrame:
    found = rows.filter(pl.col("ac") > 0).with_columns(allele=key_text())
    by = ["cohort", "source"] if "source" in found.columns else ["cohort"]
    return _fit(name, _most(found, by, "af"))


def _significance_fields(store: Store) -> list[tuple[str, str, str | None]]:
    """List sources with a clinical significance as ClinVar has it, and its review stars."""
    return [
        (source, "CLNSIG", "stars" if schema.get("stars") == pl.Int64 else None)
        for source, schema in _sources(store)
        if schema.get("CLNSIG") == pl.String
    ]


def _pathogenic(
    store: Store,
    rows: pl.DataFrame,
    part: str,
    window: Window,
    where: tuple[str, str, str | None],
) -> pl.DataFrame:
    """Give the most frequent alleles that are called pathogenic or likely so.

    Each term of CLNSIG (`Pathogenic/Likely_pathogenic|drug_response`) is looked at for
    itself: `Conflicting_classifications_of_pathogenicity` is none of them.
    """
    source, column, stars = where
    is_so = pl.col(column).str.contains(r"(?i)(^|[|/,])\s*(likely_)?pathogenic($|[|/,])")
    told = (
        store.scan(SOURCE + source, part=part)
        .filter(window.rows(), is_so)
        .select(
            *KEY,
            significance=column,
            stars=pl.col(stars) if stars else pl.lit(None, pl.Int64),
            source=pl.lit(source),
        )
        .collect(engine="streaming")
        .sort("stars", "significance", descending=[True, False], nulls_last=True)
        .unique(KEY, keep="first", maintain_order=True)
    )
    return _carried(rows.join(told, on=KEY), "clinvar")


def inflation(counts: np.ndarray) -> float | None:
    """Give lambda: the median of the test's chi-square (1 degree) over that expected, 0.4549.

    Devlin and Roeder, Biometrics 1999, 55:997; with p of 1 degree in place of a statistic.

    Parameters
    ----------
    counts
        int64[HWE_BINS], of `Compared.hwe`.
    """
    total = int(counts.sum())
    if not total:
        return None
    # From the greatest p, in the first bin, to the median: the middle of its bin.
    place = int(np.searchsorted(np.cumsum(counts), (total + 1) / 2))
    p = 10 ** (-(place + 0.5) * HWE_STEP)
    normal = NormalDist()
    return (normal.inv_cdf(p / 2) / normal.inv_cdf(0.25)) ** 2
