"""The other id of a MANE transcript: RefSeq's of Ensembl's, and the other way round.

NCBI's files name it as a cross-reference of the transcript; Ensembl and GENCODE only tag
that there is one. NCBI's table of the pairs (`MANE.GRCh38.v1.4.summary.txt.gz`) has all.
"""

from pathlib import Path

import polars as pl

from varhouse.errors import InputError
from varhouse.textfile import read_small

MANE_ID = "mane_id"
"""Column of the counterpart's id, with its version."""

_OTHER = r"(?:Ensembl:(ENST\d+(?:\.\d+)?)|RefSeq:(N[MR]_\d+(?:\.\d+)?))"
_COLUMNS = ("RefSeq_nuc", "Ensembl_nuc", "MANE_status")
_STATUS = {"MANE Select": "mane_select", "MANE Plus Clinical": "mane_plus_clinical"}
_VERSION = r"\.\d+$"


def mane_id(attributes: pl.Expr, is_mane: pl.Expr) -> pl.Expr:
    """Find the counterpart of MANE transcripts among the cross-references of their rows.

    Parameters
    ----------
    attributes
        Column 9 of GFF3 (`Dbxref=Ensembl:ENST..,GeneID:..`) or GTF (`db_xref "Ensembl:..`).
    is_mane
        Whether the transcript is tagged; others have cross-references, too.
    """
    pattern = rf'(?i:dbxref=|db_xref +"?)(?:[^;"]*,)?{_OTHER}(?:[,;"]|$)'
    groups = attributes.str.extract_groups(pattern)
    return pl.when(is_mane).then(pl.coalesce(groups.struct[0], groups.struct[1]))


def read_mane(path: Path) -> pl.DataFrame:
    """Read NCBI's table of MANE pairs, plain or gzip.

    Returns
    -------
    pl.DataFrame
        transcript_id, mane_id (both with version), tag (`mane_select` or
        `mane_plus_clinical`): two rows for each pair, one for each side.

    Raises
    ------
    InputError
        If it is damaged or lacks a column.
    """
    try:
        data = read_small(path)
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file", "check the path") from error
    try:
        table = pl.read_csv(
            data, separator="\t", quote_char=None, infer_schema=False, encoding="utf8-lossy"
        )
    except pl.exceptions.PolarsError as error:
        why = str(error).splitlines()[0][:100]
        raise InputError(f"{path}: cannot be read as a table ({why})") from error
    table = table.rename(lambda name: name.removeprefix("#").strip())
    missing = [c for c in _COLUMNS if c not in table.columns]
    if missing:
        raise InputError(
            f"{path}: no column {', '.join(missing)}",
            "give NCBI's table MANE.GRCh38.v1.4.summary.txt.gz",
        )
    tag = pl.col("MANE_status").str.strip_chars().replace_strict(_STATUS, default=None)
    sides = [
        table.select(transcript_id=own, mane_id=other, tag=tag)
        for own, other in (("Ensembl_nuc", "RefSeq_nuc"), ("RefSeq_nuc", "Ensembl_nuc"))
    ]
    return pl.concat(sides).drop_nulls().unique("transcript_id", keep="first")


def add_mane(
    transcripts: pl.DataFrame, pairs: pl.DataFrame
) -> tuple[pl.DataFrame, dict[str, int]]:
    """Give transcripts the tags and counterparts of a table of pairs.

    A transcript of another version than the table's is another sequence: it gets nothing.
    What the annotation itself says stays.

    Parameters
    ----------
    transcripts
        transcript_id, with its version or with the column `version`; canonical,
        mane_select, mane_plus_clinical, mane_id.

    Returns
    -------
    transcripts, counts
        The same rows; how many are in the table, and how many by another version only.
    """
    id_ = pl.col("transcript_id")
    # Ensembl keeps the version in a column, the others in the id; the copies of the
    # pseudoautosomal regions carry a mark behind it.
    plain = id_.str.replace(r"_PAR_Y$", "")
    column = pl.concat_str(plain, pl.lit(".") + pl.col("version").cast(pl.String))
    own = (
        pl.when(plain.str.contains(_VERSION)).then(plain).otherwise(pl.coalesce(column, plain))
    )
    bare = pairs.select(
        _bare=pl.col("transcript_id").str.replace(_VERSION, ""),
        _with="transcript_id",
        _other="mane_id",
        _tag="tag",
    )
    both = transcripts.with_columns(_own=own, _bare=own.str.replace(_VERSION, "")).join(
        bare.unique("_bare", keep="first"), on="_bare", how="left", maintain_order="left"
    )
    # An annotation without versions cannot say otherwise.
    same = (pl.col("_own") == pl.col("_with")) | (pl.col("_own") == pl.col("_bare"))
    fits = pl.col("_with").is_not_null() & same
    counts = {
        "transcripts_in_the_mane_table": int(both.select(fits.sum()).item()),
        "transcripts_of_another_version_than_mane": int(
            both.select((pl.col("_with").is_not_null() & ~same).sum()).item()
        ),
    }
    tags = {n: pl.col(n) | (fits & (pl.col("_tag") == n)) for n in _STATUS.values()}
    out = both.with_columns(
        **tags,
        canonical=pl.col("canonical") | (fits & (pl.col("_tag") == "mane_select")),
        mane_id=pl.when(fits).then(pl.coalesce(MANE_ID, "_other")).otherwise(MANE_ID),
    )
    return out.select(transcripts.columns), counts
