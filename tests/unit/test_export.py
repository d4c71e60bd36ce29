"""A cohort comes back from the store as it came."""

import gzip
import subprocess
import sys
from pathlib import Path

import polars as pl
import pysam
import pytest
from builders import (
    assert_same_records,
    cohort_rows,
    make_contigs,
    make_fasta,
    make_store,
    make_vcf,
    read_lines,
    read_records,
)
from inprocess import ingest_here

import varhouse
from varhouse.bgzf import BgzfStream
from varhouse.errors import InputError, StoreError, UsageError
from varhouse.export import cohort, export_cohort, lines, records
from varhouse.export.header import declare_contig, declare_info, merge_headers
from varhouse.export.records import format_qual
from varhouse.store.reader import Store

LENGTHS = {"1": 1_000_000, "2": 1_000_000, "10": 1_000_000}
META = (
    '##INFO=<ID=DP,Number=1,Type=Integer,Description="Depth">',
    '##INFO=<ID=DB,Number=0,Type=Flag,Description="In dbSNP">',
    '##FILTER=<ID=q10,Description="Low quality">',
    '##FORMAT=<ID=DP,Number=1,Type=Integer,Description="Depth">',
)
RECORDS = [
    "1 100 rs7 A T 29.5 PASS DP=14;DB GT:DP 0|0:1 0|1:2 1|1:. ./.:0",
    "1 100 . A C,G 1e-7 q10 . GT 1/2 0/0 . 0|2",
    "1 200 rs8;rs9 ACGT A,* . . DP=3 GT 0/1 0/1 0/1 0/1",
    "2 5 . N <DEL> 100 PASS . GT:DP 0:3 1:4 .:5 0/.:6",
    "2 6 . C . 3.4028235e+38 PASS . GT 0/0/1 0|0|0 0/0 0/0",
    "2 7 . C T 0.1 PASS DP=7 DP 1 2 3 4",
    "10 9 . G GA 30 PASS . GT 0/0 0/0 0/1 0/0",
]
SAMPLES = ["NA1", "NA2", "样本3", "NA4"]


def store_of(tmp_path: Path, *paths: Path) -> Store:
    contigs = make_contigs()
    make_store(tmp_path / "store", cohort_rows(paths, "c", contigs), contigs)
    return varhouse.open(tmp_path / "store")


@pytest.fixture
def original(tmp_path: Path) -> Path:
    return make_vcf(tmp_path / "in.vcf.gz", RECORDS, SAMPLES, LENGTHS, META)


@pytest.fixture
def store(tmp_path: Path, original: Path) -> Store:
    return store_of(tmp_path, original)


@pytest.mark.parametrize("ending", [".vcf.gz", ".vcf"])
def test_a_cohort_comes_back(
    store: Store, original: Path, tmp_path: Path, ending: str
) -> None:
    out = tmp_path / f"out{ending}"
    assert export_cohort(store, "c", out) == len(RECORDS)
    assert_same_records(original, out)
    header, rows = read_lines(out)
    assert header == read_lines(original)[0]
    assert {r[8] for r in rows} == {"GT"}
    assert not list(tmp_path.glob(".*tmp"))


def test_pysam_reads_the_same_from_both(store: Store, original: Path, tmp_path: Path) -> None:
    export_cohort(store, "c", tmp_path / "out.vcf.gz")
    with (
        pysam.VariantFile(str(original)) as a,
        pysam.VariantFile(str(tmp_path / "out.vcf.gz")) as b,
    ):
        for old, new in zip(a, b, strict=True):
            assert (old.chrom, old.pos, old.id, old.alleles, old.qual) == (
                new.chrom,
                new.pos,
                new.id,
                new.alleles,
                new.qual,
            )
            assert dict(old.info) == dict(new.info)
            if "GT" in old.format:
                for s in SAMPLES:
                    assert old.samples[s]["GT"] == new.samples[s]["GT"]
                    assert old.samples[s].phased == new.samples[s].phased


def test_bcf_holds_the_same(store: Store, original: Path, tmp_path: Path) -> None:
    export_cohort(store, "c", tmp_path / "out.bcf")
    assert (tmp_path / "out.bcf").read_bytes()[:2] == b"\x1f\x8b"
    # BCF keeps QUAL in 32 bits and a missing haploid call as it likes.
    reference = tmp_path / "by_bcftools.bcf"
    code = "import sys, pysam.bcftools as b; b.view('-Ob', *sys.argv[1:], catch_stdout=False)"
    export_cohort(store, "c", tmp_path / "out.vcf")
    subprocess.run(
        [sys.executable, "-c", code, "-o", str(reference), str(tmp_path / "out.vcf")],
        check=True,
    )
    assert read_records(tmp_path / "out.bcf") == read_records(reference)


def test_bcf_of_what_was_never_declared(tmp_path: Path) -> None:
    records = ["1 5 . A T 3 odd;q X=1;FLAG GT 0/1", "1 6 . A T . PASS Y=a,b GT ."]
    original = make_vcf(tmp_path / "in.vcf", records, ["s"])
    export_cohort(store_of(tmp_path, original), "c", tmp_path / "out.bcf")
    assert_same_records(original, tmp_path / "out.bcf", gt_as_numbers=True)


def test_bcf_that_cannot_be_made(tmp_path: Path) -> None:
    store = store_of(tmp_path, make_vcf(tmp_path / "in.vcf", RECORDS, SAMPLES, LENGTHS, META))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cohort, "_TO_BCF", "import sys; sys.exit('[main] Error: no disk')")
        with pytest.raises(InputError, match=r"refused the records: .main. Error: no disk"):
            export_cohort(store, "c", tmp_path / "out.bcf")
    assert not (tmp_path / "out.bcf").exists()


def test_bcftools_indexes_the_export(store: Store, tmp_path: Path) -> None:
    out = tmp_path / "out.vcf.gz"
    export_cohort(store, "c", out)
    code = "import sys, pysam.bcftools as b; b.index('-t', sys.argv[1], catch_stdout=False)"
    subprocess.run([sys.executable, "-c", code, str(out)], check=True)
    with pysam.VariantFile(str(out)) as file:
        assert [r.pos for r in file.fetch("2", 5, 7)] == [6, 7]


@pytest.mark.parametrize("window", [1, 2, 3])
def test_windows_do_not_show(
    store: Store, original: Path, tmp_path: Path, window: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "WINDOW", window)
    monkeypatch.setattr(lines, "LINES_BYTES", 300)
    export_cohort(store, "c", tmp_path / "out.vcf")
    assert_same_records(original, tmp_path / "out.vcf")


def test_sites_only(tmp_path: Path) -> None:
    lines = [" ".join(r.split()[:8]) for r in RECORDS]
    original = make_vcf(tmp_path / "in.vcf", lines, (), LENGTHS, META)
    export_cohort(store_of(tmp_path, original), "c", tmp_path / "out.vcf")
    assert (tmp_path / "out.vcf").read_text() == original.read_text()


def test_files_of_the_same_samples_are_joined(tmp_path: Path) -> None:
    one = make_vcf(tmp_path / "1.vcf", RECORDS[3:], SAMPLES, {"2": 9, "10": 9}, META[:1])
    turned = [" ".join([*(c := r.split())[:9], *reversed(c[9:])]) for r in RECORDS[:3]]
    two = make_vcf(tmp_path / "2.vcf", turned, SAMPLES[::-1], {"1": 9}, META[1:])
    whole = make_vcf(tmp_path / "all.vcf", RECORDS, SAMPLES)
    export_cohort(store_of(tmp_path, one, two), "c", tmp_path / "out.vcf")
    assert_same_records(whole, tmp_path / "out.vcf")
    header, rows = read_lines(tmp_path / "out.vcf")
    assert [r[0] for r in rows] == ["1"] * 3 + ["2"] * 3 + ["10"]
    assert header[-1].split("\t")[9:] == SAMPLES
    for line in ("##contig=<ID=1,length=9>", *META):
        assert header.count(line) == 1


def test_files_of_other_samples_are_merged(tmp_path: Path) -> None:
    one = make_vcf(
        tmp_path / "1.vcf",
        [
            "1 100 rs7 A T 10 PASS AN=4;DP=3 GT 0|1 0|0",
            "1 100 . A C . . DP=1 GT 0/0 0/1",
            "1 100 . A C 2 . DP=2 GT 1/1 0/0",
        ],
        ["a", "b"],
        {"1": 9},
    )
    two = make_vcf(
        tmp_path / "2.vcf",
        [
            "chr1 100 rs9 A T 20 q10 AN=2;DP=3 GT 1|1",
            "chr1 100 . A C 5 PASS DP=9 GT 0/1",
            "chr1 150 . G T 20 PASS AN=2 GT 0",
        ],
        ["c"],
        {"chr1": 9},
    )
    export_cohort(store_of(tmp_path, one, two), "c", tmp_path / "out.vcf")
    header, rows = read_lines(tmp_path / "out.vcf")
    assert header[-1].split("\t")[9:] == ["a", "b", "c"]
    assert [" ".join(r) for r in rows] == [
        "1 100 rs7 A T 10 q10 DP=3 GT 0|1 0|0 1|1",
        "1 100 . A C 5 PASS . GT 0/0 0/1 0/1",
        "1 100 . A C 2 . DP=2 GT 1/1 0/0 ./.",
        "1 150 . G T 20 PASS AN=2 GT ./. ./. 0",
    ]


def test_mistakes_are_named(store: Store, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no cohort 'd'"):
        export_cohort(store, "d", tmp_path / "out.vcf")
    with pytest.raises(UsageError, match="must end with"):
        export_cohort(store, "c", tmp_path / "out.txt")
    with pytest.raises(UsageError, match="no folder"):
        export_cohort(store, "c", tmp_path / "nowhere" / "out.vcf")


def test_a_failed_export_leaves_nothing(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(_contig: str, _records: int) -> None:
        raise KeyboardInterrupt

    before = sorted(tmp_path.iterdir())
    for ending in ("vcf.gz", "bcf"):
        with pytest.raises(KeyboardInterrupt):
            export_cohort(store, "c", tmp_path / f"out.{ending}", die)
    assert sorted(tmp_path.iterdir()) == before


def test_qual_reads_back_equal() -> None:
    values = [
        0.0,
        29.5,
        100.0,
        1e-7,
        1e20,
        0.1,
        1 / 3,
        3.4028234663852886e38,
        float("inf"),
        None,
    ]
    texts = pl.DataFrame({"q": values}).select(format_qual(pl.col("q")))["q"].to_list()
    assert texts[2] == "100"
    assert texts[-1] is None
    assert [float(t) for t in texts[:-1]] == values[:-1]


def test_headers_are_merged_by_id() -> None:
    merged = merge_headers(
        [
            "##fileformat=VCFv4.2\n##INFO=<ID=A,Number=1>\n##source=x\n#CHROM",
            "##fileformat=VCFv4.3\n##INFO=<ID=A,Number=2>\n##INFO=<ID=B,Number=1>\n##source=y",
        ],
        ["s"],
        [
            declare_contig("chr1", 5),
            declare_contig("chr2", None),
            declare_info("A", flag=True),
        ],
    ).splitlines()
    assert merged[:-1] == [
        "##fileformat=VCFv4.2",
        "##INFO=<ID=A,Number=1>",
        "##source=x",
        "##INFO=<ID=B,Number=1>",
        "##contig=<ID=chr1,length=5>",
        "##contig=<ID=chr2>",
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">',
    ]
    assert merged[-1].endswith("INFO\tFORMAT\ts")


def test_bgzf_of_any_text(tmp_path: Path) -> None:
    import random  # noqa: PLC0415

    text = random.Random(1).randbytes(200_000) + b"A" * 200_000
    with (tmp_path / "x.gz").open("wb") as file:
        packed = BgzfStream(file)
        for i in range(0, len(text), 30_011):
            packed.write(text[i : i + 30_011])
        packed.finish()
    assert gzip.decompress((tmp_path / "x.gz").read_bytes()) == text
    with pysam.BGZFile(str(tmp_path / "x.gz")) as file:
        assert file.read(len(text)) == text


def test_a_cohort_of_genotyped_and_sites_only_files(tmp_path: Path) -> None:
    """Records that only a file without samples has are written; nobody is called there."""
    make_fasta(tmp_path / "ref.fa", {"1": "ACGT" * 25, "2": "ACGT" * 5})
    lengths = {"1": 100, "2": 20}
    for name, rows, samples in (
        ("called.vcf", ["1 5 . A C . . . GT 0/1 1/1", "1 9 . A G . . . GT 0|0 ."], ["x", "y"]),
        (
            "sites.vcf",
            ["1 2 a C G . . .", "1 5 b A C . . .", "1 9 c A T . . .", "2 1 d A G . . ."],
            [],
        ),
    ):
        make_vcf(tmp_path / name, rows, samples, lengths)
    (tmp_path / "cohorts.tsv").write_text("cohort\tfiles\nc\tcalled.vcf,sites.vcf\n")
    (tmp_path / "c.yaml").write_text(
        "assembly: {name: toy, reference: ref.fa}\ncohorts: cohorts.tsv\n"
        "policy: {unlisted_samples: unknown}\n"
    )
    ingest_here(tmp_path / "s", tmp_path / "c.yaml")
    out = tmp_path / "out.vcf"
    export_cohort(varhouse.open(tmp_path / "s"), "c", out)
    found = [ln.split("\t") for ln in out.read_text().splitlines() if ln[0] != "#"]
    assert [(c[0], int(c[1]), c[2], c[4], *c[8:]) for c in found] == [
        ("1", 2, "a", "G", "GT", "./.", "./."),
        ("1", 5, "b", "C", "GT", "0/1", "1/1"),
        ("1", 9, ".", "G", "GT", "0|0", "."),
        ("1", 9, "c", "T", "GT", "./.", "./."),
        ("2", 1, "d", "G", "GT", "./.", "./."),
    ]
