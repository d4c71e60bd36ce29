"""Which people of a store are asked about: a condition over the sheets, a list of names.

A condition (`expression.py`) is about what the tables samples and cohorts say of a person:
their columns and the further columns of both sheets. Of a name that both sheets have, that of
the samples counts. Further columns are text; one whose values are all numbers may be compared
with numbers as well. A cell that is empty is null, so neither `==` nor `!=` finds it.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import polars as pl

from varhouse.errors import AccessError, InputError, UsageError, nearest
from varhouse.query.expression import parse_where
from varhouse.query.tokens import tokenise
from varhouse.sheetfile import read_sheet_file
from varhouse.store.reader import Store
from varhouse.tables.schema import PolarsType
from varhouse.textfile import decode_any, each_line, read_small
from varhouse.workbook import is_archive

_PERSON = ("cohort", "ordinal", "sample", "sex")
_LINKS = ("ordinal", "file")
"""Numbers that join tables and say nothing of a person."""

_NOT_OF_PEOPLE = frozenset({"cohort", "ingest_id", "haploid", "fingerprint", "attributes"})
_NAMES = {"sample": pl.String, "cohort": pl.String, "line": pl.Int64}
_SHOWN = 10
_MOST_NUMERIC = 8
"""Further columns in a condition that may be tried as numbers: 2 to this many ways."""


@dataclass(frozen=True)
class People:
    """Some people of a store.

    Attributes
    ----------
    frame
        cohort, ordinal (table samples), sample, sex; sorted by cohort and ordinal.
    """

    frame: pl.DataFrame

    @property
    def size(self) -> int:
        """Number of people."""
        return self.frame.height

    @property
    def by_cohort(self) -> dict[str, int]:
        """People of each cohort that has some."""
        counted = self.frame.group_by("cohort", maintain_order=True).len()
        return dict(counted.rows())

    def told(self) -> str:
        """Say how many there are, by cohort."""
        found = [f"{c} {n:,}" for c, n in self.by_cohort.items()]
        more = f" and {len(found) - _SHOWN:,} more cohorts" if found[_SHOWN:] else ""
        noun = "person" if self.size == 1 else "people"
        return f"{self.size:,} {noun}: {', '.join(found[:_SHOWN])}{more}"


def choose_people(
    store: Store, where: str | None = None, samples: str | Path | Sequence[str] | None = None
) -> People:
    """Choose people of a store; what is given twice must both hold.

    Parameters
    ----------
    where
        A condition over the columns that `describe_people` lists.
    samples
        Names of samples, or a file of them: one a line, or a sheet in any form
        (`varhouse.sheetfile`) with the columns `sample` and, if it tells, `cohort`.

    Raises
    ------
    AccessError
        In a public view: groups of people are for those inside.
    UsageError
        If nothing is asked, the condition cannot be read, it names what no sheet has, or
        nobody is left; if names of the list are not in the store or in several cohorts (all
        of them at once).
    InputError
        If the list cannot be read.
    """
    check_may_ask(store)
    if where is None and samples is None:
        raise UsageError(
            "nothing says which people",
            "--people 'sex == \"male\"' or --samples FILE; counts of everybody are in"
            " `varhouse query STORE`",
        )
    everybody = describe_people(store)
    rows = everybody
    if where is not None:
        rows = rows.filter(_who_fits(where, rows))
        if not rows.height:
            raise UsageError(
                f"nobody in the store fits {where}",
                'varhouse sql STORE "SELECT * FROM samples" shows who there is',
            )
    if samples is not None:
        rows = _listed(rows, _read_names(samples), everybody)
        if not rows.height:
            raise UsageError(
                f"nobody of the list fits {where}" if where else "the list names nobody"
            )
    return People(rows.select(_PERSON).sort("cohort", "ordinal"))


def everybody(store: Store) -> People:
    """Choose all people of a store.

    Raises
    ------
    AccessError
        In a public view.
    """
    check_may_ask(store)
    return People(describe_people(store).select(_PERSON).sort("cohort", "ordinal"))


def check_may_ask(store: Store) -> None:
    """Check that groups of people may be asked about.

    Raises
    ------
    AccessError
        In a public view: groups of people are for those inside.
    """
    if store.view.is_limited:
        raise AccessError(
            "counts of a chosen group can tell of single people: they are not "
            + store.view.shown,
            f"leave out {store.view.option} for your own eyes; `varhouse query` has strata",
        )


def describe_people(store: Store) -> pl.DataFrame:
    """Give one row a person: the columns of samples and cohorts and those of both sheets.

    Returns
    -------
    pl.DataFrame
        Columns of the table samples, then what it has in `attributes`, then columns of the
        table cohorts and its attributes, as far as no name is taken.
    """
    samples = _spread(store.scan("samples").collect())
    cohorts = _spread(store.scan("cohorts").collect())
    taken = {*samples.columns, *_NOT_OF_PEOPLE}
    kept = [c for c in cohorts.columns if c not in taken]
    return samples.join(cohorts.select("cohort", *kept), on="cohort", how="left")


def sheet_rows(store: Store, cohort: str) -> pl.DataFrame:
    """Give the rows of the sample sheet of a cohort, by which its people are in strata.

    Returns
    -------
    pl.DataFrame
        cohort, sample, sex, population and the further columns, in the order of the ordinals
        of the table samples; of these no column is there, which the sheet may have too.
    """
    rows = store.scan("samples", cohort=cohort).sort("ordinal")
    own = rows.select("cohort", "sample", "sex", "population", "attributes")
    return _spread(own.collect())


def _spread(rows: pl.DataFrame) -> pl.DataFrame:
    """Make columns of the further columns of a sheet, which stand as JSON in `attributes`."""
    texts = rows["attributes"].unique(maintain_order=True).to_list()
    read = [json.loads(text) for text in texts]
    names = dict.fromkeys(n for one in read for n in one if n not in rows.columns)
    columns = {n: [str(one.get(n) or "") or None for one in read] for n in names}
    sheet = pl.DataFrame(
        {"attributes": texts, **columns},
        schema=dict.fromkeys(["attributes", *names], pl.String),
    )
    return rows.join(sheet, on="attributes", how="left", maintain_order="left").drop(
        "attributes"
    )


def _who_fits(where: str, rows: pl.DataFrame) -> pl.Series:
    """Tell who fits a condition; a further column is a number where only that can be read."""
    schema = {n: t for n, t in rows.schema.items() if n not in _LINKS}
    first: UsageError | None = None
    for numeric in _as_numbers(where, rows):
        given: Mapping[str, PolarsType] = {**schema, **dict.fromkeys(numeric, pl.Float64)}
        try:
            condition = parse_where(where, given, check_word=_word_check(rows))
        except UsageError as error:
            first = first or error
            continue
        numbers = rows.with_columns(pl.col(numeric).cast(pl.Float64))
        return numbers.select(condition.expression.alias("fits"))["fits"].fill_null(
            value=False
        )
    assert first is not None
    raise first


def _as_numbers(where: str, rows: pl.DataFrame) -> Iterator[tuple[str, ...]]:
    """Give the sets of text columns to try as numbers: none first."""
    named = {t.value.lower() for t in tokenise(where) if t.kind == "name"}
    able = [
        n
        for n, t in rows.schema.items()
        if t == pl.String and n.lower() in named and _all_numbers(rows[n])
    ][:_MOST_NUMERIC]
    for size in range(len(able) + 1):
        yield from combinations(able, size)


def _all_numbers(column: pl.Series) -> bool:
    values = column.drop_nulls()
    return bool(values.len()) and not values.cast(pl.Float64, strict=False).has_nulls()


def _word_check(rows: pl.DataFrame) -> Callable[[str, str], None]:
    """Make a check that somebody has a value, as a slip finds nobody."""

    def check(column: str, word: str) -> None:
        if rows.schema[column] != pl.String:
            return
        known = rows[column].drop_nulls().unique().sort().to_list()
        if word not in known:
            some = f"; there are {', '.join(known[:_SHOWN])}" if known else ""
            raise UsageError(f"nobody has {column} {word!r}{nearest(word, known) or some}")

    return check


def _read_names(samples: str | Path | Sequence[str]) -> pl.DataFrame:
    """Read a list of people: sample, cohort (null: whichever has it), line."""
    if not isinstance(samples, (str, Path)):
        names = list(samples)
        return pl.DataFrame(
            {"sample": names, "cohort": None, "line": range(1, len(names) + 1)},
            schema=_NAMES,
        )
    path = Path(samples)
    raw = read_small(path)
    if is_archive(raw):
        return _names_of_sheet(path)
    text, _ = decode_any(path, raw)
    lines = [
        (n, line.strip())
        for n, line in enumerate(each_line(text), 1)
        if line.strip() and not line.startswith("##")
    ]
    if not lines:
        raise InputError(f"{path}: the list names nobody", "one sample a line")
    first = lines[0][1].lstrip("#").strip()
    if _begins_sheet(first):
        return _names_of_sheet(path)
    rows = lines[1:] if first == "sample" else lines
    wide = [n for n, name in rows if "\t" in name]
    if wide:
        raise InputError(
            f"{path}:{wide[0]}: the line is not one name, nor a row of a sheet",
            "one sample a line, or a header line with the columns cohort and sample",
        )
    return pl.DataFrame(
        {"sample": [s for _, s in rows], "cohort": None, "line": [n for n, _ in rows]},
        schema=_NAMES,
    )


def _begins_sheet(first: str) -> bool:
    """Tell whether a first line is a header of several columns; names may hold blanks."""
    cells = re.split(r'"?[\t,;]"?', first.strip('"'))
    both = {"sample", "cohort"} <= set(first.replace('"', " ").split())
    hint = re.match('"?sep=', first) is not None
    return both or hint or (len(cells) > 1 and "sample" in map(str.strip, cells))


def _names_of_sheet(path: Path) -> pl.DataFrame:
    """Read a list of people with the column sample, in any form of a sheet."""
    sheet = read_sheet_file(path, "samples", lambda cells: "sample" in cells)
    columns = dict(zip(sheet.header, sheet.columns, strict=True))
    problems = sheet.problems
    if "sample" not in columns:
        problems = [f"{path}: no column 'sample' (it has {', '.join(sheet.header[:8])})"]
    if problems:
        raise InputError(problems[0], "one sample a line, or the columns cohort and sample")
    empty = [n for n, name in zip(sheet.lines, columns["sample"], strict=True) if not name]
    if empty:
        raise InputError(
            f"{path}:{empty[0]}: the row names no sample", "write it, or take it out"
        )
    cohorts = columns.get("cohort", [""] * len(sheet.lines))
    return pl.DataFrame(
        {
            "sample": columns["sample"],
            "cohort": [c or None for c in cohorts],
            "line": sheet.lines,
        },
        schema=_NAMES,
    )


def _listed(rows: pl.DataFrame, names: pl.DataFrame, everybody: pl.DataFrame) -> pl.DataFrame:
    """Keep the people of a list.

    A name that only people have who are not among `rows` is no slip: it chooses nobody.

    Raises
    ------
    UsageError
        If nobody at all has a name, or several of `rows` in different cohorts have it and the
        list does not say which.
    """
    found = _find(rows, names)
    problems = _problems(found, _find(everybody, names), names, everybody)
    if problems:
        more = [f"and {len(problems) - _SHOWN:,} more"] if problems[_SHOWN:] else []
        told = "".join(f"\n  - {p}" for p in [*problems[:_SHOWN], *more])
        raise UsageError(f"{len(problems):,} mistake(s) in the list of samples{told}")
    wanted = found.select("cohort", "sample").unique()
    return rows.join(wanted, on=["cohort", "sample"], how="semi")


def _find(rows: pl.DataFrame, names: pl.DataFrame) -> pl.DataFrame:
    """Find the cohorts of names: line, sample, cohort (null: nobody has the name)."""
    alone = names.filter(pl.col("cohort").is_null())
    placed = names.filter(pl.col("cohort").is_not_null())
    return pl.concat(
        [
            alone.drop("cohort").join(
                rows.select("cohort", "sample"), on="sample", how="left"
            ),
            placed.join(
                rows.select("cohort", "sample", there=pl.lit(value=True)),
                on=["cohort", "sample"],
                how="left",
            )
            .with_columns(cohort=pl.when("there").then("cohort"))
            .drop("there"),
        ],
        how="diagonal",
    )


def _problems(
    found: pl.DataFrame, anywhere: pl.DataFrame, names: pl.DataFrame, everybody: pl.DataFrame
) -> list[str]:
    known = everybody["sample"].unique().to_list()
    said = dict(zip(names["line"], names["cohort"], strict=True))
    problems: list[str] = []
    for line, sample in (
        anywhere.filter(pl.col("cohort").is_null()).select("line", "sample").rows()
    ):
        of = f" of cohort {said[line]!r}" if said[line] else ""
        close = nearest(sample, known) if len(problems) < _SHOWN else ""
        problems.append(f"line {line}: no sample {sample!r}{of} in the store{close}")
    several = found.group_by("line", "sample", maintain_order=True).agg("cohort")
    problems += [
        f"line {line}: sample {sample!r} is in the cohorts {', '.join(sorted(cohorts))}: "
        "add a column cohort"
        for line, sample, cohorts in several.filter(pl.col("cohort").list.len() > 1).rows()
    ]
    return problems
