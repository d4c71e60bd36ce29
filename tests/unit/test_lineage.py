"""What calls were made from: written into a header, and out of a header and a store again."""

import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import polars as pl
import pytest
from builders import make_fasta, make_small_store, make_vcf
from hypothesis import given, settings
from hypothesis import strategies as st
from inprocess import ingest_here
from page_reader import PageReader

import varhouse
from varhouse.cli import main
from varhouse.errors import AccessError, InputError, StoreError, UsageError
from varhouse.lineage import Entry, lineage_lines, read_lineage, without_folders
from varhouse.query.sql import run_sql
from varhouse.vcf.header.meta_lines import read_meta

LANE = {"lane": "L1", "library": "lib", "platform": "ILLUMINA"}
TOOL = {"step": "align", "name": "bwa mem", "version": "0.7.18", "carrier": "pybwa 2.3.2"}
REFERENCE = {"name": "/home/x/GRCh38.fa", "digest": "ab" * 32, "sha256": "cd" * 32}


def a_file(name: str = "s_R1.fastq.gz", **more: object) -> dict:
    return {
        "name": name,
        "bytes": 12,
        "md5": "0" * 32,
        "sha256": "1" * 64,
        "n_reads": 3,
    } | more


def lines_of(**names: str) -> list[str]:
    lane = LANE | {k: v for k, v in names.items() if k in LANE}
    tool = TOOL | {"options": names.get("options", "-K 10000000")}
    facts = {"files": [a_file(names.get("file", "s_R1.fastq.gz")), a_file("s_R2.fastq.gz")]}
    sample = names.get("sample", "NA1")
    return lineage_lines(sample, [(lane, facts)], REFERENCE, [tool, tool], "0.1.0")


def test_what_is_written_is_read() -> None:
    lines = lines_of()
    entries = read_lineage("\n".join(["##fileformat=VCFv4.3", *lines, "#CHROM\tPOS"]))
    assert entries == [
        Entry("tool", "varhouse", "workflow", "0.1.0", sample="NA1"),
        *(
            Entry(
                "reads", name, sample="NA1", lane="L1", library="lib", platform="ILLUMINA",
                n_reads=3, bytes=12, md5="0" * 32, sha256="1" * 64,
            )
            for name in ("s_R1.fastq.gz", "s_R2.fastq.gz")
        ),
        Entry("reference", "GRCh38.fa", sha256="cd" * 32, digest="ab" * 32),
        Entry("tool", "bwa mem", "align", "0.7.18", "pybwa 2.3.2", "-K 10000000"),
    ]  # fmt: skip


# What ends a line or is no text is refused; all else has to come back.
NAMES = st.text(
    st.one_of(
        st.sampled_from("\"\\,<>=;# '样本é\u00a0[]"),
        st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]),
    ),
    min_size=1,
    max_size=12,
).filter(lambda t: t.strip("/.") != "")


@settings(max_examples=300)
@given(NAMES, NAMES, NAMES, NAMES)
def test_any_name_comes_back(sample: str, lane: str, file: str, options: str) -> None:
    file, options = file.replace("/", "_"), options.replace("/", "_")
    lines = lines_of(sample=sample, lane=lane, file=file, options=options)
    assert not any("\n" in line for line in lines)
    found = read_lineage("\n".join(lines))
    reads = next(e for e in found if e.kind == "reads")
    assert (reads.sample, reads.lane, reads.name) == (sample, lane, file)
    assert found[-1].options == options
    # Another reader of such lines finds the same.
    second = next(read_meta(line) for line in lines if "varhouse_reads" in line)
    assert (second["Sample"], second["Lane"], second["Name"]) == (sample, lane, file)


@pytest.mark.parametrize("name", ["a\nb", "a\rb", "a\tb", "a\x00", "\x85", "\u2028", "\udc80"])
def test_what_would_end_a_line_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="rename"):
        lines_of(sample=name)


def test_ids_differ_where_lines_do() -> None:
    one, other = lines_of(), lines_of(sample="NA2")
    ids = [line.split("ID=")[1].split(",")[0] for line in {*one, *other}]
    assert len(ids) == len(set(ids)) == 8, "the reference and the tool are of both"


@pytest.mark.parametrize(
    ("command", "bare"),
    [
        ("-f /home/zhang/ref.fa -q 1", "-f ref.fa -q 1"),
        ("--known=/data/a/b.vcf.gz", "--known=b.vcf.gz"),
        ("~/x/y.fa ../../z.bam ./w", "y.fa z.bam w"),
        ("file:///mnt/a/ref.fa", "ref.fa"),
        ("'/p/q r/s.fa'", "'q r/s.fa'"),
        ("-a FORMAT/AD,FORMAT/DP -v '-*'", "-a FORMAT/AD,FORMAT/DP -v '-*'"),
        ("https://x.org/a/b.fa", "https://x.org/a/b.fa"),
        ("-m 1/2 / -", "-m 1/2 / -"),
    ],
)
def test_folders_are_left_out_of_commands(command: str, bare: str) -> None:
    assert without_folders(command) == bare


HARD = {
    "sample": 'a "b", \\c',
    "lane": "样本 <1>",
    "file": 'x,y=\\".fastq.gz',
    "options": '"\\',
}


@pytest.mark.parametrize("version", ["4.2", "4.3", "4.5"])
def test_the_lines_are_valid_in_a_vcf(tmp_path: Path, version: str) -> None:
    make_fasta(tmp_path / "r.fa", {"chr1": "ACGTACGTAC" * 5})
    record = ["chr1 5 . A C . PASS . GT 0/1"]
    path = make_vcf(tmp_path / "a.vcf", record, ["s"], {"chr1": 50}, lines_of(**HARD))
    path.write_text(path.read_text().replace("VCFv4.3", f"VCFv{version}"))
    found = varhouse.validate(path, reference=tmp_path / "r.fa")
    assert found.counts == {}


def test_bcftools_leaves_them_as_they_are(tmp_path: Path) -> None:
    lines = lines_of(**HARD)
    path = make_vcf(tmp_path / "a.vcf.gz", ["chr1 5 . A C . . . GT 0/1"], ["s"],
                    {"chr1": 50}, lines)  # fmt: skip
    code = "import sys, pysam.bcftools as b; b.view(*sys.argv[1:], catch_stdout=False)"
    for form in ("-Ob", "-Ov"):
        out = tmp_path / "out"
        command = [sys.executable, "-c", code, form, "-o", str(out), str(path)]
        subprocess.run(command, check=True)
        path = out.rename(tmp_path / f"of{form}")
    text = path.read_text()
    assert [line for line in text.splitlines() if line.startswith("##varhouse")] == lines
    own = [e for e in read_lineage(text) if not e.name.startswith("bcftools")]
    assert own == read_lineage("\n".join(lines))
    assert "bcftools view" in {e.name for e in read_lineage(text)}


OTHERS = [
    (
        '##GATKCommandLine=<ID=HaplotypeCaller,CommandLine="HaplotypeCaller -ERC GVCF '
        '--x \\"y,z\\"",Version="4.2.0.0",Date="May 1, 2021">\n##source=HaplotypeCaller',
        ("GATK HaplotypeCaller", "4.2.0.0"),
    ),
    (
        "##GATKCommandLine.HaplotypeCaller=<ID=HaplotypeCaller,Version=3.7-0-gcfedb67,"
        'Date="Jan 20",Epoch=1484,CommandLineOptions="analysis_type=HaplotypeCaller x">',
        ("GATK HaplotypeCaller", "3.7-0-gcfedb67"),
    ),
    ("##bcftools_callVersion=1.20+htslib-1.20\n##bcftools_callCommand=call -m; Date=Fri",
     ("bcftools call", "1.20+htslib-1.20")),
    ("##DeepVariant_version=1.6.0", ("DeepVariant", "1.6.0")),
    ('##source=freeBayes v1.3.6\n##commandline="freebayes -f r.fa"', ("freeBayes", "1.3.6")),
    ("##source=strelka\n##source_version=2.9.10\n##cmdline=/x/configure",
     ("strelka", "2.9.10")),
    ("##source=Clair3\n##clair3_version=1.0.4", ("clair3", "1.0.4")),
    ("##GLnexusVersion=v1.4.1", ("GLnexus", "v1.4.1")),
    ("##source=Platypus_Version_0.8.1", ("Platypus", "0.8.1")),
    ('##DRAGENCommandLine=<ID=dragen,Version="SW: 05.021.408",CommandLineOptions="-r x">',
     ("DRAGEN", "SW: 05.021.408")),
    ('##UnifiedGenotyper="analysis_type=UnifiedGenotyper x"', ("GATK UnifiedGenotyper", None)),
    ("##source=IsaacVariantCaller", ("IsaacVariantCaller", None)),
]  # fmt: skip


@pytest.mark.parametrize(("text", "tool"), OTHERS)
def test_other_callers_are_named(text: str, tool: tuple[str, str | None]) -> None:
    found = [e for e in read_lineage(text) if e.kind == "tool"]
    assert [(e.name, e.version) for e in found] == [tool]


def test_command_lines_of_other_callers_are_kept() -> None:
    options = [read_lineage(text)[-1].options for text, _ in OTHERS[:6]]
    assert options[0] == 'HaplotypeCaller -ERC GVCF --x "y,z"'
    assert options[2] == "call -m", "equal commands of two days are equal"
    assert options[4:6] == ["freebayes -f r.fa", "/x/configure"]


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("file:///home/x/hg38%20a.fa", "hg38 a.fa"),
        ("/a/b/GRCh37.fa", "GRCh37.fa"),
        ("GRCh38", "GRCh38"),
        (r"D:\ref\x.fa", "x.fa"),
        ('"https://x.org/r.fa.gz?download=1"', "r.fa.gz"),
        ('<ID=GRCh37,URL="ftp://x.org/a/hs37d5.fa.gz">', "hs37d5.fa.gz"),
    ],
)
def test_references_of_other_callers(value: str, name: str) -> None:
    assert read_lineage(f"##reference={value}") == [Entry("reference", name)]


def test_headers_without_anything() -> None:
    for text in (
        "",
        "##fileformat=VCFv4.2",
        "##\n##=\n##x\n##reference=\n##source=",
        "#CHROM",
    ):
        assert read_lineage(text) == []
    for broken in ("##varhouse_reads=<", "##GATKCommandLine=<", "##varhouse_reads=<,,>"):
        assert all(e.sha256 is None for e in read_lineage(broken))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a store of two cohorts: one of `varhouse call`, one of another caller."""
    folder = tmp_path_factory.mktemp("lineage")
    bases = "ACGTACGTAC" * 20
    make_fasta(folder / "r.fa", {"chr1": bases})
    contigs = {"chr1": len(bases)}
    record = [f"chr1 9 . {bases[8]} C . PASS . GT 0/1"]
    calls = folder / "calls 1" / "gvcf" / "a"
    calls.mkdir(parents=True)
    make_vcf(calls / "a.vcf.gz", record, ["NA1"], contigs, lines_of())
    other = ["##reference=file:///x/hg38.fa", "##source=freeBayes v1.3.6"]
    make_vcf(folder / "b.vcf.gz", record, ["NA2"], contigs, other)
    rows = "a\tcalls 1/gvcf/a/a.vcf.gz\nb\tb.vcf.gz\n"
    (folder / "cohorts.tsv").write_text(f"cohort\tfiles\n{rows}")
    (folder / "config.yaml").write_text(
        "cohorts: cohorts.tsv\nassembly: {name: toy, reference: r.fa}\n"
        "policy: {unlisted_samples: unknown}\n"
    )
    account = ingest_here(folder / "store", folder / "config.yaml")
    assert not account["held_back"]
    return folder / "store"


def test_a_store_is_asked_for_its_lineage(store: Path) -> None:
    opened = varhouse.open(store)
    found = opened.lineage()
    assert found.select("cohort", "calls", "kind", "name").rows() == [
        ("a", "a.vcf.gz", "tool", "varhouse"),
        ("a", "a.vcf.gz", "reads", "s_R1.fastq.gz"),
        ("a", "a.vcf.gz", "reads", "s_R2.fastq.gz"),
        ("a", "a.vcf.gz", "reference", "GRCh38.fa"),
        ("a", "a.vcf.gz", "tool", "bwa mem"),
        ("b", "b.vcf.gz", "reference", "hg38.fa"),
        ("b", "b.vcf.gz", "tool", "freeBayes"),
    ]
    assert opened.lineage("b").equals(found.filter(cohort="b"))
    assert opened.sql("SELECT * FROM lineage ORDER BY cohort, file, entry").equals(found)
    text = "SELECT sha256 FROM LINEAGE WHERE sample = 'NA1' AND kind = 'reads'"
    assert opened.sql(text)["sha256"].to_list() == ["1" * 64] * 2
    asked = "SELECT count(*) AS n FROM query_table('line' || 'age')"
    assert opened.sql(asked)["n"].item() == found.height
    with pytest.raises(StoreError, match="'c'"):
        opened.lineage("c")


def test_lineage_is_described(store: Path, tmp_path: Path) -> None:
    opened = varhouse.open(store)
    assert opened.describe()["table"].to_list()[-1] == "lineage"
    told = opened.describe("lineage")
    assert told["column"].to_list() == opened.lineage().columns
    assert opened.describe("lineage.sha256")["null_means"].item() == "the header does not say"
    units = dict(told.select("column", "unit").rows())
    assert (units["sample"], units["n_reads"], units["bytes"]) == ("", "reads", "bytes")
    out = str(tmp_path / "text")
    command = ["describe", str(store), "lineage", "--format", "table", "-o", out]
    assert main(command) == 0
    assert "a row is what a file of calls was made from" in Path(out).read_text()
    assert "lineage" in opened.sql("SHOW TABLES")["name"].to_list()
    text = "SELECT comment FROM duckdb_columns() WHERE table_name = 'lineage'"
    assert "MD5 of its bytes" in " ".join(opened.sql(text)["comment"].to_list())


def test_lineage_is_not_public(store: Path) -> None:
    public = varhouse.open(store, audience="public")
    with pytest.raises(UsageError, match="lineage"):
        run_sql(public, "SELECT * FROM lineage")
    with pytest.raises(AccessError):
        public.lineage()
    with pytest.raises(AccessError):
        public.describe("lineage")
    assert "lineage" not in public.describe()["table"].to_list()
    assert "lineage" not in pl.concat(run_sql(public, "SHOW TABLES").batches)["name"]


def test_a_store_without_files_has_no_lineage(tmp_path: Path) -> None:
    opened = varhouse.open(make_small_store(tmp_path / "store"))
    assert opened.lineage().is_empty()
    assert opened.sql("SELECT * FROM lineage").is_empty()


def test_the_report_names_programs_and_reads(store: Path, tmp_path: Path) -> None:
    command = ["report", str(store), "--ingest", "latest", "-o"]
    calls = store.parent / "calls 1" / "report.html"
    pages = {}
    for name, content in {
        "none": None, "other": "<title>x</title>", "own": "<title>varhouse call: 1</title>",
    }.items():  # fmt: skip
        if content is not None:
            calls.write_text(content)
        out = tmp_path / f"{name}.html"
        assert main([*command, str(out)]) == 0
        pages[name] = PageReader(out.read_text())
    for page in pages.values():
        assert page.open == []
        for text in (
            "bwa mem",
            "0.7.18",
            "pybwa 2.3.2",
            "s_R1.fastq.gz",
            "freeBayes",
            "hg38.fa",
        ):
            assert text in page.words
        page.prefix = "varhouse-"
    links = {
        name: [v for _, k, v in page.attributes if k == "href" and v.endswith("report.html")]
        for name, page in pages.items()
    }
    assert links["none"] == links["other"] == []
    assert (tmp_path / unquote(links["own"][0])).resolve() == calls
    out = tmp_path / "open.html"
    assert main([*command, str(out), "--open"]) == 0
    text = out.read_text()
    assert 'id="lineage"' not in text
    assert "s_R1" not in text
