"""Annotated Parquet: the same for any batches and any order of the input."""

import random
import subprocess
import sys

import polars as pl
import pytest
from gene_builders import gff3_text, transcript_rows, write_fasta

from varhouse.cli import main
from varhouse.onefile import annotate_table
from varhouse.onefile.annotate_table import in_order

HEAD = "##fileformat=VCFv4.3\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"


@pytest.fixture
def fx_inputs(tmp_path):
    rng = random.Random(5)
    sequence = {n: "".join(rng.choices("ACGT", k=30_000)) for n in ("b", "a")}
    write_fasta(tmp_path / "r.fa", sequence)
    rows = transcript_rows([(1_001, 1_300)], [(1_101, 1_250)])
    (tmp_path / "g.gff3").write_text(gff3_text(rows, "a"))
    alleles = []
    for contig in ("b", "a"):
        for pos in sorted(rng.choices(range(900, 20_000, 97), k=150)):
            ref = sequence[contig][pos - 1]
            for alt in rng.sample([b for b in "ACGT" if b != ref] + [ref + "A"], 2):
                alleles.append((contig, pos, ref, alt))
    lines = ["\t".join(map(str, (c, p, ".", r, a, ".", ".", "."))) for c, p, r, a in alleles]
    known = [f"{line}X=1" if i % 5 == 0 else "" for i, line in enumerate(lines)]
    info = '##INFO=<ID=X,Number=1,Type=Integer,Description="x">\n'
    known = [line.replace(".X=1", "X=1") for line in known if line]
    (tmp_path / "s.vcf").write_text(HEAD.replace("#CHROM", info + "#CHROM") + _text(known))
    return tmp_path, lines


def _text(lines):
    return "\n".join(lines) + "\n"


def _annotate(folder, name, lines, *more):
    (folder / f"{name}.vcf").write_text(HEAD + _text(lines))
    out = folder / f"{name}.parquet"
    args = ["annotate", str(folder / f"{name}.vcf"), "-o", str(out), "--genes"]
    args += [str(folder / "g.gff3"), "--reference", str(folder / "r.fa"), *more]
    assert main(args) == 0
    return pl.read_parquet(out)


@pytest.mark.parametrize("ending", [".tsv", ".tsv.gz", ".csv", ".csv.gz"])
def test_tables_of_text_hold_what_parquet_does(fx_inputs, ending):
    folder, lines = fx_inputs
    more = ("--source", f"s={folder / 's.vcf'}")
    whole = _annotate(folder, "whole", lines, *more)
    random.Random(1).shuffle(mixed := list(lines))
    (folder / "mixed.vcf").write_text(HEAD + _text(mixed))
    out = folder / f"mixed{ending}"
    args = ["annotate", str(folder / "mixed.vcf"), "-o", str(out), "--genes"]
    args += [str(folder / "g.gff3"), "--reference", str(folder / "r.fa"), *more]
    assert main(args) == 0
    separator = "," if ".csv" in ending else "\t"
    # In CSV an empty text is quoted, null is not.
    read = pl.read_csv(out, separator=separator, schema=whole.schema)
    empty = {"extent": pl.col("extent").fill_null("")}
    shown = whole.with_columns(pl.col(pl.String).replace("", None)).with_columns(**empty)
    assert (
        read.with_columns(pl.col(pl.String).replace("", None))
        .with_columns(**empty)
        .equals(shown)
    )
    assert [p.name for p in folder.glob("mixed*")].count(out.name) == 1


def test_formulas_and_endings(fx_inputs, capsys):
    folder, lines = fx_inputs
    source = folder / "f.vcf"
    info = '##INFO=<ID=T,Number=1,Type=String,Description="x">\n'
    cells = lines[0].split("\t")
    source.write_text(
        HEAD.replace("#CHROM", info + "#CHROM") + "\t".join([*cells[:7], "T==1+1"]) + "\n"
    )
    (folder / "one.vcf").write_text(HEAD + lines[0] + "\n")
    args = ["annotate", str(folder / "one.vcf"), "--genes", str(folder / "g.gff3")]
    args += ["--reference", str(folder / "r.fa"), "--source", f"s={source}", "-o"]
    assert main([*args, str(folder / "a.csv"), "--spreadsheet-safe"]) == 0
    assert '"\'=1+1"' in (folder / "a.csv").read_text()
    assert main([*args, str(folder / "a.xlsx")]) == 0
    openpyxl = pytest.importorskip("openpyxl")
    rows = list(openpyxl.load_workbook(folder / "a.xlsx").active.iter_rows())
    cell = next(c for h, c in zip(rows[0], rows[1], strict=True) if h.value == "s_T")
    assert (cell.value, cell.data_type) == ("=1+1", "s")
    capsys.readouterr()
    assert main([*args, str(folder / "a.vcf"), "--spreadsheet-safe"]) == 2
    assert "--spreadsheet-safe does not go with VCF" in capsys.readouterr().err
    assert main([*args, str(folder / "a.xls")]) == 2
    said = capsys.readouterr().err
    assert "a.xls: the ending says no format" in said
    assert ".tsv, .tsv.gz, .csv, .csv.gz or .xlsx" in said


def test_any_batches_and_any_order(fx_inputs, monkeypatch):
    folder, lines = fx_inputs
    source = ("--source", f"s={folder / 's.vcf'}")
    for more in ((), source):
        whole = _annotate(folder, "whole", lines, *more)
        monkeypatch.setattr(annotate_table, "BATCH", 7)
        small = _annotate(folder, "small", lines, *more)
        random.Random(1).shuffle(mixed := list(lines))
        assert small.equals(_annotate(folder, "mixed", mixed, *more))
        monkeypatch.undo()
        assert small.equals(whole)
        assert whole.height > 50
    # Alleles that the source knows far from genes have their place among the others.
    assert whole["transcript_id"].null_count() > 20
    assert whole["s_X"].sum() >= 100
    order = pl.col("contig").cast(pl.Enum(["b", "a"]))
    assert whole.equals(whole.sort(order, "pos", "ref", "alt", maintain_order=True))


@pytest.mark.parametrize("size", [1, 2, 3, 50])
def test_alleles_of_a_place_stay_together(monkeypatch, size):
    monkeypatch.setattr(annotate_table, "BATCH", 3)
    pos = [1, 1, 1, 1, 2, 3, 3, 9, 9, 9, 9, 9, 9, 12]
    frame = pl.DataFrame({"contig": ["a"] * 14, "pos": pos, "row": range(14)})
    frames = [frame.slice(i, size) for i in range(0, 14, size)]
    found = list(in_order(iter(frames), ["a"]))
    assert pl.concat(found).equals(frame)
    assert sum(f["pos"].n_unique() for f in found) == 5
    assert len(found) > 1


def test_lower_case_and_known_names_are_the_same_allele(fx_inputs, capsys):
    folder, lines = fx_inputs
    whole = _annotate(folder, "whole", lines)
    assert whole.equals(_annotate(folder, "lower", [line.lower() for line in lines]))
    assert "known names" not in capsys.readouterr().err
    assert whole.equals(_annotate(folder, "chr", ["chr" + line for line in lines]))
    assert "as there is no --aliases: chra = a, chrb = b" in capsys.readouterr().err


def test_rows_that_are_no_allele_are_left_out(fx_inputs):
    folder, lines = fx_inputs
    whole = _annotate(folder, "whole", lines)
    without = ["\t5\t.\tA\tC\t.\t.\t.", "b\tx\t.\tA\tC\t.\t.\t.", "b\t5\t.\t\tC\t.\t.\t."]
    assert whole.equals(_annotate(folder, "more", [*without, *lines]))
    cells = [line.split("\t") for line in lines]
    frame = pl.DataFrame(
        [(c[0], int(c[1]), c[3], c[4]) for c in cells] + [(None, 5, "A", "C")],
        schema=["contig", "pos", "ref", "alt"],
        orient="row",
    )
    half = [pl.when(pl.int_range(pl.len()) != 3).then(c).alias(c) for c in frame.columns[1:3]]
    frame.with_columns(half).write_parquet(folder / "in.parquet")
    out = folder / "out.vcf"
    args = ["annotate", str(folder / "in.parquet"), "-o", str(out), "--genes"]
    assert main([*args, str(folder / "g.gff3"), "--reference", str(folder / "r.fa")]) == 0
    body = [line for line in out.read_text().splitlines() if line[0] != "#"]
    assert len(body) == len(lines) - 1


@pytest.mark.parametrize("ending", ["vcf", "parquet"])
@pytest.mark.parametrize("damage", ["cut", "middle", "other"])
def test_damaged_bcf_is_told(fx_inputs, capsys, ending, damage):
    folder, lines = fx_inputs
    head = HEAD.replace("#CHROM", "##contig=<ID=b>\n##contig=<ID=a>\n#CHROM")
    (folder / "in.vcf").write_text(head + _text(lines * 200))
    code = "import pysam.bcftools as b, sys; "
    code += "b.view('-Ob', '-o', *sys.argv[1:], catch_stdout=False)"
    bcf = folder / "in.bcf"
    subprocess.run([sys.executable, "-c", code, bcf, folder / "in.vcf"], check=True)
    data = bcf.read_bytes()
    half = len(data) // 2
    changed = {
        "cut": data[:-40],
        "middle": data[:half] + bytes(9) + data[half + 9 :],
        "other": b"hello\n",
    }
    bcf.write_bytes(changed[damage])
    args = ["annotate", str(bcf), "-o", str(folder / f"out.{ending}"), "--genes"]
    assert main([*args, str(folder / "g.gff3"), "--reference", str(folder / "r.fa")]) == 1
    assert "in.bcf: no BCF, or cut off or damaged" in capsys.readouterr().err


def test_what_is_compiled_is_kept(fx_inputs, monkeypatch):
    folder, lines = fx_inputs
    source = ("--source", f"s={folder / 's.vcf'}")
    wanted = _annotate(folder, "wanted", lines, *source)
    cache = folder / "cache"
    monkeypatch.setenv("VARHOUSE_CACHE", str(cache))
    assert _annotate(folder, "first", lines, *source).equals(wanted)
    kept = sorted(p.name for p in cache.iterdir())
    assert [n.rsplit("-", 1)[0] for n in kept] == ["genes", "reference", "source-s"]
    stamps = {p: p.stat().st_mtime_ns for p in cache.rglob("*")}
    assert _annotate(folder, "second", lines, *source).equals(wanted)
    assert {p: p.stat().st_mtime_ns for p in cache.rglob("*")} == stamps
    # Other records, other fields, other genes: each has a folder of its own.
    _annotate(folder, "fewer", lines, *source, "--fields", "s:X")
    assert len(list(cache.iterdir())) == 4
    text = (folder / "s.vcf").read_text().replace("X=1", "X=2")
    (folder / "s.vcf").write_text(text)
    assert _annotate(folder, "other", lines, *source)["s_X"].max() == 2
    rows = transcript_rows([(901, 1_300)], [(1_101, 1_250)])
    (folder / "g.gff3").write_text(gff3_text(rows, "a"))
    assert not _annotate(folder, "genes", lines, *source).equals(wanted)
    kept = sorted(p.name.rsplit("-", 1)[0] for p in cache.iterdir())
    assert kept == ["genes", "genes", "reference", *["source-s"] * 3]
