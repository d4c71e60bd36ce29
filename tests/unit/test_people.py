"""Who is chosen by a condition over the sheets, or by a list of names."""

import json
import re

import openpyxl
import polars as pl
import pytest
from builders import make_store

import varhouse
from varhouse.errors import AccessError, InputError, UsageError
from varhouse.genome.contigs import Contig, Contigs
from varhouse.genome.haploid import HaploidRegions
from varhouse.query.people import choose_people

SHEET = [
    ("north", "n1", "male", "P", {"province": "11", "age": "30"}),
    ("north", "n2", "female", "P", {"province": "33", "age": "41.5"}),
    ("north", "both", "unknown", None, {"province": "", "age": ""}),
    ("south", "s1", "male", "Q", {"age": "50", "bmi": "low"}),
    ("south", "both", "female", "Q", {"age": "7", "bmi": "22"}),
]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    ordinals: dict[str, int] = {}
    samples = []
    for cohort, sample, sex, population, more in SHEET:
        ordinals[cohort] = ordinals.get(cohort, -1) + 1
        samples.append(
            {"cohort": cohort, "sample": sample, "ordinal": ordinals[cohort], "sex": sex,
             "population": population, "attributes": json.dumps(more), "n_het": len(samples)}
        )  # fmt: skip
    cohorts = [
        {"cohort": "north", "assay": "WGS", "attributes": '{"age": "9"}', "province": "99"},
        {"cohort": "south", "assay": "WES", "attributes": "{}"},
    ]
    path = make_store(
        tmp_path_factory.mktemp("people") / "s", {"samples": samples, "cohorts": cohorts}
    )
    return varhouse.open(path)


@pytest.mark.parametrize(
    ("where", "names"),
    [
        ('sex == "male"', ["n1", "s1"]),
        ('sex == "male" and cohort == "north"', ["n1"]),
        # A further column is text, and a number where it is compared with one.
        ('province == "11"', ["n1"]),
        ("province == 11", ["n1"]),
        ("age > 40", ["n2", "s1"]),
        ('age > 40 and province == "33"', ["n2"]),
        ("age between 7 and 30 and province is null", ["both"]),
        ("age is null", ["both"]),
        # A null is neither equal nor different.
        ('population != "Q"', ["n1", "n2"]),
        # Of cohorts, where the samples have no such column.
        ('assay == "WES"', ["s1", "both"]),
        ("n_het >= 3", ["s1", "both"]),
        ('bmi == "low"', ["s1"]),
    ],
)
def test_conditions(store, where, names):
    assert choose_people(store, where).frame["sample"].to_list() == names


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ('sex == "mal"', "nobody has sex 'mal'; nearest: male, female"),
        ('sexx == "male"', "no column 'sexx' here; nearest: sex"),
        ('province in ("12")', "nobody has province '12'"),
        ("bmi > 20", "cannot compare bmi"),
        ("age > 1000", "nobody in the store fits age > 1000"),
        ("ordinal == 0", "no column 'ordinal'"),
        ("sex ==", "cannot be read at its end"),
    ],
)
def test_what_finds_nobody_is_told(store, where, message):
    with pytest.raises(UsageError, match=re.escape(message)):
        choose_people(store, where)


def test_lists_of_names(store, tmp_path):
    plain = tmp_path / "plain.txt"
    plain.write_text("n1\n\ns1\n")
    assert choose_people(store, None, plain).frame["sample"].to_list() == ["n1", "s1"]
    assert choose_people(store, 'sex == "male"', ["s1"]).by_cohort == {"south": 1}
    sheet = tmp_path / "sheet.tsv"
    sheet.write_text("sex\tsample\tcohort\nmale\tboth\tsouth\n?\tn2\t\n")
    found = choose_people(store, None, sheet)
    assert found.frame.select("cohort", "sample", "ordinal").rows() == [
        ("north", "n2", 1),
        ("south", "both", 1),
    ]
    assert found.told() == "2 people: north 1, south 1"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("sample,cohort,说明\nboth,south,x\nn2,,样本\n", "gbk"),
        ('"cohort";"sample"\n"south";"both"\n"";"n2"\n', "utf-8-sig"),
        ("sample\tcohort\nboth\tsouth\nn2\n", "utf-16"),
        ("sep=,\nsample,cohort\nboth,south\nn2,\n", "utf-8"),
    ],
)
def test_lists_may_be_sheets_in_any_form(store, tmp_path, text, encoding):
    path = tmp_path / "list.csv"
    path.write_bytes(text.encode(encoding))
    found = choose_people(store, None, path).frame
    assert found.select("cohort", "sample").rows() == [("north", "n2"), ("south", "both")]


def test_a_list_may_be_a_workbook(store, tmp_path):
    book = openpyxl.Workbook()
    for row in (["cohort", "sample"], ["south", "both"], [None, "n2"]):
        book.active.append(row)
    book.save(tmp_path / "list.xlsx")
    assert choose_people(store, None, tmp_path / "list.xlsx").size == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sample,cohort\nboth\n", "list:2: 1 cells, the header has 2"),
        ("n1\nn2\tnorth\n", "list:2: the line is not one name, nor a row of a sheet"),
        ("## nobody\n\n", "the list names nobody"),
    ],
)
def test_a_list_that_cannot_be_read_is_refused(store, tmp_path, text, message):
    (tmp_path / "list").write_text(text)
    with pytest.raises(InputError, match=message):
        choose_people(store, None, tmp_path / "list")


def test_all_mistakes_of_a_list_at_once(store, tmp_path):
    path = tmp_path / "list"
    path.write_text("n1\nN2\nboth\n")
    with pytest.raises(UsageError) as caught:
        choose_people(store, None, path)
    assert "2 mistake(s)" in str(caught.value)
    assert "line 2: no sample 'N2' in the store; nearest: n2" in str(caught.value)
    assert "line 3: sample 'both' is in the cohorts north, south" in str(caught.value)
    # Both must hold: who does not fit the condition is no mistake of the list.
    path.write_text("n1\nn2\ns1\n")
    assert choose_people(store, 'sex == "male"', path).frame["sample"].to_list() == [
        "n1",
        "s1",
    ]
    with pytest.raises(UsageError, match="nobody of the list fits"):
        choose_people(store, 'sex == "female"', ["n1"])
    with pytest.raises(UsageError, match="names nobody"):
        choose_people(store, None, [])
    # A condition can say which.
    assert choose_people(store, 'cohort == "south"', ["both"]).size == 1
    path.write_text("n1 x\tn2\n")
    with pytest.raises(InputError, match="list:1: the line is not one name"):
        choose_people(store, None, path)
    path.write_text("cohort\tsample\nnorth\n")
    with pytest.raises(InputError, match="list:2"):
        choose_people(store, None, path)
    path.write_text("")
    with pytest.raises(InputError, match="names nobody"):
        choose_people(store, None, path)
    with pytest.raises(UsageError, match="nothing says which people"):
        choose_people(store)


def test_a_group_is_not_public(store):
    with pytest.raises(AccessError, match="not public"):
        choose_people(store.public(), 'sex == "male"')


def test_where_males_have_one_copy_goes_into_the_store_and_back(tmp_path):
    contigs = Contigs([Contig("chr1", [], "", 9, ""), Contig("chrX", ["X"], "", 9_000, "")])
    (tmp_path / "par.bed").write_text("X\t10\t20\nchr1\t0\t5\n")
    regions = HaploidRegions(contigs, tmp_path / "par.bed")
    again = HaploidRegions.from_json(regions.as_json())
    assert json.loads(regions.as_json()) == {"chrX": [[10, 20]]}
    contig = pl.Series(["chrX", "chrX", "chrX", "chr1"])
    pos = pl.Series([10, 11, 21, 3])
    assert again.contains(contig, pos).tolist() == regions.contains(contig, pos).tolist()
    assert again.contains(contig, pos).tolist() == [True, False, True, False]
    assert not HaploidRegions.from_json(None).contains(contig, pos).any()
