"""Who is in a view, and whether enough people explain what differs from earlier ones.

Two releases of a view that differ by one person tell about that person: what was counted now
and not then is his. So before a view is made, the people of each cohort and shown group are
compared with those of every earlier release of any role's view: that who left or came must be
nobody, or at least k. People are keyed hashes; they lie in the private folder of the store's
governance, a file a release.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from varhouse.errors import StoreError
from varhouse.frequencies.strata import ALL, make_strata
from varhouse.governance.personkey import PersonKey
from varhouse.language import Text
from varhouse.query.people import sheet_rows
from varhouse.store.reader import Store
from varhouse.tables.shards import write_frame

PEOPLE = {
    "cohort": pl.String, "stratum_by": pl.String, "stratum": pl.String, "person": pl.String,
}  # fmt: skip
"""A row a person, cohort and group that he stands in; `all`, `all` is everybody."""

EVERY = ""
"""What stands for all cohorts together in place of a cohort."""

FEW_DIFFER = Text(
    "{group}: {n} people differ from release {release} of the view {role}; a change must be"
    " explained by nobody or by at least {k}",
    "{group}:与视图 {role} 的第 {release} 次发布相比有 {n} 人变动;"
    "变动人数须为零或不少于 {k} 人",
)
LEFT = Text(
    "{group}: {n} people have left since release {release} of the view {role}, fewer than"
    " {k}: without them the release would tell what was theirs",
    "{group}:自视图 {role} 的第 {release} 次发布以来有 {n} 人退出,少于 {k} 人:"
    "去除后的发布会反推出其数据",
)
OF_COHORT = Text("cohort {cohort}", "队列 {cohort}")
OF_ALL = Text("all cohorts together", "全部队列合计")


@dataclass(frozen=True)
class Difference:
    """A cohort of which too few people differ from an earlier release.

    Attributes
    ----------
    cohort
        Its name; EVERY: all together.
    came, left
        People that only the new release has, and that only the earlier one has.
    role, release
        The earlier release.
    k
        Least number of people who explain a change between the two roles.
    """

    cohort: str
    came: int
    left: int
    role: str
    release: int
    k: int

    def say(self) -> str:
        """Say it in the language of the reader."""
        group = OF_ALL if self.cohort == EVERY else OF_COHORT
        named = group.say(cohort=self.cohort)
        text = FEW_DIFFER if not self.left or self.came else LEFT
        n = self.came + self.left
        return text.say(group=named, n=n, release=self.release, role=self.role, k=self.k)


def people_of(store: Store, cohorts: Iterable[str], key: PersonKey) -> pl.DataFrame:
    """List the people of cohorts by the groups that they stand in.

    Parameters
    ----------
    store
        A store that shows the table samples.

    Returns
    -------
    pl.DataFrame
        Columns of PEOPLE.
    """
    kinds = kinds_by_cohort(store, cohorts)
    frames = [pl.DataFrame(schema=PEOPLE)]
    for cohort, by in kinds.items():
        sheet = sheet_rows(store, cohort)
        person = pl.Series("person", key.hash_people(sheet["sample"].to_list()), pl.String)
        frames.append(_groups(cohort, sheet, by, person))
    return pl.concat(frames)


def kinds_by_cohort(store: Store, cohorts: Iterable[str]) -> dict[str, list[str]]:
    """Give by cohort the kinds of strata that its frequencies are counted by."""
    found: dict[str, list[str]] = {}
    for cohort in cohorts:
        rows = [
            store.scan(table, cohort=cohort).select(pl.col("stratum_by").unique())
            for table in ("frequencies", "callable")
        ]
        kinds = pl.concat(rows).unique().collect()["stratum_by"].to_list()
        found[cohort] = sorted(k for k in kinds if k != ALL)
    return found


def _groups(
    cohort: str, sheet: pl.DataFrame, kinds: Sequence[str], person: pl.Series
) -> pl.DataFrame:
    known = [k for k in kinds if set(k.split("+")) <= set(sheet.columns)]
    strata = make_strata(sheet, known)
    cells = pl.DataFrame({"cell": strata.cell, "person": person})
    at, group = strata.member.nonzero()
    members = pl.DataFrame(
        {
            "cell": at.astype("int32"),
            "stratum_by": [strata.by[g] for g in group],
            "stratum": [strata.value[g] for g in group],
        },
        schema={"cell": pl.Int32, "stratum_by": pl.String, "stratum": pl.String},
    )
    rows = cells.join(members, on="cell").with_columns(cohort=pl.lit(cohort))
    return rows.select(list(PEOPLE))


def with_everybody(people: pl.DataFrame) -> pl.DataFrame:
    """Add the groups of all cohorts together, in which a person stands once."""
    every = people.with_columns(cohort=pl.lit(EVERY)).unique()
    return pl.concat([people.unique(), every.select(people.columns)])


def too_few(
    now: pl.DataFrame, then: pl.DataFrame, k: int, role: str, release: int
) -> list[Difference]:
    """Find cohorts of which 1 to k - 1 people differ between two releases, and all together.

    Cohorts of fewer than k people are not shown, and not compared. A cohort is compared with
    cohorts of other names, too: one that was renamed holds the same people. Of strata in which
    too few people differ the rows that changed are masked (`disclosure.earlier`): nearly every
    release has such strata.

    Parameters
    ----------
    now, then
        Of PEOPLE; what both views show.
    k
        Least number of people who explain a change.
    role, release
        The earlier release.
    """
    whole = pl.col("stratum_by") == ALL
    sides = [_shown(with_everybody(p.filter(whole)), k) for p in (now, then)]
    group = ["cohort"]
    came, left = (
        a.join(b, on=[*group, "person"], how="anti").group_by(group).agg(n=pl.len())
        for a, b in (sides, sides[::-1])
    )
    # A group that only one of both shows is told whole by it, whatever the other has.
    shared = sides[0].select(group).unique().join(
        sides[1].select(group).unique(), on=group, how="semi"
    )  # fmt: skip
    found = (
        shared.join(came.rename({"n": "came"}), on=group, how="left")
        .join(left.rename({"n": "left"}), on=group, how="left")
        .with_columns(pl.col("came", "left").fill_null(0))
        .filter((pl.col("came") + pl.col("left")).is_between(1, k - 1))
        .sort(group)
    )
    out = [
        Difference(cohort, n_came, n_left, role, release, k)
        for cohort, n_came, n_left in found.rows()
    ]
    return out + _renamed(sides[0], sides[1], k, role, release)


def changed_people(now: pl.DataFrame, then: pl.DataFrame) -> pl.DataFrame:
    """Count by group the people who are in one of two releases alone.

    Returns
    -------
    pl.DataFrame
        cohort (null: all together), stratum_by, stratum, people; all groups of either.
    """
    sides = [with_everybody(p) for p in (now, then)]
    names = list(PEOPLE)
    alone = [a.join(b, on=names, how="anti") for a, b in (sides, sides[::-1])]
    groups = pl.concat(sides).select(names[:-1]).unique()
    counted = pl.concat(alone).group_by(names[:-1]).agg(people=pl.len())
    cohort = pl.when(pl.col("cohort") != EVERY).then(pl.col("cohort")).alias("cohort")
    return (
        groups.join(counted, on=names[:-1], how="left")
        .with_columns(cohort, pl.col("people").fill_null(0))
        .sort(names[:-1])
    )


def group_sizes(people: pl.DataFrame) -> pl.DataFrame:
    """Count the people of each group of a cohort: cohort, stratum_by, stratum, people."""
    return people.group_by("cohort", "stratum_by", "stratum").agg(people=pl.len())


def with_level(
    people: pl.DataFrame, column: str, level: str, above: Mapping[str, str]
) -> pl.DataFrame:
    """Add the groups of a coarser level: people of provinces to their regions."""
    if not column:
        return people
    fine = people.filter(pl.col("stratum_by") == column)
    coarse = fine.with_columns(
        pl.lit(level).alias("stratum_by"), pl.col("stratum").replace(dict(above))
    )
    return pl.concat([people, coarse]).unique()


def _shown(people: pl.DataFrame, k: int) -> pl.DataFrame:
    size = pl.len().over("cohort", "stratum_by", "stratum")
    return people.filter(size >= max(k, 1))


def _renamed(
    now: pl.DataFrame, then: pl.DataFrame, k: int, role: str, release: int
) -> list[Difference]:
    """Find cohorts that are nearly those of another name before.

    Of a cohort that is as it was the earlier release told that itself.
    """
    new, old = (
        p.filter(pl.col("cohort") != EVERY).select("cohort", "person") for p in (now, then)
    )
    sizes = [dict(p.group_by("cohort").len().rows()) for p in (new, old)]
    shared = new.join(old, on="person", suffix="_then").group_by("cohort", "cohort_then").len()
    pairs = shared.sort("cohort", "cohort_then").rows()
    as_it_was = {c for c, b, n in pairs if c == b and n == sizes[0][c] == sizes[1][b]}
    out = []
    for cohort, before, n in pairs:
        came, left = sizes[0][cohort] - n, sizes[1][before] - n
        if cohort != before and cohort not in as_it_was and 0 < came + left < k:
            out.append(Difference(cohort, came, left, role, release, k))
    return out


def gone_from(now: pl.DataFrame, then: pl.DataFrame, cohorts: Iterable[str]) -> dict[str, int]:
    """Count by cohort the people of an earlier release who are not in that cohort now."""
    whole = pl.col("stratum_by") == ALL
    there = then.filter(whole, pl.col("cohort").is_in(list(cohorts)))
    here = now.filter(whole).select("cohort", "person")
    gone = there.join(here, on=["cohort", "person"], how="anti")
    return dict(gone.group_by("cohort").len().sort("cohort").rows())


def write_people(file: Path, people: pl.DataFrame) -> None:
    """Keep who is in a release of a view; nobody but the owner reads it."""
    write_frame(people.sort(list(PEOPLE)), file)
    file.chmod(0o600)


def read_people(file: Path) -> pl.DataFrame:
    """Read who is in a release of a view.

    Raises
    ------
    StoreError
        If the file is missing or damaged.
    """
    try:
        return pl.read_parquet(file, glob=False).select(list(PEOPLE))
    except (OSError, pl.exceptions.PolarsError) as error:
        raise StoreError(
            f"{file} cannot be read: whom an earlier view told of is not known ({error})",
            "restore it from a backup",
        ) from None


def counts_of_people(people: pl.DataFrame) -> Mapping[str, int]:
    """Count people by cohort; EVERY: all distinct ones."""
    whole = with_everybody(people).filter(pl.col("stratum_by") == ALL)
    return dict(whole.group_by("cohort").len().rows())
