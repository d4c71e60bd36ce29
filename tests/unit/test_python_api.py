"""The functions behind the commands on one file: the documented Python API."""

import inspect
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest
from gene_builders import gff3_text, transcript_rows, write_fasta
from pages import find_blocks

import varhouse
from varhouse.errors import ConfigError, InputError, UsageError
from varhouse.tables.schema import FREQUENCIES

HEAD = """##fileformat=VCFv4.3
##contig=<ID=a,length=3000>
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ts1\ts2
"""
FUNCTIONS = ("annotate", "frequencies", "genes", "liftover", "normalise", "repair", "validate")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    bases = "".join(random.Random(2).choices("ACGT", k=3_000))
    # Two records that are not left-aligned and one of two ALTs; one REF is wrong.
    bases = bases[:1_150] + "CAAAAAAG" + bases[1_158:]
    write_fasta(tmp_path / "r.fa", {"a": bases})
    rows = transcript_rows([(1_001, 1_300)], [(1_101, 1_250)])
    (tmp_path / "g.gff3").write_text(gff3_text(rows, "a"))
    wrong = "ACGT".replace(bases[1_199], "")[0]
    lines = [
        "1156 rs1 AA A 50 PASS . GT 0/1 1/1",
        "1157 . A C,T 50 PASS . GT 1/2 ./.",
        f"1200 . {wrong} {bases[1_199]} . PASS . GT 0/1 0/0",
    ]
    text = "".join("a\t" + line.replace(" ", "\t") + "\n" for line in lines)
    (tmp_path / "in.vcf").write_text(HEAD + text)
    (tmp_path / "c.chain").write_text("chain 1 a 3000 + 0 3000 a 3000 + 0 3000 1\n3000\n")
    return tmp_path


def test_the_names_are_functions_whatever_was_imported_before() -> None:
    code = (
        "import varhouse, varhouse.normalise.split, varhouse.liftover.reasons, inspect\n"
        "import varhouse.genes.compile, varhouse.frequencies.strata\n"
        "from varhouse.normalise import normalise_packed\n"
        "from varhouse import normalise\n"
        f"assert all(inspect.isfunction(getattr(varhouse, n)) for n in {FUNCTIONS})\n"
        "assert normalise is varhouse.normalise\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_import_is_cheap_and_names_complete() -> None:
    code = (
        "import varhouse, sys; assert set(varhouse.__all__) <= set(dir(varhouse))\n"
        "heavy = {'numba', 'numpy', 'polars', 'pyarrow', 'deltalake'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        varhouse.nothing  # noqa: B018


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_parameter_is_documented(name: str) -> None:
    function = getattr(varhouse, name)
    said = inspect.getdoc(function) or ""
    assert {"Parameters", "Raises"} <= set(said.splitlines())
    lines = [w for line in said.splitlines() if line[:1].strip() for w in line.split(", ")]
    assert set(inspect.signature(function).parameters) <= set(lines)


def test_validate(folder: Path) -> None:
    found = varhouse.validate(folder / "in.vcf", reference=folder / "r.fa")
    assert (found.verdict, found.is_valid, found.version) == ("invalid", False, 3)
    assert found.counts["VH-R-002"] == 1
    assert (found.n_records, found.samples, found.n_ref_checked) == (3, ("s1", "s2"), 3)
    row = found.frame().filter(code="VH-R-002")
    assert row.select("contig", "pos", "severity").rows() == [("a", 1200, "error")]
    assert varhouse.validate(str(folder / "in.vcf")).is_valid
    with pytest.raises(UsageError, match="no limit 'allele'"):
        varhouse.validate(folder / "in.vcf", limits={"allele": 5})
    assert varhouse.validate(folder / "in.vcf", limits={"alleles": 1}).counts == {
        "VH-F-010": 1
    }


def test_validate_with_a_sheet(folder: Path) -> None:
    (folder / "s.tsv").write_text("cohort\tsample\tsex\nx\ts1\tmale\nx\ts3\tfemale\n")
    found = varhouse.validate(folder / "in.vcf", samples=folder / "s.tsv")
    assert found.counts == {"VH-S-001": 1, "VH-S-002": 1}
    (folder / "s.tsv").write_text("cohort\tsample\tsex\nx\ts1\tneither\n")
    with pytest.raises(ConfigError):
        varhouse.validate(folder / "in.vcf", samples=folder / "s.tsv")


def test_repair(folder: Path) -> None:
    lines = (folder / "in.vcf").read_text().splitlines(keepends=True)
    (folder / "mixed.vcf").write_text("".join([*lines[:4], lines[6], lines[4], lines[5]]))
    done = varhouse.repair(folder / "mixed.vcf", folder / "out.vcf", reference=folder / "r.fa")
    assert done.n_records == 3
    assert (folder / "out.vcf").read_text().splitlines()[-1].split("\t")[1] == "1200"
    with pytest.raises(UsageError, match="would overwrite"):
        varhouse.repair(folder / "out.vcf", folder / "out.vcf")


def test_normalise_to_a_frame_a_function_and_a_file(folder: Path) -> None:
    done = varhouse.normalise(folder / "in.vcf", reference=folder / "r.fa")
    assert done.frame is not None
    assert done.rejects is not None
    assert done.frame.select("pos", "ref", "alt", "id").rows() == [
        (1151, "CA", "C", "rs1"),
        (1157, "A", "C", None),
        (1157, "A", "T", None),
    ]
    assert done.rejected == {"ref_mismatch": 1}
    assert done.rejects.select("line", "pos", "reason").rows() == [(7, 1200, "ref_mismatch")]
    taken: list[pl.DataFrame] = []
    other = varhouse.normalise(folder / "in.vcf", taken.append, reference=folder / "r.fa")
    assert pl.concat(taken).equals(done.frame)
    assert (other.frame, other.counts, other.in_order) == (None, done.counts, True)
    out = folder / "out.parquet"
    written = varhouse.normalise(
        folder / "in.vcf", out, reference=folder / "r.fa", rejects=folder / "rejects.tsv"
    )
    assert (written.output, written.rejects) == (out, None)
    assert pl.read_parquet(out).equals(done.frame)
    assert "ref_mismatch" in (folder / "rejects.tsv").read_text()


def test_a_frame_is_normalised_as_the_file(folder: Path) -> None:
    whole = varhouse.normalise(folder / "in.vcf", reference=folder / "r.fa")
    assert whole.frame is not None
    given = pl.DataFrame(
        {
            "contig": ["chra", "a", "a", "a"],
            "pos": [1156, 1157, 1157, 1200],
            "ref": ["AA", "A", "A", ""],
            "alt": ["A", "C", "T", "C"],
            "mine": [1, 2, 3, 4],
        }
    )
    done = varhouse.normalise(given, reference=folder / "r.fa")
    assert done.frame is not None
    assert done.rejects is not None
    key = ["contig", "pos", "ref", "alt", "extent"]
    assert done.frame.select(key).equals(whole.frame.select(key))
    assert done.frame["mine"].to_list() == [1, 2, 3]
    assert done.rejects.select("mine", "reason").rows() == [(4, "ref_invalid")]
    assert done.known_names == {"chra": "a"}
    again = varhouse.normalise(done.frame.lazy(), reference=folder / "r.fa")
    assert again.frame is not None
    assert again.frame.equals(done.frame)
    assert again.counts["changed"] == 0
    with pytest.raises(UsageError, match="no column ref"):
        varhouse.normalise(given.drop("ref"), reference=folder / "r.fa")
    with pytest.raises(UsageError, match="the ending says no format"):
        varhouse.normalise(given, folder / "out.vcf", reference=folder / "r.fa")


def test_frames_of_an_unsorted_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def one_line_each(path: Path, kind: str, **_: object) -> Iterator[SimpleNamespace]:
        for line in path.read_bytes().splitlines(keepends=True):
            yield SimpleNamespace(data=line)

    # Lines of one block are sorted together, in a function's frames too.
    monkeypatch.setattr("varhouse.vcf.stream.iter_text", one_line_each)
    far = [10_000, 30_000, 49_000, 5]
    lines = "".join(f"a\t{pos}\t.\tA\tC\t.\t.\t.\tGT\t0/1\t0/1\n" for pos in far)
    (folder / "late.vcf").write_text(HEAD + lines)
    write_fasta(folder / "long.fa", {"a": "A" * 50_000})
    taken: list[pl.DataFrame] = []
    done = varhouse.normalise(folder / "late.vcf", taken.append, reference=folder / "long.fa")
    assert not done.in_order
    assert pl.concat(taken)["pos"].to_list() == [10_000, 30_000, 5, 49_000]
    whole = varhouse.normalise(folder / "late.vcf", reference=folder / "long.fa")
    assert whole.frame is not None
    assert whole.frame["pos"].to_list() == sorted(far)
    assert whole.in_order


def test_liftover_of_a_file_and_of_a_frame(folder: Path) -> None:
    common = {"chain": folder / "c.chain", "target_reference": folder / "r.fa"}
    done = varhouse.liftover(folder / "in.vcf", **common)
    assert done.frame is not None
    assert done.rejects is not None
    assert (done.counts["records"], done.counts["lifted"]) == (3, 4)
    assert done.frame["swapped"].sum() == 1
    assert done.frame.columns[:4] == ["contig", "pos", "ref", "alt"]
    none = varhouse.liftover(folder / "in.vcf", **common, swap=False)
    assert none.rejected == {"swap_off": 1}
    assert none.rejects is not None
    assert none.rejects.select("line", "pos").rows() == [(7, 1200)]
    source = [f"source_{c}" for c in ("contig", "pos", "ref", "alt")]
    given = done.frame.select(pl.col(source).name.map(lambda n: n.removeprefix("source_")))
    lifted = varhouse.liftover(given, **common)
    assert lifted.frame is not None
    assert lifted.frame.equals(done.frame.select(lifted.frame.columns))
    taken: list[pl.DataFrame] = []
    varhouse.liftover(folder / "in.vcf", taken.append, **common)
    assert pl.concat(taken).height == 4
    with pytest.raises(UsageError, match="would overwrite"):
        varhouse.liftover(folder / "in.vcf", folder / "in.vcf", **common)


def test_genes_and_annotate(folder: Path) -> None:
    model = varhouse.genes(folder / "g.gff3", folder / "genes", reference=folder / "r.fa")
    assert model.transcripts().height == 1
    assert len(model.digest) == 64
    common = {"genes": model.folder, "reference": folder / "r.fa"}
    done = varhouse.annotate(folder / "in.vcf", **common)
    assert done.frame is not None
    assert (done.n_records, done.ref_mismatches) == (3, 1)
    assert done.frame["transcript_id"].n_unique() == 1
    from_gff = varhouse.annotate(
        folder / "in.vcf", genes=folder / "g.gff3", reference=folder / "r.fa"
    )
    assert from_gff.frame is not None
    assert from_gff.frame.equals(done.frame)
    alleles = done.frame.select("contig", "pos", "ref", "alt")
    of_frame = varhouse.annotate(alleles.reverse(), **common)
    assert of_frame.frame is not None
    assert of_frame.frame.equals(done.frame)
    taken: list[pl.DataFrame] = []
    varhouse.annotate(folder / "in.vcf", taken.append, **common)
    assert pl.concat(taken).equals(done.frame)
    with pytest.raises(UsageError, match="not sorted"):
        varhouse.annotate(alleles.reverse(), taken.append, **common)
    varhouse.annotate(folder / "in.vcf", folder / "out.parquet", **common)
    assert pl.read_parquet(folder / "out.parquet").height == done.frame.height


def test_sources_by_name_and_by_entry(folder: Path) -> None:
    info = '##INFO=<ID=X,Number=1,Type=Integer,Description="x">\n#CHROM'
    text = HEAD.replace("\tFORMAT\ts1\ts2", "").replace("#CHROM", info)
    (folder / "s.vcf").write_text(text + "a\t1157\t.\tA\tT\t.\t.\tX=7\n")
    common = {"genes": folder / "g.gff3", "reference": folder / "r.fa"}
    by_name = varhouse.annotate(folder / "in.vcf", **common, sources={"s": folder / "s.vcf"})
    assert by_name.frame is not None
    assert by_name.frame.filter(alt="T", pos=1157)["s_X"].to_list() == [7]
    entry = {"path": str(folder / "s.vcf"), "redistribute": False}
    by_entry = varhouse.annotate(folder / "in.vcf", **common, sources={"s": entry})
    assert by_entry.frame is not None
    assert by_entry.frame.equals(by_name.frame)
    public = varhouse.annotate(
        folder / "in.vcf", folder / "o.vcf", **common, sources={"s": entry}, public=True
    )
    assert (public.withheld, public.samples_left_out) == (("s",), 2)
    assert "s_X" not in (folder / "o.vcf").read_text()
    with pytest.raises(InputError, match="no such file"):
        varhouse.annotate(folder / "in.vcf", **common, sources={"s": "nowhere.vcf"})
    twice = [{"name": "s", "path": folder / "s.vcf"}] * 2
    with pytest.raises(ConfigError, match="stands twice"):
        varhouse.annotate(folder / "in.vcf", **common, sources=twice)


def test_frequencies(folder: Path) -> None:
    done = varhouse.frequencies(folder / "in.vcf", reference=folder / "r.fa")
    assert done.frame is not None
    assert done.frame.select("pos", "alt", "ac", "an", "n_missing").rows() == [
        (1151, "C", 3, 4, 0),
        (1157, "C", 1, 2, 1),
        (1157, "T", 1, 2, 1),
    ]
    types = {n: t for n, t in FREQUENCIES.polars_schema.items() if n != "part"}
    assert dict(done.frame.schema) == types
    assert done.rejected == {"ref_mismatch": 1}
    assert done.rejects is not None
    assert done.rejects["line"].to_list() == [7]
    taken: list[pl.DataFrame] = []
    varhouse.frequencies(folder / "in.vcf", taken.append, reference=folder / "r.fa")
    assert pl.concat(taken).equals(done.frame)
    (folder / "none.vcf").write_text(HEAD)
    none = varhouse.frequencies(folder / "none.vcf")
    assert none.frame is not None
    assert dict(none.frame.schema) == types
    with pytest.raises(UsageError, match=r"cannot write '\.txt'"):
        varhouse.frequencies(folder / "in.vcf", folder / "out.txt")


def test_what_a_caller_can_mend_is_told(folder: Path) -> None:
    vcf, fasta, none = folder / "in.vcf", folder / "r.fa", folder / "none"
    calls: list[tuple[Any, dict[str, Any]]] = [
        (varhouse.normalise, {"reference": none}),
        (varhouse.liftover, {"chain": none, "target_reference": fasta}),
        (varhouse.frequencies, {"reference": none}),
        (varhouse.validate, {"aliases": str(none)}),
        (varhouse.repair, {"out": folder / "o.vcf", "reference": none}),
        (varhouse.annotate, {"genes": none, "reference": fasta}),
    ]
    for function, more in calls:
        with pytest.raises(InputError, match=r"no such file|none: .*No such file"):
            function(vcf, **more)
    for function, more in (
        (varhouse.frequencies, {}),
        (varhouse.normalise, {"reference": fasta}),
        (varhouse.genes, {"out": folder / "model", "reference": fasta}),
    ):
        with pytest.raises(InputError, match="no such file"):
            function(none, **more)
    with pytest.raises(UsageError, match="no such folder"):
        varhouse.frequencies(vcf, none / "f.tsv")
    with pytest.raises(ConfigError, match="without a name"):
        varhouse.annotate(vcf, genes=fasta, reference=fasta, sources=[{"path": vcf}])


def test_odd_frames_are_told_and_other_columns_stay(folder: Path) -> None:
    frame = pl.DataFrame({"contig": ["a"], "pos": [1157], "ref": ["A"], "alt": ["C"]})
    fasta, chain = folder / "r.fa", folder / "c.chain"
    lift = {"chain": chain, "target_reference": fasta}
    for wrong in ("x", 2**40, [1]):
        odd = frame.with_columns(pos=pl.Series([wrong]))
        with pytest.raises(UsageError, match=r"column pos: .* cannot be Int32"):
            varhouse.normalise(odd, reference=fasta)
        with pytest.raises(UsageError, match=r"column pos: .* cannot be Int32"):
            varhouse.liftover(odd, **lift)
    more = frame.with_columns(status=pl.lit("mine"), n=pl.lit(1))
    found = varhouse.normalise(more, reference=fasta).frame
    assert found is not None
    assert found.columns == ["contig", "pos", "ref", "alt", "status", "n", "extent"]
    assert found["status"].to_list() == ["mine"]
    once = varhouse.liftover(more, **lift).frame
    assert once is not None
    with pytest.raises(UsageError, match=r"liftover adds: source_contig, (?s:.*)drop"):
        varhouse.liftover(once, **lift)


def test_an_error_of_the_caller_s_function_stays_its_own(folder: Path) -> None:
    def fails(_: pl.DataFrame) -> None:
        (folder / "elsewhere").read_text()

    with pytest.raises(FileNotFoundError, match="elsewhere"):
        varhouse.frequencies(folder / "in.vcf", fails)


def test_nothing_is_printed(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    varhouse.validate(folder / "in.vcf", reference=folder / "r.fa")
    varhouse.normalise(folder / "in.vcf", folder / "o.vcf", reference=folder / "r.fa")
    varhouse.frequencies(folder / "in.vcf", folder / "o.tsv")
    varhouse.annotate(
        folder / "in.vcf",
        folder / "o.vcf.gz",
        genes=folder / "g.gff3",
        reference=folder / "r.fa",
    )
    assert capfd.readouterr() == ("", "")


def test_the_page_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = Path(__file__).parents[2]
    page = root / "docs" / "one-file.md"
    section = page.read_text().split("## In Python\n")[1].split("\n## ")[0]
    blocks = [b.text for b in find_blocks(page) if b.language == "python"]
    code = next(text for text in blocks if "varhouse.validate(" in text)
    for name in FUNCTIONS:
        assert f"varhouse.{name}(" in code or f"`{name}`" in section
    make = [
        sys.executable,
        str(root / "scripts/make_demo_data.py"),
        str(tmp_path / "demo/data"),
    ]
    subprocess.run(make, check=True, capture_output=True)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(code, names)
    assert (names["found"].verdict, names["found"].counts["VH-F-002"]) == ("invalid", 1)
    assert names["done"].frame.height > 8_000
    high = names["rows"].filter(impact="HIGH")
    assert 0 < high.height < names["rows"].height
    assert high["clinvar_CLNSIG"].drop_nulls().len() > 0
    assert pl.read_parquet("demo/beijing.parquet")["stratum_by"].n_unique() == 3
    assert capsys.readouterr().out == ""
