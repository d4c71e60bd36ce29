"""Capture kits: who is assessed where, by the BED of his kit, against a slow count."""

import json
import random
from collections import defaultdict

import polars as pl
import pytest
from builders import make_fasta, make_vcf
from inprocess import ingest_here
from slow_sites import GENOME, gather, random_files, read_counts, slow_counts, write_cohort
from verifying import check_callable, verify

import varhouse
from varhouse.errors import ConfigError
from varhouse.store.drop import drop_cohort
from varhouse.tables.statistics import counts_of

CONTIGS = dict.fromkeys(("c1", "X", "Y", "MT"), GENOME)
BEDS = {
    "A": [
        ("c1", 0, 12),
        ("c1", 10, 20),
        ("c1", 40, 41),
        ("X", 4, 30),
        ("Y", 0, 59),
        ("MT", 3, 9),
    ],
    "B": [("c1", 15, 35), ("X", 0, 10), ("X", 10, 18), ("Y", 30, 40), ("MT", 0, 59)],
}


def bed_text(spans, sep="\t"):
    return "".join(f"{c}{sep}{a}{sep}{b}{sep}x\n" for c, a, b in spans)


def with_kits(config, beds=BEDS, whole=None, **keys):
    """Give a cohort kits: BED files and kits.tsv beside its configuration."""
    folder = config.parent
    for kit, spans in beds.items():
        (folder / f"{kit}.bed").write_text(bed_text(spans))
    rows = [f"{kit}\t{kit}.bed" for kit in beds]
    (folder / "kits.tsv").write_text("\n".join(["kit\tbed", *rows]) + "\n")
    if whole is not None:
        sheet = (folder / "cohorts.tsv").read_text().splitlines()
        text = "\n".join([sheet[0] + "\tcallable", *(f"{x}\t{whole}" for x in sheet[1:])])
        (folder / "cohorts.tsv").write_text(text + "\n")
    said = json.loads(config.read_text()) | {"callable": {"kits": "kits.tsv"}} | keys
    config.write_text(json.dumps(said))
    return config


def covers(people, beds=BEDS):
    def ask(sample, contig, pos):
        spans = beds[people[sample][2]]
        return any(c == contig and a < pos <= b for c, a, b in spans)

    return ask


def base_counts(right, files, people):
    """What is counted at each base of the contigs, but ac: (contig, pos, stratum) to counts.

    Where alleles stand it is the most that one of them counts, as in totals.
    """
    out = {}
    for (contig, pos, _, _, *stratum), (_, an, missing, n) in right.items():
        old = out.get((contig, pos, *stratum), (0, n, n))
        out[contig, pos, *stratum] = (max(an, old[0]), min(missing, old[1]), n)
    held = {k[:2] for k in right} | {k[:2] for k in gather(files)[1]}
    bases = [(c, p) for c in CONTIGS for p in range(1, len(GENOME) + 1) if (c, p) not in held]
    rest = slow_counts(files, people, covers(people), bases)
    out |= {(*k[:2], *k[4:]): v[1:] for k, v in rest.items() if k[:2] not in held}
    return out


def callable_counts(store):
    """What the rows of the table callable add up to, base by base."""
    out = defaultdict(lambda: [0, 0, 0])
    columns = [
        "contig",
        "start",
        "end",
        "stratum_by",
        "stratum",
        "an",
        "n_missing",
        "n_samples",
    ]
    for contig, start, end, by, value, *counts in (
        varhouse.open(store).scan("callable").select(columns).collect().rows()
    ):
        for pos in range(start, end + 1):
            row = out[contig, pos, by, value]
            for i, x in enumerate(counts):
                row[i] += x
    return {k: tuple(v) for k, v in out.items()}


@pytest.mark.parametrize("seed", range(2))
def test_random_files_against_a_slow_reader(tmp_path, seed):
    """Several one-sample files and joint files, two kits, sexes, X, Y and MT."""
    rng = random.Random(seed)
    groups = [["a"], ["b"], ["c", "d", "e", "f"], ["g"]] if seed % 2 else [list("abcdefg")]
    files = random_files(rng, groups, CONTIGS)
    names = [s for g in groups for s in g]
    people = {
        s: (rng.choice(["male", "female", "unknown"]), f"P{i % 2}", rng.choice("AB"))
        for i, s in enumerate(names)
    }
    config = with_kits(write_cohort(tmp_path, files, people, contigs=CONTIGS, columns=["kit"]))
    digests = {
        ingest_here(tmp_path / f"store{n}", config, chunk_records=n)["digest"]
        for n in (None, 17)
    }
    assert len(digests) == 1
    right = slow_counts(files, people, covers(people))
    found = {k: v for k, v in read_counts(tmp_path / "storeNone").items() if v[3]}
    at_bases = base_counts(right, files, people)
    assert callable_counts(tmp_path / "storeNone") == at_bases
    wrong = {
        k: (found.get(k), right.get(k))
        for k in found.keys() | right.keys()
        if found.get(k) != right.get(k)
    }
    assert not wrong, f"{len(wrong)} of {len(right)}: {list(wrong.items())[:3]}"
    assert not verify(varhouse.open(tmp_path / "storeNone"))
    assert not list(check_callable(varhouse.open(tmp_path / "storeNone")))


def by_base(rows):
    """Take stretches apart: (cohort, pos) to counts, of bases where there are some."""
    names = ["an", "an_written", "n_samples", "n_missing", "n_not_diploid"]
    columns = ["cohort", "start", "end", *names]
    return {
        (cohort, pos): tuple(counts)
        for cohort, start, end, *counts in rows.select(columns).rows()
        for pos in range(start, end + 1)
        if any(counts)
    }


def test_groups_are_what_a_build_with_the_stratum_counts(tmp_path):
    """Of two cohorts with kits and one without, in every count and by cohort and in total."""
    rng = random.Random(8)
    store = tmp_path / "store"
    for name, groups in (("x", ["abc"]), ("y", ["d", "e", "fg"]), ("z", ["hi"])):
        files = random_files(rng, [list(g) for g in groups], CONTIGS)
        people = {
            s: (rng.choice(["male", "female", "unknown"]), f"P{i % 2}", rng.choice("AB"))
            for i, s in enumerate("".join(groups))
        }
        config = write_cohort(tmp_path / name, files, people, name, CONTIGS, ["kit"])
        if name != "z":
            with_kits(config, strata=["population", "kit"])
        ingest_here(store, config)
    opened = varhouse.open(store)
    assert not verify(opened)
    assert not list(check_callable(opened))
    names = [n for n in counts_of("frequencies") if not n.endswith("_adj")]
    key = ["contig", "pos", "ref", "alt", "extent"]
    for by_cohort, table in ((True, "frequencies"), (False, "totals")):
        columns = [*key, *(["cohort"] if by_cohort else ["n_cohorts"]), *names]
        rows = opened.scan(table).filter(pl.col("n_samples") > 0).collect()
        for asked, stratum in (
            ("population in ('P0', 'P1')", pl.col("stratum") == "all"),
            ("population == 'P1'", pl.col("stratum") == "P1"),
        ):
            found = opened.group_frequencies(asked, columns=names, by_cohort=by_cohort)
            if not by_cohort:
                with_n = opened.group_frequencies(asked, columns=["n_cohorts", *names])
                assert with_n.drop("n_cohorts").equals(found)
                found = with_n
            right = rows.filter(stratum).select(columns)
            assert sorted(found.select(columns).rows()) == sorted(right.rows()), (table, asked)
    for contig in CONTIGS:
        for asked, by, value in (("population == 'P1'", "population", "P1"),
                                 ("kit == 'B' and cohort != 'z'", "kit", "B")):  # fmt: skip
            place = f"{contig}:1-{len(GENOME)}"
            found = opened.callability(place, people=asked, cohort=["x", "y"])
            right = opened.callability(place, cohort=["x", "y"], stratum_by=by)
            right = right.filter(pl.col("stratum") == value)
            assert by_base(found) == by_base(right), (contig, asked)
    drop_cohort(store, "y")
    assert not verify(varhouse.open(store))


# --- what a person is assumed to be called, and when nothing is assumed ---


def snv(pos, gts, contig="c1", filters="PASS"):
    """Make a line of a VCF: an SNV at a base of GENOME."""
    ref = GENOME[pos - 1]
    alt = "ACGT"["CGTA".index(ref)]
    return f"{contig} {pos} . {ref} {alt} . {filters} . GT {' '.join(gts)}"


def write_files(folder, files, people, columns="kit"):
    """Write one cohort of files {name: (samples, lines)} and its sheets."""
    make_fasta(folder / "ref.fa", CONTIGS)
    for name, (samples, lines) in files.items():
        make_vcf(folder / name, lines, samples, {c: len(GENOME) for c in CONTIGS})
    rows = [f"cohort\t{s}\t{cells}" for s, cells in people.items()]
    head = f"cohort\tsample\tsex\t{columns}"
    (folder / "samples.tsv").write_text("\n".join([head, *rows]) + "\n")
    (folder / "cohorts.tsv").write_text(f"cohort\tfiles\ncohort\t{','.join(files)}\n")
    config = {"assembly": {"name": "toy", "reference": "ref.fa"}, "cohorts": "cohorts.tsv",
              "samples": "samples.tsv", "strata": ["sex"]}  # fmt: skip
    (folder / "config.yaml").write_text(json.dumps(config))
    return folder / "config.yaml"


def of_all(store, *names, table="frequencies"):
    """Read counts of everybody by allele: `contig-pos` to a tuple."""
    rows = varhouse.open(store).scan(table).filter(pl.col("stratum_by") == "all").collect()
    return {f"{r['contig']}-{r['pos']}": tuple(r[n] for n in names)
            for r in rows.iter_rows(named=True)}  # fmt: skip


ONE_SAMPLE = {
    "m": "male\tA", "f": "female\tA", "u": "unknown\tA", "b": "female\tB", "g": "male\tWGS",
}  # fmt: skip
EACH = {"A": [("c1", 0, 30), ("X", 0, 59), ("Y", 0, 59), ("MT", 0, 59)], "B": [("c1", 20, 30)]}


def test_who_has_no_record_is_assumed_called_where_his_kit_covers(tmp_path):
    """Only the first file has records; a kit of the whole genome covers every base."""
    lines = [snv(10, ["0/1"]), snv(25, ["0/1"]), snv(40, ["0/1"]), snv(9, ["1"], "X"),
             snv(9, ["1"], "Y"), snv(9, ["0/1"], "MT")]  # fmt: skip
    files = {"m.vcf": (["m"], lines)} | {f"{s}.vcf": ([s], []) for s in "fubg"}
    config = with_kits(write_files(tmp_path, files, ONE_SAMPLE), EACH)
    with (tmp_path / "kits.tsv").open("a") as out:
        out.write("WGS\tgenome\n")
    account = ingest_here(tmp_path / "store", config)
    found = of_all(tmp_path / "store", "ac", "an", "an_written", "n_samples", "n_missing",
                   "n_not_diploid", "n_samples_adj")  # fmt: skip
    assert found == {
        "c1-10": (1, 8, 8, 4, 0, 0, None),
        "c1-25": (1, 10, 10, 5, 0, 0, None),
        # Outside of the carrier's kit: the genome's people alone are assessed.
        "c1-40": (0, 2, 2, 1, 0, 0, None),
        # A woman has two copies of X and none of Y; who may be either is not assumed.
        "X-9": (1, 4, 4, 3, 0, 2, None),
        "Y-9": (1, 2, 2, 2, 0, 2, None),
        # Of the mitochondrial contig everybody has one; the record is counted as written.
        "MT-9": (1, 5, 5, 4, 0, 3, None),
    }
    (cohort,) = account["cohorts"]
    assert cohort["outside_kits"] == [1, 1]
    assert "1 copies of 1 alleles lie outside of the carriers' kits" in " ".join(
        cohort["notes"]
    )
    opened = varhouse.open(tmp_path / "store")
    assert not verify(opened)
    # The genotype is there, whatever the kit.
    assert opened.calls("c1:40-40").collect()["sample"].to_list() == ["m"]


def test_nothing_is_assumed_where_a_record_was_rejected(tmp_path):
    """With pass_only the second person's record at 10 is a reject, at 12 it is missing."""
    files = {
        "f.vcf": (["f"], [snv(10, ["0/1"]), snv(12, ["0/1"])]),
        "m.vcf": (["m"], [snv(10, ["0/1"], filters="low")]),
    }
    people = {"m": "male\tA", "f": "female\tA"}
    config = with_kits(write_files(tmp_path, files, people), EACH, policy={"pass_only": True})
    (tmp_path / "kits.tsv").write_text("kit\tbed\nA\tA.bed\n")
    ingest_here(tmp_path / "store", config)
    names = ("ac", "an", "n_samples")
    assert of_all(tmp_path / "store", *names) == {"c1-10": (1, 2, 1), "c1-12": (1, 4, 2)}
    opened = varhouse.open(tmp_path / "store")
    at = opened.callability("c1:9-13", cohort="cohort", stratum_by="all")
    assert at.select("start", "end", "an", "n_samples").rows() == [
        (9, 9, 4, 2), (10, 10, 2, 1), (11, 13, 4, 2),
    ]  # fmt: skip
    groups = opened.group_frequencies("sex in ('male', 'female')", columns=names)
    assert groups.select("pos", *names).rows() == [(10, 1, 2, 1), (12, 1, 4, 2)]


def test_a_bed_of_the_whole_cohort_and_of_a_kit(tmp_path):
    """People without a kit go by the column callable; a column kit alone is text."""
    files = {"j.vcf": (["m", "f"], [snv(10, ["0/1", "0/1"]), snv(35, ["0/1", "0/1"])])}
    people = {"m": "male\tA", "f": "female\t"}
    config = write_files(tmp_path, files, people)
    with_kits(config, {"A": [("c1", 0, 20)]}, whole="whole.bed")
    (tmp_path / "whole.bed").write_text("c1\t30\t40\n")
    ingest_here(tmp_path / "store", config)
    names = ("ac", "an", "n_samples")
    assert of_all(tmp_path / "store", *names) == {"c1-10": (1, 2, 1), "c1-35": (1, 2, 1)}
    rows = varhouse.open(tmp_path / "store").kits().collect()
    assert rows.select("contig", "kit", "start", "end").rows() == [
        ("c1", "A", 1, 20), ("c1", "callable", 31, 40),
    ]  # fmt: skip
    said = json.loads(config.read_text())
    config.write_text(json.dumps({k: v for k, v in said.items() if k != "callable"}))
    account = ingest_here(tmp_path / "store", config)
    assert of_all(tmp_path / "store", *names) == {"c1-10": (0, 0, 0), "c1-35": (2, 4, 2)}
    assert any("the column kit is kept as text" in w for w in account["warnings"])


def test_another_bed_renews_the_cohort_and_another_list_does_not(tmp_path):
    files = {"j.vcf": (["m"], [snv(10, ["0/1"])])}
    config = with_kits(write_files(tmp_path, files, {"m": "male\tA"}), EACH)
    store = tmp_path / "store"
    first = ingest_here(store, config)
    assert ingest_here(store, config)["up_to_date"]
    with (tmp_path / "kits.tsv").open("a") as out:
        out.write("C\tgenome\n")
    assert ingest_here(store, config)["up_to_date"]
    (tmp_path / "A.bed").write_text("c1\t0\t9\n")
    assert ingest_here(store, config)["release"] == first["release"] + 1
    assert of_all(store, "an", "n_samples") == {"c1-10": (0, 0)}
    assert varhouse.open(store).scan("callable").filter(start=10).collect().is_empty()


def test_blocks_of_a_gvcf_go_before_the_bed(tmp_path):
    """The gVCF says nothing of bases 5 and 10, its person's kit covers both."""
    meta = [
        '##INFO=<ID=END,Number=1,Type=Integer,Description="End">',
        '##FORMAT=<ID=DP,Number=1,Type=Integer,Description="Depth">',
        '##FORMAT=<ID=GQ,Number=1,Type=Integer,Description="Quality">',
    ]
    blocks = [
        f"c1 {a} . {GENOME[a - 1]} <NON_REF> . . END={b} GT:DP:GQ 0/0:30:60"
        for a, b in ((7, 9), (11, 20), (21, 40))
    ]
    files = {"m.vcf": (["m"], [snv(5, ["0/1"]), snv(10, ["0/1"]), snv(15, ["0/1"])])}
    config = write_files(tmp_path, files, {"m": "male\tA", "f": "female\tA"})
    make_vcf(tmp_path / "f.g.vcf", blocks, ["f"], {c: len(GENOME) for c in CONTIGS}, meta)
    (tmp_path / "cohorts.tsv").write_text("cohort\tfiles\ncohort\tm.vcf,f.g.vcf\n")
    with_kits(config, {"A": [("c1", 0, 12)]})
    account = ingest_here(tmp_path / "store", config)
    assert any("f.g.vcf: gVCF" in n for n in account["cohorts"][0]["notes"])
    found = of_all(tmp_path / "store", "ac", "an", "n_samples", "an_adj")
    # At 15 the carrier's kit does not reach, at 5 and 10 the gVCF has no block.
    assert found == {"c1-5": (1, 2, 1, None), "c1-10": (1, 2, 1, None), "c1-15": (0, 2, 1, 2)}
    opened = varhouse.open(tmp_path / "store")
    assert not verify(opened)
    assert not list(check_callable(opened))
    at = opened.callability("c1:4-16", cohort="cohort", stratum_by="all")
    assert at.select("start", "end", "n_samples", "an").rows() == [
        (4, 6, 1, 2), (7, 9, 2, 4), (10, 10, 1, 2), (11, 12, 2, 4), (13, 16, 1, 2),
    ]  # fmt: skip
    everybody = "sex in ('male', 'female')"
    asked = opened.callability("c1:1-50", cohort="cohort", people=everybody)
    whole = opened.callability("c1:1-50", cohort="cohort", stratum_by="all")
    assert by_base(asked) == by_base(whole)
    names = ("ac", "an", "n_samples")
    groups = opened.group_frequencies(everybody, columns=names)
    assert groups.select("pos", *names).rows() == [(5, 1, 2, 1), (10, 1, 2, 1), (15, 0, 2, 1)]


def test_kits_of_hundreds_of_people_in_one_file(tmp_path):
    """The example of the issue: 500 people of kit A, 300 of kit B, one joint file."""
    rng = random.Random(3)
    names = [f"s{i}" for i in range(800)]
    kit = {s: "A" if i < 500 else "B" for i, s in enumerate(names)}
    people = {s: f"{'male' if rng.random() < 0.5 else 'female'}\t{kit[s]}" for s in names}
    gts = {p: [rng.choice(["0/0", "0/0", "0/1", "1/1", "./."]) for _ in names]
           for p in (5, 15, 25, 45)}  # fmt: skip
    files = {"j.vcf": (names, [snv(p, g) for p, g in gts.items()])}
    beds = {"A": [("c1", 0, 20)], "B": [("c1", 10, 30)]}
    config = with_kits(write_files(tmp_path, files, people), beds, strata=["kit"])
    ingest_here(tmp_path / "store", config)
    columns = ["pos", "stratum", "ac", "an", "n_samples", "n_missing"]
    rows = varhouse.open(tmp_path / "store").scan("frequencies").collect()
    for pos, stratum, *found in rows.select(columns).rows():
        mine = [
            g for s, g in zip(names, gts[pos], strict=True)
            if stratum in ("all", kit[s]) and any(a < pos <= b for _, a, b in beds[kit[s]])
        ]  # fmt: skip
        text = " ".join(mine)
        called = len(mine) - text.count("./.")
        assert found == [text.count("1"), 2 * called, len(mine), text.count("./.")]
    assert of_all(tmp_path / "store", "n_samples") == {
        "c1-5": (500,), "c1-15": (800,), "c1-25": (300,), "c1-45": (0,),
    }  # fmt: skip


def test_many_contigs_share_a_partition(tmp_path):
    """A kit of the genome; contigs with and without a record, of which many share a part."""
    names = [f"u{i}" for i in range(230)]
    config = write_files(
        tmp_path, {"j.vcf": (["m", "f"], [])}, {"m": "male\tW", "f": "female\tW"}
    )
    make_fasta(tmp_path / "ref.fa", dict.fromkeys(names, GENOME))
    lines = [snv(10, ["0/1", "0/0"], n) for n in names[::3]]
    make_vcf(tmp_path / "j.vcf", lines, ["m", "f"], dict.fromkeys(names, len(GENOME)))
    with_kits(config, {})
    (tmp_path / "kits.tsv").write_text("kit\tbed\nW\tgenome\n")
    ingest_here(tmp_path / "store", config)
    opened = varhouse.open(tmp_path / "store")
    rows = opened.scan("callable").filter(pl.col("stratum_by") == "all").collect()
    assert (rows["n_samples"] == 2).all()
    bases = rows.group_by("contig").agg((pl.col("end") - pl.col("start") + 1).sum())
    assert dict(bases.rows()) == dict.fromkeys(names, len(GENOME))
    assert rows["part"].n_unique() > 1
    assert not verify(opened)


# --- mistakes, all told at once ---


def problems_of(config, store):
    with pytest.raises(ConfigError) as error:
        ingest_here(store, config)
    return "\n".join(error.value.problems)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "A.bed: no interval"),
        ("# a comment\ntrack name=x\n\n", "A.bed: no interval"),
        ("c1\t5\n", "A.bed:1: not a BED line"),
        ("c1\tx\t9\n", "A.bed:1: not a BED line"),
        ("c1\t-1\t9\n", "A.bed:1: not a BED line"),
        ("c1\t1\t99999999999\n", "A.bed:1: not a BED line"),
        ("c1\t0\t5\nc1\t9\t9\n", "A.bed:2: 9-9 holds no base"),
        ("c1\t9\t3\n", "A.bed:1: 9-3 holds no base"),
        ("c1,0,5\n", "A.bed:1: not a BED line"),
        ("@HD\tVN:1.6\nc1\t1\t5\t+\tx\n", "A.bed: an interval list of Picard"),
        ("c1\t0\t5\nc1\t50\t60\n", "A.bed:2: c1 50-60 passes the contig's last base (59)"),
        ("chr99\t0\t5\n", "A.bed: none of its contigs (chr99) is one of this assembly"),
        ("c1\t0\n" * 5, "A.bed: ... and 2 more lines like it"),
        (b"\x1f\x8b\x08broken", "A.bed: cut off or damaged"),
        (b"\xff\xfe\x00c", "A.bed: not UTF-8"),
    ],
)
def test_what_is_no_bed(tmp_path, text, said):
    config = with_kits(write_files(tmp_path, {"j.vcf": (["m"], [])}, {"m": "male\tA"}), EACH)
    (tmp_path / "A.bed").write_bytes(text if isinstance(text, bytes) else text.encode())
    assert said in problems_of(config, tmp_path / "store")


@pytest.mark.parametrize(
    "text",
    [
        "c1\t0\t5\tname\t0\t+\r\nc1\t3\t9\r\n",
        "\ufeffbrowser position c1:1-9\ntrack name=k\nc1 0 5\nc1   3 9  x\n#end",
        "c1\t3\t9\nc1\t0\t5\nc1\t0\t5\nc1\t4\t5\nX_other\t1\t2\n",
    ],
)
def test_ways_to_write_a_bed(tmp_path, text):
    """Rows in any order, over each other, set off by blanks; unknown contigs are told of."""
    files = {"j.vcf": (["m"], [snv(9, ["0/1"]), snv(10, ["0/1"])])}
    config = with_kits(write_files(tmp_path, files, {"m": "male\tA"}), EACH)
    (tmp_path / "A.bed").write_bytes(text.encode())
    account = ingest_here(tmp_path / "store", config)
    assert of_all(tmp_path / "store", "an") == {"c1-9": (2,), "c1-10": (0,)}
    rows = varhouse.open(tmp_path / "store").kits().select("start", "end").collect().rows()
    assert rows == [(1, 9)]
    told = [w for w in account["warnings"] if "X_other" in w and "left out" in w]
    assert len(told) == text.count("X_other")


def test_mistakes_of_sheets_are_told_at_once(tmp_path):
    people = {"a": "male\tA", "b": "male\tAA", "c": "male\t", "d": "male\tNone"}
    files = {"j.vcf": (list("abcd"), [])}
    config = with_kits(write_files(tmp_path, files, people), EACH, whole="nowhere.bed")
    rows = ["A\tA.bed", "A\tB.bed", "callable\tB.bed", "C\t", "D\tgone.bed"]
    (tmp_path / "kits.tsv").write_text("\n".join(["kit\tbed", *rows]) + "\n")
    (tmp_path / "A.bed").write_text("c1\t5\n")
    said = problems_of(config, tmp_path / "store")
    for part in (
        "kits.tsv:3: kit 'A' stands twice",
        "kits.tsv:4: 'callable' is the name of the BED of a whole cohort",
        "kits.tsv:5: no kit or no bed",
        "kits.tsv:6: no such file",
        "callable: no such file",
        "sample 'b' (line 3) has the kit 'AA', which is not in kits.tsv; nearest: A",
        "sample 'd' (line 5) has the kit 'None'",
        "A.bed:1: not a BED line",
        "kits.tsv: kit 'D' has no people",
    ):
        assert part in said, part
    assert "sample 'c'" not in said
    with_kits(write_files(tmp_path, files, people), EACH)
    assert "sample 'c' (line 4) has no kit, others have" in problems_of(
        config, tmp_path / "store"
    )
    (tmp_path / "kits.tsv").write_text("kit\tfile\nA\tA.bed\n")
    assert "kits.tsv: no column 'bed'" in problems_of(config, tmp_path / "store")
    write_files(tmp_path, {"j.vcf": (["a"], [])}, {"a": "male\tA"}, "capture")
    with_kits(config, EACH)
    assert "the sample sheet has no column 'kit'" in problems_of(config, tmp_path / "store")


def test_who_has_no_row_in_the_sheet_has_no_kit(tmp_path):
    files = {"j.vcf": (["m", "f"], [snv(10, ["0/1", "0/1"])])}
    config = write_files(tmp_path, files, {"m": "male\tA"})
    with_kits(config, EACH, policy={"unlisted_samples": "unknown"})
    (held,) = ingest_here(tmp_path / "store", config)["held_back"]
    assert "1 sample(s) have no kit" in held["reasons"][0]
    with_kits(config, EACH, whole="B.bed", policy={"unlisted_samples": "unknown"})
    assert not ingest_here(tmp_path / "store", config)["held_back"]
    assert of_all(tmp_path / "store", "n_samples") == {"c1-10": (1,)}
