"""Binned counts of the alleles of an ingest's cohorts, at bounded memory.

The partitions are read one after the other, large ones in windows of positions; of each
window the rows of stratum `all` are held once and give every count. Only the binned
rows leave this module.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import pi
from typing import Any

import polars as pl

from varhouse.store.reader import Store
from varhouse.tables.schema import KEY
from varhouse.tables.windows import Window, cut_windows

WINDOW_ROWS = 2_000_000
"""Rows of stratum `all` held at a time: about 0.2 GB."""

AF_EDGES = (1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 0.5, 0.7, 0.9, 0.97)
AF_LABELS = (
    "0", "0.01", "0.03", "0.1", "0.3", "1", "3", "10", "30", "50", "70", "90", "97",
    "<100", "100",
)  # fmt: skip
"""Upper end of each frequency bin in per cent; a bin is open below and closed above."""

INDEL_LIMIT = 30
"""Longer insertions and deletions fall into the outermost bins."""

GRID = 32
"""Bins of each axis where frequencies are set against each other."""

POSITION_BINS = 700
"""About as many bins of positions over all contigs."""

CONTIGS = 40
"""Contigs that are drawn at most, those with the most rows."""

_TI = ("AG", "GA", "CT", "TC")
_EVERYBODY = pl.col("stratum_by") == "all"
_SUMS = ("n", "sx", "sy", "sxx", "syy", "sxy")


@dataclass(frozen=True)
class Measures:
    """Counts of the cohorts of an ingest, binned.

    Attributes
    ----------
    spectrum
        `cohort, bin` (index into AF_LABELS, null: an is 0) and `n, n_ti, n_tv, n_single`
        (alleles; of them transitions, transversions, seen once).
    indels
        `cohort, length` (bases; negative: deletion, clipped at INDEL_LIMIT) and `n`.
    missing
        `cohort, contig, bin` (0-based, of `bin_width` bases) and `n` alleles,
        `n_missing` of `n_genotypes`.
    consequences
        `cohort, impact, rank, term` (null: no transcript near) and `n` alleles.
    others
        `cohort, x, y` (bins of GRID on the angular scale; x: the other cohorts, y: this
        one) and `n` alleles assessed in both.
    agreement
        `cohort, n, r`: Pearson's correlation of these frequencies.
    bin_width
        Bases of a bin of `missing`.
    contigs
        Names of the contigs of `missing`, in the order of the assembly.
    """

    spectrum: pl.DataFrame
    indels: pl.DataFrame
    missing: pl.DataFrame
    consequences: pl.DataFrame
    others: pl.DataFrame
    agreement: pl.DataFrame
    bin_width: int
    contigs: list[str]

    @property
    def is_empty(self) -> bool:
        """Tell whether there are no frequencies at all."""
        return self.spectrum.is_empty()


def measure(store: Store, cohorts: list[str]) -> Measures:
    """Count the alleles of some cohorts of a release.

    Parameters
    ----------
    store
        The store at the release to read.
    cohorts
        Names of the cohorts.
    """
    width, contigs = _position_bins(store, cohorts)
    found: dict[str, list[pl.DataFrame]] = {n: [] for n in _GROUPS}
    for part, window in windows(store, cohorts):
        for name, frame in _window(store, cohorts, part, window, width).items():
            found[name].append(frame)
    added = {name: _add_up(name, frames) for name, frames in found.items()}
    added["missing"] = added["missing"].filter(pl.col("contig").is_in(contigs))
    return Measures(
        **{n: added[n] for n in ("spectrum", "indels", "missing", "consequences", "others")},
        agreement=_correlation(added["agreement"]),
        bin_width=width,
        contigs=contigs,
    )


_GROUPS: dict[str, dict[str, Any]] = {
    "spectrum": {"cohort": pl.String, "bin": pl.Int32},
    "indels": {"cohort": pl.String, "length": pl.Int32},
    "missing": {"cohort": pl.String, "contig": pl.String, "bin": pl.Int32},
    "consequences": {
        "cohort": pl.String, "impact": pl.String, "rank": pl.Int64, "term": pl.String,
    },
    "others": {"cohort": pl.String, "x": pl.Int32, "y": pl.Int32},
    "agreement": {"cohort": pl.String},
}  # fmt: skip
_COUNTS: dict[str, dict[str, Any]] = {
    "spectrum": dict.fromkeys(("n", "n_ti", "n_tv", "n_single"), pl.Int64),
    "indels": {"n": pl.Int64},
    "missing": dict.fromkeys(("n", "n_missing", "n_genotypes"), pl.Int64),
    "consequences": {"n": pl.Int64},
    "others": {"n": pl.Int64},
    "agreement": dict.fromkeys(_SUMS, pl.Float64),
}


def _add_up(name: str, frames: list[pl.DataFrame]) -> pl.DataFrame:
    groups, counts = _GROUPS[name], _COUNTS[name]
    empty = pl.DataFrame(schema={**groups, **counts})
    cast = [f.select(pl.col(c).cast(t) for c, t in (groups | counts).items()) for f in frames]
    return (
        pl.concat([empty, *cast])
        .group_by(list(groups))
        .agg(pl.col(list(counts)).sum())
        .sort(list(groups))
    )


def _frequency_files(store: Store, cohorts: list[str]) -> pl.DataFrame:
    files = store.file_frame("frequencies")
    if files.is_empty():
        return files
    return files.filter(pl.col("partition.cohort").is_in(cohorts))


def _position_bins(store: Store, cohorts: list[str]) -> tuple[int, list[str]]:
    """Choose the width of a bin, and the contigs to show.

    The Delta log tells the span of files of one contig; only the others are read.
    """
    files = _frequency_files(store, cohorts)
    if files.is_empty():
        return 1, []
    spans = []
    told = {"min.contig", "max.contig", "min.pos", "max.pos"} <= set(files.columns)
    for (part,), group in files.group_by("partition.part", maintain_order=True):
        if told and group.select((pl.col("min.contig") == pl.col("max.contig")).all()).item():
            spans.append(
                group.group_by(contig="min.contig").agg(
                    low=pl.col("min.pos").min().cast(pl.Int64),
                    high=pl.col("max.pos").max().cast(pl.Int64),
                    n=pl.col("num_records").sum().cast(pl.Int64),
                )
            )
            continue
        frame = store.scan("frequencies", cohort=cohorts, part=str(part))
        spans.append(
            frame.group_by("contig")
            .agg(
                low=pl.col("pos").min().cast(pl.Int64),
                high=pl.col("pos").max().cast(pl.Int64),
                n=pl.len().cast(pl.Int64),
            )
            .collect(engine="streaming")
        )
    span = (
        pl.concat(spans)
        .group_by("contig")
        .agg(pl.col("low").min(), pl.col("high").max(), pl.col("n").sum())
        .top_k(CONTIGS, by="n")
    )
    bases = int(span.select((pl.col("high") - pl.col("low") + 1).sum()).item())
    known = store.scan("contigs").select("contig", "ordinal").collect()
    order = span.join(known, on="contig", how="left").sort("ordinal", "contig")
    return _round_up(bases / POSITION_BINS), order["contig"].to_list()


def _round_up(value: float) -> int:
    """Round up to 1, 2 or 5 times a power of ten."""
    step = 1
    while True:
        for factor in (1, 2, 5):
            if factor * step >= value:
                return factor * step
        step *= 10


def windows(store: Store, cohorts: list[str]) -> Iterator[tuple[str, Window]]:
    """Cut the partitions into windows of at most WINDOW_ROWS rows to hold."""
    files = _frequency_files(store, cohorts)
    if files.is_empty():
        return
    for part in files["partition.part"].unique(maintain_order=True):
        rows = store.scan("frequencies", cohort=cohorts, part=part).filter(_EVERYBODY)
        for window in cut_windows(rows, WINDOW_ROWS):
            yield part, window


def _window(
    store: Store, cohorts: list[str], part: str, window: Window, width: int
) -> dict[str, pl.DataFrame]:
    inside = window.rows()
    rows = (
        store.scan("frequencies", cohort=cohorts, part=part)
        .filter(inside, _EVERYBODY)
        .select(*KEY, "cohort", "ac", "an", "af", "n_missing", "n_samples")
        .collect(engine="streaming")
    )
    queries = {
        "spectrum": _spectrum(rows.lazy()),
        "indels": _indels(rows.lazy()),
        "missing": _missing(rows.lazy(), width),
        "consequences": _consequences(
            rows.lazy(), store.scan("consequences", part=part).filter(inside)
        ),
    }
    out = dict(zip(queries, pl.collect_all(queries.values(), engine="streaming"), strict=True))
    totals = store.scan("totals", part=part).filter(
        inside, _EVERYBODY, pl.col("n_cohorts") > 1
    )
    return out | _others(rows.lazy(), totals)


def _frequency_bin() -> pl.Expr:
    af = pl.col("af")
    above = [af > 0, *(af > e for e in AF_EDGES), af >= 1]
    index = pl.sum_horizontal(t.cast(pl.Int32) for t in above)
    return pl.when(af.is_not_null()).then(index)


def _spectrum(rows: pl.LazyFrame) -> pl.LazyFrame:
    change = pl.col("ref") + pl.col("alt")
    is_snv = change.str.contains(r"^[ACGT]{2}$")
    ti = change.is_in(list(_TI))
    return (
        rows.with_columns(bin=_frequency_bin(), ti=ti, tv=is_snv & ~ti)
        .group_by("cohort", "bin")
        .agg(
            n=pl.len(),
            n_ti=pl.col("ti").sum(),
            n_tv=pl.col("tv").sum(),
            n_single=(pl.col("ac") == 1).sum(),
        )
    )


def _indels(rows: pl.LazyFrame) -> pl.LazyFrame:
    change = pl.col("alt").str.len_bytes().cast(pl.Int32) - pl.col("ref").str.len_bytes().cast(
        pl.Int32
    )
    return (
        # `<DEL>`, `*` and breakends have no length to speak of.
        rows.filter(change != 0, ~pl.col("alt").str.contains(r"[^ACGTN]"))
        .group_by("cohort", length=change.clip(-INDEL_LIMIT, INDEL_LIMIT))
        .agg(n=pl.len())
    )


def _missing(rows: pl.LazyFrame, width: int) -> pl.LazyFrame:
    return rows.group_by("cohort", "contig", bin=(pl.col("pos") - 1) // width).agg(
        n=pl.len(),
        n_missing=pl.col("n_missing").cast(pl.Int64).sum(),
        n_genotypes=pl.col("n_samples").cast(pl.Int64).sum(),
    )


def _consequences(rows: pl.LazyFrame, table: pl.LazyFrame) -> pl.LazyFrame:
    """Count alleles by their most severe term; the lowest bit of `terms` is its rank."""
    worst = (
        table.filter("most_severe")
        .group_by(KEY)
        .agg(
            pl.col("terms").bitwise_trailing_zeros().min().alias("rank"),
            pl.col("impact").first(),
            pl.col("consequence").first().str.split("&").list.first().alias("term"),
        )
    )
    return (
        rows.select(*KEY, "cohort")
        .join(worst, on=KEY, how="left")
        .group_by("cohort", "impact", "rank", "term")
        .agg(n=pl.len())
    )


def _others(rows: pl.LazyFrame, totals: pl.LazyFrame) -> dict[str, pl.DataFrame]:
    """Set each cohort's frequencies against those of all other cohorts together."""
    both = (
        rows.join(totals.select(*KEY, "ac", "an"), on=KEY, suffix="_all")
        .with_columns(
            ac_o=pl.col("ac_all") - pl.col("ac"), an_o=pl.col("an_all") - pl.col("an")
        )
        # What is masked in a view is in no cell.
        .filter(pl.col("an") > 0, pl.col("an_o") > 0, pl.col("ac_o").is_not_null())
        .select("cohort", fx=pl.col("ac_o") / pl.col("an_o"), fy=pl.col("af"))
        .collect(engine="streaming")
    )
    x, y = pl.col("fx"), pl.col("fy")
    grid = both.group_by("cohort", x=angular_bin(x), y=angular_bin(y)).agg(n=pl.len())
    sums = both.group_by("cohort").agg(
        n=pl.len(),
        sx=x.sum(),
        sy=y.sum(),
        sxx=(x * x).sum(),
        syy=(y * y).sum(),
        sxy=(x * y).sum(),
    )
    return {"others": grid, "agreement": sums}


def angular_bin(value: pl.Expr) -> pl.Expr:
    """Bin on the scale arcsin(sqrt(p)), where sampling scatters alike at every p.

    Freeman MF, Tukey JW (1950), Ann Math Stat 21:607.
    """
    scaled = value.clip(0, 1).sqrt().arcsin() * (2 / pi) * GRID
    return scaled.floor().clip(0, GRID - 1).cast(pl.Int32)


def _correlation(sums: pl.DataFrame) -> pl.DataFrame:
    n, sx, sy, sxx, syy, sxy = (pl.col(c) for c in _SUMS)
    spread = (n * sxx - sx * sx) * (n * syy - sy * sy)
    r = pl.when(spread > 1e-12).then((n * sxy - sx * sy) / spread.clip(0).sqrt())
    return sums.select("cohort", n.cast(pl.Int64), r=r)


def rejects_by_reason(store: Store, cohorts: Iterable[str]) -> pl.DataFrame:
    """Count the rejects of some cohorts: `reason, cohort, n`, most frequent reason first."""
    found = (
        store.scan("rejects")
        .filter(pl.col("cohort").is_in(list(cohorts)))
        .group_by("reason", "cohort")
        .agg(n=pl.len().cast(pl.Int64))
        .collect(engine="streaming")
    )
    total = pl.col("n").sum().over("reason")
    return found.sort(total, "reason", "cohort", descending=[True, False, False])


def first_rejects(store: Store, cohorts: Iterable[str], n: int = 2) -> pl.DataFrame:
    """Give the first few rejects of each reason and cohort (individual level)."""
    columns = ("line", "contig", "pos", "alt_index", "detail")
    return (
        store.scan("rejects")
        .filter(pl.col("cohort").is_in(list(cohorts)))
        .select("reason", "cohort", "file", *columns)
        .group_by("reason", "cohort")
        .agg(pl.col("file", *columns).sort_by("file", "line", "alt_index").head(n))
        .explode("file", *columns)
        .sort("reason", "cohort", "file", "line", "alt_index")
        .collect(engine="streaming")
    )
