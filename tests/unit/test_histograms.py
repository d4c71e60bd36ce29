"""Histograms of quality and age against a slow count of the file's text."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from builders import make_fasta
from inprocess import ingest_here

import varhouse
from varhouse.cli import main
from varhouse.query.histograms import COLUMNS
from varhouse.store.reader import Store

PEOPLE = [f"p{i}" for i in range(23)]
GTS = ["0/0", "0/0", "0|1", "1/1", "./.", "0/.", "1/2", "2/2", "1", "0/0"]
FORMATS = ["GT:GQ:DP:AD", "GT:AD:DP:GQ", "GT:DP", "GT"]
AGES = {s: str(20 + 3 * i) for i, s in enumerate(PEOPLE) if i % 4}
HEAD = """##fileformat=VCFv4.3
##contig=<ID=c1>
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
##FORMAT=<ID=GQ,Number=1,Type={quality},Description="Quality">
##FORMAT=<ID=DP,Number=1,Type=Integer,Description="Depth">
##FORMAT=<ID=AD,Number=R,Type=Integer,Description="Depths">
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t"""


def draw(seed: int, quality: str) -> list[tuple[int, str, list[str]]]:
    """Draw records: position, FORMAT, cells."""
    rng = np.random.default_rng(seed)

    def number(top: int, end: str = "") -> str:
        return "." if rng.random() < 0.05 else f"{rng.integers(0, top)}{end}"

    end = ".5" if quality == "Float" else ""
    out = []
    for k in range(70):
        form = FORMATS[int(rng.choice(4, p=[0.6, 0.2, 0.1, 0.1]))]
        cells = []
        for _ in PEOPLE:
            said = {
                "GT": GTS[int(rng.integers(len(GTS)))],
                "GQ": number(130, end),
                "DP": number(130),
                "AD": ",".join(number(40) for _ in range(3)),
            }
            kept = form.split(":")[: None if rng.random() < 0.9 else 2]
            cells.append(":".join(said[f] for f in kept))
        out.append((4 * k + 1, form, cells))
    return out


def value(text: str | None) -> float | None:
    return None if text in (None, ".") else float(text)


def quality_bin(x: float) -> int:
    return 20 if x > 100 else min(int(x // 5), 19)


def slow(records: list, pos: int, allele: int, people: list[str]) -> dict[str, list[int]]:
    sizes = {"age_het": 12, "age_hom": 12, "ab_het": 20}
    out = {n: [0] * sizes.get(n, 21) for n in COLUMNS}
    _, form, cells = next(r for r in records if r[0] == pos)
    for sample, cell in zip(people, cells, strict=True):
        said = dict(zip(form.split(":"), cell.split(":"), strict=False))
        alleles = said["GT"].replace("|", "/").split("/")
        if "." in alleles:
            continue
        has = str(allele) in alleles
        for field, name in (("GQ", "gq"), ("DP", "dp")):
            if (x := value(said.get(field))) is not None:
                out[f"{name}_all"][quality_bin(x)] += 1
                out[f"{name}_alt"][quality_bin(x)] += has
        if not has:
            continue
        is_het = len(set(alleles)) > 1
        depths = [value(x) for x in said.get("AD", ".").split(",")]
        total = sum(x for x in depths if x is not None)
        if is_het and allele < len(depths) and depths[allele] is not None and total:
            out["ab_het"][min(int(depths[allele] / total * 20), 19)] += 1
        if sample in AGES:
            age = int(AGES[sample])
            place = 0 if age < 30 else 11 if age > 80 else 1 + min((age - 30) // 5, 9)
            out["age_het" if is_het else "age_hom"][place] += 1
    return out


@pytest.fixture(scope="module", params=["Integer", "Float"])
def fx_store(request, tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, list, str]:
    folder = tmp_path_factory.mktemp("histograms")
    records = draw(11, request.param)
    make_fasta(folder / "ref.fa", {"c1": "ACGT" * 80})
    rows = [
        f"c1\t{pos}\t.\tA\tC,G\t.\tPASS\t.\t{form}\t" + "\t".join(cells)
        for pos, form, cells in records
    ]
    head = HEAD.format(quality=request.param) + "\t".join(PEOPLE)
    (folder / "a.vcf").write_text("\n".join([head, *rows]) + "\n")
    bare = "c1\t1\t.\tA\tC\t.\tPASS\t.\tGT\t0/1"
    (folder / "b.vcf").write_text(f"{HEAD.format(quality=request.param)}other\n{bare}\n")
    (folder / "cohorts.tsv").write_text("cohort\tfiles\na\ta.vcf\nb\tb.vcf\n")
    sheet = [f"a\t{s}\tfemale\t{AGES.get(s, '')}" for s in PEOPLE]
    (folder / "samples.tsv").write_text(
        "\n".join(["cohort\tsample\tsex\tage", *sheet, "b\tother\tmale\t30"]) + "\n"
    )
    (folder / "config.yaml").write_text(
        "assembly: {name: t, reference: ref.fa}\ncohorts: cohorts.tsv\nsamples: samples.tsv\n"
    )
    ingest_here(folder / "store", folder / "config.yaml")
    return varhouse.open(folder / "store"), records, request.param


def test_histograms_are_those_of_the_text(fx_store) -> None:
    store, records, _ = fx_store
    found = store.histograms("c1:1-1000", cohort="a")
    assert found.height == 2 * len(records)
    for row in found.iter_rows(named=True):
        wanted = slow(records, row["pos"], "CG".index(row["alt"]) + 1, PEOPLE)
        assert {n: row[n] for n in COLUMNS} == wanted, row["pos"]
    for name in COLUMNS:
        assert found[name].list.sum().sum() > 20, name


def test_a_region_and_a_cohort(fx_store) -> None:
    store, _, _ = fx_store
    whole = store.histograms("c1:1-1000", cohort="a")
    part = store.histograms("c1:100-120", cohort="a")
    assert part.equals(whole.filter(pl.col("pos").is_between(100, 120)))
    assert part.height == 10
    assert store.histograms("c1:300-320").is_empty()
    # A cohort without fields: nothing of its quality, but of its age.
    both = store.histograms("c1:1-3", by_cohort=True)
    assert both["cohort"].to_list() == ["a", "b", "a"]
    other = both.filter(cohort="b")
    assert other["age_het"].to_list() == [[0, 1] + [0] * 10]
    assert sum(other[n].list.sum().item() for n in COLUMNS) == 1


def test_cohorts_add_up_and_a_group_is_counted_alone(fx_store) -> None:
    store, records, _ = fx_store
    own = store.histograms("c1:1-3", by_cohort=True)
    added = store.histograms("c1:1-3")
    assert added.columns == [*own.columns[:5], *COLUMNS]
    for row in added.iter_rows(named=True):
        parts = own.filter(alt=row["alt"])
        for name in COLUMNS:
            assert row[name] == np.sum(parts[name].to_list(), axis=0).tolist()
    some = PEOPLE[3:20:2]
    records = [(p, f, [c[PEOPLE.index(s)] for s in some]) for p, f, c in records]
    found = store.histograms("c1", cohort="a", samples=some)
    assert found.height == 2 * len(records)
    for row in found.iter_rows(named=True):
        wanted = slow(records, row["pos"], "CG".index(row["alt"]) + 1, some)
        assert {n: row[n] for n in COLUMNS} == wanted, row["pos"]


def test_the_command(fx_store, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    store, _, _ = fx_store
    base = ["frequencies", str(store.path), "--histograms"]
    assert main([*base, "--region", "c1:1-3", "--format", "json"]) == 0
    said = capfd.readouterr()
    assert json.loads(said.out) == store.histograms("c1:1-3").to_dicts()
    assert "24 people: a 23, b 1" in said.err
    out = tmp_path / "h.parquet"
    people = ["--people", 'age >= 40 and cohort == "a"']
    assert main([*base, "--all", *people, "--by-cohort", "-o", str(out)]) == 0
    wanted = store.histograms(people='age >= 40 and cohort == "a"', by_cohort=True)
    assert pl.read_parquet(out).equals(wanted)
    assert wanted.height == 140
    assert main([*base, "--id", "c1-1-A-G", "--columns", "ab_het,dp_all"]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert lines[0].split("\t")[5:] == ["ab_het", "dp_all"]
    assert [len(c.split(";")) for c in lines[1].split("\t")[5:]] == [20, 21]
    assert main([*base, "--all", "--columns", "ac"]) == 2
    assert "ac" in capfd.readouterr().err
    assert main([*base, "--all", "--public"]) != 0
