"""`varhouse genes` and `varhouse annotate` as they are called, on real files."""

import contextlib
import gzip
import io
from pathlib import Path

import polars as pl
import pysam
import pytest

from varhouse.cli import annotate, genes, main
from varhouse.consequence.render import OUTPUT

ALIASES = (
    "contig\talias\taccession\tlength\n"
    "chr20\t20,gi|224384749|gb|CM000682.1|\tNC_000020.10\t63025520\n"
)


def varhouse(*args: object, code: int = 0) -> str:
    """Run a command in this process; give its stderr."""
    with (
        contextlib.redirect_stdout(io.StringIO()) as out,
        contextlib.redirect_stderr(io.StringIO()) as told,
    ):
        done = main([str(a) for a in args])
    assert done == code, told.getvalue()
    assert out.getvalue() == ""
    return told.getvalue()


def lines_of(path: Path) -> list[str]:
    data = path.read_bytes()
    return (gzip.decompress(data) if path.suffix == ".gz" else data).decode().splitlines()


def records(path: Path) -> list[list[str]]:
    return [x.split("\t") for x in lines_of(path) if x[0] != "#"]


def sequence_of(fasta: object) -> str:
    return "".join(x for x in lines_of(Path(str(fasta))) if x[0] != ">").upper()


def without_csq(info: str) -> str:
    return ";".join(x for x in info.split(";") if not x.startswith("CSQ=")) or "."


@pytest.fixture(scope="module")
def chr20(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> list[object]:
    """Options for the first 252 kb of chromosome 20, the genes compiled."""
    folder = data_dir / "reference" / "GRCh37-chr20-first-252kb"
    out = tmp_path_factory.mktemp("chr20")
    (out / "aliases.tsv").write_text(ALIASES)
    options: list[object] = [
        "--reference",
        folder / "chr20.250k.fa.gz",
        "--aliases",
        out / "aliases.tsv",
    ]
    varhouse(
        "genes", folder / "gencode.v19.annotation.chr20.250k.gtf", *options, "-o", out / "g"
    )
    return ["--genes", out / "g", *options]


def test_cohort_gets_csq_and_stays_as_it_is(
    chr20: list[object], data_dir: Path, tmp_path: Path
) -> None:
    cohort = data_dir / "cohorts" / "eva-pipeline" / "vcf" / "genotyped.vcf.gz"
    out = tmp_path / "out.vcf.gz"
    varhouse("annotate", cohort, "-o", out, *chr20)
    before, after = records(cohort), records(out)
    assert [[*r[:7], without_csq(r[7]), *r[8:]] for r in after] == before
    by_place = {r[1]: r[7] for r in after}
    assert "T|missense_variant|MODERATE|DEFB125|" in by_place["68363"]
    assert "|5|M/L|Atg/Ttg|" in by_place["68363"]
    assert "|ENST00000382410.2:c.13A>T|ENST00000382410.2:p.Met5Leu|" in by_place["68363"]
    assert "|16|R/W|Cgg/Tgg|" in by_place["68396"]
    # BGZF that htslib reads, with the header line VEP's users know.
    with pysam.VariantFile(str(out)) as f:
        description = f.header.info["CSQ"].description
        assert sum(1 for _ in f) == 298
    assert description is not None
    assert description.endswith(
        "Format: Allele|Consequence|IMPACT|SYMBOL|Gene|Feature_type|Feature|BIOTYPE|EXON|"
        "INTRON|HGVSc|HGVSp|cDNA_position|CDS_position|Protein_position|Amino_acids|Codons|"
        "DISTANCE|STRAND|FLAGS|PICK|CANONICAL|MANE_SELECT|MANE_PLUS_CLINICAL|TSL|APPRIS|"
        "HGVS_OFFSET|LoF|LoF_filter|LoF_flags"
    )
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out.vcf.gz", "out.vcf.gz.tbi"]
    with pysam.VariantFile(str(out)) as f:
        assert sum(1 for _ in f.fetch("20", 68_395, 68_396)) == 1
    again = tmp_path / "again.vcf"
    varhouse("annotate", out, "-o", again, *chr20)
    assert records(again) == after
    assert sum("ID=CSQ," in x for x in again.read_text().splitlines()) == 1


def test_csq_of_vep_records_equals_vep(data_dir: Path, tmp_path: Path) -> None:
    """Allele and every shared field of CSQ against VEP's own, entry by entry."""
    folder = data_dir / "consequence" / "vep115"
    out = tmp_path / "out.vcf"
    options = ["--genes", folder / "genes.gff3", "--reference", folder / "genome.fa"]
    options += ["--terms", "vep115"]
    varhouse("annotate", folder / "mix.vep115.vcf.gz", "-o", out, *options)

    def entries(path: Path) -> dict[tuple[str, str], dict[str, str]]:
        found = {}
        for line in lines_of(path):
            if line.startswith("##INFO=<ID=CSQ"):
                fields = line.split("Format: ")[1].rstrip('">').split("|")
            if line[0] == "#" or "CSQ=" not in line:
                continue
            r = line.split("\t")
            for text in r[7].split("CSQ=")[1].split(";")[0].split(","):
                entry = dict(zip(fields, text.split("|"), strict=True))
                found[r[2], entry["Feature"]] = entry
        return found

    theirs, ours = entries(folder / "mix.vep115.vcf.gz"), entries(out)
    shared = [k for k in theirs if k[1]]
    assert len(shared) > 80_000
    for name in (
        "Allele",
        "SYMBOL",
        "Gene",
        "BIOTYPE",
        "EXON",
        "INTRON",
        "STRAND",
        "DISTANCE",
        "Amino_acids",
        "Feature_type",
    ):
        assert [k for k in shared if theirs[k][name] != ours[k][name]] == [], name
    for name in ("cDNA_position", "CDS_position", "Protein_position"):
        wrong = [
            k for k in shared if theirs[k][name].split("/")[0].strip("-") != ours[k][name]
        ]
        assert wrong == [], name
    wrong = [
        k
        for k in shared
        if set(theirs[k]["Consequence"].split("&")) != set(ours[k]["Consequence"].split("&"))
    ]
    assert len(wrong) <= 16
    order = [k for k in shared if theirs[k]["Consequence"] != ours[k]["Consequence"]]
    assert len(order) == len(wrong)


def test_multiallelic_records_name_alleles_as_vep(chr20: list[object], tmp_path: Path) -> None:
    vcf = tmp_path / "in.vcf"
    lines = [
        "##fileformat=VCFv4.2",
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tS",
        "20\t68363\ta\tA\tT,*,G,<DEL>\t.\t.\tCSQ=old;X=1\tGT\t0/1",
        "20\t68362\tb\tCA\tC,CAT,CG\t.\t.\tX=1;CSQ=old;Y\tGT\t0/1",
        "20\t68363\tc\tA\t.\t.\t.\t.\tGT\t0/0",
        "20\t30000\td\tA\tT\t.\t.\tX=;\tGT\t0/0",
        "unknown\t5\te\tA\tT\t.\t.\tZ\tGT\t0/0",
    ]
    vcf.write_text("\r\n".join(lines) + "\r\n")
    out = tmp_path / "out.vcf"
    said = varhouse("annotate", vcf, "-o", out, *chr20)
    assert "1 contig(s) are not in the reference" in said
    got = records(out)
    names = [x.split("|")[0] for x in got[0][7].split("CSQ=")[1].split(",")]
    assert list(dict.fromkeys(names)) == ["T", "G"]
    assert got[0][7].startswith("X=1;CSQ=T|")
    names = [x.split("|")[0] for x in got[1][7].split("CSQ=")[1].split(",")]
    assert list(dict.fromkeys(names)) == ["-", "AT", "G"]
    assert got[1][7].startswith("X=1;Y;CSQ=-|")
    assert [r[7] for r in got[2:]] == [".", "X=;", "Z"]
    assert [r[8:] for r in got] == [x.split("\t")[8:] for x in lines[2:]]


def test_parquet_bcf_and_vcf_give_the_same_rows(
    chr20: list[object], data_dir: Path, tmp_path: Path
) -> None:
    cohort = data_dir / "cohorts" / "eva-pipeline" / "vcf" / "genotyped.vcf.gz"
    keys = [(r[1], r[3], a) for r in records(cohort) for a in r[4].split(",")]
    frame = pl.DataFrame(keys, schema=["pos", "ref", "alt"], orient="row")
    table = tmp_path / "in.parquet"
    frame.select(
        pl.lit("20").alias("contig"), pl.col("pos").cast(pl.Int64), "ref", "alt"
    ).sample(fraction=1.0, shuffle=True, seed=1).write_parquet(table)
    bcf = tmp_path / "in.bcf"
    plain = tmp_path / "in.vcf"  # plain gzip: pysam cannot seek in it
    plain.write_text("\n".join(lines_of(cohort)) + "\n")
    with (
        pysam.VariantFile(str(plain)) as f,
        pysam.VariantFile(str(bcf), "wb", header=f.header) as o,
    ):
        for record in f:
            o.write(record)
    outs = []
    for n, source in enumerate((cohort, table, bcf)):
        out = tmp_path / f"out{n}.parquet"
        varhouse("annotate", source, "-o", out, *chr20)
        outs.append(pl.read_parquet(out))
    assert dict(outs[0].schema) == OUTPUT
    assert outs[0].height > 298
    assert outs[0].equals(outs[1])
    assert outs[0].equals(outs[2])
    sites = tmp_path / "sites.vcf"
    varhouse("annotate", table, "-o", sites, *chr20)
    assert len(records(sites)) == len(keys)


def test_sources_are_joined_after_normalising(
    chr20: list[object], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    sequence = sequence_of(chr20[3])
    at = sequence.index("TTTT", 68_400)
    before, run = sequence[at - 1], at + 1
    head = "##fileformat=VCFv4.2\n"
    info = '##INFO=<ID=SIG,Number=A,Type=String,Description="s">\n'
    info += '##INFO=<ID=N,Number=1,Type=Integer,Description="n">\n'
    columns = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    # The source deletes the last T of the run, the cohort the first: one allele.
    source = tmp_path / "source.vcf"
    source.write_text(
        head + info + columns + f"chr20\t{run + 2}\trs9\tTT\tT\t.\t.\tSIG=bad thing;N=4\n"
    )
    cohort = tmp_path / "in.vcf"
    cohort.write_text(
        head + columns + f"20\t{run - 1}\t.\t{before}T\t{before},{before}TT\t.\t.\tA=1\n"
    )
    out = tmp_path / "out.vcf"
    options = ["--source", f"cv={source}", "--fields", "cv:SIG,N"]
    varhouse("annotate", cohort, "-o", out, *chr20, *options)
    text = records(out)[0][7]
    assert text.startswith("A=1;CSQ=")
    assert text.endswith(";cv_SIG=bad%20thing,.;cv_N=4,.;cv_id=rs9,.")
    assert '##INFO=<ID=cv_N,Number=A,Type=Integer,Description="N of cv">' in out.read_text()
    # A chosen field of a source without ids brings no id, a whole source does.
    source.write_text(source.read_text().replace("rs9", "."))
    varhouse("annotate", cohort, "-o", out, *chr20, *options)
    assert records(out)[0][7].endswith(";cv_SIG=bad%20thing,.;cv_N=4,.")
    assert "cv_id" not in out.read_text()
    varhouse("annotate", cohort, "-o", out, *chr20, *options[:2])
    assert "##INFO=<ID=cv_id," in out.read_text()
    # Records out of order have no index, and none that stood there.
    lines = cohort.read_text().splitlines()
    first = lines[-1].replace(f"\t{run - 1}\t.\t{before}T\t{before},", f"\t{run}\t.\tTT\tT,")
    cohort.write_text("\n".join([*lines[:-1], first, lines[-1]]) + "\n")
    packed, index = tmp_path / "out.vcf.gz", tmp_path / "out.vcf.gz.tbi"
    index.touch()
    said = varhouse("annotate", cohort, "-o", packed, *chr20)
    assert "not indexed" in said
    assert "hts_idx" not in capfd.readouterr().err
    assert not index.exists()
    cohort.write_text("\n".join(lines) + "\n")
    table = tmp_path / "out.parquet"
    varhouse("annotate", cohort, "-o", table, *chr20, *options)
    rows = pl.read_parquet(table)
    assert set(rows.filter(pl.col("alt") == before)["cv_SIG"]) == {"bad thing"}
    assert rows.filter(pl.col("alt") != before)["cv_N"].null_count() > 0


def test_mistakes_are_one_line_and_leave_nothing(
    chr20: list[object], data_dir: Path, tmp_path: Path
) -> None:
    cohort = data_dir / "cohorts" / "eva-pipeline" / "vcf" / "genotyped.vcf.gz"
    out = tmp_path / "out.vcf"
    said = varhouse("annotate", cohort, "-o", tmp_path / "out.txt", *chr20, code=2)
    assert ".vcf.gz, .vcf, .parquet" in said
    (tmp_path / "s.csv").write_text("chrom,pos,ref,alt,x\n")
    given = ("--source", f"s={tmp_path / 's.csv'}")
    said = varhouse("annotate", cohort, "-o", out, *chr20, *given, code=2)
    assert "set off by ',', not by tabs" in said
    said = varhouse("annotate", cohort, "-o", out, *chr20, "--source", "x", code=2)
    assert "NAME=FILE" in said
    cut = tmp_path / "cut.vcf.gz"
    cut.write_bytes(cohort.read_bytes()[:-200])
    said = varhouse("annotate", cut, "-o", out, *chr20, code=1)
    assert "cut off or damaged" in said
    other = data_dir / "consequence" / "vep115" / "genome.fa"
    wrong = ["--genes", chr20[1], "--reference", other]
    said = varhouse("annotate", cohort, "-o", out, *wrong, code=1)
    assert "compiled with another reference" in said
    assert sorted(p.name for p in tmp_path.iterdir()) == ["cut.vcf.gz", "s.csv"]


@pytest.mark.parametrize("module", [annotate, genes])
def test_help_names_the_files_written(module: object) -> None:
    text = f"{module._DESCRIPTION}{module._EPILOG}"  # type: ignore[attr-defined]
    assert "example:" in text
    assert "files written" in text


def test_ref_that_is_not_the_references_is_told(tmp_path: Path) -> None:
    (tmp_path / "r.fa").write_text(">c\n" + "ACGTACGTAC" * 10 + "\n")
    rows = (("gene", "ID=gene:G"), ("mRNA", "ID=transcript:T;Parent=gene:G"))
    parts = (("exon", "Parent=transcript:T"),)
    (tmp_path / "g.gff3").write_text(
        "".join(f"c\tt\t{kind}\t5\t60\t.\t+\t.\t{text}\n" for kind, text in (*rows, *parts))
    )
    head = "##fileformat=VCFv4.2\n##contig=<ID=c>\n"
    head += "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    body = "c\t11\t.\tA\tG\t.\t.\t.\nc\t12\t.\tA\tG\t.\t.\t.\n"
    (tmp_path / "in.vcf").write_text(head + body)
    out = tmp_path / "out.vcf"
    told = varhouse(
        "annotate",
        tmp_path / "in.vcf",
        "-o",
        out,
        "--genes",
        tmp_path / "g.gff3",
        "--reference",
        tmp_path / "r.fa",
    )
    assert "1 allele(s) whose REF is not what the reference holds" in told
    assert ["T:n.7A>G" in r[7] for r in records(out)] == [True, False]
