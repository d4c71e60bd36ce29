"""`varhouse annotate --store`: what is written is what a query of the store says."""

import gzip
import re

import polars as pl
import pytest
from builders import counts, make_contigs, make_fasta, make_store, variant
from gvcf_people import CONTIGS, People
from inprocess import ingest_here

import varhouse
from varhouse.cli import main
from varhouse.errors import InputError, UsageError

NAMES = ["chr1-100-A-T", "chr1-100-A-C", "chr1-200-GAA-G", "chr1-300-G-<DEL>-40",
         "chr1-300-G-<DEL>-50", "chr2-7-C-G", "chr2-9-T-A"]  # fmt: skip


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    path = tmp_path_factory.mktemp("annotate") / "s"
    rows = [counts(n, i + 1, 100 * (i + 1), n_cohorts=1) for i, n in enumerate(NAMES[:-1])]
    # Assessed, but nobody called; and a stratum, which does not count.
    rows.append(counts(NAMES[-1], 0, 0, n_cohorts=1))
    rows.append(counts(NAMES[0], 77, 99) | {"stratum_by": "sex", "stratum": "male"})
    return make_store(path, {"variants": [variant(n) for n in NAMES], "totals": rows})


def _vcf(path, lines, meta=()):
    head = ["##fileformat=VCFv4.3", "##contig=<ID=1>", "##contig=<ID=chr2>", *meta,
            '##INFO=<ID=SVLEN,Number=A,Type=Integer,Description="x">',
            "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ts"]  # fmt: skip
    body = ["\t".join([c, str(p), ".", r, a, ".", "PASS", i, "GT", "0/1"])
            for c, p, r, a, i in lines]  # fmt: skip
    path.write_text("\n".join([*head, *body]) + "\n")
    return path


LINES = [
    ("1", 100, "A", "T,G,C", "DP=3"),
    # Padded: GAA>G behind two bases that both share.
    ("1", 198, "CCGAA", "CCG", "."),
    ("1", 300, "G", "<DEL>", "SVLEN=-50"),
    ("1", 301, "G", "C", "."),
    ("chr2", 7, "c", "g", "store_AC=9;X;store_AF=1"),
    ("chr2", 9, "T", "A", "."),
    ("chr9", 9, "T", "A", "."),
]


def _infos(path):
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt") as file:
        rows = [line.rstrip("\n").split("\t") for line in file if not line.startswith("##")]
    return [r[7] for r in rows[1:]], [r[9] for r in rows[1:]]


def test_info_of_a_vcf(store, tmp_path):
    old = '##INFO=<ID=store_AC,Number=1,Type=String,Description="of an earlier run">'
    source = _vcf(tmp_path / "in.vcf", LINES, [old])
    done = varhouse.annotate_frequencies(source, tmp_path / "out.vcf.gz", store=store)
    infos, calls = _infos(tmp_path / "out.vcf.gz")
    assert infos == [
        "DP=3;store_AC=1,.,2;store_AN=100,.,200;store_AF=0.01,.,0.01",
        "store_AC=3;store_AN=300;store_AF=0.01",
        "SVLEN=-50;store_AC=5;store_AN=500;store_AF=0.01",
        # Not in the store: absent, not 0.
        ".",
        "X;store_AC=6;store_AN=600;store_AF=0.01",
        # Assessed, and nobody was called.
        "store_AC=0;store_AN=0",
        ".",
    ]
    assert set(calls) == {"0/1"}
    assert (done.n_records, done.n_alleles, done.n_found) == (7, 9, 6)
    assert done.unknown_contigs == ("chr9",)
    assert done.is_indexed
    with gzip.open(tmp_path / "out.vcf.gz", "rt") as file:
        header = file.read().split("#CHROM")[0]
    assert re.findall(r"ID=(store_\w+),Number=(\w),Type=(\w+)", header) == [
        ("store_AC", "A", "Integer"), ("store_AN", "A", "Integer"), ("store_AF", "A", "Float"),
    ]  # fmt: skip
    assert "earlier run" not in header
    assert "##varhouse_frequencies=version=" in header
    # Again: the same, and nothing twice.
    varhouse.annotate_frequencies(tmp_path / "out.vcf.gz", tmp_path / "b.vcf", store=store)
    assert _infos(tmp_path / "b.vcf")[0] == infos
    assert (tmp_path / "b.vcf").read_text().count("##varhouse_frequencies") == 1


def test_other_statistics_and_names(store, tmp_path):
    source = _vcf(tmp_path / "in.vcf", LINES[:1])
    varhouse.annotate_frequencies(
        source, tmp_path / "o.vcf", store=store, columns=["AN", "n_cohorts"], name="all-of"
    )
    assert _infos(tmp_path / "o.vcf")[0] == ["DP=3;all_of_AN=100,.,200;all_of_N_COHORTS=1,.,1"]
    with pytest.raises(UsageError, match="no column 'acc' here; nearest: ac"):
        varhouse.annotate_frequencies(source, tmp_path / "x.vcf", store=store, columns=["acc"])
    assert not (tmp_path / "x.vcf").exists()


def test_tables_in_and_out(store, tmp_path):
    source = _vcf(tmp_path / "in.vcf", LINES)
    done = varhouse.annotate_frequencies(source, store=store)
    assert done.frame is not None
    assert done.frame.columns == [
        "contig", "pos", "ref", "alt", "extent", "store_ac", "store_an", "store_af",
    ]  # fmt: skip
    # Alleles as they stood, in their order.
    assert done.frame["pos"].to_list() == [100, 100, 100, 198, 300, 301, 7, 9, 9]
    assert done.frame["store_ac"].to_list() == [1, None, 2, 3, 5, None, 6, 0, None]
    frame = pl.DataFrame({"contig": ["1", "chr2", None], "pos": [100, 7, 3],
                          "ref": ["a", "C", "A"], "alt": ["t", "G", "C"]})  # fmt: skip
    found = varhouse.annotate_frequencies(frame, store=store).frame
    assert found is not None
    assert found["store_an"].to_list() == [100, 600, None]
    frame.write_parquet(tmp_path / "a.parquet")
    for ending in ("parquet", "tsv"):
        out = tmp_path / f"o.{ending}"
        varhouse.annotate_frequencies(tmp_path / "a.parquet", out, store=store)
        read = (
            pl.read_parquet(out) if ending == "parquet" else pl.read_csv(out, separator="\t")
        )
        assert read["store_ac"].to_list() == [1, 6, None]


def test_indels_are_found_left_aligned(tmp_path, capsys):
    make_fasta(tmp_path / "r.fa", {"chr1": "GCATATATATGG"})
    path = make_store(
        tmp_path / "s",
        {"variants": [variant("chr1-2-CAT-C")], "totals": [counts("chr1-2-CAT-C", 1, 4)]},
        make_contigs(["chr1"]),
    )
    source = _vcf(tmp_path / "in.vcf", [("1", 8, "TAT", "T", ".")])
    loose = varhouse.annotate_frequencies(source, store=path)
    found = varhouse.annotate_frequencies(source, store=path, reference=tmp_path / "r.fa")
    assert loose.frame is not None
    assert found.frame is not None
    assert loose.frame["store_ac"].to_list() == [None]
    assert found.frame["store_ac"].to_list() == [1]
    assert (loose.n_indels_missed, found.n_indels_missed) == (1, 0)
    out = str(tmp_path / "out.vcf")
    assert main(["annotate", str(source), "--store", str(path), "-o", out]) == 0
    assert "1 insertion(s) and deletion(s) were not found" in capsys.readouterr().err


def test_mistakes(store, tmp_path, capsys):
    source = _vcf(tmp_path / "in.vcf", LINES)
    with pytest.raises(UsageError, match="the input itself"):
        varhouse.annotate_frequencies(source, source, store=store)
    with pytest.raises(UsageError, match="the ending says no format"):
        varhouse.annotate_frequencies(source, tmp_path / "o.txt", store=store)
    with pytest.raises(InputError, match="no such file"):
        varhouse.annotate_frequencies(tmp_path / "no.vcf", store=store)
    out = str(tmp_path / "o.vcf")
    for options, message in (
        ([], "--genes and --reference missing"),
        (["--people", "x"], "--people goes with --store only"),
        (["--store", str(store), "--public"], "--public does not go with --store"),
    ):
        assert main(["annotate", str(source), "-o", out, *options]) == 2
        assert message in capsys.readouterr().err
    assert main(["annotate", str(source), "-o", out, "--store", str(store)]) == 0
    assert "6 of 9 alleles in the store" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["x\n##evil", "a b", "", "a;b"])
def test_a_name_that_no_key_can_have(store, tmp_path, name):
    """It would stand in the header as it is."""
    source = _vcf(tmp_path / "in.vcf", LINES)
    with pytest.raises(UsageError, match="cannot begin the names"):
        varhouse.annotate_frequencies(source, tmp_path / "o.vcf", store=store, name=name)
    assert not (tmp_path / "o.vcf").exists()


def test_everybody_is_no_group_among_others(store, tmp_path):
    source = _vcf(tmp_path / "in.vcf", LINES)
    with pytest.raises(UsageError, match="no column 'is_grpmax'"):
        varhouse.annotate_frequencies(source, store=store, columns=["is_grpmax"])


@pytest.fixture(scope="module")
def assessed(tmp_path_factory):
    """Make a store of a cohort of gVCFs and one of a plain VCF; give it and its reference."""
    people = People(tmp_path_factory.mktemp("assessed"))
    names = [people.write(k) for k in range(4)]
    lines = (people.folder / names[3]).read_text().splitlines()
    text = "\n".join(x for x in lines if "\t<NON_REF>" not in x).replace(",<NON_REF>", "")
    plain = text.replace("9,8,0", "9,8").replace("0|2", "0|1").replace("\tP3", "\tQ3")
    (people.folder / "q3.vcf").write_text(plain + "\n")
    people.configure(names[:3])
    with (people.folder / "cohorts.tsv").open("a") as file:
        file.write("o\tq3.vcf\n")
    with (people.folder / "samples.tsv").open("a") as file:
        file.write("\no\tQ3\tmale\tsouth\t1\n")
    told = ingest_here(people.folder / "s", people.folder / "config.json")
    assert not told["held_back"]
    return people.folder / "s", people.folder / "ref.fa"


@pytest.mark.parametrize("group", [None, 'sex == "male"', 'cohort == "o"'])
def test_what_the_store_lacks_has_no_copy_where_people_are_assessed(assessed, group):
    path, reference = assessed
    store = varhouse.open(path)
    held = set(store.variants().select("contig", "pos", "ref", "alt").collect().rows())
    every = [(c, p, b[p - 1], a) for c, b in CONTIGS.items()
             for p in range(1, len(b) + 1) for a in "ACGT" if a != b[p - 1]]  # fmt: skip
    asked = [a for a in every if a not in held]
    frame = pl.DataFrame(asked, ["contig", "pos", "ref", "alt"], orient="row")
    frame = frame.with_columns(pl.col("pos").cast(pl.Int32), extent=pl.lit(None, pl.Int32))
    columns = ["ac", "an", "af", "n_samples", "n_missing", "n_hom_alt", "n_cohorts"]
    done = varhouse.annotate_frequencies(frame, store=store, people=group, columns=columns)
    assert done.n_found == 0
    told = done.frame
    assert told.height == len(asked)
    # Of another computation: who is assessed at each base.
    shown = {"cohort": "all", "stratum_by": "all"} if group is None else {"people": group}
    bases = {}
    for contig in CONTIGS:
        rows = store.callability(contig, **shown)
        for row in rows.filter(pl.col("cohort") == rows["cohort"][-1]).iter_rows(named=True):
            for pos in range(row["start"], row["end"] + 1):
                bases[contig, pos] = row["n_samples"], row["an"], row["n_missing"]
    seen = {"other": 0, "nobody": 0, "somebody": 0}
    sites = {a[:2] for a in held}
    for row in told.iter_rows(named=True):
        site = row["contig"], row["pos"]
        n_samples, an, n_missing = bases[site]
        if n_samples == 0:
            assert {row[f"store_{c}"] for c in columns} == {None}
            seen["nobody"] += 1
            continue
        assert (row["store_n_samples"], row["store_an"]) == (n_samples, an)
        assert row["store_n_missing"] == n_missing
        assert (row["store_ac"], row["store_n_hom_alt"]) == (0, 0)
        assert row["store_af"] == (0 if an else None)
        assert row["store_n_cohorts"] in (1, 2)
        seen["other" if site in sites else "somebody"] += 1
    assert (seen["nobody"] > 20) is (group is not None)
    assert seen["other"] > 5
    assert (seen["somebody"] > 500) is (group != 'cohort == "o"')
    # An indel has its place with a reference alone, a symbolic allele never.
    base = CONTIGS["c1"][299]
    rows = [("c1", 300, base, f"{base}ACGTACGTAC", None), ("c1", 300, base, "<DEL>", 40)]
    frame = pl.DataFrame(rows, frame.schema, orient="row")
    for fasta in (None, reference):
        done = varhouse.annotate_frequencies(frame, store=store, people=group, reference=fasta)
        n_samples, an, _ = bases["c1", 300]
        wanted = an if fasta and n_samples else None
        assert done.frame["store_an"].to_list() == [wanted, None]
        assert done.n_indels_missed == (0 if fasta else 1)
