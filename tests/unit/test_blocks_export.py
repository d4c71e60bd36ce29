"""Reference blocks come back out of the store to the letter, in the order of the file."""

import json
import random
import subprocess
import sys

import pytest
from builders import make_fasta
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from inprocess import ingest_here
from verifying import verify

import varhouse
from varhouse.cli import main
from varhouse.export import export_cohort, export_pgen, records
from varhouse.query import blockcalls

LENGTHS = {"c1": 3000, "c2": 400}
META = """\
##fileformat=VCFv4.2
##contig=<ID=c1,length=3000>
##contig=<ID=c2,length=400>
##ALT=<ID=NON_REF,Description="x">
##INFO=<ID=END,Number=1,Type=Integer,Description="x">
##INFO=<ID=BLOCKAVG_min30p3a,Number=0,Type=Flag,Description="x">
##INFO=<ID=DP,Number=1,Type=Integer,Description="x">
##FORMAT=<ID=GT,Number=1,Type=String,Description="x">
##FORMAT=<ID=DP,Number=1,Type=Integer,Description="x">
##FORMAT=<ID=GQ,Number=1,Type=Integer,Description="x">
##FORMAT=<ID=MIN_DP,Number=1,Type=Integer,Description="x">
##FORMAT=<ID=LEN,Number=1,Type=Integer,Description="x">
##FORMAT=<ID=PL,Number=G,Type=Integer,Description="x">
"""
DIALECTS = {
    "gatk": ("<NON_REF>", "END={end}", "GT:DP:GQ:MIN_DP:PL", "{gt}:{n}:{n}:{n}:0,{n},99"),
    "gatk-each-base": ("<NON_REF>", ".", "GT:DP:GQ:PL", "{gt}:{n}:{n}:0,3,{n}"),
    "dragen": ("<NON_REF>", "END={end}", "GT:GQ:MIN_DP:DP:PL", "{gt}:{n}:.:{n}:."),
    "deepvariant": ("<*>", "END={end}", "GT:GQ:MIN_DP:PL", "{gt}:{n}:{n}:0,{n},{n}"),
    "mpileup": ("<*>", "END={end};DP={n}", "PL:DP", "0,{n},255:{n}"),
    "bcftools-call": (".", "DP={n};END={end};X", "GT:DP", "{gt}:{n}"),
    "strelka": (".", "END={end};BLOCKAVG_min30p3a", "GT:GQX:DP:DPF", "{gt}:{n}:{n}:0"),
    "wecall": ("<NON_REF>", "BEG=1;END={end};LEN=4", "GT:DP:GQ", "{gt}:{n}"),
    "octopus": ("<*> <*> *", "END={end}", "GT:GQ:FT", "{gt}:{n}:PASS"),
    "of-length": ("<*>", ".", "GT:LEN:DP", "{gt}:{len}:{n}"),
    "both-ends": ("<*>", "END={end};MEND=5", "DP:GT:LEN", "{n}:{gt}:{len}"),
    "dropped": ("<NON_REF>", "XEND=4;END={end};END", "GT:DP:GQ", "{gt}"),
}
GENOTYPES = ("0/0", "0/0", "0/0", "./.", "0|0", "0", ".", "0/.", "0/0/0")


def make_records(dialect, seed, people, n=30, contigs=tuple(LENGTHS), genome=None):
    """Make records of a gVCF (lists of cells), blocks and variants, on some contigs."""
    alt, info, keys, cell = DIALECTS[dialect]
    rng = random.Random(seed)
    out = []
    for contig in contigs:
        pos = 1
        bases = genome[contig]
        for _ in range(n):
            size = rng.choice([1, 2, 7, 12, 30])
            end = pos + size - 1
            if end + 9 > len(bases):
                break
            qual = rng.choice([".", "0", "1e2", "30.50", "0.0", "7"])
            name = rng.choice([".", ".", ".", "rs1", "a;b"])
            mark = rng.choice([".", "PASS", "LowGQX;q"])
            ref = bases[pos - 1]
            if rng.random() < 0.15:
                other = rng.choice([b for b in "ACGT" if b != ref])
                beside = rng.choice([other, f"{other},<*>"])
                cells = [rng.choice(["0/1", "0/0", "1"]) + f":{pos}" for _ in range(people)]
                out.append(
                    [contig, str(pos), name, ref, beside, ".", mark, ".", "GT:DP", *cells]
                )
                pos += 1
                continue
            cells = [
                cell.format(gt=rng.choice(GENOTYPES), n=rng.randint(0, 99), len=size)
                for _ in range(people)
            ]
            text = info.format(end=end, n=rng.randint(0, 5))
            block = rng.choice(alt.split())
            out.append([contig, str(pos), name, ref, block, qual, mark, text, keys, *cells])
            pos = end + 1 + rng.choice([0, 0, 0, 5])
    return out


def write_gvcf(path, rows, samples, end="\n"):
    """Write records as a file, with line ends of some kind."""
    head = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *samples]
    lines = [*META.rstrip("\n").split("\n"), "\t".join(head), *("\t".join(r) for r in rows)]
    path.write_bytes((end.join(lines) + end).encode())
    return path


def make_store_of(folder, *paths, chunk_records=None, **config):
    """Ingest files as one cohort `a`."""
    (folder / "cohorts.tsv").write_text(
        "cohort\tfiles\na\t" + ",".join(p.name for p in paths) + "\n"
    )
    whole = {
        "assembly": {"name": "toy", "reference": "ref.fa"},
        "cohorts": "cohorts.tsv",
        "policy": {"unlisted_samples": "unknown"},
        **config,
    }
    (folder / "config.yaml").write_text(json.dumps(whole))
    account = ingest_here(
        folder / "store", folder / "config.yaml", chunk_records=chunk_records
    )
    assert not account["held_back"], account["held_back"]
    return varhouse.open(folder / "store")


def read_rows(path):
    """Give the records of a VCF as lists of cells."""
    lines = path.read_text().splitlines()
    return [ln.split("\t") for ln in lines if not ln.startswith("#")]


@pytest.fixture
def genome(tmp_path):
    make_fasta(tmp_path / "ref.fa", LENGTHS)
    found = {}
    for part in (tmp_path / "ref.fa").read_text().split(">")[1:]:
        name, *lines = part.split("\n")
        found[name] = "".join(lines)
    return found


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_gvcf_comes_back_byte_for_byte(tmp_path, genome, dialect, monkeypatch):
    rows = make_records(dialect, 1, 1, genome=genome)
    store = make_store_of(tmp_path, write_gvcf(tmp_path / "a.vcf", rows, ["s"]))
    assert store.blocks().collect().height > 20
    assert not store.rejects().collect().height
    monkeypatch.setattr(records, "WINDOW", 7)
    monkeypatch.setattr(records, "HELD_RECORDS", 20)
    assert export_cohort(store, "a", tmp_path / "out.vcf") == len(rows)
    assert read_rows(tmp_path / "out.vcf") == rows
    assert verify(store) == []


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@settings(
    deadline=None,
    max_examples=5,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
@given(
    dialect=st.sampled_from(sorted(DIALECTS)),
    seed=st.integers(0, 1000),
    people=st.integers(2, 5),
    chunk=st.sampled_from([None, 4, 17]),
)
def test_several_samples_and_chunks(tmp_path_factory, end, dialect, seed, people, chunk):
    folder = tmp_path_factory.mktemp("x")
    make_fasta(folder / "ref.fa", LENGTHS)
    text = (folder / "ref.fa").read_text().split(">")[1:]
    genome = {p.split("\n")[0]: "".join(p.split("\n")[1:]) for p in text}
    rows = make_records(dialect, seed, people, genome=genome)
    names = [f"s{k}" for k in range(people)]
    store = make_store_of(
        folder, write_gvcf(folder / "a.vcf", rows, names, end), chunk_records=chunk
    )
    assert store.blocks().collect().height > len(rows) // 2
    export_cohort(store, "a", folder / "out.vcf")
    assert read_rows(folder / "out.vcf") == rows
    chosen = names[::-2]
    export_cohort(store, "a", folder / "some.vcf", samples=chosen)
    at = [9 + names.index(s) for s in chosen]
    assert read_rows(folder / "some.vcf") == [[*r[:9], *(r[k] for k in at)] for r in rows]


@pytest.mark.parametrize(
    ("region", "first", "last"),
    [("c1:300-320", 300, 320), ("c1:1-1", 1, 1), ("c1:2999-3000", 2999, 3000), ("c2", 1, 400)],
)
def test_blocks_that_overlap_a_region(tmp_path, genome, region, first, last):
    rows = make_records("gatk", 5, 2, n=400, genome=genome)
    store = make_store_of(tmp_path, write_gvcf(tmp_path / "a.vcf", rows, ["s", "t"]))
    export_cohort(store, "a", tmp_path / "out.vcf", region=region)

    def end_of(row):
        return int(row[7][4:]) if row[7].startswith("END=") else int(row[1])

    asked = [
        r for r in rows
        if r[0] == region[:2] and int(r[1]) <= last and end_of(r) >= first
    ]  # fmt: skip
    assert read_rows(tmp_path / "out.vcf") == asked


def test_files_of_different_people_keep_their_blocks(tmp_path, genome):
    """Blocks of two files are one record only where their bases are the same."""
    g = genome["c1"]
    one = [
        ["c1", "1", ".", g[0], "<*>", ".", ".", "END=9", "GT:DP", "0/0:3"],
        ["c1", "10", ".", g[9], "<*>", "5", ".", "END=19;DP=3", "GT:DP", "0/0:4"],
        ["c1", "20", ".", g[19], "<*>", ".", ".", "END=29", "GT", "./."],
    ]
    two = [
        ["c1", "1", ".", g[0], "<*>", ".", ".", "END=8", "GT:GQ", "0/0:7"],
        ["c1", "10", ".", g[9], "<*>", "6", "PASS", "END=19;DP=4", "GT:GQ", "0:9"],
    ]
    store = make_store_of(
        tmp_path,
        write_gvcf(tmp_path / "a.vcf", one, ["s"]),
        write_gvcf(tmp_path / "b.vcf", two, ["t"]),
    )
    export_cohort(store, "a", tmp_path / "out.vcf")
    found = [[r[1], r[5], r[7], *r[8:]] for r in read_rows(tmp_path / "out.vcf")]
    assert found == [
        ["1", ".", "END=9", "GT:DP", "0/0:3", "./."],
        ["1", ".", "END=8", "GT:GQ", "./.", "0/0:7"],
        ["10", "5", "END=19", "GT:DP:GQ", "0/0:4", "0:.:9"],
        ["20", ".", "END=29", "GT", "./.", "./."],
    ]
    export_cohort(store, "a", tmp_path / "t.vcf", samples=["t"])
    assert [r[5:] for r in read_rows(tmp_path / "t.vcf")] == [r[5:] for r in two]


def test_files_of_the_same_people_stay_apart(tmp_path, genome):
    rows = [make_records("deepvariant", 3, 2, contigs=[c], genome=genome) for c in LENGTHS]
    paths = [
        write_gvcf(tmp_path / f"{k}.vcf", r, ["s", "t"]) for k, r in enumerate(rows[::-1])
    ]
    store = make_store_of(tmp_path, *paths)
    export_cohort(store, "a", tmp_path / "out.vcf")
    assert read_rows(tmp_path / "out.vcf") == rows[0] + rows[1]


def test_bcf_holds_the_same(tmp_path, genome):
    """What bcftools makes of the file and of the export is the same."""
    rows = make_records("gatk", 8, 2, genome=genome)
    path = write_gvcf(tmp_path / "a.vcf", rows, ["s", "t"])
    store = make_store_of(tmp_path, path)
    export_cohort(store, "a", tmp_path / "out.bcf")
    code = "import sys, pysam.bcftools as b; print(b.view('-H', sys.argv[1]), end='')"
    texts = [
        subprocess.run(
            [sys.executable, "-c", code, str(p)], check=True, capture_output=True, text=True
        ).stdout
        for p in (path, tmp_path / "out.bcf")
    ]
    assert texts[0].count("\n") == len(rows)
    # BCF knows no undeclared keys of the file's header, which holds all that it uses.
    assert texts[0].replace("rs1", ".") == texts[1].replace("rs1", ".")


def test_fields_that_were_not_kept(tmp_path, genome):
    rows = make_records("gatk", 2, 1, genome=genome)
    path = write_gvcf(tmp_path / "a.vcf", rows, ["s"])
    store = make_store_of(tmp_path, path, genotype_fields=[])
    export_cohort(store, "a", tmp_path / "out.vcf")
    assert read_rows(tmp_path / "out.vcf") == [
        [*r[:8], "GT", r[9].split(":")[0]] for r in rows
    ]
    store = make_store_of(tmp_path, path, genotype_fields=["GQ"])
    export_cohort(store, "a", tmp_path / "out.vcf")
    assert sorted({r[8] for r in read_rows(tmp_path / "out.vcf")})[::-1] == ["GT:GQ", "GT"]


def test_counts_are_made_anew_of_variants_alone(tmp_path, genome):
    g = genome["c1"]
    rows = [
        ["c1", "1", ".", g[0], "<*>", ".", ".", "END=9", "GT", "0/0", "0/0"],
        ["c1", "10", ".", g[9], "<*>", ".", ".", "END=19;AN=9", "GT", "0/0", "./."],
        ["c1", "20", ".", g[19], "<*>", ".", ".", "END=21", "GT", "./.", "./."],
    ]
    store = make_store_of(tmp_path, write_gvcf(tmp_path / "a.vcf", rows, ["s", "t"]))
    export_cohort(store, "a", tmp_path / "out.vcf", samples=["s"], recounts=True)
    found = [r[7] for r in read_rows(tmp_path / "out.vcf")]
    assert found == ["END=9", "END=19;AC=0;AN=2;AF=0", "END=21"]


def test_a_pgen_has_no_blocks(tmp_path, genome):
    pytest.importorskip("pgenlib")
    rows = make_records("gatk", 4, 2, genome=genome)
    store = make_store_of(tmp_path, write_gvcf(tmp_path / "a.vcf", rows, ["s", "t"]))
    done, _ = export_pgen(store, "a", tmp_path / "out.pgen")
    assert done == sum(r[4] != "<NON_REF>" for r in rows)


def test_a_pgen_tells_who_is_missing_for_want_of_a_record(tmp_path, genome, capsys):
    """Counted record by record: equal ones of both files are one."""
    pytest.importorskip("pgenlib")
    rows = make_records("gatk", 5, 2, genome=genome)
    one, two = ([[*r[:9], r[9 + k]] for r in rows] for k in range(2))
    del two[::2]
    files = [
        write_gvcf(tmp_path / f"{s}.vcf", own, [s]) for s, own in (("s", one), ("t", two))
    ]
    store = make_store_of(tmp_path, *files)
    sites = [{tuple(r[:2] + r[3:5]) for r in own if r[4] != "<NON_REF>"} for own in (one, two)]
    out = tmp_path / "out.pgen"
    _, told = export_pgen(store, "a", out)
    assert told.lacking == len(sites[0] ^ sites[1]) > 0
    args = ["genotypes", str(store.path), "--cohort", "a", "--all", "-o", str(out)]
    assert main(args) == 0
    said = capsys.readouterr().err
    assert f"{told.lacking} calls of people whose file does not hold the record" in said
    assert "the gVCFs of cohort a tell who of these is called there" in said


def test_what_blocks_say_of_people(tmp_path, genome, monkeypatch):
    """A row a block and person, each once, with its fields."""
    rows = make_records("gatk", 6, 3, n=60, genome=genome)
    one = write_gvcf(tmp_path / "a.vcf", [[*r[:9], *r[9:11]] for r in rows], ["s", "t"])
    two = write_gvcf(tmp_path / "b.vcf", [[*r[:9], r[11]] for r in rows], ["u"])
    store = make_store_of(tmp_path, one, two)
    blocks = [r for r in rows if r[4] == "<NON_REF>"]

    def expect(samples, within):
        wanted = []
        for r in blocks:
            end = int(r[7][4:])
            if r[0] == "c1" and any(int(r[1]) <= b and end >= a for a, b in within):
                for k, s in enumerate("stu"):
                    gt, dp, *_ = r[9 + k].split(":")
                    if s in samples:
                        wanted.append((int(r[1]), end, s, gt, int(dp)))
        return wanted

    regions = [(100, 100), (101, 101), (300, 410)]
    names = [f"c1:{a}-{b}" for a, b in regions]
    for step in (4_000_000, 1):
        monkeypatch.setattr(blockcalls, "CALLS", step)
        for samples in (["s", "t", "u"], ["u", "s"], ["t"]):
            found = store.block_calls(names, samples=samples, fields=["DP"]).collect()
            got = found.select("pos", "end", "sample", "gt", "DP").rows()
            assert sorted(got) == sorted(expect(samples, regions))
            assert found["pos"].is_sorted()
    every = store.block_calls().collect()
    assert every.height == 3 * len(blocks)
    assert not store.block_calls("c1:2995-3000").collect().height


def test_blocks_are_asked_for_by_command(tmp_path, genome, capsys):
    rows = make_records("mpileup", 6, 1, genome=genome)
    store = make_store_of(tmp_path, write_gvcf(tmp_path / "a.vcf", rows, ["s"]))
    first = next(r for r in rows if r[4] == "<*>")
    region = f"c1:{first[1]}-{first[1]}"
    command = ["genotypes", str(store.path), "--region", region, "--blocks"]
    assert main(command) == 0
    header, row = (line.split("\t") for line in capsys.readouterr().out.splitlines())
    assert header[:8] == ["cohort", "contig", "pos", "end", "ref", "alt", "sample", "gt"]
    assert row[:5] == ["a", "c1", first[1], first[7].split(";")[0][4:], first[3]]
    assert main([*command, "--carriers"]) != 0
    out = str(tmp_path / "x.vcf")
    assert main(["genotypes", str(store.path), "--cohort", "a", "--blocks", "-o", out]) != 0


def test_blocks_of_a_file_that_comes_in_later_or_again(tmp_path, genome):
    rows = [make_records("deepvariant", k, 1, genome=genome) for k in range(4)]
    paths = [write_gvcf(tmp_path / f"{k}.vcf", r, [f"s{k}"]) for k, r in enumerate(rows[:3])]
    make_store_of(tmp_path, *paths[:2])
    make_store_of(tmp_path, *paths)
    write_gvcf(paths[1], rows[3], ["s1"])
    store = make_store_of(tmp_path, *paths)
    assert verify(store) == []
    for name, asked in (("s0", rows[0]), ("s1", rows[3]), ("s2", rows[2])):
        export_cohort(store, "a", tmp_path / "out.vcf", samples=[name])
        assert read_rows(tmp_path / "out.vcf") == asked
    left = make_store_of(tmp_path, paths[2], paths[1])
    assert verify(left) == []
    export_cohort(left, "a", tmp_path / "out.vcf", samples=["s1"])
    assert read_rows(tmp_path / "out.vcf") == rows[3]
    assert left.blocks().collect().height == sum(r[4] == "<*>" for r in rows[2] + rows[3])
