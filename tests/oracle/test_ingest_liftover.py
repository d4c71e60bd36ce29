"""A store of GRCh38 takes cohorts of GRCh37 through the configuration alone."""

import json
from pathlib import Path

import polars as pl
import pytest
from builders import gt_texts
from inprocess import ingest_here

import varhouse

pytestmark = pytest.mark.real

RESOURCES = Path(__file__).parents[2] / "resources"
TARGET = "GRCh38-chr20-first-3Mb"
COUNTS = ["ac", "an", "n_het", "n_hom_alt", "n_hemi", "n_missing", "n_samples"]


def _lines(path: Path) -> list[list[str]]:
    import gzip  # noqa: PLC0415

    text = gzip.decompress(path.read_bytes()).decode()
    return [ln.split("\t") for ln in text.splitlines() if not ln.startswith("##")]


def _config(folder: Path, data: Path, rows: list[str], name: str = "config") -> Path:
    columns = "cohort\tfiles\tassembly\tchain\tsource_reference"
    (folder / f"{name}.tsv").write_text("\n".join([columns, *rows]) + "\n")
    config = {
        "assembly": {
            "name": "GRCh38",
            "aliases": str(RESOURCES / "GRCh38.tsv"),
            "reference": str(next((data / "reference" / TARGET).rglob("*.fa"))),
        },
        "cohorts": f"{name}.tsv",
        "policy": {"unlisted_samples": "unknown", "partial_reference": True},
    }
    (folder / f"{name}.json").write_text(json.dumps(config))
    return folder / f"{name}.json"


@pytest.fixture(scope="module")
def fx_genotyped(data_dir: Path) -> dict[str, Path]:
    return {
        "vcf": data_dir / "cohorts" / "eva-pipeline" / "vcf" / "genotyped.vcf.gz",
        "chain": data_dir / "liftover" / "chains" / "hg19ToHg38.over.chain.gz",
        "fasta": data_dir / "reference" / "GRCh37-chr20-first-252kb" / "chr20.250k.fa.gz",
    }


@pytest.fixture(scope="module")
def fx_store(
    data_dir: Path, fx_genotyped: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, object]]:
    folder = tmp_path_factory.mktemp("lifted")
    row = "old\t{vcf}\tGRCh37\t{chain}\t{fasta}".format(**fx_genotyped)
    account = ingest_here(folder / "store", _config(folder, data_dir, [row]))
    return folder, account


def test_swapped_allele_has_its_own_counts(fx_store, fx_genotyped):
    folder, account = fx_store
    assert account["held_back"] == []
    (cohort,) = account["cohorts"]
    assert (cohort["n_records"], cohort["n_rejects"], cohort["n_alleles"]) == (298, 0, 300)
    assert (cohort["lift"]["lifted"], cohort["lift"]["swapped"]) == (298, 1)
    store = varhouse.open(folder / "store")
    lifted = store.scan("lifted").collect()
    assert lifted["swapped"].sum() == 1
    head, *rows = _lines(fx_genotyped["vcf"])
    before = {int(r[1]): r for r in rows}
    frequencies = store.scan("frequencies").collect()
    sites = store.scan("sites").collect()
    sites = sites.join(lifted.drop("cohort", "part"), on=["contig", "pos", "file", "record"])
    alleles = (
        sites.with_columns(pl.int_ranges(1, pl.col("allele_pos").list.len() + 1).alias("k"))
        .drop("pos", "ref", "alt")
        .explode("k", "allele_pos", "allele_ref", "allele_alt", empty_as_null=True)
        .rename({"allele_pos": "pos", "allele_ref": "ref", "allele_alt": "alt"})
        .join(frequencies.drop("cohort", "part"), on=["contig", "pos", "ref", "alt"])
    )
    assert alleles.height == 300
    assert alleles["n_samples"].unique().to_list() == [len(head) - 9]
    for pos, ref, alt, k, was, old_ref, old_alt, swapped, ac, an in alleles.select(
        "pos",
        "ref",
        "alt",
        "k",
        "source_pos",
        "source_ref",
        "source_alt",
        "swapped",
        "ac",
        "an",
    ).rows():
        row = before[was]
        assert (row[3], row[4]) == (old_ref, old_alt)
        called = "".join(c.split(":")[0] for c in row[9:])
        number = sum(ch.isdigit() for ch in called)
        assert an == number
        if swapped:
            assert (was, pos, old_ref, old_alt, ref, alt) == (61795, 81154, "G", "T", "T", "G")
            assert ac == an - called.count("1")
        else:
            assert ac == called.count(str(k))


def test_genotypes_of_the_swapped_allele_follow(fx_store, fx_genotyped):
    folder, _ = fx_store
    store = varhouse.open(folder / "store")
    (row,) = gt_texts(store.scan("genotypes").filter(pl.col("pos") == 81154).collect())
    names = store.scan("samples").sort("ordinal").collect()["sample"].to_list()
    (columns,) = store.scan("files").collect()["samples"].to_list()
    found = {names[o]: text for o, text in zip(columns, row, strict=True)}
    head, *rows = _lines(fx_genotyped["vcf"])
    old = next(r for r in rows if r[1] == "61795")
    swap = str.maketrans("01", "10")
    assert found == {
        s: g.split(":")[0].translate(swap) for s, g in zip(head[9:], old[9:], strict=True)
    }


def test_again_and_in_other_cuts_it_is_the_same(fx_store, data_dir, fx_genotyped, tmp_path):
    folder, account = fx_store
    assert ingest_here(folder / "store", folder / "config.json")["up_to_date"]
    cut = ingest_here(tmp_path / "cut", folder / "config.json", chunk_records=17)
    assert cut["digest"] == account["digest"]


def test_lifted_and_native_cohort_add_up(fx_store, data_dir, fx_genotyped, tmp_path):
    """The same people in both assemblies: each total is twice the lifted cohort's count."""
    from varhouse.cli import main  # noqa: PLC0415

    folder, _ = fx_store
    native = tmp_path / "native.vcf.gz"
    assert main(["export", str(folder / "store"), "--cohort", "old", "-o", str(native)]) == 0
    rows = [
        "old\t{vcf}\tGRCh37\t{chain}\t{fasta}".format(**fx_genotyped),
        f"new\t{native}\t\t\t",
    ]
    ingest_here(tmp_path / "both", _config(tmp_path, data_dir, rows))
    both = varhouse.open(tmp_path / "both")
    key = ["contig", "pos", "ref", "alt"]
    one = both.scan("frequencies").filter(pl.col("cohort") == "old").collect().sort(key)
    other = both.scan("frequencies").filter(pl.col("cohort") == "new").collect().sort(key)
    totals = both.scan("totals").collect().sort(key)
    assert one.select(*key, *COUNTS).rows() == other.select(*key, *COUNTS).rows()
    assert totals.select(key).rows() == one.select(key).rows()
    assert totals.select(pl.col(COUNTS) // 2).rows() == one.select(COUNTS).rows()
    assert totals["n_cohorts"].unique().to_list() == [2]


def test_a_megabase_goes_in(data_dir, tmp_path):
    """The 1000 Genomes sites of 20:1,000,001-2,000,000, whose file counts from 1."""
    folder = data_dir / "reference" / "GRCh37-chr20-1Mb-2Mb"
    bases = "".join((folder / "z.fa").read_text().splitlines()[1:])
    (tmp_path / "20.fa").write_text(">20\n" + "N" * 1_000_000 + bases + "\n")
    head, *rows = _lines(folder / "z.vcf.gz")
    with (tmp_path / "z.vcf").open("w") as out:
        out.write("##fileformat=VCFv4.1\n" + "\t".join(head) + "\n")
        for r in rows:
            out.write("\t".join(["20", str(int(r[1]) + 1_000_000), *r[2:]]) + "\n")
    chain = data_dir / "liftover" / "chains" / "hg19ToHg38.over.chain.gz"
    row = f"z\t{tmp_path / 'z.vcf'}\tGRCh37\t{chain}\t{tmp_path / '20.fa'}"
    (cohort,) = ingest_here(tmp_path / "store", _config(tmp_path, data_dir, [row]))["cohorts"]
    assert cohort["n_records"] == len(rows) == 28_998
    assert cohort["lift"]["swapped"] == 5
    assert cohort["reasons"] == {"symbolic": 24, "spans_gap": 1}
    assert cohort["n_alleles"] == 29_144 - 25
    store = varhouse.open(tmp_path / "store")
    rejects = store.scan("rejects").sort("record").collect()
    assert rejects["text"].to_list() == [
        "\t".join(["20", str(int(rows[k][1]) + 1_000_000), *rows[k][2:]])
        for k in rejects["record"].to_list()
    ]
