"""The page of a batch and its table of figures: what they say, and that they stay small."""

import base64
import hashlib
import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from batches import make_people, make_person, make_run
from builders import make_contigs
from page_reader import PageReader

from varhouse.calling.curves import coverage_curves, insert_curves
from varhouse.calling.page import make_batch_page, write_batch, write_page
from varhouse.calling.qctable import qc_frame, write_qc_table
from varhouse.genome.haploid import HaploidRegions
from varhouse.reads.figures import FIGURES
from varhouse.reads.metrics import person_metrics
from varhouse.reads.model import Lane, Person
from varhouse.sheetfile import read_sheet_file

HOSTILE = '<script>alert("x")</script>&\'"'


def page_of(people: list[dict[str, Any]]) -> PageReader:
    return PageReader(make_batch_page(make_run(people), people))


def many(n: int) -> list[dict[str, Any]]:
    """Make people of whom every 60th has the figures of the first."""
    some = make_people(min(n, 60))
    return [some[i % 60] | {"sample": f"NA{i:05}"} for i in range(n)]


def rows_of(text: str) -> list[list[tuple[str, str]]]:
    """Read the table of people: class and text of each cell."""
    found = re.search(r'<table class="sort">.*?</table>', text, re.DOTALL)
    assert found is not None
    return [
        [
            (kind, unescape(re.sub("<[^>]*>", "", cell)))
            for kind, cell in re.findall(r'<td(?: class="([^"]*)")?[^>]*>(.*?)</td>', row)
        ]
        for row in re.findall(r"<tr>(.*?)</tr>", found[0].split("<tbody>")[1])
    ]


def heads_of(text: str) -> list[str]:
    found = re.search(r'<table class="sort"><thead><tr>(.*?)</tr>', text)
    assert found is not None
    return re.findall(r"<th[^>]*>(.*?)</th>", found[1])


@pytest.mark.parametrize("n", [0, 1, 2, 7, 50, 90, 1_200])
def test_the_page_is_whole_and_alone(n: int) -> None:
    people = many(n)
    text = make_batch_page(make_run(people), people)
    page = PageReader(text)
    assert page.open == []
    assert len(set(page.ids)) == len(page.ids)
    for tag in ("iframe", "img", "link", "object", "base", "form"):
        assert page.tags[tag] == 0, tag
    assert page.tags["script"] == (n > 1)
    for tag, name, value in page.attributes:
        assert not name.startswith("on"), (tag, name)
        if name in ("src", "href"):
            assert value.startswith(("#", "data:text/csv")) or value == "qc.tsv", value
            if value.startswith("#"):
                assert value[1:] in page.ids
    assert make_batch_page(make_run(people), people) == text


def test_only_the_own_script_may_run() -> None:
    text = make_batch_page(make_run([]), make_people(3))
    script = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    assert len(script) == 1
    digest = base64.b64encode(hashlib.sha256(script[0].encode()).digest()).decode()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy is not None
    parts = unescape(policy[1]).split("; ")
    assert parts == [
        "default-src 'none'", "style-src 'unsafe-inline'", f"script-src 'sha256-{digest}'",
    ]  # fmt: skip


def test_figures_stand_in_the_table() -> None:
    people = make_people(8)
    text = make_batch_page(make_run(people), people)
    heads, rows = heads_of(text), rows_of(text)
    assert [r[0][1] for r in rows][:1] == ["NA00005"], "who has flags stands first"
    assert sorted(r[0][1] for r in rows) == [p["sample"] for p in people]
    at = {h: i for i, h in enumerate(heads)}
    for person in people:
        row = next(r for r in rows if r[0][1] == person["sample"])
        figures = person["figures"]
        assert row[at["Reads"]][1] == f"{figures['reads']:,}"
        assert row[at["Coverage"]][1] == f"{figures['mean_coverage']:.2f}x"
        assert row[at["Contam."]][1] == f"{100 * figures['contamination']:.2f} %"
        assert row[at["by reads"]][1] == figures["sex_by_reads"]
        is_bad = any(f["code"] == "contaminated" for f in person["flags"])
        assert ("bad" in row[at["Contam."]][0].split()) == is_bad
    assert "Flagged above 2.00 %" in text


def test_what_is_not_known_is_no_zero() -> None:
    nothing = {f.name: None for f in FIGURES}
    people = [make_person(0, **nothing), make_person(1)]
    text = make_batch_page(make_run(people), people)
    row = next(r for r in rows_of(text) if r[0][1] == "NA00000")
    assert {cell for _, cell in row[2:]} == {"-"}
    alone = page_of([make_person(0, **nothing)])
    assert "contamination" not in alone.ids
    assert "reads" not in alone.ids
    empty = make_person(0, **nothing) | {"coverage": [], "insert_sizes": {}, "contigs": [],
                                         "lanes": [], "tools": []}  # fmt: skip
    assert page_of([empty]).open == []


@pytest.mark.parametrize("where", ["sample", "cohort"])
def test_hostile_names_are_text(where: str) -> None:
    people = [make_person(0, **{where: HOSTILE}), make_person(1, mean_coverage=3.0)]
    people[0]["flags"] = [{"code": "odd", "words": HOSTILE}]
    people[0]["tools"] = [{"step": HOSTILE, "name": HOSTILE, "version": HOSTILE}]
    run = make_run(people) | {"notes": [HOSTILE], "assembly": HOSTILE}
    text = make_batch_page(run, people)
    assert "<script>alert" not in text
    page = PageReader(text)
    assert page.open == []
    assert HOSTILE in page.text


def test_no_folders_are_told() -> None:
    text = make_batch_page(make_run(make_people(2)), make_people(2))
    assert "/home" not in text
    for name in ("GRCh38.fa", "k.vcf.gz", "-f ref.fa -m"):
        assert name in text


def test_sizes_are_bounded() -> None:
    """What stands for each person is left out beyond a number: so 3,000 are no 3 pages."""
    sizes = []
    for n in (2_500, 5_000):
        people = many(n)
        sizes.append(len(make_batch_page(make_run(people), people)))
    assert sizes[1] < 1.1 * sizes[0] < 4_000_000
    assert len(make_batch_page(make_run(make_people(1)), make_people(1))) < 100_000


def test_data_of_the_plots() -> None:
    people = make_people(5)
    page = page_of(people)
    assert page.open == []
    saved = {v for _, k, v in page.attributes if k == "download"}
    names = ("reads", "inserts", "coverage", "sexes", "contamination")
    assert saved >= {f"varhouse-call-{n}.csv" for n in names} | {"qc.csv"}
    page.prefix = "varhouse-call-"
    rows = page.data("coverage")
    assert float(rows[20]["NA00000"]) == pytest.approx(
        100 * people[0]["coverage"][20], abs=0.01
    )
    found = page.data("reads")[0]
    parts = [int(found[k]) for k in ("mapped_once", "duplicates", "not_mapped")]
    assert sum(parts) == pytest.approx(people[0]["figures"]["reads"], abs=3)
    rows = page.data("inserts")
    shares = [float(r["NA00000"]) for r in rows]
    step = int(rows[1]["insert_size"]) - int(rows[0]["insert_size"])
    assert sum(shares) * step == pytest.approx(100, abs=1)
    counts = {int(k): v for k, v in people[0]["insert_sizes"].items()}
    middle = int(rows[shares.index(max(shares))]["insert_size"])
    assert abs(middle - max(counts, key=lambda k: counts[k])) < 60


def test_curves_of_odd_histograms() -> None:
    assert insert_curves([])[1] == coverage_curves([])[1] == []
    person = make_person(0) | {"insert_sizes": {"0": 3, "900000": 1}, "coverage": [1.0]}
    places, found = insert_curves([person])
    assert len(places) <= 300
    assert found[0][1][0] * (places[1] - places[0]) == pytest.approx(75)
    assert coverage_curves([person])[1] == []


def test_the_table_of_figures_is_a_sheet(tmp_path: Path) -> None:
    people = [make_person(0, sample='a "b", c'), make_person(1, sample="样本", charr=None)]
    write_qc_table(people, tmp_path / "qc.tsv")
    sheet = read_sheet_file(tmp_path / "qc.tsv", "qc", lambda names: "sample" in names)
    assert not sheet.problems
    frame = pl.read_csv(tmp_path / "qc.tsv", separator="\t", schema=qc_frame(people).schema)
    assert frame.equals(qc_frame(people))
    assert frame["sample"].to_list() == ['a "b", c', "样本"]
    assert frame.columns == ["cohort", "sample", *(f.name for f in FIGURES), "flags"]
    assert frame["charr"].to_list()[1] is None
    assert frame["contamination"][0] == people[0]["figures"]["contamination"]


def test_flags_stand_in_the_table_of_figures() -> None:
    frame = qc_frame([make_person(0, mean_coverage=2.0, duplicates=0.5), make_person(1)])
    assert frame["flags"].to_list() == ["high_duplicates,low_coverage", None]


def test_a_batch_is_written_whole(tmp_path: Path) -> None:
    people = make_people(3)
    write_batch(make_run(people), people, tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == {"qc.tsv", "report.html", "multiqc"}
    with pytest.raises(KeyError):
        write_page({}, [{"cohort": "c", "sample": "s"}], tmp_path / "other.html")
    assert not (tmp_path / "other.html").exists()


def test_people_without_figures_are_counted() -> None:
    people = make_people(2)
    run = make_run(people)
    run["people"].append({"person": {"cohort": "c", "name": "old"}, "facts": []})
    assert "1 person comes with calls of before" in make_batch_page(run, people)
    assert "Nobody's reads were called" in page_of([]).text


def test_the_table_is_sorted_by_a_click(tmp_path: Path) -> None:
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        pytest.skip("needs chromium")
    people = [make_person(i, contamination=v) for i, v in enumerate((0.01, None, 0.002, 0.1))]
    text = make_batch_page(make_run(people), people)
    # The page's policy would not let a second script run: the click is of this test.
    text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", text)
    click = (
        "<script>[...document.querySelectorAll('table.sort button')]"
        ".find((b) => b.textContent === 'Contam.').click()</script>"
    )
    path = tmp_path / "page.html"
    path.write_text(text.replace("</body>", f"{click}</body>"))
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu",
               f"--user-data-dir={tmp_path / 'p'}", "--dump-dom", path.as_uri()]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    names = [row[0][1] for row in rows_of(done.stdout)]
    assert names == ["NA00003", "NA00000", "NA00002", "NA00001"]


def measured() -> dict[str, Any]:
    """Measure somebody as a job of `varhouse call` does, and through JSON."""
    lane = Lane("c", "s", "L1", "lib", "ILLUMINA", "pairs", ["/x/a_1.fq.gz", "/x/a_2.fq.gz"])
    haploid = HaploidRegions(make_contigs(["chr1"]), None)
    finished = {
        "reads": 1000, "mapped": 990, "duplicates": 100, "proper": 950, "paired": 1000,
        "contigs": {"chr1": 990}, "insert_sizes": {300: 200, 310: 180, 9000: 1},
        "bases": 150_000, "mapped_bases": 140_000, "mismatches": 300, "quality_sum": 5e6,
    }  # fmt: skip
    region = {"contig": "chr1", "depths": [5, 0, 10, 85], "snvs": 3, "indels": 1, "ti": 2,
              "tv": 1, "het": 2, "hom_alt": 1, "calls": 4, "filtered": 1}  # fmt: skip
    lanes = [{"lane": "L1", "facts": {"n_reads": 1000, "longest": 150}, "reads_in": 1000,
              "reads_trimmed": 20, "adapters": {}}]  # fmt: skip
    person = Person("c", "s", "female", [lane])
    made = person_metrics(person, lanes, finished, [region], None, haploid=haploid, sex=None)
    told: dict[str, Any] = json.loads(json.dumps(made))
    return told


def test_what_is_measured_is_what_the_page_takes(tmp_path: Path) -> None:
    person = measured()
    run = make_run([person])
    page = page_of([person])
    assert page.open == []
    assert {"reads", "inserts", "coverage", "people", "details"} <= set(page.ids)
    assert "99.00 %" in page.words
    assert any(w.startswith("not known: no panel of sites") for w in page.words)
    page.prefix = "varhouse-call-"
    assert [float(r["s"]) for r in page.data("coverage")][:4] == pytest.approx(
        [100, 95, 95, 85]
    )
    write_batch(run, [person], tmp_path)
    assert qc_frame([person])["mean_coverage"].item() == pytest.approx(2.75)
