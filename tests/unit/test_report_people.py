"""The sections of people, against the rows that they are made of."""

import json
import re
from pathlib import Path

import polars as pl
import pytest
from builders import add_tables, make_contigs, make_rows, make_store
from page_reader import PageReader
from peoplerows import people_rows, same_rows, sample_rows

from varhouse.account import public_row
from varhouse.cli import main
from varhouse.errors import UsageError
from varhouse.people import depths
from varhouse.report import find_ingest, make_page, peopleplots, peoplesection, plots, samples
from varhouse.report.peopletables import (
    CLASSES,
    OTHER,
    UNKNOWN,
    colour_groups,
    concerned,
    group_styles,
    read_people_tables,
    thresholds,
)
from varhouse.report.relativeplots import families
from varhouse.store.reader import open_store
from varhouse.tables.schema import TABLES
from varhouse.view import PUBLIC

EVIL = "</script><img src=x>&'\""
NAMES = {"north": [EVIL, *(f"N{i}" for i in range(1, 40))], "south": ["S0", "S1", "S2"]}

drawn = pytest.mark.skipif(not plots.is_installed(), reason="needs matplotlib")


def make(path: Path, names: dict[str, list[str]], *, late: bool = False) -> Path:
    """Make a store of cohorts with all tables of people, in the ingest's release or late."""
    row = {"ingest_id": "made-1", "release": 2, "operation": "ingest", "config": "{}",
           "started": "2026-11-21T02:00:00Z", "finished": "2026-11-21T04:11:09Z",
           "version": "1", "summary": json.dumps({"ingest_id": "made-1"})}  # fmt: skip
    tables: dict[str, list] = {
        "cohorts": [
            {"cohort": c, "n_samples": len(n), "ingest_id": "made-1"} for c, n in names.items()
        ],
        "samples": [r for c, n in names.items() for r in sample_rows(c, n)],
        "ingests": [row],
        "accounts": [public_row(row)],
    }
    people: dict[str, list] = {"same_people": []}
    for cohort, own in names.items():
        for table, rows in people_rows(cohort, own).items():
            people.setdefault(table, []).extend(rows)
        if len(own) > 1:
            people["same_people"] += same_rows(cohort, own, "elsewhere")
    people = {t: rows for t, rows in people.items() if rows}
    make_store(path, tables if late else tables | people)
    if late:
        frames = {t: make_rows(TABLES[t], rows) for t, rows in people.items()}
        add_tables(path, frames, make_contigs())
    return path


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("people") / "s", NAMES)


@pytest.fixture(scope="module")
def text(store: Path) -> str:
    return make_page(find_ingest(store, "made-1"))


@pytest.fixture(scope="module")
def page(text: str) -> PageReader:
    found = PageReader(text)
    found.prefix = "varhouse-made-1-"
    return found


def test_the_page_is_one_file_whose_script_the_policy_names(page, text):
    assert "What is said of people is of release" not in page.text
    assert page.open == []
    assert len(set(page.ids)) == len(page.ids)
    assert page.tags["script"] == 1
    assert "script-src 'sha256-" in next(v for _, k, v in page.attributes if k == "content")
    for tag, name, value in page.attributes:
        assert not name.startswith("on"), (tag, name)
        if name in ("src", "href"):
            assert value.startswith(("#", "data:text/csv")), value
    assert "<img src=x>" not in text
    assert EVIL in page.text


def test_the_same_store_gives_the_same_page(store, text):
    assert make_page(find_ingest(store, "made-1")) == text


def test_an_open_page_has_nothing_of_it(store):
    text = make_page(find_ingest(store, "made-1", PUBLIC))
    reader = PageReader(text)
    reader.check_alone()
    for name in (EVIL, "N3", "S1", "parent", "CHARR", "contaminated", "Samples"):
        assert name not in reader.text, name
    assert samples.SCRIPT not in text


def test_the_table_of_samples_is_whole_and_flagged_first(page, text):
    rows = page.data("samples")
    everybody = [(c, n) for c, names in NAMES.items() for n in names]
    assert sorted((r["cohort"], r["sample"]) for r in rows) == sorted(everybody)
    flagged = [r["sample"] for r in rows if r["flags"]]
    assert [r["sample"] for r in rows[: len(flagged)]] == flagged == ["N3", "N5", "N8"]
    body = text.split('<div class="samples"')[1].split("</table>")[0]
    cells = re.findall(r'<tr data-flags="([^"]*)"[^>]*><td>([^<]*)</td>', body)
    assert len(cells) == len(everybody)
    assert cells[0] == ("contaminated,outlier_het_hom", "N3")
    # The value that a flag is about stands out, with its threshold.
    assert 'class="n bad" title="contaminated: value 0.041, threshold 0.015">4.100<' in body
    assert body.count('class="n bad"') == 3
    assert '<td class="bad" title="sex mismatch: value XX, sheet male">XX</td>' in body


def test_of_very_many_samples_the_first_are_shown(store, monkeypatch):
    monkeypatch.setattr(samples, "ROWS", 4)
    monkeypatch.setattr(samples, "SAVED", 10)
    reader = PageReader(make_page(find_ingest(store, "made-1")))
    reader.prefix = "varhouse-made-1-"
    assert len([1 for _, k, _ in reader.attributes if k == "data-flags"]) == 4
    assert len(reader.data("samples")) == 10
    assert "The first 4 of 43 are shown." in reader.text
    assert "The saved data hold the first 10" in reader.text


def test_lists_say_what_the_tables_hold(page):
    pairs = page.data("pairs")
    assert [(r["sample_1"], r["sample_2"], r["agrees"]) for r in pairs[:3]] == [
        ("N2", "N3", "false"), ("N8", "N9", "false"), ("N6", "N7", ""),
    ]  # fmt: skip
    assert {r["relation"] for r in pairs} >= {"parent and child", "duplicate or twin"}
    assert [r["sample"] for r in page.data("sex-mismatches")] == ["N5"]
    assert [r["sample"] for r in page.data("far-ancestry")] == ["N9"]
    assert {r["child"] for r in page.data("trios")} == {"N2", "S2"}
    assert [r["with_sample"] for r in page.data("same-people")] == ["elsewhere"] * 2


@drawn
def test_every_plot_of_a_large_cohort_is_there_and_none_of_a_small_one(page):
    for name in ("not-called-0", "contamination-0", "contigs-0", "sexes-0", "kinship-0",
                 "families-0", "axes-12-0", "axes-34-0", "scree-0"):  # fmt: skip
        assert name in page.ids, name
    for name in ("not-called-1", "contamination-1", "sexes-1", "axes-12-1", "contigs-1"):
        assert name not in page.ids, name


@drawn
def test_hover_texts_are_of_the_right_points(text):
    svg = text.split('<figure id="contamination-0"')[1].split("</svg>")[0]
    found = re.findall(r'<use x="([\d.]+)" y="([\d.]+)"[^>]*><title>([^<]+)</title>', svg)
    assert len(found) == len(NAMES["north"])
    highest = min(found, key=lambda f: float(f[1]))
    assert highest[2] == "N3: 4.1 %"
    assert "threshold 1.5 %" in svg
    svg = text.split('<figure id="axes-12-0"')[1].split("</svg>")[0]
    tips = re.findall(r"<title>([^<]+)</title>", svg)
    assert [t for t in tips if t.startswith("N9")] == ["N9: Q, far from its own; nearest P"]
    svg = text.split('<figure id="kinship-0"')[1].split("</svg>")[0]
    assert "N2 and N3: kinship 0.244" in svg


@drawn
def test_people_are_coloured_by_a_column_of_the_sheet(store, page):
    assert "population" in page.words
    ingest = find_ingest(store, "made-1")
    key = PageReader(make_page(ingest, colour_by="batch")).words
    assert {"b0", "b1", "b2", "b3"} <= set(key)
    numbers = read_people_tables(open_store(store), ["north"], "age").ancestry["group"]
    assert numbers.n_unique() == CLASSES
    with pytest.raises(UsageError, match="no sample has a column 'batsh'; nearest: batch"):
        make_page(ingest, colour_by="batsh")


def test_colour_by_needs_people(store, tmp_path, capsys):
    out = str(tmp_path / "p.html")
    assert main(["report", str(store), "-o", out, "--open", "--colour-by", "batch"]) == 2
    assert "--colour-by is about single people" in capsys.readouterr().err
    assert main(["report", str(store), "-o", out, "--colour-by", "sex"]) == 0


def test_without_matplotlib_lists_stay(store, monkeypatch):
    monkeypatch.setattr(plots, "is_installed", lambda: False)
    reader = PageReader(make_page(find_ingest(store, "made-1")))
    reader.prefix = "varhouse-made-1-"
    assert plots.INSTALL in reader.words
    assert len(reader.data("pairs")) == 9
    assert "kinship-0" not in reader.ids


def test_tables_made_later_are_shown_of_cohorts_that_stayed(tmp_path):
    path = make(tmp_path / "s", NAMES, late=True)
    reader = PageReader(make_page(find_ingest(path, "made-1")))
    reader.prefix = "varhouse-made-1-"
    assert len(reader.data("samples")) == 43
    assert any("What is said of people is of release 3:" in w for w in reader.words)
    # A cohort that another ingest has replaced since is not of this page.
    rows = [{"cohort": "north", "n_samples": 40, "ingest_id": "made-2"},
            {"cohort": "south", "n_samples": 3, "ingest_id": "made-1"}]  # fmt: skip
    ingest = find_ingest(path, "made-1")
    assert ingest.people_store()[1] == ["north", "south"]

    class Later:
        release = 9
        tables = ("sample_qc",)

        def scan(self, table: str) -> pl.LazyFrame:
            return pl.LazyFrame(rows)

    object.__setattr__(ingest, "newest", Later())
    assert ingest.people_store()[1] == ["south"]


@pytest.mark.parametrize("n", [1, 2])
def test_a_cohort_of_one_or_two(tmp_path, n):
    path = make(tmp_path / "s", {"tiny": [f"T{i}" for i in range(n)]})
    reader = PageReader(make_page(find_ingest(path, "made-1")))
    reader.prefix = "varhouse-made-1-"
    assert reader.open == []
    assert [r["sample"] for r in reader.data("samples")] == [f"T{i}" for i in range(n)]
    if plots.is_installed():
        text = f"Drawn from {peopleplots.LEAST_PEOPLE} people of a cohort on."
        assert text in reader.words


def test_more_cohorts_than_are_drawn_are_told(tmp_path, monkeypatch):
    monkeypatch.setattr(peoplesection, "DRAWN", 1)
    path = make(tmp_path / "s", NAMES)
    reader = PageReader(make_page(find_ingest(path, "made-1")))
    assert "Plots of the 1 largest of 2 cohorts." in reader.text
    assert "kinship-1" not in reader.ids


@drawn
def test_a_page_of_thousands_stays_small(tmp_path):
    path = make(tmp_path / "s", {"large": [f"person-{i:05}" for i in range(3_000)]})
    text = make_page(find_ingest(path, "made-1"))
    assert len(text) < 2_500_000
    # What plots show is saved once, and each link to it has an end.
    ids = PageReader(text).ids
    assert {i for i in re.findall(r'href="#([^"]+-data)"', text)} <= set(ids)
    assert "person-00003" in text.split('<figure id="contamination-0"')[1].split("</svg>")[0]


def test_groups_of_a_column():
    few = pl.Series(["1", "2", None, "2"])
    assert colour_groups(few).to_list() == ["1", "2", UNKNOWN, "2"]
    many = pl.Series([f"v{i:03}" for i in range(100)] + ["v000"])
    groups = colour_groups(many)
    assert groups.n_unique() == plots.GROUPS - 1
    assert groups[0] == "v000"
    assert groups[99] == OTHER
    assert group_styles(groups)[OTHER] == -1
    ages = colour_groups(pl.Series([str(i) for i in range(50)] + [None]))
    sizes = ages.value_counts(name="n").filter(pl.col(ages.name) != UNKNOWN)["n"]
    assert len(sizes) == CLASSES
    assert set(sizes) <= {9, 10, 11}
    assert next(iter(group_styles(ages))).startswith("0 to")
    # Most of them equal: classes that cannot be cut are one.
    skew = colour_groups(pl.Series(["0"] * 90 + [str(i) for i in range(10)]))
    assert skew.null_count() == 0


def test_what_a_flag_is_about():
    assert concerned("outlier_ti_tv") == "ti_tv"
    assert concerned("outlier_of_something") == ""
    assert concerned("contaminated") == "contamination"
    assert concerned("new_code") == ""
    frame = pl.DataFrame(
        {"flags": ["contaminated", "", "outlier_contamination"],
         "flag_details": ['{"contaminated": {"value": 1, "threshold": 0.015}}', "{}",
                          '{"outlier_contamination": {"value": 1, "threshold": 4}}']}
    )  # fmt: skip
    assert thresholds(frame, "contamination") == [0.015]
    assert samples.flag_words("outlier_contamination") == "CHARR, % stands out"


def test_families_are_joined_by_any_pair():
    pairs = [(5, 9, 1), (1, 2, 1), (2, 3, 2), (7, 8, None), (0, 3, 3)]
    frame = pl.DataFrame(
        pairs, schema={"ordinal_1": pl.Int32, "ordinal_2": pl.Int32, "degree": pl.Int8},
        orient="row",
    )  # fmt: skip
    assert families(frame) == [[0, 1, 2, 3], [5, 9]]


def test_where_nothing_is_missing_the_page_says_so_in_place_of_an_empty_plot():
    rows = pl.DataFrame({"ordinal": range(12), "contig": "1", "n_genotypes": 7, "n_called": 7})
    assert peopleplots.contigs_plot(rows, ["1"], "north", "c") is None
    told = peoplesection._nothing_missing(rows.with_columns(call_rate=pl.lit(1.0)), "north")
    assert "every genotype of north is called" in told
    # Of a list of variants alone nobody knows what is missing.
    unknown = rows.with_columns(call_rate=pl.lit(None, pl.Float64))
    assert "not known" in peoplesection._nothing_missing(unknown, "north")
    one = rows.with_columns(n_called=7 - (pl.col("ordinal") == 3), call_rate=pl.lit(1.0))
    assert peoplesection._nothing_missing(one, "north") == ""


def test_the_page_says_how_many_people_contamination_takes():
    assert peoplesection.FREQUENCIES_OF == depths.LEAST_PEOPLE


def test_nobody_is_said_to_be_near_where_no_distance_is_known():
    frame = pl.DataFrame({"outlier": [None, None]}, schema={"outlier": pl.Boolean})
    assert peopleplots._far(frame, 0).startswith("not known")
    known = pl.DataFrame({"outlier": [None, False]}, schema={"outlier": pl.Boolean})
    assert peopleplots._far(known, 0) == "0 far from their population"
