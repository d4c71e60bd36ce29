"""Columns of the sheets: which there are, the other names that are understood, codes of sex.

A name is taken for a column only if nothing else in the header can be meant. What was taken
is noted: nobody shall wonder which column a number came from.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import polars as pl

COHORT_COLUMNS = (
    "cohort", "files", "assembly", "chain", "source_reference", "callable", "project",
    "province", "ethics_approval", "consent_scope", "permit_kind", "permit_number",
    "permit_valid_until", "data_tier", "assay", "platform", "caller",
)  # fmt: skip

_COHORT = ("cohort_id", "cohort_name", "队列", "队列名称")


@dataclass(frozen=True)
class SheetKind:
    """A kind of sheet.

    Attributes
    ----------
    name
        What the sheet is called, also in a workbook.
    needed
        Columns without which it says nothing.
    others
        Column to its other names, as `folded` gives them. Case, width and what stands
        between words never matter.
    keeps
        Columns that are read under another name stay under that name, too: strata may go by
        it.
    counts
        Numbers are counts and shares: a workbook's 12,345 and 50% are read.
    """

    name: str
    needed: tuple[str, ...]
    others: Mapping[str, Sequence[str]] = field(default_factory=dict)
    keeps: bool = False
    counts: bool = False

    def is_header(self, names: Iterable[str]) -> bool:
        """Tell whether the columns that are needed are among names."""
        known = {folded(n) for n in names}
        return all(known & {c, *self.others.get(c, ())} for c in self.needed)


COHORTS_SHEET = SheetKind(
    "cohorts",
    ("cohort", "files"),
    {
        **{c: () for c in COHORT_COLUMNS},
        "cohort": _COHORT,
        "files": ("file", "path", "paths", "file_path", "vcf", "vcfs", "vcf_path", "vcf_file",
                  "文件", "文件路径"),
        "project": ("project_accession", "bioproject"),
        "province": ("province_code",),
        "ethics_approval": ("ethics",),
        "consent_scope": ("consent",),
        "data_tier": ("tier",),
    },
)  # fmt: skip
SAMPLES_SHEET = SheetKind(
    "samples",
    ("cohort", "sample"),
    {
        "cohort": _COHORT,
        "sample": ("sample_id", "sampleid", "sample_name", "samplename", "iid",
                   "样本", "样本编号", "样品编号", "样本名称", "样本号"),
        "sex": ("gender", "性别"),
        "population": ("pop", "人群"),
        "kit": ("capture_kit",),
        "accession": (),
    },
    keeps=True,
)  # fmt: skip
PEOPLE_SHEET = replace(SAMPLES_SHEET, needed=("sample",))
"""A sample sheet of one cohort, which it need not name."""

KITS_SHEET = SheetKind(
    "kits",
    ("kit", "bed"),
    {"kit": ("capture_kit", "kit_name"), "bed": ("bed_file", "bed_path")},
)


def folded(name: str) -> str:
    """Give the name of a column without case, width, and what stands between its words."""
    text = unicodedata.normalize("NFKC", name).strip().casefold()
    return re.sub(r"[\s._-]+", "_", text).strip("_")


def take_names(
    where: str, frame: pl.DataFrame, kind: SheetKind
) -> tuple[pl.DataFrame, list[str], list[str]]:
    """Give a sheet the column names of its kind.

    Returns
    -------
    tuple
        The sheet, notes on what was read as what, and mistakes: several columns that may be
        the same one.
    """
    notes, problems = [], []
    for column in dict.fromkeys([*kind.needed, *kind.others]):
        if column in frame.columns:
            continue
        close = {column, *kind.others.get(column, ())}
        found = [c for c in frame.columns if c != "line" and folded(c) in close]
        if len(found) > 1:
            names = " and ".join(map(repr, found))
            problems.append(
                f"{where}: the columns {names} may each be {column}; fix: call one of them "
                f"{column}"
            )
        elif found and kind.keeps and column not in kind.needed:
            frame = frame.with_columns(pl.col(found[0]).alias(column))
            notes.append(f"{where}: column {found[0]!r} is read as {column}")
        elif found:
            frame = frame.rename({found[0]: column})
            notes.append(f"{where}: column {found[0]!r} is read as {column}")
    return frame, notes, problems


def missing_columns(where: str, frame: pl.DataFrame, kind: SheetKind) -> list[str]:
    """Say which columns a sheet lacks, which it has, and what else they may be called."""
    has = ", ".join(repr(c[:30]) for c in frame.columns[:8] if c != "line")
    out = []
    for column in kind.needed:
        if column not in frame.columns:
            others = ", ".join(kind.others.get(column, ())[:4])
            out.append(
                f"{where}: no column {column!r} (it has {has}); fix: name it {column}"
                + (f" ({others} are read, too)" if others else "")
            )
    return out


SEXES = ("male", "female", "unknown")
_WORDS = {
    "male": "male", "m": "male", "男": "male", "男性": "male", "xy": "male",
    "female": "female", "f": "female", "女": "female", "女性": "female", "xx": "female",
    "unknown": "unknown", "u": "unknown", "unk": "unknown",
    "未知": "unknown", "不详": "unknown",
}  # fmt: skip
_CODES = {"1": "male", "2": "female", "0": "unknown", "9": "unknown", "-9": "unknown"}
"""Codes of PLINK's .fam and of ISO/IEC 5218 and GB/T 2261.1, which agree but for 9 and -9."""

_SAID, _BARE = " said", " bare"
"""Columns while sexes are read: names in a header have no blanks around them."""


def read_sex(where: str, frame: pl.DataFrame) -> tuple[pl.DataFrame, list[str], list[str]]:
    """Read the column sex of the sample sheet: words, letters, or the codes 1, 2 and 0.

    Codes are read cohort by cohort, where they can be nothing else: 0 and 1 without any 2
    may be those of another coding, in which 0 is a sex. Words and codes in one cohort
    contradict each other.

    Returns
    -------
    tuple
        The sheet with `male`, `female` or `unknown`, notes, and mistakes.
    """
    said = pl.col("sex").str.strip_chars().str.to_lowercase()
    known = {**_WORDS, **_CODES}
    frame = frame.with_columns(pl.col("sex").alias(_SAID), said.alias(_BARE))
    sex = pl.col(_BARE).fill_null("unknown").replace_strict(known, default=None)
    frame = frame.with_columns(sex=sex)
    bad = frame.filter(pl.col("sex").is_null())
    problems = [
        f"{where}:{line}: sample {s!r}: sex {x!r} is not male, female or unknown (M, F, U; "
        "男, 女; 1, 2, 0 as in PLINK)"
        for line, s, x in bad.select("line", "sample", _SAID).head(10).rows()
    ]
    if bad.height > 10:
        problems.append(f"{where}: sex: ... and {bad.height - 10:,} more like it")
    coded = frame.filter(pl.col(_BARE).is_in(list(_CODES)))
    for (cohort,), rows in coded.group_by("cohort", maintain_order=True):
        problems += _code_problems(where, str(cohort), rows, frame)
    notes = []
    if coded.height and not problems:
        notes.append(f"{where}: sex 1, 2, 0 read as in PLINK: male, female, unknown")
    return frame.drop(_SAID, _BARE), notes, problems


def _code_problems(
    where: str, cohort: str, coded: pl.DataFrame, frame: pl.DataFrame
) -> list[str]:
    line, said = coded["line"][0], coded[_SAID][0]
    words = frame.filter(
        (pl.col("cohort") == cohort)
        & pl.col(_BARE).is_not_null()
        & ~pl.col(_BARE).is_in(list(_CODES))
    )
    if words.height:
        return [
            f"{where}:{line}: cohort {cohort!r}: sex is {said!r} here and "
            f"{words[_SAID][0]!r} on line {words['line'][0]}; fix: write male, female, "
            "unknown"
        ]
    codes = set(coded[_BARE])
    if "1" in codes and "0" in codes and "2" not in codes:
        return [
            f"{where}:{line}: cohort {cohort!r}: sex is 0 and 1 and never 2: PLINK's unknown "
            "and male, or another coding? fix: write male, female, unknown"
        ]
    return []
