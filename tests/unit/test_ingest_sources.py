"""Sources of every kind through an ingest: tables, licence, public answers."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pysam
import pytest
from inprocess import ingest_here

from varhouse import open as open_store
from varhouse.cli import main
from varhouse.errors import ConfigError, InputError, UsageError
from varhouse.ingest.setup import known_files
from varhouse.ingest.setup.config import check_config
from varhouse.query.sql import run_sql

REF = "ACGTTGCAAC" * 100
GENES = """##gff-version 3
c1\tt\tgene\t101\t400\t.\t+\t.\tID=gene:G1;Name=TOY1;biotype=protein_coding
c1\tt\tmRNA\t101\t400\t.\t+\t.\tID=transcript:T1;Parent=gene:G1;biotype=protein_coding
c1\tt\texon\t101\t400\t.\t+\t.\tParent=transcript:T1
c1\tt\tCDS\t131\t370\t.\t+\t0\tParent=transcript:T1
"""
VCF = """##fileformat=VCFv4.3
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ta
c1\t11\t.\tA\tC\t.\tPASS\t.\tGT\t0/1
c1\t205\t.\tT\tG\t.\tPASS\t.\tGT\t0/1
c1\t900\t.\tC\tCA\t.\tPASS\t.\tGT\t0/1
"""
SOURCE = """##fileformat=VCFv4.3
##contig=<ID=c1,length=1000>
##INFO=<ID=AF,Number=A,Type=Float,Description="x">
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO
one\t11\trs11\tA\tC,T\t.\t.\tAF=0.5,0.1
one\t204\tHG1\tTT\tTG\t.\t.\tAF=.
"""


@pytest.fixture
def fx_sources(tmp_path: Path) -> Path:
    files = {
        "ref.fa": f">c1\n{REF}\n",
        "genes.gff3": GENES,
        "a.vcf": VCF,
        "s.vcf": SOURCE,
        "aliases.tsv": "contig\talias\tlength\nc1\tone\t1000\n",
        "samples.tsv": "cohort\tsample\tsex\tpopulation\nn\ta\tfemale\tP\n",
        "cohorts.tsv": "cohort\tfiles\nn\ta.vcf\n",
        "panel.bed": "one\t200\t210\tinside\nc1\t0\t5\tnothing\n",
        "genes.tsv": "symbol\tpLI\nTOY1\t0.75\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.fixture(autouse=True)
def _log() -> Iterator[None]:
    yield
    # The command line's handler writes to a stream that ends with the test.
    logging.getLogger("varhouse").handlers.clear()
    logging.getLogger("varhouse").propagate = True


def ingest(folder: Path, store: str = "store", **changes: dict | None) -> dict:
    sources = {
        "freq": {
            "path": "s.vcf",
            "kind": "allele",
            "licence": "secret",
            "redistribute": False,
            "version": 3,
            "fields": {"af": {"from": "AF"}},
        },
        "panel": {"path": "panel.bed", "kind": "overlap", "fields": ["name"]},
        "constraint": {"path": "genes.tsv", "kind": "gene", "fields": {"pLI": "float"}},
    }
    for name, change in changes.items():
        if change is None:
            del sources[name]
        else:
            sources[name] = {**sources[name], **change}
    config = {
        "assembly": {"name": "toy", "reference": "ref.fa", "aliases": "aliases.tsv"},
        "genes": "genes.gff3",
        "cohorts": "cohorts.tsv",
        "samples": "samples.tsv",
        "sources": [{"name": n, **s} for n, s in sources.items()],
    }
    (folder / "config.yaml").write_text(json.dumps(config))
    return ingest_here(folder / store, folder / "config.yaml")


def rows(folder: Path, table: str, *columns: str) -> list[tuple]:
    scan = open_store(folder / "store").scan(f"annotations_{table}")
    return scan.select("pos", "alt", *columns).sort("pos").collect().rows()


def test_each_kind_has_its_table(fx_sources: Path) -> None:
    ingest(fx_sources)
    # TT>TG at 204 is T>G at 205; the missing AF stays null, counts are not made up.
    marks = ("af", "af_only", "redistribute", "licence", "source_version")
    assert rows(fx_sources, "freq", *marks) == [
        (11, "C", 0.5, True, False, "secret", "3"),
        (205, "G", None, True, False, "secret", "3"),
    ]
    assert rows(fx_sources, "panel", "name", "interval_start", "interval_end") == [
        (205, "G", "inside", 201, 210)
    ]
    # The upstream allele has a consequence on the gene as well.
    genes = rows(fx_sources, "constraint", "gene_key", "pLI")
    assert (205, "G", "TOY1", 0.75) in genes
    consequences = open_store(fx_sources / "store").scan("consequences")
    expected = consequences.filter(pl.col("gene_name") == "TOY1").select("pos").unique()
    assert {g[0] for g in genes} == set(expected.collect()["pos"])


def test_a_public_answer_leaves_out_what_may_not_leave(
    fx_sources: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    ingest(fx_sources)
    store = str(fx_sources / "store")

    def query(*args: str) -> tuple[int, str, str]:
        code = main([*args])
        said = capfd.readouterr()
        return code, said.out, said.err

    columns = ["--columns", "pos,id,freq.af,panel.name"]
    code, out, _ = query("query", store, *columns)
    assert code == 0
    assert "11\trs11\t0.5" in out
    code, out, err = query("query", store, *columns, "--public")
    assert code == 2
    assert "freq.af" in err
    code, out, err = query("query", store, "--columns", "pos,id,panel.name", "--public")
    assert code == 0
    assert "rs11" not in out
    assert "inside" in out
    assert "source freq may not be passed on" in err
    assert query("query", store, "--table", "annotations_freq")[0] == 0
    code, out, err = query("query", store, "--table", "annotations_freq", "--public")
    assert (code, out) == (1, "")
    assert "may not be passed on" in err
    _, out, _ = query("query", store, "--table", "ids", "--public")
    assert "rs11" not in out
    assert "HG1" not in out
    assert "VA." in out or "c1:" in out
    pytest.importorskip("duckdb")
    count = "SELECT count(*) AS n FROM ids WHERE source LIKE 'source:%'"
    assert query("sql", store, count)[1].split() == ["n", "2"]
    assert query("sql", store, count, "--public")[1].split() == ["n", "0"]
    assert query("sql", store, "SELECT * FROM annotations_freq", "--public")[0] == 2


def test_a_source_that_may_be_passed_on_after_all(fx_sources: Path) -> None:
    ingest(fx_sources)
    assert open_store(fx_sources / "store").restricted == ["freq"]
    ingest(fx_sources, freq={"redistribute": True})
    assert open_store(fx_sources / "store").restricted == []
    assert open_store(fx_sources / "store", 2).restricted == ["freq"]


def test_a_source_is_compiled_once(fx_sources: Path) -> None:
    ingest(fx_sources)
    cache = fx_sources / "store" / "_cache"
    stamps = {p: p.stat().st_mtime_ns for p in cache.glob("source-*/source.json")}
    assert len(stamps) == 3
    (fx_sources / "b.vcf").write_text(VCF.replace("\ta\n", "\tb\n").replace("\t900", "\t910"))
    with (fx_sources / "samples.tsv").open("a") as out:
        out.write("m\tb\tmale\tP\n")
    with (fx_sources / "cohorts.tsv").open("a") as out:
        out.write("m\tb.vcf\n")
    ingest(fx_sources)
    assert {p: p.stat().st_mtime_ns for p in cache.glob("source-*/source.json")} == stamps


def test_another_assembly_is_refused(fx_sources: Path) -> None:
    (fx_sources / "s.vcf").write_text(SOURCE.replace("length=1000", "length=248956422"))
    with pytest.raises(InputError, match=r"248,956,422 bases \(GRCh38 \(hg38\)\)"):
        ingest(fx_sources)
    assert open_store(fx_sources / "store").release == 1


def test_kind_gene_needs_a_gene_model(fx_sources: Path) -> None:
    entry = {"name": "g", "path": "genes.tsv", "kind": "gene"}
    raw = {"assembly": {"name": "toy", "reference": "ref.fa"}, "cohorts": "cohorts.tsv",
           "samples": "samples.tsv", "sources": [entry]}  # fmt: skip
    with pytest.raises(ConfigError, match="kind gene needs a gene model"):
        check_config(raw, fx_sources)


def test_all_mistakes_are_told_at_once_before_any_job(fx_sources: Path) -> None:
    """Columns of every source, the gene model, types beside what the schema refuses."""
    (fx_sources / "scores.tsv").write_text("chrom\tpos\tref\talt\tPHRED\n")
    (fx_sources / "csv.csv").write_text("chrom,pos,ref,alt\n")
    with (fx_sources / "samples.tsv").open("a") as out:
        out.write("nn\tb\tmale\tP\n")
    sources = [
        {"name": "panel", "path": "panel.bed", "kind": "overlap", "fields": ["nme", "score"]},
        {"name": "scores", "path": "scores.tsv", "kind": "allele", "colour": "red",
         "fields": {"cadd": {"from": "PHREDD", "type": "flot"}}},
        {"name": "constraint", "path": "genes.tsv", "kind": "gene",
         "columns": {"gene": "symbool"}, "fields": {"pLJ": "float"}},
        {"name": "freq", "path": "s.vcf", "kind": "allele", "fields": ["AFF", "AG", "AF"]},
        {"name": "commas", "path": "csv.csv", "kind": "allele"},
        {"name": "misspelt", "path": "scores.tsv", "kind": "allele", "columnz": {"pos": "p"}},
        {"name": "kind", "path": "scores.tsv", "kind": "alele"},
        {"path": "scores.tsv", "kind": "allele"},
    ]  # fmt: skip
    raw = {"assembly": {"name": "toy", "reference": "ref.fa"}, "cohorts": "cohorts.tsv",
           "samples": "samples.tsv", "genes": "panel.bed", "sources": sources,
           "strata": ["sx"], "policy": {"pass_only": 7}}  # fmt: skip
    with pytest.raises(ConfigError) as told:
        check_config(raw, fx_sources)
    text = [p.replace(f"{fx_sources}/", "") for p in told.value.problems]
    wanted = [
        "policy.pass_only: 7 is not of type 'boolean'",
        "unknown key 'sources.1.colour'; nearest: columns",
        "unknown key 'sources.5.columnz'; nearest: columns",
        "sources.6.kind: 'alele' is not one of ['allele', 'overlap', 'gene']",
        "sources.7: 'name' is a required property",
        "genes: panel.bed: no GFF3 or GTF: its first row is 'one\\t200\\t210\\tinside'; "
        "fix: name a GFF3 or GTF file",
        "sources.panel: panel.bed: no column 'nme'; nearest: name",
        "sources.panel: panel.bed: no column 'score'",
        "sources.scores: fields: cadd: no type 'flot'; nearest: float, flag; fix: one of "
        "integer, int, float, text, string, flag, stars",
        "sources.scores: scores.tsv: no column 'PHREDD'; nearest: PHRED",
        "sources.constraint: genes.tsv: no column 'symbool'; nearest: symbol",
        "sources.constraint: genes.tsv: no column 'pLJ'; nearest: pLI",
        "sources.freq: s.vcf: no INFO field 'AFF' in its header; nearest: AF",
        "sources.freq: s.vcf: no INFO field 'AG' in its header; nearest: AF",
        "sources.commas: csv.csv: its columns are set off by ',', not by tabs "
        "(chrom,pos,ref,alt); fix: set its columns off by tabs",
        "strata: the sample sheet has no column 'sx'; nearest: sex",
        "samples: cohort 'nn' is not in the cohort sheet; nearest: n",
    ]
    assert text == wanted
    ways = {"assembly": "toy", "cohorts": ["a"], "samples": 3, "sources": {}, "strata": [1]}
    for key, value in ways.items():
        with pytest.raises(ConfigError):
            check_config({**raw, key: value}, fx_sources)
    # A gene model that begins with rows which are none is told by its others.
    (fx_sources / "genes.gff3").write_text("#!x\nc1 odd\n" + GENES)
    good = {**raw, "genes": "genes.gff3", "sources": [], "strata": [], "policy": {}}
    assert "'nn'" in check_config(good, fx_sources).warnings[0]


def test_public_sql_reaches_no_file_behind_a_view(fx_sources: Path) -> None:
    ingest(fx_sources)
    public = open_store(fx_sources / "store").public()
    file = str(open_store(fx_sources / "store").paths("ids")[0])
    for query in (
        f"SELECT * FROM read_parquet('{file}')",
        f"SELECT 1 WHERE 'rs11' IN (SELECT id FROM '{file}')",
        f"WITH a AS (FROM parquet_scan('{file}')) SELECT * FROM a",
        f"SUMMARIZE '{file}'",
        f"FROM query('FROM read_parquet(''{file}'')')",
        "SELECT sql FROM duckdb_views()",
        f"EXPLAIN ANALYZE SELECT * FROM '{file}'",
    ):
        with pytest.raises(UsageError, match="--public"):
            list(run_sql(public, query).batches)
    rows = "SELECT n FROM (SELECT count(*) AS n FROM ids), range(1)"
    assert next(run_sql(public, rows).batches).rows()[0][0] > 0
    assert list(run_sql(public, "SHOW TABLES").batches)


def test_a_public_difference_leaves_it_out_too(
    fx_sources: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    ingest(fx_sources)
    (fx_sources / "s.vcf").write_text(SOURCE.replace("AF=0.5", "AF=0.25"))
    # The newer release may be passed on, the older one may not.
    ingest(fx_sources, freq={"redistribute": True})
    store = str(fx_sources / "store")
    options = ["--field", "freq.af", "--format", "tsv"]
    assert main(["store", "diff", store, "2", "3", *options]) == 0
    assert "0.25" in capfd.readouterr().out
    assert main(["store", "diff", store, "2", "3", *options, "--public"]) != 0
    said = capfd.readouterr()
    assert "0.25" not in said.out
    assert "freq may not be passed on" in said.err


def test_a_table_by_gene_follows_its_file_and_the_gene_model(fx_sources: Path) -> None:
    ingest(fx_sources)
    (fx_sources / "genes.tsv").write_text("symbol\tpLI\nTOY1\t0.25\nTOY2\t0.5\n")
    account = ingest(fx_sources)
    assert account["renewed"] == {"annotations_constraint": ["c1"]}
    assert {g[-1] for g in rows(fx_sources, "constraint", "pLI")} == {0.25}
    (fx_sources / "genes.gff3").write_text(GENES.replace("TOY1", "TOY2"))
    ingest(fx_sources)
    assert {g[-1] for g in rows(fx_sources, "constraint", "pLI")} == {0.5}
    fresh = ingest(fx_sources, "fresh")
    assert fresh["digest"] == open_store(fx_sources / "store").digest()


MARK = "Zebra"
HIDDEN = ("rs11", "HG1", MARK, "0.625", "secret")
OUT = ("tsv", "csv", "json", "parquet", "vcf")


def test_no_way_out_of_a_store_passes_it_on(
    fx_sources: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    text = SOURCE.replace("AF=0.5,0.1", f"AF=0.625,0.1;T={MARK}")
    text = text.replace("AF=.", f"AF=.;T={MARK}")
    declared = '##INFO=<ID=T,Number=1,Type=String,Description="x">\n#CHROM'
    (fx_sources / "s.vcf").write_text(text.replace("#CHROM", declared))
    ingest(fx_sources, freq={"fields": {"af": {"from": "AF"}, "t": {"from": "T"}}})
    store, found = str(fx_sources / "store"), {}

    def said(name: str, *args: str) -> None:
        out = fx_sources / f"out.{args[-1]}" if args[-1] in OUT else fx_sources / "out.html"
        out.unlink(missing_ok=True)
        more = ["-o", str(out)] if name not in ("store show", "store log") else []
        args = (*name.split(), store, *args[:-1], *more)
        code = main(list(args))
        data = capfd.readouterr().out
        if out.exists():
            data += (
                str(pl.read_parquet(out).rows())
                if out.suffix == ".parquet"
                else (out.read_text())
            )
        found[" ".join(args)] = (code, data)

    names = open_store(store).public()
    for form in OUT:
        said("query", "--public", form)
        said("query", "--public", "--id", "rs11", form)
    for name in names.tables:
        said("query", "--public", "--table", name, "tsv")
        said("sql", f'SELECT * FROM "{name}"', "--public", "json")
    said("store diff", "1", "2", "--public", "tsv")
    said("report", "html")
    said("report", "--open", "html")
    said("export", "--cohort", "n", "vcf")
    said("store show", "")
    said("store log", "")
    for command, (code, data) in found.items():
        assert code == 0, command
        # The configuration of an ingest names the licence, and that alone.
        hidden = HIDDEN[:-1] if "ingests" in command else HIDDEN
        assert not [h for h in hidden if h in data], command
    assert len(found) > 20
    # The same questions without --public do find it.
    said("query", "tsv")
    assert "rs11" in next(reversed(found.values()))[1]
    said("query", "--columns", "freq.af,freq.t,freq.licence", "json")
    last = next(reversed(found.values()))
    assert [h for h in HIDDEN[2:] if h not in last[1]] == [], last


def test_a_public_view_stays_public(fx_sources: Path) -> None:
    ingest(fx_sources)
    public = open_store(fx_sources / "store").public().public()
    assert public.withheld == ("freq",)
    assert not public.scan("ids").filter(pl.col("source") == "source:freq").collect().height
    # The licence was put right later: older releases do not pass it on either.
    ingest(fx_sources, panel={"redistribute": False}, freq={"redistribute": True})
    old = open_store(fx_sources / "store", 2).public()
    assert old.withheld == ("freq", "panel")
    assert open_store(fx_sources / "store").public().withheld == ("panel",)


def test_public_accounts_do_not_name_a_source_once_it_is_withheld(fx_sources: Path) -> None:
    """Nor when it is gone afterwards; what of it was public before does not come back."""

    def told() -> list[dict]:
        public = open_store(fx_sources / "store").public()
        texts = public.scan("accounts").sort("release").collect()["account"]
        return [json.loads(text) for text in texts]

    ingest(fx_sources, freq={"redistribute": True})
    assert {"name": "freq", "version": "3"} in told()[0]["sources"]
    ingest(fx_sources)
    assert "freq" not in json.dumps(told())
    ingest(fx_sources, freq=None)
    assert len(told()) == 3
    assert "freq" not in json.dumps(told())
    assert "panel" in json.dumps(told())


def test_annotate_leaves_out_what_an_earlier_run_wrote(
    fx_sources: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    entries = [
        {"name": "freq", "path": "s.vcf", "kind": "allele", "redistribute": False},
        {"name": "freq_panel", "path": "panel.bed", "kind": "overlap", "fields": ["name"]},
    ]
    (fx_sources / "s.yaml").write_text(json.dumps({"sources": entries}))
    given = {"genes": "genes.gff3", "sources": "s.yaml", "reference": "ref.fa",
             "aliases": "aliases.tsv"}  # fmt: skip
    fixed = [x for n, file in given.items() for x in (f"--{n}", str(fx_sources / file))]
    own, public = fx_sources / "own.vcf", fx_sources / "public.vcf"
    assert main(["annotate", str(fx_sources / "a.vcf"), "-o", str(own), *fixed]) == 0
    assert "freq_AF=0.5" in own.read_text()
    assert main(["annotate", str(own), "-o", str(public), *fixed, "--public"]) == 0
    text = public.read_text()
    assert "freq_AF" not in text
    assert "freq_id" not in text
    assert "freq_panel_name=inside" in text
    assert "freq may not be passed on" in capfd.readouterr().err


def test_annotate_for_anybody_names_nobody(
    fx_sources: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    text = (fx_sources / "a.vcf").read_text()
    head, _, body = text.partition("#CHROM")
    lines = ("#CHROM" + body).splitlines()
    columns = lines[0].split("\t")[:8]
    secret = [
        "##bcftools_viewCommand=view /data/SECRET.bcf", "##reference=file:///data/SECRET.fa",
        '##GATKCommandLine=<ID=x,CommandLine="-I /data/SECRET.bam">',
        "##SAMPLE=<ID=SECRET>", "##PEDIGREE=<Child=SECRET,Mother=b>",
        '##FORMAT=<ID=ZZ,Number=1,Type=String,Description="SECRET">',
        "##contig=<ID=c9,length=5,URL=file:///data/SECRET.fa,assembly=SECRET>",
        '##INFO=<ID=Q1,Number=1,Type=String,Description="q",Source="/data/SECRET">',
        '##INFO=<ID=Q2,Number=1,Type=String,Description="a \\"q\\" > b">',
    ]  # fmt: skip
    records = ["\t".join([*r.split("\t")[:8], "GT:ZZ", "0/1:SECRET"]) for r in lines[1:]]
    whole = [*head.splitlines(), *secret, "\t".join([*columns, "FORMAT", "SECRET"]), *records]
    (fx_sources / "people.vcf").write_text("\n".join(whole) + "\n")
    given = {"genes": "genes.gff3", "reference": "ref.fa", "aliases": "aliases.tsv"}
    fixed = [x for n, file in given.items() for x in (f"--{n}", str(fx_sources / file))]
    for name in ("out.vcf", "out.vcf.gz"):
        out = fx_sources / name
        assert (
            main(
                [
                    "annotate",
                    str(fx_sources / "people.vcf"),
                    "-o",
                    str(out),
                    *fixed,
                    "--public",
                ]
            )
            == 0
        )
        assert "1 sample(s) and their genotypes are left out" in capfd.readouterr().err
        with pysam.VariantFile(str(out)) as found:
            assert list(found.header.samples) == []
            assert "SECRET" not in str(found.header)
            assert found.header.info["Q2"].description == r"a \"q\" > b"
            assert "Q1" in found.header.info
            assert found.header.contigs["c9"].length == 5
            rows = list(found)
        assert [str(r).count("\t") for r in rows] == [7] * len(records)
        assert not any("SECRET" in str(r) for r in rows)
    assert main(["annotate", str(fx_sources / "people.vcf"), "-o", str(out), *fixed]) == 0
    with pysam.VariantFile(str(out)) as found:
        assert list(found.header.samples) == ["SECRET"]


def test_sources_that_stay_are_not_read_again(
    fx_sources: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known_files, "RACY_NS", 0)
    read, own = [], known_files._hash
    monkeypatch.setattr(known_files, "_hash", lambda p: (read.append(p.name), own(p))[1])
    ingest(fx_sources)
    first = list(read)
    assert sorted(first) == [
        "aliases.tsv",
        "genes.gff3",
        "genes.tsv",
        "panel.bed",
        "s.vcf",
    ]
    assert ingest(fx_sources)["up_to_date"]
    assert read == first
    # Other bytes, as many.
    (fx_sources / "genes.tsv").write_text("symbol\tpLI\nTOY1\t0.25\n")
    assert ingest(fx_sources)["renewed"] == {"annotations_constraint": ["c1"]}
    assert read == [*first, "genes.tsv"]


def test_a_table_of_mane_pairs_gives_the_other_ids(fx_sources: Path) -> None:
    tagged = GENES.replace("ID=transcript:T1;", "ID=transcript:T1;tag=MANE_Select;")
    (fx_sources / "genes.gff3").write_text(tagged)
    names = "RefSeq_nuc\tEnsembl_nuc\tMANE_status\n"
    (fx_sources / "mane.tsv").write_text(f"#{names}NM_1.1\tT1\tMANE Select\n")

    def ids() -> list[str | None]:
        scan = open_store(fx_sources / "store").scan("consequences").filter("mane_select")
        return scan.collect()["mane_id"].unique().to_list()

    ingest(fx_sources)
    assert ids() == [None]
    config = json.loads((fx_sources / "config.yaml").read_text())
    (fx_sources / "config.yaml").write_text(json.dumps({**config, "mane": "mane.tsv"}))
    account = ingest_here(fx_sources / "store", fx_sources / "config.yaml")
    assert account["renewed"]["consequences"] == ["c1"]
    assert ids() == ["NM_1.1"]
    with pytest.raises(ConfigError, match="mane: needs a gene model"):
        check_config({**config, "mane": "mane.tsv", "genes": None}, fx_sources)
