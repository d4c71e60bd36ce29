"""A compiled source, opened for joins: only the row groups that alleles fall into are read.

What a join holds is bounded by the alleles and by `READ_ROWS`, whatever the size of the
source.
"""

import json
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from varhouse.alleles.key import complete_key
from varhouse.errors import UsageError
from varhouse.sources.files import PIECE
from varhouse.sources.keys import HASHED, allele_keys, allele_text, match_keys
from varhouse.sources.spec import NAMES, SourceSpec
from varhouse.tables.schema import KEY, KEY_SCHEMA, PolarsType, Table, annotation_table

READ_ROWS = 1 << 20
READ_BYTES = 64 << 20
"""Rows and bytes that are read at once, whichever is less."""

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
    wide
        Fields with integers beyond 32 bits.
    several
        It has alleles in several records that do not say the same (kind `allele`).
    digests
        Contig (`*` for kind `gene`) to a digest of its rows (`content.py`).
    """

    def __init__(self, folder: Path, spec: SourceSpec) -> None:
        facts = json.loads((folder / "source.json").read_text())
        self.folder, self.spec = folder, spec
        self.name: str = spec.name
        self.kind: str = facts["kind"]
        self.fields: dict[str, PolarsType] = {n: NAMES[t] for n, t in facts["fields"].items()}
        self.version: str | None = spec.version or spec.date or facts["version"]
        self.af_only: bool = facts["af_only"]
        self.wide: frozenset[str] = frozenset(facts["wide"])
        self.several: bool = facts["several"]
        self.rows: int = facts["rows"]
        self.digests: dict[str, str] = facts["digests"]
        self.counts: dict[str, int] = facts["counts"]
        self._step = max(1, min(READ_ROWS, READ_BYTES // max(1, facts["row_bytes"])))

    @cached_property
    def has_ids(self) -> bool:
        """Whether an allele of it has an id."""
        if self.kind != "allele":
            return False
        index = pl.read_parquet(
            self.folder / "index.parquet", columns=["texts", "numbers"], glob=False
        )
        return bool(index.select(pl.any_horizontal(pl.all()).any()).item())

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
                raise UsageError(
                    f"source {self.name}: kind gene needs consequences", "name a gene model"
                )
            return self._by_gene(genes)
        find = self._by_allele if self.kind == "allele" else self._by_overlap
        found = [
            piece
            for (contig,), mine in complete_key(alleles)
            .select(KEY)
            .drop_nulls()
            .group_by("contig", maintain_order=True)
            for piece in find(str(contig), mine)
        ]
        return pl.concat(found) if found else pl.DataFrame(schema=self._schema)

    @cached_property
    def _schema(self) -> dict[str, PolarsType]:
        own = {**KEY_SCHEMA, **_OWN[self.kind], **self.fields}
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
        for pieces in self._near(index, first < last):
            a, b = int(first[pieces[0]]), int(last[pieces[-1]])
            theirs = self._read(index, pieces, ["key"])["key"].to_numpy()
            left, right = match_keys(mine[a:b], theirs)
            if left.size:
                yield self._allele_rows(alleles[a:b], mine[a:b], left, right, index, pieces)

    def _allele_rows(
        self,
        alleles: pl.DataFrame,
        mine: Ints,
        left: Ints,
        right: Ints,
        index: pl.DataFrame,
        pieces: Ints,
    ) -> pl.DataFrame:
        hashed = np.flatnonzero(mine[left] & HASHED)
        texts, numbers = (
            bool(index[n].to_numpy()[pieces].any()) for n in ("texts", "numbers")
        )
        wanted = {"id": texts, "rs": numbers, "long": bool(hashed.size)}
        more = [n for n, is_wanted in wanted.items() if is_wanted]
        names = [*self.fields, *more]
        # Of a source that says no more than that it knows an allele nothing is read.
        theirs = self._read(index, pieces, names)[right] if names else pl.DataFrame()
        if hashed.size:
            # Hashes may be equal by chance: the alleles decide.
            text = alleles[left[hashed]].select(allele_text())
            same = (theirs["long"].gather(hashed) == text.to_series()).to_numpy()
            if not same.all():
                keep = np.ones(left.size, bool)
                keep[hashed[~same]] = False
                left, theirs = left[keep], theirs.filter(pl.Series(keep))
        every = left.size == alleles.height and bool((np.diff(left) == 1).all())
        # The contig is one text for all: it need not be gathered.
        contig = pl.lit(alleles["contig"][0]).alias("contig")
        own = alleles.drop("contig")
        rows = (own if every else own[left]).hstack(theirs.get_columns()).with_columns(contig)
        nothing = pl.lit(None, pl.String)
        number = pl.lit("rs") + pl.col("rs").cast(pl.String) if numbers else nothing
        rows = rows.with_columns(id=pl.coalesce("id", number) if texts else number)
        return rows.select(pl.col(n).cast(t) for n, t in self._schema.items())

    # Intervals.

    def _by_overlap(self, contig: str, alleles: pl.DataFrame) -> Iterator[pl.DataFrame]:
        from varhouse.sources.intervals import bounds, match_intervals  # noqa: PLC0415

        alleles = alleles.sort("pos", maintain_order=True)
        before, after = bounds(alleles)
        index = self._index(contig)
        # Intervals begin at `low` or behind, and end at `high` or before. An allele fails
        # at one of the two at most, so that more passes than alleles mean one that passes
        # both.
        low, high = index["low"].to_numpy(), index["high"].to_numpy()
        passes = before.size - np.searchsorted(np.sort(before), low)
        passes += np.searchsorted(np.sort(after), high, side="right")
        for pieces in self._near(index, passes > before.size):
            theirs = self._read(index, pieces, ["start", "end", *self.fields])
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
        return pl.read_parquet(self.folder / "rows-0.parquet", glob=False)

    def _by_gene(self, genes: pl.DataFrame) -> pl.DataFrame:
        """Join by gene id (with or without its version), else by gene name."""
        version = r"\.\d+$"
        # The source may have fields of these names too: its own are what is asked for.
        pairs = (
            complete_key(genes)
            .select(*KEY, pl.col("gene_id").alias("\tid"), pl.col("gene_name").alias("\tname"))
            .unique(maintain_order=True)
        )
        table = self._genes.with_columns(pl.col("gene").str.replace(version, "").alias("_id"))
        by_id = pairs.with_columns(pl.col("\tid").str.replace(version, "").alias("_id"))
        found = [
            by_id.join(table, on="_id", how="inner", maintain_order="left_right"),
            pairs.join(
                table,
                left_on="\tname",
                right_on="gene",
                how="inner",
                coalesce=False,
                maintain_order="left_right",
            ),
        ]
        names = [*KEY, "gene", *self.fields]
        rows = pl.concat(f.select(names) for f in found).rename({"gene": "gene_key"})
        # A gene whose name is its id is found twice.
        twice = pl.struct(pl.all()).is_first_distinct()
        rows = rows.filter(twice) if rows.height else rows
        return rows.select(pl.col(n).cast(t) for n, t in self._schema.items())

    # Files.

    @cached_property
    def _indices(self) -> dict[str, pl.DataFrame]:
        whole = pl.read_parquet(self.folder / "index.parquet", glob=False)
        groups = whole.partition_by("contig", as_dict=True, maintain_order=True)
        return {str(contig): rows for (contig,), rows in groups.items()}

    def _index(self, contig: str) -> pl.DataFrame:
        """Pieces of a contig in order: file, offset and rows, first and last position."""
        return self._indices.get(contig, pl.DataFrame(schema=PIECE))

    def _near(self, index: pl.DataFrame, hit: npt.NDArray[np.bool_]) -> Iterator[Ints]:
        """Yield the places in the index of wanted pieces, some at a time, one file each."""
        wanted = np.flatnonzero(hit)
        file, rows = index["file"].to_numpy()[wanted], index["rows"].to_numpy()[wanted]
        some: list[int] = []
        held = 0
        for k, place in enumerate(wanted.tolist()):
            if some and (file[k] != file[k - 1] or held + rows[k] > self._step):
                yield np.array(some)
                some, held = [], 0
            some.append(place)
            held += int(rows[k])
        if some:
            yield np.array(some)

    def _read(self, index: pl.DataFrame, pieces: Ints, columns: list[str]) -> pl.DataFrame:
        """Read columns of pieces of one file; only their row groups are touched."""
        offset, rows = (index[n].to_numpy()[pieces] for n in ("offset", "rows"))
        path = self.folder / f"rows-{index['file'][int(pieces[0])]}.parquet"
        # Neighbours are read as one.
        ends = np.flatnonzero(np.append(offset[1:] != (offset + rows)[:-1], True))
        starts = np.append(0, ends[:-1] + 1)
        scan = pl.scan_parquet(path, glob=False, hive_partitioning=False).select(columns)
        found = [
            scan.slice(int(offset[a]), int(offset[b] + rows[b] - offset[a]))
            for a, b in zip(starts, ends, strict=True)
        ]
        return pl.concat(pl.collect_all(found), rechunk=True)

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
            near = pl.scan_parquet(merged, glob=False).filter(
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
