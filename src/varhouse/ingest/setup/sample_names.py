"""The names of samples in a sheet against those in a file: spelling, missing, extra."""

import unicodedata
from collections.abc import Sequence

import polars as pl

from varhouse.errors import nearest
from varhouse.vcf.account.problems import Account


def folded(name: str) -> str:
    """Give a name without what the eye overlooks: case, white space, width, marks.

    Full-width letters become plain ones (Unicode NFKC); white space and characters that
    are not seen (zero-width, a byte order mark) are left out.
    """
    text = unicodedata.normalize("NFKC", name).casefold()
    return "".join(
        c for c in text if not c.isspace() and unicodedata.category(c) not in ("Cf", "Cc")
    )


def difference(a: str, b: str) -> str:
    """Say in what two names differ that are the same once folded."""

    def bare(name: str) -> str:
        return "".join(name.split())

    if a.casefold() == b.casefold():
        return "case"
    if bare(a) == bare(b):
        return "spaces"
    if bare(a).casefold() == bare(b).casefold():
        return "case and spaces"
    return "characters that look alike or are not seen"


def check_samples_of_file(
    account: Account, samples: Sequence[str], sheet: pl.DataFrame
) -> None:
    """Compare a file's samples with the rows of the sheet that are about it.

    Rows count for the file when their cohort has a sample of it, also one spelled
    otherwise; if there is none and the sheet has one cohort, all rows count.

    Parameters
    ----------
    sheet
        Columns `cohort`, `sample` and `line` (1-based line in the sheet).
    """
    names = dict.fromkeys(samples)
    alike: dict[str, str] = {}
    for s in names:
        twin = alike.setdefault(folded(s), s)
        if twin != s:
            account.add(
                "VH-S-004",
                f"differs from {twin!r} only in {difference(twin, s)}",
                name="sample",
                value=s,
            )
    rows = sheet.filter(pl.col("cohort").is_not_null() & pl.col("sample").is_not_null())
    hits = [folded(s) in alike for s in rows["sample"].to_list()]
    cohorts = rows.filter(pl.Series(hits, dtype=pl.Boolean))["cohort"].unique()
    if cohorts.is_empty() and rows["cohort"].n_unique() == 1:
        cohorts = rows["cohort"].unique()
    listed = rows.filter(pl.col("cohort").is_in(cohorts.to_list()))
    known: set[str] = set()
    for sample, line in listed.select("sample", "line").rows():
        known.add(sample)
        if sample in names:
            continue
        other = alike.get(folded(sample))
        if other is not None:
            known.add(other)
            account.add(
                "VH-S-003",
                f"the sheet (line {line}) has {sample!r}, the file {other!r}: they differ in "
                f"{difference(sample, other)}",
                name="sample",
                value=sample,
            )
        else:
            account.add(
                "VH-S-001",
                f"in the sheet (line {line}) but not in the file{nearest(sample, names)}",
                name="sample",
                value=sample,
            )
    for sample in names:
        if sample not in known:
            account.add(
                "VH-S-002",
                f"in the file but not in the sheet{nearest(sample, known)}",
                name="sample",
                value=sample,
            )
