"""Important genetic families: what is found in pedigrees, against the definition by hand."""

import itertools
import json
import random
import time
from datetime import date
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from builders import make_small_store

from varhouse.cli import main
from varhouse.errors import ConfigError
from varhouse.submission.diseases import read_book
from varhouse.submission.families import blood, connected_parts, find_cases
from varhouse.submission.mistakes import MistakesError
from varhouse.submission.pedfile import People, read_pedigrees
from varhouse.submission.pedigrees import Family, Findings, find_families

BOOK = read_book()
TODAY = date(2026, 11, 30)

# person father mother sex affected; 1 and 2 found the line, 4 and 6 marry in.
TWO = ["1 0 0 1 2", "2 0 0 2 1", "3 1 2 1 2"]
THREE = [*TWO, "4 0 0 2 1", "5 3 4 2 2"]
FOUR = [*THREE, "6 0 0 1 1", "7 6 5 1 2"]
SKIPPED = ["1 0 0 1 2", "2 0 0 2 1", "3 1 2 1 1", "4 0 0 2 1", "5 3 4 2 2"]


def ped(folder: Path, rows: list[str], name: str = "a.ped", family: str = "F1") -> Path:
    path = folder / name
    path.write_text("".join(f"{family} {row}\n" for row in rows))
    return path


def find(folder: Path, rows: list[str], **more: Any) -> Findings:
    return find_families([ped(folder, rows)], BOOK, TODAY, **more)


def only(found: Findings) -> Family:
    assert len(found.families) == 1
    return found.families[0]


@pytest.mark.parametrize(
    ("rows", "generations", "verdict"),
    [
        (TWO, 2, "fewer"),
        (THREE, 3, "important"),
        (FOUR, 4, "important"),
        # A generation is skipped: two are affected, three are spanned.
        (SKIPPED, 2, "review"),
        # Affected people who married in count for no line of others ...
        ([*TWO, "4 0 0 2 2", "5 3 4 2 1"], 2, "fewer"),
        # ... but head their own.
        (["1 0 0 1 1", "2 0 0 2 1", "3 1 2 1 1", "4 0 0 2 2", "5 3 4 2 2", "6 0 0 1 1",
          "7 6 5 2 2"], 3, "important"),
        # A parent without a row, and one that is not known, carry the line all the same.
        (["1 0 0 1 2", "2 1 9 1 2", "3 2 0 1 2"], 3, "important"),
        # Half-siblings: each mother another; affected on both sides of one grandfather.
        (["1 0 0 1 1", "2 0 0 2 2", "3 0 0 2 2", "4 1 2 1 2", "5 1 3 2 1"], 2, "fewer"),
        # Cousins marry: the longest way says which generation their child is of.
        (["1 0 0 1 2", "2 0 0 2 1", "3 1 2 1 1", "4 1 2 2 2", "5 0 0 1 1", "6 5 4 2 1",
          "7 3 6 1 2"], 3, "important"),
    ],
)  # fmt: skip
def test_generations_of_a_line(
    tmp_path: Path, rows: list[str], generations: int, verdict: str
) -> None:
    family = only(find(tmp_path, rows, disease="Huntington disease", icd10="G10"))
    assert (family.numbers["affected_generations"], family.verdict) == (generations, verdict)


def test_an_adopted_child_is_no_blood(tmp_path: Path) -> None:
    head = "家系,个体,父亲,母亲,性别,患病,疾病,收养\n"
    rows = ["F,1,,,男,是,亨廷顿病,", "F,2,,,女,否,,", "F,3,1,2,男,是,亨廷顿病,{}",
            "F,4,3,,女,是,亨廷顿病,"]  # fmt: skip
    for said, n in (("是", 2), ("", 3)):
        path = tmp_path / "a.csv"
        path.write_bytes((head + "\n".join(rows).format(said)).encode("gb18030"))
        family = only(find_families([path], BOOK, TODAY))
        assert family.numbers["affected_generations"] == n
        assert family.numbers["people"] == 4


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        ({"disease": "高血压"}, "common"),
        ({"disease": "2 型糖尿病"}, "common"),
        ({"disease": "Type-2 Diabetes Mellitus"}, "common"),
        ({"disease": "红绿色盲"}, "common"),
        ({"disease": "Hemophilia A", "omim": "OMIM:306700"}, "common"),
        ({"icd10": "E11.9"}, "common"),
        ({"icd10": "d66"}, "common"),
        ({"disease": "肺动脉高压", "icd10": "I27.0"}, "important"),
        # Names that hold the words, and are something else or unclear.
        ({"disease": "新生儿糖尿病"}, "review"),
        ({"disease": "MODY", "icd10": "E11.8"}, "review"),
        ({"disease": "单基因糖尿病", "icd10": "E13.9"}, "review"),
        ({"disease": "2型糖尿病伴肾病", "icd10": "E112"}, "common"),
        ({"disease": "Huntington disease", "icd10": "I10"}, "review"),
        ({"disease": "高血压", "icd10": "G10"}, "review"),
        ({"disease": "Huntington disease", "icd10": "G10"}, "important"),
        ({"icd10": "H53.51"}, "common"),
        ({"icd10": "H53.6"}, "important"),
        # Not named: it cannot be outside.
        ({}, "important"),
    ],
)
def test_common_diseases(tmp_path: Path, said: dict[str, str], verdict: str) -> None:
    family = only(find(tmp_path, THREE, **said))
    assert family.verdict == verdict, family.why("en")


def test_the_definition_goes_by_the_day(tmp_path: Path) -> None:
    path = ped(tmp_path, THREE)
    earlier = find_families([path], BOOK, date(2021, 1, 1), disease="X")
    # Three affected: five were asked for then.
    assert (only(earlier).verdict, earlier.definition.people) == ("fewer", 5)
    with pytest.raises(ConfigError, match="0 definitions"):
        find_families([path], BOOK, date(1990, 1, 1))


def test_another_definition_is_data(tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(
        "definitions: [{id: X, from: 2026-01-01, until: null, generations: 2}]\n"
        "excluded: [{id: gout, names: {en: gout, zh: 痛风}, icd10: [M10]}]\n"
    )
    found = find_families([ped(tmp_path, TWO)], read_book(file), TODAY, disease="高血压")
    assert only(found).verdict == "important"
    found = find_families([ped(tmp_path, TWO)], read_book(file), TODAY, icd10="M10.0")
    assert only(found).verdict == "common"
    with pytest.raises(ConfigError, match=r"in .*own\.yaml"):
        read_book(file).on(date(1990, 1, 1))
    file.write_text(
        "definitions: [{id: X, generations: 2}]\n"
        "excluded: [{id: gout, names: {en: gout, zh: 痛风}, icd10: M10}]\n"
    )
    with pytest.raises(ConfigError, match="icd10: must be a list"):
        read_book(file)
    file.write_text("definitions: [{id: X, generations: many}]\nexcluded: [{id: gout}]\n")
    with pytest.raises(ConfigError) as error:
        read_book(file)
    assert len(error.value.problems) == 2


def test_two_diseases_of_a_family_are_two_cases(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    rows = ["family\tperson\tfather\tmother\taffected\tdisease"]
    for line in (*THREE[:4], THREE[4]):
        person, father, mother, _, affected = line.split()
        disease = {"1": "A;B", "3": "A", "5": "B;A"}.get(person, "")
        rows.append(f"F\t{person}\t{father}\t{mother}\t{affected}\t{disease}")
    path.write_text("\n".join(rows))
    found = find_families([path], BOOK, TODAY)
    verdicts = {f.disease: f.verdict for f in found.families}
    assert verdicts == {"A": "important", "B": "review"}


def test_ids_of_a_sheet_without_families_go_across(tmp_path: Path) -> None:
    rows = [("F1", "1", "0", "0"), ("F1", "P17", "1", "0"), ("F2", "P17", "1", "0"),
            ("F2", "9", "P17", "0")]  # fmt: skip
    path = tmp_path / "a.ped"
    path.write_text("".join(f"{f} {p} {a} {m} 0 2\n" for f, p, a, m in rows))
    apart = find_families([path], BOOK, TODAY)
    assert [f.numbers["affected_generations"] for f in apart.families] == [2, 2]
    assert any("--ids across" in n for n in apart.notes)
    joined = only(find_families([path], BOOK, TODAY, across=True))
    assert (joined.family, joined.numbers["affected_generations"]) == ("F1+F2", 3)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (["1 2 0 1 2", "2 3 0 1 2", "3 1 0 1 2"], "circle"),
        (["1 1 0 1 2"], "his own parent"),
        (["1 2 2 1 2"], "one person"),
        (["1 2 0 1 2", "2 0 0 2 1"], "the father is a woman"),
        (["1 0 2 1 2", "2 0 0 1 1"], "the mother is a man"),
        (["1 0 0 7 2"], "a.ped:1: sex"),
        (["1 0 0 1 x"], "a.ped:1: affected"),
        (["1 0 0 1 2", "1 3 0 1 2"], "other parents"),
        (["1 8 0 1 2", "2 0 8 1 2"], "father in one row and mother"),
        (["1 0 0"], "4 columns"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, rows: list[str], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        find(tmp_path, rows)


def test_all_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        find(tmp_path, ["1 0 0 7 2", "2 0 0 1 x", "3 3 0 1 2", "1 0"])
    assert len(error.value.problems) == 4


def test_a_sheet_of_ones_alone_is_no_guess(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("person,father,mother,affected\n1,,,1\n2,1,,1\n")
    with pytest.raises(ConfigError, match="write yes and no"):
        find_families([path], BOOK, TODAY)
    path.write_text("person,father,mother,affected\n1,,,1\n2,1,,0\n3,2,,1\n")
    family = only(find_families([path], BOOK, TODAY))
    assert (family.numbers["affected"], family.verdict) == (2, "review")


# --- against the definition, founder by founder ---


def slowly(people: People, sick: set[int], members: set[int]) -> tuple[int, int]:
    """Give affected generations and affected members of the best line, in plain Python."""
    father, mother = (p.tolist() for p in blood(people))
    best = (0, 0)
    for founder in members:
        if father[founder] >= 0 or mother[founder] >= 0:
            continue
        level = {founder: 1}
        changed = True
        while changed:
            changed = False
            for p in members:
                above = [level[x] for x in (father[p], mother[p]) if x in level]
                if above and level.get(p, 0) < max(above) + 1:
                    level[p], changed = max(above) + 1, True
        ill = [p for p in sick if p in level]
        best = max(best, (len({level[p] for p in ill}), len(ill)))
    return best


@pytest.mark.parametrize("seed", range(12))
def test_random_pedigrees_equal_a_slow_count(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    rows = []
    for i in range(1, 40):
        older = range(1, i)
        men = [x for x in older if x % 2]
        women = [x for x in older if not x % 2]
        father = rng.choice([0, *men[-8:]]) if rng.random() < 0.7 else 0
        mother = rng.choice([0, *women[-8:]]) if rng.random() < 0.7 else 0
        rows.append(f"{i} {father} {mother} {1 if i % 2 else 2} {rng.choice('0122')}")
    people = read_pedigrees([ped(tmp_path, rows)])
    part = connected_parts(people)
    sick = people.illness["person"].to_numpy()
    cases = find_cases(people, part, sick, sick * 0)
    for i, number in enumerate(cases.part.tolist()):
        members = {p for p in range(len(part)) if part[p] == number}
        own = {int(p) for p in sick if part[p] == number}
        expected = slowly(people, own, members)
        got = (int(cases.affected_generations[i]), int(cases.affected_by_blood[i]))
        assert got == expected


def test_fifty_thousand_people_take_seconds(tmp_path: Path) -> None:
    """One population, twelve generations: as many lines as founders, each with thousands."""
    rng = random.Random(1)
    per = 50_000 // 12
    rows = [
        f"{g * per + i + 1} "
        + ("0 0" if g == 0 else f"{(g - 1) * per + rng.randrange(per // 2) * 2 + 1} "
           f"{(g - 1) * per + rng.randrange(per // 2) * 2 + 2}")
        + f" {i % 2 + 1} {2 if rng.random() < 0.01 else 1}"
        for g, i in itertools.product(range(12), range(per))
    ]  # fmt: skip
    path = ped(tmp_path, rows)
    began = time.perf_counter()
    found = find_families([path], BOOK, TODAY, disease="X")
    # 0.7 s on two idle cores.
    assert time.perf_counter() - began < 15
    assert max(f.numbers["affected_generations"] for f in found.families) >= 10


# --- the command ---


def test_the_pack_of_a_store(tmp_path: Path) -> None:
    store = make_small_store(tmp_path / "store")
    path = ped(tmp_path, THREE)
    words = ["submit", "pedigrees", str(store), "--ped", str(path), "--cohort", "north",
             "--disease", "亨廷顿病", "--icd10", "G10"]  # fmt: skip
    assert main([*words, "-o", str(tmp_path / "out")]) == 0
    assert main([*words, "-o", str(tmp_path / "again")]) == 0
    names = sorted(p.name for p in (tmp_path / "out").iterdir())
    assert names == ["declaration.en.md", "declaration.zh.md", "families.json", "families.tsv",
                     "families.xlsx", "families.zh.tsv", "ledger-proposed.tsv",
                     "manifest.tsv", "md5sum.txt"]  # fmt: skip
    for name in names:
        first, second = (tmp_path / d / name for d in ("out", "again"))
        assert first.read_bytes() == second.read_bytes()
    proposed = (tmp_path / "out" / "ledger-proposed.tsv").read_text().splitlines()
    assert proposed[1].split("\t") == ["north", "yes", "3", "亨廷顿病", "T3"]
    assert not (store / "_store" / "governance").exists(), "proposed, not entered"
    told = json.loads((tmp_path / "out" / "families.json").read_text())
    assert told["families"][0]["verdict"] == "important"
    book = openpyxl.load_workbook(tmp_path / "out" / "families.xlsx")
    assert book.sheetnames == ["家系", "families"]
    assert "重要遗传家系" in (tmp_path / "out" / "declaration.zh.md").read_text()
    assert main([*words, "-o", str(tmp_path / "out")]) == 2, "nothing is written over"


@pytest.mark.parametrize(
    "head",
    ["#Family_ID Individual_ID Paternal_ID Maternal_ID Sex Phenotype",
     "FID IID PAT MAT SEX PHENO", "家系编号 个体编号 父亲编号 母亲编号 性别 患病"],
)  # fmt: skip
def test_a_header_names_the_columns_of_a_ped(tmp_path: Path, head: str) -> None:
    path = tmp_path / "a.ped"
    path.write_text("\n".join([head, *(f"F1 {row}" for row in THREE)]) + "\n")
    assert only(find_families([path], BOOK, TODAY)).verdict == "important"


def test_a_workbook_is_read(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(
        ["家系", "个体", "父亲", "母亲", "性别", "是否患病", "疾病名称", "队列"]
    )
    for row in THREE:
        person, father, mother, sex, affected = row.split()
        ill = affected == "2"
        book.active.append([
            "F1", f"P{person}", f"P{father}" if father != "0" else None,
            f"P{mother}" if mother != "0" else None, "男" if sex == "1" else "女",
            "是" if ill else "否", "遗传性共济失调" if ill else None, "north",
        ])  # fmt: skip
    book.save(tmp_path / "a.xlsx")
    family = only(find_families([tmp_path / "a.xlsx"], BOOK, TODAY))
    assert (family.verdict, family.cohort, family.disease) == (
        "important", "north", "遗传性共济失调",
    )  # fmt: skip


def test_the_same_rows_in_two_files_are_one_family(tmp_path: Path) -> None:
    one, two = ped(tmp_path, THREE[:3], "a.ped"), ped(tmp_path, THREE[2:], "b.ped")
    assert only(find_families([one, two], BOOK, TODAY)).numbers["people"] == 5
    ped(tmp_path, ["3 0 0 1 2"], "b.ped")
    with pytest.raises(ConfigError, match=r"b.ped:1: this person stands in a.ped:3"):
        find_families([one, two], BOOK, TODAY)


# --- how affection is coded ---

CODED = ["1 0 0 1 {a}", "2 0 0 2 {u}", "3 1 2 1 {a}", "4 0 0 2 {u}", "5 3 4 2 {a}"]
"""Three generations, one affected in each."""
HEADERS = ["", "#FID IID PAT MAT SEX PHENOTYPE", "FID\tIID\tPAT\tMAT\tSEX\tPHENO",
         "family_id person_id father_id mother_id sex affected"]  # fmt: skip


@pytest.mark.parametrize("head", HEADERS)
@pytest.mark.parametrize(
    ("yes", "no", "affected"),
    [("2", "1", None), ("2", "1", 2), ("2", "0", None), ("2", "-9", None), ("1", "0", 1)],
)
def test_ped_files_coded_either_way_with_a_header_or_without(
    tmp_path: Path, head: str, yes: str, no: str, affected: int | None
) -> None:
    rows = [f"F1 {r.format(a=yes, u=no)}" for r in CODED]
    if "\t" in head:
        rows = [r.replace(" ", "\t") for r in rows]
    path = tmp_path / "a.ped"
    path.write_text("\n".join([*([head] if head else []), *rows]) + "\n")
    (family,) = find_families(
        [path], BOOK, TODAY, disease="Huntington disease", affected=affected
    ).families
    assert family.numbers["affected_generations"] == 3
    assert family.verdict == "important"


def test_what_nobody_can_tell_of_a_coding_is_said(tmp_path: Path) -> None:
    rows = [r.format(a="1", u="0") for r in CODED]
    found = find(tmp_path, rows)
    assert found.families == ()
    assert any("--affected 1" in note for note in found.notes)
    twos = [r.format(a="2", u="1") for r in CODED]
    with pytest.raises(MistakesError, match="coded 1 and 2"):
        find(tmp_path, twos, affected=1)
    sheet = tmp_path / "a.tsv"
    sheet.write_text("person\tfather\tmother\taffected\na\t\t\t1\nb\ta\t\t1\n")
    with pytest.raises(MistakesError, match="--affected"):
        read_pedigrees([sheet])
    assert read_pedigrees([sheet], affected=1).illness.height == 2
    assert read_pedigrees([sheet], affected=2).illness.height == 0
