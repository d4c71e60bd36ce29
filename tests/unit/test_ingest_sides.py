"""Another gene model or source release renews what it changes, and touches no calls."""

import io
import json
import random
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from inprocess import ingest_here
from verifying import verify

import varhouse
from varhouse.errors import StoreError
from varhouse.genome.contigs import Contig, Contigs
from varhouse.ingest.account import print_account
from varhouse.query.answer import Answer, Question
from varhouse.query.sql import run_sql
from varhouse.sources import CompiledSource, Target, compile_source, read_spec
from varhouse.store.drop import drop_cohort
from varhouse.store.reader import Store

CALLS = ("variants", "genotypes", "sites", "frequencies", "totals", "cohorts", "samples")
CONTIGS = ("c1", "c2", "c3")
HEAD = '##fileformat=VCFv4.2\n##fileDate={}\n##INFO=<ID=CLNSIG,Number=.,Type=String,Description="x">\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n'  # noqa: E501


def gene(contig: str, end: int = 700, extra: str = "") -> str:
    rows = [
        ("gene", 101, end, f"ID=gene:G{contig};Name=N{contig};biotype=protein_coding"),
        (
            "mRNA",
            101,
            end,
            f"ID=transcript:T{contig};Parent=gene:G{contig};biotype=protein_coding",
        ),
        ("exon", 101, end, f"Parent=transcript:T{contig}"),
        ("CDS", 131, 370, f"ID=CDS:P{contig};Parent=transcript:T{contig}"),
    ]
    return extra + "".join(
        f"{contig}\tt\t{kind}\t{a}\t{b}\t.\t+\t{'0' if kind == 'CDS' else '.'}\t{more}\n"
        for kind, a, b, more in rows
    )


@pytest.fixture
def fx_sides(tmp_path: Path) -> Path:
    """Give a folder with a cohort on three contigs, genes, a source, and a store of them."""
    rng = random.Random(7)
    bases = {c: "".join(rng.choices("ACGT", k=1000)) for c in CONTIGS}
    (tmp_path / "ref.fa").write_text("".join(f">{c}\n{b}\n" for c, b in bases.items()))
    lines, clinvar = (
        [
            "##fileformat=VCFv4.3",
            '##FORMAT=<ID=GT,Number=1,Type=String,Description="g">',
            "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ts1\ts2",
        ],
        [],
    )
    for contig, text in bases.items():
        for pos in sorted(rng.sample(range(50, 950), 60)):
            ref = text[pos - 1]
            alt = rng.choice([b for b in "ACGT" if b != ref])
            lines.append(f"{contig}\t{pos}\t.\t{ref}\t{alt}\t.\tPASS\t.\tGT\t0/1\t1/1")
            if rng.random() < 0.5:
                clinvar.append(f"{contig}\t{pos}\trs{pos}\t{ref}\t{alt}\t.\t.\tCLNSIG=Benign")
    (tmp_path / "a.vcf").write_text("\n".join(lines) + "\n")
    (tmp_path / "samples.tsv").write_text("cohort\tsample\tsex\na\ts1\tfemale\na\ts2\tmale\n")
    (tmp_path / "cohorts.tsv").write_text("cohort\tfiles\na\ta.vcf\n")
    (tmp_path / "g1.gff3").write_text("##gff-version 3\n" + "".join(map(gene, CONTIGS)))
    (tmp_path / "v1.vcf").write_text(HEAD.format(20260101) + "\n".join(clinvar) + "\n")
    ingest(tmp_path, "store", genes="g1.gff3", clinvar="v1.vcf")
    return tmp_path


def ingest(
    folder: Path,
    store: str,
    genes: str | None = None,
    clinvar: str | None = None,
    sources: list[dict[str, Any]] | None = None,
    **source: Any,
) -> dict[str, Any]:
    config: dict[str, Any] = {
        "assembly": {"name": "toy", "reference": "ref.fa"},
        "cohorts": "cohorts.tsv",
        "samples": "samples.tsv",
    }
    if genes:
        config["genes"] = genes
    if sources:
        config["sources"] = sources
    if clinvar:
        config["sources"] = [
            {
                "name": "clinvar",
                "path": clinvar,
                "kind": "allele",
                "fields": ["CLNSIG"],
                **source,
            }
        ]
    (folder / "config.json").write_text(json.dumps(config))
    account: dict[str, Any] = ingest_here(folder / store, folder / "config.json")
    return account


def files(store: Store, tables: tuple[str, ...], **part: Any) -> dict[str, list[str]]:
    return {t: sorted(map(str, store.paths(t, **part))) for t in tables}


def latest(folder: Path, release: int | None = None) -> Store:
    return varhouse.open(folder / "store", release)


def test_gene_model_changed_on_one_contig_renews_that_contig(fx_sides: Path) -> None:
    old = latest(fx_sides)
    # c1 goes first and c3 gets a comment: only c2 has another transcript.
    rows = "##gff-version 3\n# new\n" + gene("c3") + gene("c1") + gene("c2", end=800)
    (fx_sides / "g2.gff3").write_text(rows)
    account = ingest(fx_sides, "store", genes="g2.gff3", clinvar="v1.vcf")
    assert account["renewed"] == {"consequences": ["c2"]}
    new = latest(fx_sides)
    assert new.release == old.release + 1
    untouched = (*CALLS, "annotations_clinvar", "ids")
    assert files(new, untouched) == files(old, untouched)
    for part in ("c1", "c3"):
        assert files(new, ("consequences",), part=part) == files(
            old, ("consequences",), part=part
        )
    assert not set(new.paths("consequences", part="c2")) & set(old.paths("consequences"))
    fresh = ingest(fx_sides, "fresh", genes="g2.gff3", clinvar="v1.vcf")
    assert account["digest"] == fresh["digest"]
    # The old release gives the old answer.
    key = ["contig", "pos", "ref", "alt", "consequence"]
    again = latest(fx_sides, old.release).consequences().select(key).collect().sort(key)
    assert again.equals(old.consequences().select(key).collect().sort(key))
    now = new.consequences().select(key).collect().sort(key)
    assert not now.equals(again)
    assert now.filter(contig="c1").equals(again.filter(contig="c1"))
    ends = new.genes().sort("contig").select("end").collect()["end"].to_list()
    assert ends == [700, 800, 700]
    assert ingest(fx_sides, "store", genes="g2.gff3", clinvar="v1.vcf")["up_to_date"]


def test_source_release_renews_the_contigs_that_it_changes(fx_sides: Path) -> None:
    old = latest(fx_sides)
    text = (fx_sides / "v1.vcf").read_text().replace("20260101", "20260201")
    rows = text.splitlines(keepends=True)
    at = next(i for i, row in enumerate(rows) if row.startswith("c3"))
    rows[at] = rows[at].replace("Benign", "Pathogenic").replace("\trs", "\trs9")
    (fx_sides / "v2.vcf").write_text("".join(rows))
    account = ingest(fx_sides, "store", genes="g1.gff3", clinvar="v2.vcf")
    assert account["renewed"] == {"annotations_clinvar": ["c3"]}
    new = latest(fx_sides)
    assert files(new, (*CALLS, "consequences", "genes")) == files(
        old, (*CALLS, "consequences", "genes")
    )
    for part in ("c1", "c2"):
        both = ("annotations_clinvar", "ids")
        assert files(new, both, part=part) == files(old, both, part=part)
    assert (
        account["digest"]
        == ingest(fx_sides, "fresh", genes="g1.gff3", clinvar="v2.vcf")["digest"]
    )
    # The whole release is of the later version, be it that two contigs say the same.
    versions = {
        s.release: s.table("annotations_clinvar")
        .collect()["source_version"]
        .unique()
        .to_list()
        for s in (old, new)
    }
    assert versions == {old.release: ["20260101"], new.release: ["20260201"]}
    query = "SELECT DISTINCT source_version FROM annotations_clinvar"
    assert [next(iter(run_sql(s, query).batches)).item() for s in (old, new)] == [
        "20260101",
        "20260201",
    ]
    assert verify(new) == []
    said = [
        s.table("annotations_clinvar").collect()["CLNSIG"].value_counts().sort("CLNSIG").rows()
        for s in (latest(fx_sides, old.release), new)
    ]
    assert said[1][1] == ("Pathogenic", 1)
    assert len(said[0]) == 1


def test_release_that_says_the_same_is_a_release_without_new_files(fx_sides: Path) -> None:
    old = latest(fx_sides)
    text = (fx_sides / "v1.vcf").read_text().replace("20260101", "20260301")
    (fx_sides / "v3.vcf").write_text(text)
    account = ingest(fx_sides, "store", genes="g1.gff3", clinvar="v3.vcf")
    new = latest(fx_sides)
    assert (account["renewed"], new.digest()) == ({"annotations_clinvar": []}, old.digest())
    assert new.release == old.release + 1
    same = tuple(t for t in new.tables if t not in ("accounts", "ingests"))
    assert files(new, same) == files(old, same)
    assert ingest(fx_sides, "store", genes="g1.gff3", clinvar="v3.vcf")["up_to_date"]
    # Another licence stands in every row.
    licensed = ingest(
        fx_sides, "store", genes="g1.gff3", clinvar="v3.vcf", licence="CC0", version="3"
    )
    assert licensed["renewed"] == {"annotations_clinvar": ["c1", "c2", "c3"]}
    rows = latest(fx_sides).table("annotations_clinvar").collect()
    assert rows.select("source_version", "licence").unique().rows() == [("3", "CC0")]


def test_what_leaves_the_configuration_leaves_the_next_release(fx_sides: Path) -> None:
    old = latest(fx_sides)
    account = ingest(fx_sides, "store", genes="g1.gff3")
    assert account["gone"] == ["annotations_clinvar"]
    new = latest(fx_sides)
    assert "annotations_clinvar" not in new.tables
    with pytest.raises(StoreError, match="no table"):
        new.table("annotations_clinvar").collect()
    assert account["digest"] == ingest(fx_sides, "fresh", genes="g1.gff3")["digest"]
    assert files(new, (*CALLS, "consequences")) == files(old, (*CALLS, "consequences"))
    bare = ingest(fx_sides, "store")
    assert bare["gone"] == ["consequences", "genes", "transcripts"]
    assert bare["digest"] == ingest(fx_sides, "bare")["digest"]
    # It comes back with less, and no release in between or before has lost what it had.
    rows = (fx_sides / "v1.vcf").read_text().splitlines(keepends=True)
    (fx_sides / "v9.vcf").write_text("".join(rows[:20]))
    said = old.table("annotations_clinvar").collect()
    ingest(fx_sides, "store", genes="g1.gff3", clinvar="v9.vcf")
    assert latest(fx_sides).table("annotations_clinvar").collect().height < said.height
    again = latest(fx_sides, old.release)
    key = ["contig", "pos", "ref", "alt"]
    assert again.table("annotations_clinvar").collect().sort(key).equals(said.sort(key))
    assert again.consequences().collect().height == old.consequences().collect().height
    back = ingest(fx_sides, "store", genes="g1.gff3", clinvar="v1.vcf")
    assert back["digest"] == old.digest() == latest(fx_sides).digest()


def test_swap_with_new_and_replaced_cohorts_at_once(fx_sides: Path) -> None:
    text = (fx_sides / "a.vcf").read_text()
    rows = [r for r in text.splitlines(keepends=True) if r[0] != "#"]
    head = text[: text.index(rows[0])]
    (fx_sides / "b.vcf").write_text(head.replace("\ts1\ts2", "\tt1\tt2") + "".join(rows[::3]))
    (fx_sides / "a.vcf").write_text(head + "".join(rows[1::2]))
    (fx_sides / "cohorts.tsv").write_text("cohort\tfiles\na\ta.vcf\nb\tb.vcf\n")
    with (fx_sides / "samples.tsv").open("a") as f:
        f.write("b\tt1\tfemale\nb\tt2\tmale\n")
    rows2 = "##gff-version 3\n" + gene("c1", 800) + gene("c3")
    (fx_sides / "g2.gff3").write_text(rows2)
    text = (fx_sides / "v1.vcf").read_text()
    (fx_sides / "v2.vcf").write_text(text.replace("c2\t", "c3\t", 3))
    account = ingest(fx_sides, "store", genes="g2.gff3", clinvar="v2.vcf")
    assert account["renewed"]["consequences"] == ["c1", "c2"]
    fresh = ingest(fx_sides, "fresh", genes="g2.gff3", clinvar="v2.vcf")
    assert account["digest"] == fresh["digest"]


def test_gene_source_follows_the_gene_model(fx_sides: Path) -> None:
    (fx_sides / "scores.tsv").write_text("gene\tscore\nGc1\t1\nGc2\t2\n")
    scores = {"name": "scores", "path": "scores.tsv", "kind": "gene",
              "fields": {"score": "integer"}}  # fmt: skip
    first = ingest(fx_sides, "store", genes="g1.gff3", sources=[scores])
    assert first["renewed"] == {"annotations_scores": ["c1", "c2", "c3"]}
    (fx_sides / "g2.gff3").write_text("##gff-version 3\n" + gene("c1") + gene("c2", 800))
    account = ingest(fx_sides, "store", genes="g2.gff3", sources=[scores])
    assert account["renewed"]["annotations_scores"] == ["c2", "c3"]
    fresh = ingest(fx_sides, "fresh", genes="g2.gff3", sources=[scores])
    assert account["digest"] == fresh["digest"]


ASSEMBLY = Contigs([Contig("c1", ["one"]), Contig("c2", []), Contig("c3", [])])


def content(folder: Path, rows: str, kind: str = "overlap") -> dict[str, str]:
    """Compile a table, with windows of few rows, and digest what it holds."""
    folder.mkdir()
    (folder / "x.tsv").write_text(rows)
    spec, problems = read_spec(
        {"name": "s", "path": "x.tsv", "kind": kind, "fields": {"name": "text"}}, folder
    )
    assert problems == []
    compile_source(spec, Target(ASSEMBLY, "toy"), folder / "compiled")
    return CompiledSource(folder / "compiled", spec).digests


def test_order_and_cuts_of_a_source_do_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = "contig\tstart\tend\tname\n"
    rows = [f"c{1 + i % 2}\t{i * 50 + 1}\t{i * 50 + 60}\tn{i}\n" for i in range(400)]
    base = content(tmp_path / "a", head + "".join(rows))
    assert set(base) == {"c1", "c2"}
    monkeypatch.setattr("varhouse.sources.spill.WINDOW_ROWS", 50)
    monkeypatch.setattr("varhouse.sources.files.ROW_GROUP", 7)
    assert content(tmp_path / "b", head + "".join(rows[::-1]).replace("c1", "one")) == base
    other = content(tmp_path / "c", head + "".join(rows).replace("n3\n", "n4\n"))
    assert other["c1"] == base["c1"]
    assert other["c2"] != base["c2"]
    assert content(tmp_path / "d", head + "".join(rows[1:]))["c1"] != base["c1"]
    genes = content(tmp_path / "e", "gene\tname\nBRCA2\t3\nTP53\t4\n", kind="gene")
    assert set(genes) == {"*"}
    assert content(tmp_path / "f", "gene\tname\nBRCA2\t3\n", kind="gene") != genes


def test_source_that_matches_nothing_has_its_table(fx_sides: Path) -> None:
    """A source of genes that the store lacks: a column of nulls, an empty table, a note."""
    (fx_sides / "pli.tsv").write_text("symbol\tpLI\nFAR1\t0.5\n")
    given: dict[str, Any] = {
        "name": "constraint", "path": "pli.tsv", "kind": "gene",
        "columns": {"gene": "symbol"}, "fields": {"pLI": "float"},
    }  # fmt: skip
    old = latest(fx_sides)
    plain: dict[str, Any] = {
        "name": "clinvar",
        "path": "v1.vcf",
        "kind": "allele",
        "fields": ["CLNSIG"],
    }

    def again(store: str) -> dict[str, Any]:
        return ingest(fx_sides, store, genes="g1.gff3", sources=[plain, given])

    account = again("store")
    assert account["unmatched"] == ["constraint"]
    out = io.StringIO()
    print_account({**account, "seconds": 0}, fx_sides / "store", out)
    assert "source constraint: no row matches" in out.getvalue()
    new = latest(fx_sides)
    # What holds no row is no content: the digest is that of the store without it.
    assert new.digest() == old.digest() == again("fresh")["digest"]
    for store in (new, varhouse.open(fx_sides / "fresh")):
        assert "annotations_constraint" in store.tables
        question = Question(columns=["pos", "constraint.pLI"])
        frame = pl.concat(Answer(store, question).frames())
        assert frame.height == frame["constraint.pLI"].null_count() > 0
        rows = next(
            run_sql(store, "SELECT count(*), count(pLI) FROM annotations_constraint").batches
        )
        assert rows.row(0) == (0, 0)
        assert store.public().schema("annotations_constraint").height > 0
        assert verify(store) == []
    # It stays through a release that does not touch it, takes rows, loses them, and goes.
    (fx_sides / "v2.vcf").write_text(
        (fx_sides / "v1.vcf").read_text().replace("Benign", "Odd")
    )
    plain["path"] = "v2.vcf"
    assert again("store")["unmatched"] == ["constraint"]
    assert drop_cohort(fx_sides / "fresh", "a")
    assert "annotations_constraint" in varhouse.open(fx_sides / "fresh").tables
    (fx_sides / "pli.tsv").write_text("symbol\tpLI\nNc1\t0.5\n")
    assert again("store")["unmatched"] == []
    given["fields"] = {"pLI": "text"}
    (fx_sides / "pli.tsv").write_text("symbol\tpLI\nFAR1\t0.5\n")
    assert again("store")["unmatched"] == ["constraint"]
    assert (
        latest(fx_sides).declaration("annotations_constraint").polars_schema["pLI"]
        == pl.String
    )
    assert verify(latest(fx_sides)) == []
    ingest(fx_sides, "store", genes="g1.gff3", sources=[plain])
    assert "annotations_constraint" not in latest(fx_sides).tables
