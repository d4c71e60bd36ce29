"""Equal records of a cohort's files with different samples, joined into one."""

import polars as pl

from varhouse.alleles.extent import INFO_KEYS

EQUAL = ["pos", "ref", "alt", "allele_extent", "block_end"]
"""What equal records have in common."""

NTH = pl.col("record").cum_count().over(*EQUAL, "file").alias("_nth")
"""Which of equal records of its file a record is."""


def merge_records(sites: pl.DataFrame) -> tuple[pl.DataFrame, pl.Series]:
    """Join equal records of files with different samples.

    Records are equal if POS, REF, ALT, the extents of symbolic ALTs and the last base of
    reference blocks are, and they are the same-numbered of their file with these. ID, QUAL
    and CHROM are the first file's that has them; FILTER the union; INFO the entries that all
    agree on (AC or AN of one file is not that of all), and of symbolic ALTs what extents are
    made of as a file has it.

    Returns
    -------
    (records, group)
        Joined records in order, and for each row of `sites` the record it went to.
    """
    numbered = sites.with_row_index("_row").with_columns(NTH)
    groups = numbered.group_by(*EQUAL, "_nth", maintain_order=True).agg(
        pl.col("_row"),
        pl.col("chrom").first(),
        pl.col("id").drop_nulls().first(),
        pl.col("qual").drop_nulls().first(),
        pl.col("filter").unique(maintain_order=True),
        pl.col("info").unique(maintain_order=True),
    )
    records = groups.with_columns(
        _same_or(groups["filter"], _join_filters).alias("filter"),
        _join_all_infos(groups).alias("info"),
    ).with_row_index("_group")
    place = records.select("_group", "_row").explode("_row").sort("_row")["_group"]
    return records.drop("_row", "_group", "_nth"), place


def _join_all_infos(groups: pl.DataFrame) -> pl.Series:
    is_open = groups["alt"].str.contains("<", literal=True)
    if not is_open.any():
        return _same_or(groups["info"], _join_infos)
    plain = _same_or(groups["info"], _join_infos)
    return plain.zip_with(~is_open, _same_or(groups["info"], _join_open_infos))


def _same_or(values: pl.Series, join: object) -> pl.Series:
    """Give the only value of each list, or what `join` makes of several."""
    assert callable(join)
    single = values.list.first()
    many = (values.list.len() > 1).arg_true()
    if not many.len():
        return single
    joined = pl.Series([join(v) for v in values.gather(many).to_list()], dtype=pl.String)
    return single.scatter(many, joined)


def _join_filters(values: list[str]) -> str:
    failed = [f for v in values for f in v.split(";") if f not in (".", "PASS")]
    if failed:
        return ";".join(dict.fromkeys(failed))
    return "PASS" if "PASS" in values else "."


def _join_infos(values: list[str]) -> str:
    others = [set(v.split(";")) for v in values[1:]]
    kept = [e for e in values[0].split(";") if all(e in o for o in others)]
    return ";".join(kept) or "."


def _join_open_infos(values: list[str]) -> str:
    """Join INFO of symbolic alleles of equal extent, which need not be written alike."""
    kept = dict.fromkeys(e for e in _join_infos(values).split(";") if e != ".")
    for value in values:
        known = {e.partition("=")[0] for e in kept}
        entries = [(e, e.partition("=")[0]) for e in value.split(";")]
        kept |= dict.fromkeys(e for e, k in entries if k in INFO_KEYS and k not in known)
    return ";".join(kept) or "."
