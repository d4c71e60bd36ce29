"""What cells of a pedigree say of affection, in numbers of either coding and in words."""

import unicodedata

import polars as pl

from varhouse.submission.texts import PED, Said

_SHOWN = 20
"""Mistakes of one kind that are named."""

YES = ("yes", "y", "true", "t", "affected", "case", "是", "有", "患病", "患者", "受累",
        "病例", "阳性")  # fmt: skip
_NO = ("no", "n", "false", "f", "unaffected", "control", "否", "无", "未患病", "未受累",
       "正常", "健康", "阴性", "不患病")  # fmt: skip
_OPEN = ("", "unknown", "u", "未知", "不详", "-9", "na", "n/a", ".")


def capped(lines: list[str]) -> list[str]:
    """Give the first mistakes of one kind, and how many more there are."""
    rest = len(lines) - _SHOWN
    return [*lines[:_SHOWN], *([PED["more"].say(n=rest)] if rest > 0 else [])]


def plain(text: str) -> str:
    """Give a text of a cell without case, width and outer blanks."""
    return unicodedata.normalize("NFKC", text).strip().casefold()


_OF_PED, _OF_ZERO = {"2": 2, "1": 1, "0": 0}, {"1": 2, "0": 1}


def codes_of(
    part: pl.DataFrame, file: str, said: Said, affected: int | None
) -> dict[str, int]:
    """Tell what numbers of a file say of affection: those of PED, or 0 and 1."""
    words = {p for v in part["affected"].unique().to_list() if (p := plain(v)) not in _OPEN}
    is_ped = bool(part["is_ped"][0])
    if affected == 1 and "2" in words:
        said.problems.append(PED["two"].say(file=file))
    if affected is not None:
        return _OF_ZERO if affected == 1 else _OF_PED
    if not is_ped and words and words <= {"0", "1"}:
        if "0" not in words:
            said.problems.append(PED["ones"].say(file=file))
        said.notes.append(PED["binary"].say(file=file))
        return _OF_ZERO
    if is_ped and words == {"0", "1"}:
        said.notes.append(PED["nobody"].say(file=file))
    return _OF_PED


def decode_affected(part: pl.DataFrame, codes: dict[str, int], said: Said) -> pl.DataFrame:
    """Read the affections of a file: numbers, or words."""
    found = {v: plain(v) for v in part["affected"].unique().to_list()}
    is_ped = bool(part["is_ped"][0])
    known = {**dict.fromkeys(YES, 2), **dict.fromkeys(_NO, 1), **dict.fromkeys(_OPEN, 0)}
    known |= codes
    numbers = {v: known.get(p, -1) for v, p in found.items()}
    # In a sheet without the column a disease says who is affected.
    ill = pl.col("disease").ne("") | pl.col("icd10").ne("") | pl.col("omim").ne("")
    affected = pl.col("affected").replace_strict(numbers, return_dtype=pl.Int32)
    if not is_ped and set(found) == {""}:
        affected = pl.when(ill).then(2).otherwise(0)
    part = part.with_columns(affected.cast(pl.Int32).alias("affected"))
    bad = part.filter(pl.col("affected") < 0)
    said.problems += capped([PED["affected"].say(at=a) for a in bad["at"].to_list()])
    return part
