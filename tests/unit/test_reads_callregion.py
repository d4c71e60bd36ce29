"""Calls of a region against a slow reader of what mpileup says, base by base."""

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from statistics import median_low

import numpy as np
import polars as pl
import pysam
import pytest
from placed_reads import genome, make_bam, write_fasta

from varhouse.errors import InputError
from varhouse.reads.callregion import PART_FILES, CallSettings, call_region
from varhouse.reads.gvcf import join_regions
from varhouse.reads.model import Filters, Span
from varhouse.reads.pipeline import Bcftools, PipelineError, Samtools, run_pipeline

COPIES = {
    "chr1": [],
    "chrX": [(1500, 5000, 1)],
    "chrY": [(0, 600, 0), (600, 3000, 1)],
    "chrM": [(0, 1200, 1)],
    "HLA-A*01:1-9": [],
}
SETTINGS = CallSettings()
SNV = {"A": "G", "C": "T", "G": "A", "T": "C"}


def _snv(text, at):
    return (at, text[at], SNV[text[at]])


def _deletion(text, at, n):
    return (at, text[at : at + n + 1], text[at])


def _insertion(text, at, more):
    return (at, text[at], text[at] + more)


def _people(sequences):
    one, x, y = (sequences[c] for c in ("chr1", "chrX", "chrY"))
    mother = [
        _snv(one, 0),
        _deletion(one, 150, 30),
        _snv(one, 400),
        _insertion(one, 650, "ACCA"),
        _deletion(one, 1000, 3),
        (1200, one[1200], "ACGT"[("ACGT".index(one[1200]) + 1) % 4]),
        _deletion(one, 1990, 20),
        _snv(one, 2500),
        _deletion(one, 3003, 2),
        _insertion(one, 3700, "G"),
    ]
    father = [
        _snv(one, 160),
        _snv(one, 400),
        _deletion(one, 1000, 3),
        (1200, one[1200], "ACGT"[("ACGT".index(one[1200]) + 2) % 4]),
        _snv(one, 3000),
    ]
    on_x = [_snv(x, 700), _snv(x, 2000), _deletion(x, 2500, 5), _insertion(x, 3000, "TT")]
    return {
        "chr1": [mother, father],
        "chrX": [on_x],
        "chrY": [[_snv(y, 100), _snv(y, 1000), _deletion(y, 2000, 4)]],
        "chrM": [[_snv(sequences["chrM"], 600)]],
        "HLA-A*01:1-9": [[_snv(sequences["HLA-A*01:1-9"], 500)], []],
    }


@pytest.fixture(scope="module")
def reads(tmp_path_factory):
    """Give a FASTA and a BAM of a man, with a stretch without reads and one of N."""
    folder = tmp_path_factory.mktemp("reads")
    rng = np.random.default_rng(5)
    lengths = {"chr1": 5000, "chrX": 5000, "chrY": 3000, "chrM": 1200, "HLA-A*01:1-9": 1000}
    sequences = genome(rng, **lengths)
    known = dict(sequences)
    one = sequences["chr1"]
    # Soft-masked, unknown and ambiguous bases.
    sequences["chr1"] = f"{one[:4200].lower()}R{one[4201:4300]}{'N' * 50}{one[4350:]}"
    bam = make_bam(
        folder / "m.bam",
        known,
        _people(known),
        seed=7,
        depth=9,
        errors=0.01,
        holes=[("chr1", 3200, 3400)],
    )
    return write_fasta(folder / "ref.fa", sequences), bam


def call(reads, folder, contig, cuts, settings=SETTINGS, panel=None):
    """Call a contig cut at some bases; give the folders of the parts."""
    fasta, bam = reads
    with pysam.FastaFile(str(fasta)) as file:
        edges = [0, *cuts, file.get_reference_length(contig)]
    parts = []
    for start, end in pairwise(edges):
        part = folder / f"{contig}-{start}-{end}".replace("*", "_")
        span = Span(contig, start, end)
        call_region(
            bam,
            fasta,
            span,
            part,
            sample="NA1",
            copies=COPIES[contig],
            settings=settings,
            panel=panel,
        )
        parts.append(part)
    return parts


def _call_one(bam, fasta, span, out):
    call_region(
        bam,
        fasta,
        span,
        out,
        sample="NA1",
        copies=COPIES.get(span.contig, []),
        settings=SETTINGS,
        panel=None,
    )


def join(reads, parts, out):
    return join_regions(
        parts, out, fasta=reads[0], sample="NA 1", header=["##x=y"], filters=Filters()
    )


def by_mpileup(reads, folder, contig):
    """Read a contig's pile-up as text: DP of each base; place, loss, alleles, PL."""
    fasta, bam = reads
    region = folder / "all.bed"
    with pysam.FastaFile(str(fasta)) as file:
        length = file.get_reference_length(contig)
    region.write_text(f"{contig}\t0\t{length}\n")
    # Text has six digits of QS, and QUAL another last digit: the caller gets the BCF.
    out, text = folder / "all.bcf", folder / "all.vcf"
    wanted = ["-a", "FORMAT/DP,FORMAT/AD,FORMAT/SP,FORMAT/ADF,FORMAT/ADR"]
    options = ["-f", str(fasta), "-R", str(region), "--ignore-RG", *SETTINGS.pileup_options()]
    run_pipeline([Bcftools(["mpileup", *options, *wanted, "-Ou", "-o", str(out), str(bam)])])
    run_pipeline([Bcftools(["view", "-Ov", "-o", str(text), str(out)])])
    depth, records = np.zeros(length, int), []
    for line in text.read_text().splitlines():
        if line.startswith("#"):
            continue
        x = line.split("\t")
        cell = dict(zip(x[8].split(":"), x[9].split(":"), strict=True))
        alleles = [x[3], *x[4].split(",")]
        if "INDEL" not in x[7]:
            depth[int(x[1]) - 1] = int(cell["DP"])
        loss = max([0, *(len(x[3]) - len(a) for a in alleles[1:] if a[0] != "<"), 0])
        records.append((int(x[1]) - 1, loss, alleles, [int(v) for v in cell["PL"].split(",")]))
    return out, depth, records


def qualities(records, length, copies):
    """Work out the quality and the least PL of each base, slowly."""
    gq, likely = [None] * length, [[] for _ in range(length)]
    for start, loss, alleles, pls in records:
        named = [(j, k) for k in range(len(alleles)) for j in range(k + 1)]
        for at in range(start, min(length, start + loss + 1)):
            genotypes = dict(zip(named, pls, strict=True))
            if copies[at] == 1:
                genotypes = {g: v for g, v in genotypes.items() if g[0] == g[1]}
                ref = genotypes[0, 0]
                other = min(v for g, v in genotypes.items() if g != (0, 0))
                values = [ref - min(ref, other), other - min(ref, other)]
            else:
                ref = genotypes[0, 0]
                het = min(v for g, v in genotypes.items() if g[0] == 0 and g[1] > 0)
                both = min(v for g, v in genotypes.items() if g[0] > 0)
                other, values = min(het, both), [ref, het, both]
            q = min(99, max(0, other - ref))
            gq[at] = q if gq[at] is None else min(gq[at], q)
            likely[at].append(values)
    return gq, likely


def lines_of(path):
    with pysam.BGZFile(str(path)) as file:
        text = file.read().decode()
    return [line.split("\t") for line in text.splitlines() if not line.startswith("#")], text


@pytest.mark.parametrize("contig", list(COPIES))
def test_each_base_of_a_gvcf_says_what_the_reads_say(reads, tmp_path, contig):
    parts = call(reads, tmp_path, contig, [])
    join(reads, parts, tmp_path / "a.g.vcf.gz")
    lines, _ = lines_of(tmp_path / "a.g.vcf.gz")
    out, depth, records = by_mpileup(reads, tmp_path, contig)
    with pysam.FastaFile(str(reads[0])) as file:
        text = file.fetch(contig).upper()
    copies = np.full(len(text), 2)
    for a, b, n in COPIES[contig]:
        copies[a:b] = n
    gq, likely = qualities(records, len(text), copies)
    covered, in_block = np.zeros(len(text), int), np.zeros(len(text), int)
    for x in lines:
        if x[4] != "<*>":
            covered[int(x[1]) - 1 : int(x[1]) - 1 + len(x[3])] = 1
    n_blocks = 0
    for x in lines:
        if x[4] != "<*>":
            continue
        n_blocks += 1
        start, end = int(x[1]) - 1, int(x[7].removeprefix("END="))
        cell = dict(zip(x[8].split(":"), x[9].split(":"), strict=True))
        in_block[start:end] += 1
        assert x[3] == text[start]
        own = copies[start]
        assert (copies[start:end] == own).all()
        assert own > 0
        assert int(cell["GQ"]) == min(gq[start:end])
        assert int(cell["MIN_DP"]) == depth[start:end].min() > 0
        assert int(cell["DP"]) == median_low(depth[start:end].tolist())
        rows = [row for base in likely[start:end] for row in base]
        assert [int(v) for v in cell["PL"].split(",")] == [
            min(v) for v in zip(*rows, strict=True)
        ]
        bands = {sum(q >= e for e in SETTINGS.bands) for q in gq[start:end]}
        assert len(bands) == 1
        assert len({d >= (5 if own == 1 else 10) for d in depth[start:end]}) == 1
        called = int(cell["GQ"]) > 0
        assert (
            cell["GT"] == ("0" if called else ".")
            if own == 1
            else ("0/0" if called else "./.")
        )
    known = np.array([b in "ACGT" for b in text])
    expected = (depth > 0) & known & (covered == 0) & (copies > 0)
    assert (in_block == expected).all()
    if contig == "chr1":
        assert n_blocks > 10
        assert covered[150:181].all()
        assert (depth[3310:3390] == 0).any()
    # The same calls as when the caller sees all records.
    ploidy = tmp_path / "ploidy"
    own = [f"{contig}\t{a + 1}\t{b}\tM\t{n}\n" for a, b, n in COPIES[contig]]
    ploidy.write_text("".join([*own, "*\t*\t*\tM\t2\n"]))
    (tmp_path / "who").write_text(f"x\t{reads[1]}\t0\t0\t1\n")
    copies_of = ["--ploidy-file", str(ploidy), "-S", str(tmp_path / "who")]
    caller = Bcftools(["call", *SETTINGS.caller_options(), *copies_of, "-Ou", str(out)])
    norm = ["norm", "-f", str(reads[0]), "-Ov", "-o", str(tmp_path / "plain.vcf"), "-"]
    run_pipeline([caller, Bcftools(norm)])
    plain = [
        line.split("\t")
        for line in (tmp_path / "plain.vcf").read_text().splitlines()
        if not line.startswith("#")
    ]
    wanted = []
    for x in plain:
        cell = dict(zip(x[8].split(":"), x[9].split(":"), strict=True))
        if copies[int(x[1]) - 1] and x[3][0] not in "NR":
            wanted.append((x[1], x[3].upper(), x[4].upper(), x[5], cell["GT"], cell["PL"]))
    found = []
    for x in lines:
        if x[4] != "<*>":
            cell = dict(zip(x[8].split(":"), x[9].split(":"), strict=True))
            found.append((x[1], x[3], x[4], x[5], cell["GT"], cell["PL"]))
    assert sorted(found) == sorted(wanted)
    assert found


def test_ploidy_and_what_was_put_in(reads, tmp_path):
    found = {}
    for contig in COPIES:
        parts = call(reads, tmp_path, contig, [])
        frame = pl.read_parquet(parts[0] / "variants.parquet")
        for row in frame.iter_rows(named=True):
            found[contig, row["pos"], row["ref"], row["alt"]] = row["GT"], row["copies"]
    with pysam.FastaFile(str(reads[0])) as file:
        text = {c: file.fetch(c).upper() for c in COPIES}

    def gt(contig, at):
        return found[contig, at + 1, text[contig][at], SNV[text[contig][at]]]

    assert gt("chr1", 400) == ("1/1", 2)
    # The other haplotype has lost the base: all reads there have the ALT.
    assert gt("chr1", 160) == ("1/1", 2)
    assert gt("chr1", 2500) == ("0/1", 2)
    assert gt("chrX", 2000) == ("1", 1)
    # In the PAR there are two copies: reads of one haplotype alone are homozygous.
    assert gt("chrX", 700) == ("1/1", 2)
    assert gt("chrY", 1000) == ("1", 1)
    assert gt("chrM", 600) == ("1", 1)
    # PAR of Y is called on X.
    assert not [k for k in found if k[0] == "chrY" and k[1] <= 600]
    multi = [k for k in found if k[0] == "chr1" and k[1] == 1201]
    assert len(multi) == 1
    assert found[multi[0]][0] == "1/2"
    assert ("chr1", 151, text["chr1"][150:181], text["chr1"][150]) in found


@pytest.mark.parametrize(
    "cuts",
    [[2500], [150, 151, 160, 1000, 1003], [1990, 2005, 2010], list(range(250, 5000, 250))],
)
def test_a_gvcf_does_not_depend_on_cuts(reads, tmp_path, cuts):
    whole = call(reads, tmp_path / "w", "chr1", [])
    parts = call(reads, tmp_path / "p", "chr1", cuts)
    account = join(reads, whole, tmp_path / "w.g.vcf.gz")
    assert join(reads, parts, tmp_path / "p.g.vcf.gz") == account
    assert (tmp_path / "w.g.vcf.gz").read_bytes() == (tmp_path / "p.g.vcf.gz").read_bytes()
    assert (tmp_path / "w.g.vcf.gz.tbi").read_bytes() == (
        tmp_path / "p.g.vcf.gz.tbi"
    ).read_bytes()
    assert account["blocks"] > 5


def test_a_cram_gives_the_calls_of_its_bam(reads, tmp_path):
    fasta, bam = reads
    cram = tmp_path / "m.cram"
    run_pipeline([Samtools(["view", "-C", "-T", str(fasta), "-o", str(cram), str(bam)])])
    run_pipeline([Samtools(["index", str(cram)])])
    parts = [call((fasta, b), tmp_path / b.suffix, "chrX", [])[0] for b in (bam, cram)]
    for name in ("blocks.parquet", "variants.parquet", "depth.json"):
        assert (parts[0] / name).read_bytes() == (parts[1] / name).read_bytes()


def test_reads_at_sites_of_a_panel(reads, tmp_path):
    with pysam.FastaFile(str(reads[0])) as file:
        one = file.fetch("chr1").upper()
    sites = [400, 2500, 2600, 3000, 3350]
    panel = pl.DataFrame(
        {
            "contig": ["chr1"] * 5 + ["chrX"],
            "pos": [at + 1 for at in sites] + [5],
            "ref": [one[at] for at in sites] + ["A"],
            "alt": [SNV[one[at]] for at in sites] + ["G"],
            "af": [0.5] * 6,
        }
    )
    (part,) = call(reads, tmp_path, "chr1", [], panel=panel)
    got = pl.read_parquet(part / "panel.parquet")
    assert got["pos"].to_list() == sorted(at + 1 for at in sites)
    rows = {row["pos"] - 1: row for row in got.iter_rows(named=True)}
    _, depth, _ = by_mpileup(reads, tmp_path, "chr1")
    for at in sites:
        row = rows[at]
        assert row["n_ref"] + row["n_alt"] + row["n_other"] == depth[at]
    assert rows[400]["n_ref"] == 0
    assert rows[400]["n_alt"] > 5
    assert rows[3000]["n_ref"] > 2
    assert rows[3000]["n_alt"] > 2
    assert rows[2600]["n_alt"] <= 1
    assert 25 <= rows[2600]["ref_quality"] <= 60
    assert rows[400]["ref_quality"] is None
    # The panel changes nothing else.
    other = call(reads, tmp_path / "b", "chr1", [])[0]
    for name in ("blocks.parquet", "variants.parquet"):
        assert pl.read_parquet(part / name).equals(pl.read_parquet(other / name))


def test_depths_are_counted_without_unknown_bases(reads, tmp_path):
    (part,) = call(reads, tmp_path, "chr1", [])
    facts = json.loads((part / "depth.json").read_text())
    _, depth, _ = by_mpileup(reads, tmp_path, "chr1")
    with pysam.FastaFile(str(reads[0])) as file:
        known = np.array([b in "ACGT" for b in file.fetch("chr1").upper()])
    assert facts["bases"] == known.sum() == 5000 - 51
    assert facts["depths"] == np.bincount(depth[known]).tolist()
    # Also where nothing is called.
    (part,) = call(reads, tmp_path, "chrY", [])
    facts = json.loads((part / "depth.json").read_text())
    assert sum(facts["depths"][1:]) > 2500


def test_a_region_that_is_called_again_takes_the_place_of_the_old_one(reads, tmp_path):
    fasta, bam = reads
    out, span = tmp_path / "x", Span("chrX", 1000, 3000)
    _call_one(bam, fasta, span, out)
    before = pl.read_parquet(out / "blocks.parquet")
    own = CallSettings(bands=(1,))
    call_region(bam, fasta, span, out, sample="a", copies=[], settings=own, panel=None)
    after = pl.read_parquet(out / "blocks.parquet")
    assert set(before["copies"]) == {1, 2}
    assert set(after["copies"]) == {2}
    assert json.loads((out / "depth.json").read_text())["settings"]["bands"] == [1]
    assert {p.name for p in out.iterdir()} == set(PART_FILES)


def test_a_span_outside_the_reference_is_refused(reads, tmp_path):
    fasta, bam = reads
    for span, words in (
        (Span("chr9", 0, 5), "no contig chr9"),
        (Span("chr1", 0, 5001), "within"),
    ):
        with pytest.raises(InputError, match=words):
            _call_one(bam, fasta, span, tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_a_region_without_reads_has_no_block(reads, tmp_path):
    fasta, _ = reads
    with pysam.FastaFile(str(fasta)) as file:
        sequences = {c: file.fetch(c) for c in file.references}
    bam = make_bam(tmp_path / "none.bam", sequences, {})
    part = call((fasta, bam), tmp_path, "chrM", [])[0]
    assert pl.read_parquet(part / "blocks.parquet").height == 0
    assert json.loads((part / "depth.json").read_text())["depths"] == [1200]
    account = join((fasta, bam), [part], tmp_path / "n.g.vcf.gz")
    assert account["blocks"] == account["variants"] == 0
    assert lines_of(tmp_path / "n.g.vcf.gz")[0] == []


def test_a_failed_program_leaves_nothing(reads, tmp_path):
    fasta, _ = reads
    (tmp_path / "bad.bam").write_bytes(b"no BAM")
    with pytest.raises(InputError, match=r"bad\.bam cannot be read"):
        call((fasta, tmp_path / "bad.bam"), tmp_path, "chrM", [])
    # As another file without an index.
    (tmp_path / "bad.bam").write_bytes(reads[1].read_bytes())
    with pytest.raises(PipelineError, match=r"mpileup.*index"):
        call((fasta, tmp_path / "bad.bam"), tmp_path, "chrM", [])
    assert [p.name for p in Path(tmp_path).iterdir()] == ["bad.bam"]


def test_an_alignment_to_another_reference_is_refused(reads, tmp_path):
    with pysam.FastaFile(str(reads[0])) as file:
        sequences = {c: file.fetch(c) for c in file.references}
    shorter = write_fasta(tmp_path / "s.fa", sequences | {"chrM": sequences["chrM"][:-1]})
    with pytest.raises(InputError, match=r"chrM has 1,199 bases in .*, 1,200 bases in the al"):
        _call_one(reads[1], shorter, Span("chrM", 0, 100), tmp_path / "x")
    more = write_fasta(tmp_path / "m.fa", sequences | {"chr2": "ACGT"})
    with pytest.raises(InputError, match="no such contig in the alignment"):
        _call_one(reads[1], more, Span("chr2", 0, 4), tmp_path / "x")


def test_ambiguous_bases_of_the_reference_within_deletions(tmp_path):
    # GRCh38 has M and R on chr3; bcftools norm refuses them in REF.
    sequences = genome(np.random.default_rng(3), chr1=2000)
    text = f"{sequences['chr1'][:1004]}A{sequences['chr1'][1005:]}"
    sequences["chr1"] = text
    person = {"chr1": [[_deletion(text, 1000, 9), _deletion(text, 1500, 12)], []]}
    bam = make_bam(tmp_path / "a.bam", sequences, person, depth=20)
    odd = f"{text[:1004]}r{text[1005:1505]}NNN{text[1508:]}"
    fasta = write_fasta(tmp_path / "r.fa", {"chr1": odd})
    _call_one(bam, fasta, Span("chr1", 0, 2000), tmp_path / "x")
    plain = write_fasta(tmp_path / "p.fa", {"chr1": text})
    _call_one(bam, plain, Span("chr1", 0, 2000), tmp_path / "y")
    odd_calls, calls = (pl.read_parquet(tmp_path / n / "variants.parquet") for n in "xy")
    assert odd_calls.height == calls.height == 2
    assert odd_calls["GT"].to_list() == ["0/1", "0/1"]
    # The base that R stands for is the first of its bases, in REF, too.
    assert odd_calls.row(0) == calls.row(0)
    assert "NNN" in odd_calls["ref"][1]
    blocks = pl.read_parquet(tmp_path / "x" / "blocks.parquet")
    for base in (1004, 1505, 1507):
        assert not blocks.filter((pl.col("start") <= base) & (pl.col("end") > base)).height


def test_every_insertion_and_deletion_of_deep_mitochondria_is_called(tmp_path):
    sequences = genome(np.random.default_rng(2), chrM=1200)
    text = sequences["chrM"]
    person = [
        _deletion(text, 200, 3),
        _insertion(text, 400, "GATT"),
        _deletion(text, 600, 1),
        _insertion(text, 800, "C"),
        _deletion(text, 900, 19),
    ]
    bam = make_bam(tmp_path / "m.bam", sequences, {"chrM": [person]}, depth=1500)
    fasta = write_fasta(tmp_path / "r.fa", sequences)
    _call_one(bam, fasta, Span("chrM", 0, 1200), tmp_path / "x")
    frame = pl.read_parquet(tmp_path / "x" / "variants.parquet")
    assert frame["GT"].to_list() == ["1"] * 5
    assert frame["DP"].cast(pl.Int64).min() > 800


def _deep(folder, depth, edge):
    """Make reads of a target of 300 bases with sharp edges, and SNVs near the last one.

    Gives the BAM, the FASTA, and reads by SNV (0-based).
    """
    rng = np.random.default_rng(5)
    sequences = genome(rng, chr1=3000)
    text = sequences["chr1"]
    snvs = [1400, 1800, *edge]
    other = list(text)
    for at in snvs:
        other[at] = "ACGT"[("ACGT".index(text[at]) + 1) % 4]
    texts = (text, "".join(other))
    head = {"HD": {"VN": "1.6", "SO": "coordinate"}, "SQ": [{"SN": "chr1", "LN": 3000}]}
    header = pysam.AlignmentHeader.from_dict(head)
    starts = np.sort(rng.integers(1350, 1800, depth * 450 // 100))
    with pysam.AlignmentFile(str(folder / "d.bam"), "wb", header=header) as out:
        for k, start in enumerate(starts.tolist()):
            read = pysam.AlignedSegment(header)
            read.query_name, read.reference_id, read.reference_start = f"r{k}", 0, start
            read.query_sequence = texts[k % 2][start : start + 100]
            read.query_qualities = pysam.qualitystring_to_array("F" * 100)
            read.cigarstring, read.mapping_quality, read.flag = "100M", 60, 16 * (k // 2 % 2)
            out.write(read)
    pysam.index(str(folder / "d.bam"))
    reads = {at: int(((starts <= at) & (starts > at - 100)).sum()) for at in snvs}
    return folder / "d.bam", write_fasta(folder / "d.fa", sequences), reads


def _deep_calls(bam, fasta, folder, cuts, settings=SETTINGS):
    parts = []
    for k, (start, end) in enumerate(pairwise([0, *cuts, 3000])):
        parts.append(folder / f"part{k}")
        span = Span("chr1", start, end)
        call_region(
            bam, fasta, span, parts[-1], sample="s", copies=(), settings=settings, panel=None
        )
    out = folder / "d.g.vcf.gz"
    told = join_regions(parts, out, fasta=fasta, sample="s", header=(), filters=Filters())
    return out, told["regions"][0]


def test_no_read_is_lost_at_the_edge_of_a_deep_target(tmp_path):
    """mpileup leaves out reads that begin where -d others lie, and what they alone cover."""
    bam, fasta, reads = _deep(tmp_path, 3000, (1850, 1870, 1890))
    (tmp_path / "a").mkdir()
    out, told = _deep_calls(bam, fasta, tmp_path / "a", [])
    lines = lines_of(out)[0]
    called = {int(f[1]) - 1: f[9].split(":")[:3:2] for f in lines if f[4] != "<*>"}
    assert called == {at: ["0/1", str(n)] for at, n in reads.items()}
    assert told["full"] == 0
    # Nor does anything depend on where a region begins.
    (tmp_path / "b").mkdir()
    again, _ = _deep_calls(bam, fasta, tmp_path / "b", [1600, 1860])
    assert lines_of(again)[0] == lines


def test_bases_at_which_reads_are_left_out_are_counted(tmp_path):
    bam, fasta, _ = _deep(tmp_path, 600, ())
    _, told = _deep_calls(bam, fasta, tmp_path, [1500], replace(SETTINGS, depth=400))
    assert 300 < told["full"] <= 550
