"""VEP's CSQ and SnpEff's ANN as typed rows, one for each allele x transcript."""

import gzip
from pathlib import Path

import polars as pl
import pytest

from varhouse.errors import InputError, UsageError
from varhouse.genome.contigs import Contig, Contigs
from varhouse.sources import CompiledSource, Target, compile_source, read_spec
from varhouse.tables.schema import KEY

CONTIGS = Contigs([Contig("1"), Contig("2L"), Contig("2"), Contig("22"), Contig("X")])
CSQ = "Allele|Consequence|Feature|DISTANCE|CANONICAL|AF"
ANN = "Allele | Annotation | Feature_ID | cDNA.pos / cDNA.length | Distance | "
ANN += "ERRORS / WARNINGS / INFO"
HEADER = f"""##fileformat=VCFv4.2
##INFO=<ID=CSQ,Number=.,Type=String,Description="Ensembl VEP. Format: {CSQ}">
##INFO=<ID=ANN,Number=.,Type=String,Description="Functional annotations: '{ANN}'">
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO
"""


def read(path: Path, key: str = "CSQ", **entry: object) -> tuple[CompiledSource, pl.DataFrame]:
    raw = {"name": "v", "path": str(path), "kind": "allele", "entries": key, **entry}
    spec, problems = read_spec(raw, Path())
    assert problems == []
    folder = path.with_suffix(f".{key}")
    compile_source(spec, Target(CONTIGS), folder)
    source = CompiledSource(folder, spec)
    files = sorted(folder.glob("rows-*.parquet"))
    every = pl.concat([pl.read_parquet(f, columns=list(KEY)) for f in files]).unique()
    return source, source.join(every)


def write(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "v.vcf"
    path.write_text(HEADER + "\n".join(x.replace(" ", "\t") for x in lines) + "\n")
    return path


@pytest.mark.parametrize(
    ("ref", "alt", "allele", "belongs"),
    [
        ("A", "C", "C", "C"),
        ("A", "C,T", "T", "T"),
        # An insertion and a deletion lose the base before, where all alleles have it.
        ("A", "AT", "T", "AT"),
        ("AT", "A", "-", "A"),
        ("CA", "C,CAA", "AA", "CAA"),
        ("CA", "C,CAA", "-", "C"),
        # Not where one has another: then the alleles are whole.
        ("C", "CA,A", "CA", "CA"),
        ("C", "CA,A", "A", "A"),
        ("CT", "C,TT", "C", "C"),
        # An MNV keeps its first base even if it is shared.
        ("AT", "AG", "AG", "AG"),
        ("AT", "AG,AC", "AC", "AC"),
        # The overlapping deletion of another record does not count.
        ("AT", "A,*", "-", "A"),
        # --minimal: trimmed by itself, where no other ALT is written so.
        ("AT", "GT,A", "-", "A"),
        ("A", "G,AT", "T", "AT"),
        ("A", "G", "T", None),
    ],
)
def test_an_entry_goes_to_its_allele(
    tmp_path: Path, ref: str, alt: str, allele: str, belongs: str | None
) -> None:
    path = write(
        tmp_path,
        f"1 10 . {ref} {alt} . . CSQ={allele}|x|T1|||",
        "1 99 . A C . . CSQ=C|y|T2|||",
    )
    source, rows = read(path)
    found = rows.filter(pl.col("pos") == 10)["alt"].to_list()
    assert found == ([belongs] if belongs else [])
    assert source.counts["entries_of_no_allele"] == (belongs is None)


def test_values_are_typed(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "1 10 rs1 A C . . CSQ=C|stop_gained&splice|T1|12|YES|0.25,C|intron|T2||||",
        "1 11 . A C . . DP=1",
        "1 12 . A C . . CSQ=C|x|T1|far||",
    )
    source, rows = read(path)
    assert rows.sort("pos", "Feature").rows() == [
        ("1", 10, "A", "C", "", "stop_gained&splice", "T1", 12, True, 0.25, "rs1"),
        ("1", 10, "A", "C", "", "intron", "T2", None, False, None, "rs1"),
        ("1", 12, "A", "C", "", "x", "T1", None, False, None, None),
    ]
    assert source.counts["unreadable"] == 1


def test_chosen_values_and_mistakes(tmp_path: Path) -> None:
    path = write(tmp_path, "1 10 . A C . . CSQ=C|x|T1|7||")
    source, rows = read(path, fields={"term": {"from": "Consequence"}, "DISTANCE": "text"})
    assert rows.select("term", "DISTANCE").rows() == [("x", "7")]
    assert source.fields == {"term": pl.String, "DISTANCE": pl.String}
    (tmp_path / "other.vcf").write_bytes(path.read_bytes())
    with pytest.raises(
        UsageError, match=r"entries of CSQ have no 'Featurex'; nearest: Feature"
    ):
        read(tmp_path / "other.vcf", fields=["Featurex"])
    with pytest.raises(InputError, match="does not say what the entries of EFF are"):
        read(path, key="EFF")


def test_snpeff(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "1 10 . A C,AT . . "
        "ANN=AT|frameshift_variant|T1|17/4788||W1,C|missense_variant|T1|5/9|3|",
    )
    _, rows = read(path, "ANN")
    assert rows.sort("alt").drop("contig", "pos", "ref", "extent", "id").rows(named=True) == [
        {
            "alt": "AT",
            "Annotation": "frameshift_variant",
            "Feature_ID": "T1",
            "cDNA_pos": 17,
            "cDNA_length": 4788,
            "Distance": None,
            "ERRORS_WARNINGS_INFO": "W1",
        },
        {
            "alt": "C",
            "Annotation": "missense_variant",
            "Feature_ID": "T1",
            "cDNA_pos": 5,
            "cDNA_length": 9,
            "Distance": 3,
            "ERRORS_WARNINGS_INFO": None,
        },
    ]


def plain(path: Path) -> list[tuple]:
    """Read ExAC's CSQ line by line: pos, alt by ALLELE_NUM, term, feature."""
    out = []
    with gzip.open(path, "rt") as file:
        for line in file:
            if line.startswith("##INFO=<ID=CSQ"):
                names = line.split("Format: ")[1].rstrip('">\n').split("|")
            if line[0] == "#":
                continue
            cells = line.rstrip("\n").split("\t")
            info = dict(x.partition("=")[::2] for x in cells[7].split(";"))
            for entry in info.get("CSQ", "").split(","):
                values = dict(zip(names, entry.split("|"), strict=False))
                if "ALLELE_NUM" in values:
                    alt = cells[4].split(",")[int(values["ALLELE_NUM"]) - 1]
                    row = (
                        int(cells[1]),
                        alt,
                        values["Consequence"],
                        values["Feature"] or None,
                    )
                    out.append(row)
    return out


@pytest.mark.parametrize("numbered", [True, False])
def test_exac(data_dir: Path, tmp_path: Path, numbered: bool) -> None:
    """1,503 entries of VEP; without ALLELE_NUM the notation alone finds the same alleles."""
    file = data_dir / "annotation" / "gnomad-exac-jvarkit" / "ExAC.r1.sites.vep.vcf.gz"
    text = gzip.decompress(file.read_bytes()).decode()
    copy = tmp_path / "exac.vcf"
    copy.write_text(text if numbered else text.replace("|ALLELE_NUM|", "|OTHER_NUM|"))
    source, rows = read(copy)
    got = rows.select("pos", "alt", "Consequence", "Feature").rows()
    expected = plain(file)
    assert len(expected) == 1503
    assert sorted(got, key=str) == sorted(expected, key=str)
    assert source.counts["entries_of_no_allele"] == 0
    assert rows["DISTANCE"].dtype == pl.Int64


def test_scikit_allel(data_dir: Path, tmp_path: Path) -> None:
    copy = tmp_path / "ann.vcf"
    copy.write_bytes((data_dir / "validity" / "scikit-allel" / "ann.vcf").read_bytes())
    _, rows = read(copy, "ANN")
    got = rows.select("pos", "alt", "Annotation", "HGVS_p", "CDS_pos", "CDS_length").rows()
    assert (13513722, "T", "missense_variant", "p.Asp6Val", 17, 4788) in got
    assert (13513722, "G", "synonymous_variant", "p.Asp6Asp", 12, 4768) in got


def test_vep_115(data_dir: Path, tmp_path: Path) -> None:
    """SNVs, indels and MNVs of VEP 115.2, which numbers no alleles: none is lost."""
    file = data_dir / "consequence" / "vep115" / "mix.vep115.vcf.gz"
    text = gzip.decompress(file.read_bytes()).decode()
    records = [line.split("\t", 8) for line in text.splitlines() if line[0] != "#"]
    names = dict.fromkeys(r[0] for r in records)
    spec, _ = read_spec(
        {"name": "v", "path": str(file), "kind": "allele", "entries": "CSQ",
         "fields": ["Consequence", "Feature", "STRAND"]}, Path(),
    )  # fmt: skip
    contigs = Contigs([Contig(n) for n in names])
    compile_source(spec, Target(contigs), tmp_path / "c")
    source = CompiledSource(tmp_path / "c", spec)
    assert source.counts["entries_of_no_allele"] == source.counts["unreadable"] == 0
    assert source.rows == sum(
        r[7].split("CSQ=")[1].split(";")[0].count(",") + 1 for r in records if "CSQ=" in r[7]
    )
