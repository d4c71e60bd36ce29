"""Pedigrees that people give: PED, FAM, or a sheet with a header, as people and their parents.

A PED has six or more columns without a header: family, person, father, mother, sex (1 male, 2
female), affected (2 yes, 1 no; 0 or -9 not known; or 1 yes and 0 no, as PLINK reads it with
`--1`, which nobody can tell from the file: `affected=1` says so). A sheet names its columns,
in Chinese or English, and may say more: disease, ICD-10, OMIM, whether somebody was adopted,
the cohort. Ids of a PED mean somebody within his family; those of a sheet without a column of
families mean somebody in all of it (`across=True` says so of any file).

All mistakes are told at once, by file and line. Nothing of a person but relations, sex and
affection is read; names have no column.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from varhouse.errors import InputError
from varhouse.sheetcolumns import SheetKind
from varhouse.sheettable import read_sheet
from varhouse.submission.affection import YES, capped, codes_of, decode_affected, plain
from varhouse.submission.mistakes import MistakesError
from varhouse.submission.texts import PED, Said
from varhouse.textfile import decode_any, read_small
from varhouse.workbook import is_archive

Ints = npt.NDArray[np.int32]
Bits = npt.NDArray[np.bool_]

MALE, FEMALE, UNKNOWN = 1, 2, 0
MOST_BYTES = 256 << 20

SHEET = SheetKind(
    "pedigree",
    ("person", "father", "mother"),
    {
        "family": ("fid", "family_id", "familyid", "fam", "pedigree", "家系", "家系编号",
                   "家系号", "家庭编号", "家系id"),
        "person": ("iid", "id", "individual", "individual_id", "individualid", "person_id",
                   "member", "subject", "subject_id", "sample", "sample_id", "个体",
                   "个体编号", "个体号", "成员", "成员编号", "样本", "样本编号", "编号"),
        "father": ("pat", "pid", "dad", "father_id", "fatherid", "paternal", "paternal_id",
                   "paternalid", "父", "父亲", "父亲编号", "父亲id", "父编号"),
        "mother": ("mat", "mid", "mom", "mother_id", "motherid", "maternal", "maternal_id",
                   "maternalid", "母", "母亲", "母亲编号", "母亲id", "母编号"),
        "sex": ("gender", "性别"),
        "affected": ("phenotype", "pheno", "affection", "affection_status", "affected_status",
                     "status", "患病", "是否患病", "患病状态", "患病情况", "受累", "是否受累"),
        "disease": ("diagnosis", "trait", "disease_name", "疾病", "疾病名称", "病名", "诊断",
                    "性状", "病种"),
        "icd10": ("icd", "icd_10", "icd10_code", "icd_10_code", "icd10编码", "icd_10编码",
                  "疾病编码"),
        "omim": ("mim", "omim_id", "mim_number", "omim编号", "omim号"),
        "adopted": ("adoption", "收养", "是否收养", "抱养", "养子女"),
        "cohort": ("cohort_id", "cohort_name", "队列", "队列名称"),
    },
)  # fmt: skip
COLUMNS = ("family", "person", "father", "mother", "sex", "affected", "disease", "icd10",
           "omim", "adopted", "cohort")  # fmt: skip

NOBODY = ("0", "-", ".", "na", "n/a", "-9", "none", "无", "不详", "未知", "unknown")
"""How a sheet says that a parent is not known, as `plain` gives it."""
_SEX = {
    "1": MALE, "m": MALE, "male": MALE, "男": MALE, "男性": MALE,
    "2": FEMALE, "f": FEMALE, "female": FEMALE, "女": FEMALE, "女性": FEMALE,
    "0": UNKNOWN, "-9": UNKNOWN, "9": UNKNOWN, "3": UNKNOWN, "u": UNKNOWN, "other": UNKNOWN,
    "unknown": UNKNOWN, "未知": UNKNOWN, "不详": UNKNOWN, "": UNKNOWN,
}  # fmt: skip


@dataclass(frozen=True)
class People:
    """Everybody of all files, one entry a person.

    Attributes
    ----------
    name
        What a person is called in messages: `family person`, or the person alone.
    family, cohort
        As written; empty where nothing says.
    father, mother
        Index of the parent, -1 if not known. Who is named as a parent and has no row is a
        person, too.
    sex
        1 male, 2 female, 0 not known.
    is_adopted
        The parents are not parents by blood.
    illness
        A row an affection: person (index), disease, icd10, omim; texts, empty if not said.
    notes
        What was taken for what.
    """

    name: list[str]
    family: list[str]
    cohort: list[str]
    father: Ints
    mother: Ints
    sex: Ints
    is_adopted: Bits
    illness: pl.DataFrame
    notes: tuple[str, ...] = ()


def read_pedigrees(
    paths: Sequence[Path], *, across: bool = False, affected: int | None = None
) -> People:
    """Read files of pedigrees as one set of people.

    Parameters
    ----------
    affected
        The number that says affected: 2 (the other is 1, and 0 not known), or 1 (the other is
        0); None: 2 of a PED, and of a sheet what its numbers say.

    Raises
    ------
    InputError
        If a file cannot be read at all.
    MistakesError
        If rows are wrong: all that is wrong with them.
    """
    said = Said()
    frames = [_read(path, said) for path in paths]
    rows = pl.concat(frames, how="vertical")
    if not rows.height and not said.problems:
        raise InputError(PED["empty"].say(files=", ".join(map(str, paths))))
    if not rows.height:
        raise MistakesError(said.problems, PED["where"].say())
    rows = _decode(rows, said, affected)
    key = pl.col("person")
    if not across:
        key = pl.when(pl.col("family") != "").then(
            pl.concat_str("family", key, separator="\t")
        )
        key = key.otherwise(pl.col("person"))
    rows = rows.with_columns(key.alias("key"))
    found = _people(rows, said, across=across)
    if said.problems:
        raise MistakesError(said.problems, PED["where"].say())
    return found


# --- a file as rows of text ---


def _read(path: Path, said: Said) -> pl.DataFrame:
    """Give the rows of a file: `COLUMNS` as text, and `at`, where each stands."""
    raw = read_small(path, MOST_BYTES)
    if is_archive(raw) or _has_header(path, raw):
        sheet = read_sheet(path, SHEET)
        said.notes += sheet.notes
        said.problems += sheet.problems
        frame = sheet.frame
        absent = [c for c in COLUMNS if c not in frame.columns]
        frame = frame.with_columns(pl.lit("").alias(c) for c in absent)
        at = pl.format("{}:{}", pl.lit(path.name), "line")
        frame = frame.with_columns(at.alias("at"), pl.lit(False).alias("is_ped"))
    else:
        frame = _ped_rows(path, raw, said)
    texts = [pl.col(c).cast(pl.String).fill_null("").str.strip_chars() for c in COLUMNS]
    return frame.select(*texts, "at", "is_ped")


def _has_header(path: Path, raw: bytes) -> bool:
    text, _ = decode_any(path, raw[: 1 << 16].rsplit(b"\n", 1)[0] or raw[: 1 << 16])
    for line in text.splitlines():
        if line.strip() and not line.startswith("##"):
            names = [n for n in re.split(r"[\t,;]| +", line.lstrip("#").strip()) if n]
            if SHEET.is_header(n.strip('"') for n in names):
                return True
            if not line.startswith("#"):
                return False
    return False


def _ped_rows(path: Path, raw: bytes, said: Said) -> pl.DataFrame:
    text, encoding = decode_any(path, raw)
    if encoding is not None:
        said.notes.append(PED["encoding"].say(file=path.name, encoding=encoding))
    columns: list[list[str]] = [[] for _ in range(6)]
    at: list[str] = []
    short: list[str] = []
    for n, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        cells = line.split("\t") if line.count("\t") >= 5 else line.split()
        if len(cells) < 6:
            short.append(PED["short"].say(at=f"{path.name}:{n}", n=len(cells)))
            continue
        for column, cell in zip(columns, cells, strict=False):
            column.append(cell.strip())
        at.append(f"{path.name}:{n}")
    said.problems += capped(short)
    frame = pl.DataFrame(dict(zip(COLUMNS[:6], columns, strict=True)) | {"at": at},
                         schema=dict.fromkeys([*COLUMNS[:6], "at"], pl.String))  # fmt: skip
    more = [pl.lit("").alias(c) for c in COLUMNS[6:]]
    return frame.with_columns(*more, pl.lit(True).alias("is_ped"))


# --- what cells mean ---


def _decode(rows: pl.DataFrame, said: Said, affected: int | None) -> pl.DataFrame:
    """Give sex and affection as numbers (affected: 2 yes, 1 no, 0 not known)."""

    def values(column: str) -> dict[str, str]:
        return {v: plain(v) for v in rows[column].unique().to_list()}

    sexes = {v: _SEX.get(p, -1) for v, p in values("sex").items()}
    rows = rows.with_columns(pl.col("sex").replace_strict(sexes, return_dtype=pl.Int32))
    bad = rows.filter(pl.col("sex") < 0)
    said.problems += capped([PED["sex"].say(at=a) for a in bad["at"].to_list()])
    coded = []
    for name, part in rows.with_columns(
        pl.col("at").str.replace(r":\d+\z", "").alias("file")
    ).group_by("file", maintain_order=True):
        codes = codes_of(part, str(name[0]), said, affected)
        coded.append(decode_affected(part.drop("file"), codes, said))
    rows = pl.concat(coded)
    adopted = {v: p in YES or p in ("1", "in", "收养", "抱养") for v, p in
               values("adopted").items()}  # fmt: skip
    return rows.with_columns(
        pl.col("adopted").replace_strict(adopted, return_dtype=pl.Boolean),
        *(_parent(rows, c) for c in ("father", "mother")),
        pl.col("family").replace("0", ""),
    )


def _parent(rows: pl.DataFrame, column: str) -> pl.Expr:
    nobody = [v for v in rows[column].unique().to_list() if v == "" or plain(v) in NOBODY]
    none = pl.col(column).is_in(nobody)
    return pl.when(none).then(pl.lit("")).otherwise(pl.col(column)).alias(column)


# --- rows as people ---

_RELATIONS = ("father", "mother", "sex", "adopted", "cohort")


def _people(rows: pl.DataFrame, said: Said, *, across: bool) -> People:
    """Join rows of the same person, and find parents."""
    nameless = rows.filter(pl.col("person") == "")["at"].to_list()
    said.problems += capped([PED["nameless"].say(at=a) for a in nameless])
    firsts = rows.group_by("key", maintain_order=True).agg(
        pl.first("person", "family", *_RELATIONS, "at"),
        *(pl.col(c).n_unique().alias(f"n_{c}") for c in _RELATIONS),
        pl.len(),
        pl.col("at").last().alias("other"),
    )
    apart = pl.any_horizontal(pl.col(f"n_{c}") > 1 for c in _RELATIONS)
    twice = firsts.filter(apart)
    said.problems += capped(
        [PED["twice"].say(at=o, first=a) for a, o in twice.select("at", "other").rows()]
    )
    if not across:
        _note_shared_ids(firsts, said)
    own = firsts["key"].to_list()
    place = {k: i for i, k in enumerate(own)}
    names = [k.replace("\t", " ") for k in own]
    family, cohort = firsts["family"].to_list(), firsts["cohort"].to_list()
    sex = firsts["sex"].to_list()
    parents: dict[str, list[int]] = {}
    for role, expected in (("father", MALE), ("mother", FEMALE)):
        column = []
        for key, parent in zip(own, firsts[role].to_list(), strict=True):
            if not parent:
                column.append(-1)
                continue
            scope = key.split("\t")[0] + "\t" if "\t" in key else ""
            at = place.setdefault(scope + parent, len(place))
            if at == len(names):
                names.append((scope + parent).replace("\t", " "))
                family.append(family[place[key]])
                cohort.append(cohort[place[key]])
                sex.append(expected)
            column.append(at)
        parents[role] = column
    rest = len(names) - len(own)
    if rest:
        said.notes.append(PED["without_row"].say(n=rest))
    padded = {r: np.array(c + [-1] * rest, np.int32) for r, c in parents.items()}
    found = People(
        names, family, cohort, padded["father"], padded["mother"], np.array(sex, np.int32),
        np.array([*firsts["adopted"].to_list(), *[False] * rest], np.bool_),
        _illness(rows, place), tuple(said.notes),
    )  # fmt: skip
    where = firsts["at"].to_list()
    _check_parents(found, where, said)
    return found


def _note_shared_ids(firsts: pl.DataFrame, said: Said) -> None:
    """Say which ids stand in several families: they are taken for different people."""
    shared = (
        firsts.filter(pl.col("family") != "")
        .group_by("person", maintain_order=True)
        .agg(pl.col("family").n_unique().alias("n"))
        .filter((pl.col("n") > 1) & ~pl.col("person").str.contains(r"\A\d{1,4}\z"))
    )
    if shared.height:
        said.notes.append(PED["shared"].say(n=shared.height))


def _illness(rows: pl.DataFrame, place: dict[str, int]) -> pl.DataFrame:
    ill = rows.filter(pl.col("affected") == 2)
    names = pl.col("disease").str.replace_all("[；、]", ";").str.split(";")
    return (
        ill.with_columns(names.alias("disease"))
        .explode("disease")
        .select(
            pl.col("key").replace_strict(place, return_dtype=pl.Int32).alias("person"),
            pl.col("disease").fill_null("").str.strip_chars(),
            "icd10",
            "omim",
        )
        .unique(maintain_order=True)
    )


def wrong_parents(people: People, n: int) -> dict[str, Ints]:
    """Find parents that cannot be.

    Parameters
    ----------
    n
        How many people, from the first, are looked at.

    Returns
    -------
    dict[str, int[k]]
        The children, by what is wrong: `father_sex`, `mother_sex`, `own_parent`,
        `same_parent` (keys of `texts.PED`).
    """
    own = np.arange(n)
    found: dict[str, Ints] = {}
    wrong = (
        ("father", FEMALE, people.father[:n]),
        ("mother", MALE, people.mother[:n]),
    )
    for role, sex, parents in wrong:
        sexes = np.where(parents >= 0, people.sex[parents], UNKNOWN)
        found[f"{role}_sex"] = np.flatnonzero(sexes == sex).astype(np.int32)
    father, mother = people.father[:n], people.mother[:n]
    found["own_parent"] = np.flatnonzero((father == own) | (mother == own)).astype(np.int32)
    both = (father >= 0) & (father == mother)
    found["same_parent"] = np.flatnonzero(both).astype(np.int32)
    return found


def _check_parents(people: People, where: list[str], said: Said) -> None:
    """Check that fathers are not female, mothers not male, and nobody is his own parent."""
    n = len(where)
    lines = [
        PED[what].say(at=where[i])
        for what, children in wrong_parents(people, n).items()
        for i in children.tolist()
    ]
    # A person without a row who is a father here and a mother there.
    ghosts = np.arange(n, len(people.name))
    mixed = np.intersect1d(ghosts, np.intersect1d(people.father, people.mother))
    lines += [PED["both_roles"].say(n=len(mixed))] if len(mixed) else []
    said.problems += capped(lines)
