"""A compiled source, opened for joins: only the row groups that alleles fall into are read.

What a join holds is bounded by the alleles and by `GROUPS` row groups, whatever the size
of the source.
"""

import json
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import numba
import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow.parquet as pq

from varhouse.errors import UsageError
from varhouse.schema import KEY, PolarsType, Table, annotation_table
from varhouse.sources.compile import NAMES
from varhouse.sources.keys import HASHED, allele_keys, match_keys
from varhouse.sources.spec import SourceSpec

GROUPS = 8
"""Row groups held at once."""

Ints = npt.NDArray[np.int64]
_OWN: dict[str, dict[str, PolarsType]] = {
    "allele": {},
    "overlap": {"interval_start": pl.Int32, "interval_end": pl.Int32},
    "gene": {"gene_key": pl.String},
}


class CompiledSource:
    """A source that `compile_source` has compiled.

    Parameters
    ----------
    folder
        What `compile_source` wrote.
    spec
        What the configuration says of it.

    Attributes
    ----------
    fields
        The chosen fields: column to type.
    af_only
        Its frequencies come without the counts that they are of.
    """

    def __init__(self, folder: Path, spec: SourceSpec) -> None:
        facts = json.loads((folder / "source.json").read_text())
        self.folder, self.spec = folder, spec
        self.name: str = spec.name
        self.kind: str = facts["kind"]
        self.fields: dict[str, PolarsType] = {n: NAMES[t] for n, t in facts["fields"].items()}
        self.version: str | None = spec.version or spec.date or facts["version"]
        self.af_only: bool = facts["af_only"]
        self.rows: int = facts["rows"]
        self.counts: dict[str, int] = facts["counts"]

    @cached_property
    def table(self) -> Table:
        """Declare the table that its rows stand in.

        `af_only` is a column where frequencies come without counts, `redistribute`
        where the source may not be passed on.
        """
        marks = {"af_only": pl.Boolean} if self.af_only else {}
        if not self.spec.redistribute:
            marks["redistribute"] = pl.Boolean
        return annotation_table(self.name, {**_OWN[self.kind], **self.fields, **marks})

    def labelled(self, joined: pl.DataFrame) -> pl.DataFrame:
        """Make rows of the table of what a join gave."""
        rows = joined.with_columns(
            pl.lit(self.version, pl.String).alias("source_version"),
            pl.lit(self.spec.licence, pl.String).alias("licence"),
            pl.lit(value=True).alias("af_only"),
            pl.lit(value=False).alias("redistribute"),
        )
        return rows.select(c for c in self.table.names if c != "part")

    def join(self, alleles: pl.DataFrame, genes: pl.DataFrame | None = None) -> pl.DataFrame:
        """Give the source's rows of some alleles.

        Parameters
        ----------
        alleles
            contig, pos, ref and alt (normalised, capitals), in any order.
        genes
            For a source of kind `gene`: contig, pos, ref, alt, gene_id and gene_name of
            the alleles' consequences.

        Returns
        -------
        pl.DataFrame
            contig, pos, ref, alt, what the kind adds (`interval_start` and
            `interval_end`, 1-based and closed; `gene_key`), the fields, and id for the
            kind `allele`. An allele that the source does not know has no row.
        """
        if self.kind == "gene":
            if genes is None:
                raise UsageError(f"source {self.name}: kind gene needs consequences",
                                 "name a gene model")  # fmt: skip
            return self._by_gene(genes)
        find = self._by_allele if self.kind == "allele" else self._by_overlap
        found = [
            piece
            for (contig,), mine in alleles.select(KEY)
            .drop_nulls()
            .group_by("contig", maintain_order=True)
            for piece in find(str(contig), mine)
        ]
        return pl.concat(found) if found else pl.DataFrame(schema=self._schema)

    @cached_property
    def _schema(self) -> dict[str, PolarsType]:
        key: dict[str, PolarsType] = {
            "contig": pl.String, "pos": pl.Int32, "ref": pl.String, "alt": pl.String,
        }  # fmt: skip
        own = {**key, **_OWN[self.kind], **self.fields}
        return {**own, "id": pl.String} if self.kind == "allele" else own

    # Alleles.

    def _by_allele(self, contig: str, alleles: pl.DataFrame) -> Iterator[pl.DataFrame]:
        mine = allele_keys(alleles)
        if mine.size > 1 and (np.diff(mine) < 0).any():
            order = np.argsort(mine, kind="stable")
            mine, alleles = mine[order], alleles[order]
        pos = mine >> 32
        index = self._index(contig)
        first = np.searchsorted(pos, index["low"].to_numpy())
        last = np.searchsorted(pos, index["high"].to_numpy(), side="right")
        for groups, some in self._near(index, first < last):
            a, b = int(first[groups[0]]), int(last[groups[-1]])
            theirs = self._read(some, ["key"])["key"].to_numpy()
            left, right = match_keys(mine[a:b], theirs)
            if left.size:
                yield self._allele_rows(alleles[a:b], mine[a:b], left, right, some)

    def _allele_rows(
        self, alleles: pl.DataFrame, mine: Ints, left: Ints, right: Ints, some: pl.DataFrame
    ) -> pl.DataFrame:
        hashed = (mine[left] & HASHED) != 0
        names = [*self.fields, "id"]
        theirs = self._read(some, names)[right]
        if hashed.any():
            # Hashes may be equal by chance: the alleles decide.
            text = self._read(some, ["ref", "alt"])[right[hashed]]
            own = alleles[left[hashed]]
            same = ((text["ref"] == own["ref"]) & (text["alt"] == own["alt"])).to_numpy()
            keep = np.ones(left.size, bool)
            keep[np.flatnonzero(hashed)[~same]] = False
            left, theirs = left[keep], theirs.filter(pl.Series(keep))
        rows = alleles[left].hstack(theirs)
        return rows.select(pl.col(n).cast(t) for n, t in self._schema.items())

    # Intervals.

    def _by_overlap(self, contig: str, alleles: pl.DataFrame) -> Iterator[pl.DataFrame]:
        alleles = alleles.sort("pos", maintain_order=True)
        before, after = bounds(alleles)
        index = self._index(contig)
        # Intervals begin at `low` or behind, and end at `high` or before.
        begins = np.sort(before)
        ends = np.sort(after)
        low, high = index["low"].to_numpy(), index["high"].to_numpy()
        hit = (begins.size - np.searchsorted(begins, low)) + np.searchsorted(
            ends, high, side="right"
        ) > begins.size
        for _, some in self._near(index, hit):
            theirs = self._read(some, ["start", "end", *self.fields])
            start = theirs["start"].to_numpy().astype(np.int64)
            end = theirs["end"].to_numpy().astype(np.int64)
            left, right = match_intervals(before, after, start, end)
            if left.size:
                names = {"start": "interval_start", "end": "interval_end"}
                rows = alleles[left].hstack(theirs[right].rename(names))
                yield rows.select(pl.col(n).cast(t) for n, t in self._schema.items())

    # Genes.

    @cached_property
    def _genes(self) -> pl.DataFrame:
        return pl.read_parquet(self.folder / "rows-0.parquet")

    def _by_gene(self, genes: pl.DataFrame) -> pl.DataFrame:
        """Join by gene id (with or without its version), else by gene name."""
        version = r"\.\d+$"
        pairs = genes.select(*KEY, "gene_id", "gene_name").unique()
        table = self._genes.with_columns(pl.col("gene").str.replace(version, "").alias("_id"))
        by_id = pairs.with_columns(pl.col("gene_id").str.replace(version, "").alias("_id"))
        found = [
            by_id.join(table, on="_id", how="inner", maintain_order="left_right"),
            pairs.join(
                table, left_on="gene_name", right_on="gene", how="inner", coalesce=False,
                maintain_order="left_right",
            ),
        ]  # fmt: skip
        names = [*KEY, "gene", *self.fields]
        rows = pl.concat(f.select(names) for f in found).rename({"gene": "gene_key"})
        # A gene whose name is its id is found twice.
        twice = pl.struct(pl.all()).is_first_distinct()
        rows = rows.filter(twice) if rows.height else rows
        return rows.select(pl.col(n).cast(t) for n, t in self._schema.items())

    # Files.

    @cached_property
    def _indices(self) -> dict[str, pl.DataFrame]:
        whole = pl.read_parquet(self.folder / "index.parquet")
        groups = whole.partition_by("contig", as_dict=True, maintain_order=True)
        return {str(contig): rows for (contig,), rows in groups.items()}

    def _index(self, contig: str) -> pl.DataFrame:
        """Row groups of a contig in order: file, group, low, high (1-based positions)."""
        empty = {"file": pl.Int32, "group": pl.Int32, "low": pl.Int32, "high": pl.Int32}
        return self._indices.get(contig, pl.DataFrame(schema=empty))

    def _near(
        self, index: pl.DataFrame, hit: npt.NDArray[np.bool_]
    ) -> Iterator[tuple[Ints, pl.DataFrame]]:
        """Yield the row groups that are wanted, some at a time: (places in index, rows)."""
        wanted = np.flatnonzero(hit)
        for k in range(0, wanted.size, GROUPS):
            some = wanted[k : k + GROUPS]
            yield some, index[some]

    def _read(self, some: pl.DataFrame, columns: list[str]) -> pl.DataFrame:
        """Read columns of row groups (all of one file)."""
        with pq.ParquetFile(self.folder / f"rows-{some['file'][0]}.parquet") as file:
            table = file.read_row_groups(some["group"].to_list(), columns=columns)
        return pl.DataFrame(pl.from_arrow(table))

    # Ids.

    def ids(self, joined: pl.DataFrame) -> pl.DataFrame:
        """List the ids of the rows that a join of alleles gave.

        Returns
        -------
        pl.DataFrame
            id, kind (`rs` or `other`), contig, pos, ref, alt, source; distinct. `rs1;rs2`
            is two ids, and the rs number that ClinVar keeps in its field RS is one. Ids
            that were merged into one of them follow, with `merged:NAME` as their source
            instead of `source:NAME`.
        """
        if self.kind != "allele":
            joined = pl.DataFrame(schema={**self._schema, "id": pl.String})
        ids = _ids(joined).with_columns(source=pl.lit(f"source:{self.name}"))
        parts = [ids]
        merged = self.folder / "merged.parquet"
        if merged.exists():
            near = pl.scan_parquet(merged).filter(
                pl.col("id").is_in(ids["id"].unique().implode())
            )
            old = ids.join(near.collect(), on="id", how="inner", maintain_order="left")
            source = pl.lit(f"merged:{self.name}").alias("source")
            old = old.with_columns(pl.col("old").alias("id"), source)
            parts.append(old.select(ids.columns))
        is_rs = pl.col("id").str.contains(r"^rs\d+$")
        return (
            pl.concat(parts)
            .with_columns(kind=pl.when(is_rs).then(pl.lit("rs")).otherwise(pl.lit("other")))
            .select("id", "kind", *KEY, "source")
            .unique(maintain_order=True)
        )


def _ids(frame: pl.DataFrame) -> pl.DataFrame:
    """Give the key and each id of the rows of a source."""
    ids = frame.select(*KEY, pl.col("id").str.split(";"))
    ids = ids.explode("id", empty_as_null=True, keep_nulls=True)
    if "RS" in frame.columns:
        numbers = pl.col("RS").cast(pl.String).str.split("|").alias("id")
        rs = frame.select(*KEY, numbers).explode("id", empty_as_null=True, keep_nulls=True)
        ids = pl.concat([ids, rs.with_columns(id=pl.lit("rs") + pl.col("id"))])
    return ids.filter(pl.col("id").is_not_null(), pl.col("id") != "")


def bounds(alleles: pl.DataFrame) -> tuple[Ints, Ints]:
    """Where an interval must begin at the latest, and end at the earliest, to overlap.

    An allele takes up pos to pos + len(ref) - 1, and an interval overlaps that holds one
    of these bases. An insertion takes up no base: it lies between two, and an interval
    must hold both.

    Returns
    -------
    tuple
        int64[n] each, 1-based: an interval overlaps if start <= first and end >= second.
    """
    pos = alleles["pos"].to_numpy().astype(np.int64)
    last = pos + alleles["ref"].str.len_bytes().to_numpy().astype(np.int64) - 1
    inserts = alleles.select(
        pl.col("alt").str.starts_with(pl.col("ref"))
        & (pl.col("alt").str.len_bytes() > pl.col("ref").str.len_bytes())
    ).to_series().to_numpy()  # fmt: skip
    return last, np.where(inserts, last + 1, pos)


@numba.njit(nogil=True, cache=True)
def _tops(end, tree, size):  # type: ignore[no-untyped-def]
    for k in range(end.size):
        tree[size + k] = end[k]
    for k in range(size - 1, 0, -1):
        tree[k] = max(tree[2 * k], tree[2 * k + 1])


@numba.njit(nogil=True, cache=True)
def _overlaps(before, after, start, tree, size, left, right, write):  # type: ignore[no-untyped-def]
    n = 0
    stack = np.empty(128, np.int64)
    for i in range(before.size):
        # Intervals sort by start: the first `stop` begin early enough.
        stop = np.searchsorted(start, before[i], side="right")
        depth = 1
        stack[0] = 1
        while depth:
            depth -= 1
            node = stack[depth]
            if tree[node] < after[i]:
                continue
            low, width = node, 1
            while low < size:
                low *= 2
                width *= 2
            if low - size >= stop:
                continue
            if node >= size:
                if write:
                    left[n] = i
                    right[n] = node - size
                n += 1
            else:
                stack[depth] = 2 * node + 1
                stack[depth + 1] = 2 * node
                depth += 2
    return n


def match_intervals(before: Ints, after: Ints, start: Ints, end: Ints) -> tuple[Ints, Ints]:
    """Pair alleles with the intervals that overlap them: rows of both, int64[pairs].

    Parameters
    ----------
    before, after
        What `bounds` gives.
    start, end
        Intervals sorted by start, 1-based and closed.
    """
    size = 1
    while size < max(1, start.size):
        size *= 2
    # A tree of the furthest ends: what ends too early is passed over as a whole.
    tree = np.full(2 * size, -1, np.int64)
    _tops(end, tree, size)
    none = np.empty(0, np.int64)
    n = _overlaps(before, after, start, tree, size, none, none, False)
    left, right = np.empty(n, np.int64), np.empty(n, np.int64)
    _overlaps(before, after, start, tree, size, left, right, True)
    return left, right
