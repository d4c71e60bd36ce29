"""Reading VCF text: blocks, lines, genotypes, and the whole-file pass."""

import gzip
import random
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import cyvcf2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from varhouse.errors import InputError
from varhouse.genome.contigs import Contig, Contigs
from varhouse.genome.reference import Reference, compile_reference
from varhouse.genotypes.calls import parse_gt
from varhouse.vcf.blocks import iter_text
from varhouse.vcf.check.scan import scan_file
from varhouse.vcf.samples.gt import read_genotypes
from varhouse.vcf.text.bgzf import BgzfWriter, file_kind, has_end_block, iter_range
from varhouse.vcf.text.lines import read_batch

HEAD = "##fileformat=VCFv4.3\n##contig=<ID=c1,length=1000>\n"


def _columns(*samples):
    names = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO"]
    return "\t".join([*names, *(["FORMAT", *samples] if samples else [])]) + "\n"


def _scan(path, tmp_path, reference=None, contigs=None, **more):
    contigs = contigs or Contigs([Contig("c1", [], None, 1000), Contig("c2")])
    return scan_file(path, contigs, reference, copy=tmp_path / "copy.vcf.gz", **more)


# --- BGZF -------------------------------------------------------------------------------


@given(
    st.lists(st.integers(0, 90_000), min_size=1, max_size=8), st.integers(0, 2**32),
    st.integers(1_000, 200_000),
)  # fmt: skip
@settings(max_examples=30, derandomize=True, deadline=None)
def test_ranges_of_a_bgzf_copy_are_the_lines(tmp_path_factory, lengths, seed, batch):
    rng = random.Random(seed)
    lines = [bytes(rng.choices(b"ACGT\t", k=n)) + b"\n" for n in lengths]
    path = tmp_path_factory.mktemp("bgzf") / "x.gz"
    writer = BgzfWriter(path)
    for line in lines:
        writer.write(line)
    writer.close()
    assert has_end_block(path)
    assert gzip.decompress(path.read_bytes()) == b"".join(lines)
    starts = np.concatenate([[0], np.cumsum([len(x) for x in lines])]).tolist()
    i, j = sorted((rng.randrange(len(starts)), rng.randrange(len(starts))))
    begin, end = writer.virtual_offset(starts[i]), writer.virtual_offset(starts[j])
    assert b"".join(iter_range(path, begin, end, batch)) == b"".join(lines[i:j])
    # Read as it is, the file gives the same places.
    for block in iter_text(path, "bgzf", batch):
        at = block.virtual_offset(0)
        assert (
            next(iter_range(path, at, writer.virtual_offset(starts[-1])))[:1] == block.data[:1]
        )


def test_htslib_reads_our_bgzf(tmp_path):
    path = tmp_path / "x.vcf.gz"
    writer = BgzfWriter(path)
    writer.write((HEAD + _columns() + "c1\t5\t.\tA\tC\t.\t.\t.\n" * 5000).encode())
    writer.close()
    assert sum(1 for _ in cyvcf2.VCF(str(path))) == 5000


@pytest.mark.parametrize("cut", [-28, -29, -200, -1000])
def test_cut_bgzf_is_told(tmp_path, cut):
    path = tmp_path / "x.vcf.gz"
    writer = BgzfWriter(path)
    writer.write((HEAD + _columns() + "c1\t5\t.\tA\tC\t.\t.\t.\n" * 9000).encode())
    writer.close()
    path.write_bytes(path.read_bytes()[:cut])
    found = _scan(path, tmp_path)
    assert {"VH-F-002", "VH-F-003"} & set(found.account.counts)
    assert found.chunks == []


def test_flipped_byte_is_told(tmp_path):
    path = tmp_path / "x.vcf.gz"
    writer = BgzfWriter(path)
    rng = random.Random(1)
    rows = [f"c1\t{i + 1}\t.\tA\tC\t.\t.\tX={rng.random()}\n" for i in range(5000)]
    writer.write((HEAD + _columns() + "".join(rows)).encode())
    writer.close()
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x10
    path.write_bytes(data)
    assert _scan(path, tmp_path).account.verdict == "invalid"


def test_kinds(tmp_path):
    (tmp_path / "a").write_bytes(b"")
    with pytest.raises(InputError, match="empty"):
        file_kind(tmp_path / "a")
    (tmp_path / "b").write_bytes(b"PK\x03\x04rest of a zip file")
    with pytest.raises(InputError, match="zip"):
        file_kind(tmp_path / "b")
    (tmp_path / "c").write_bytes(gzip.compress(b"##fileformat"))
    assert file_kind(tmp_path / "c") == "gzip"
    with pytest.raises(InputError, match="directory"):
        file_kind(tmp_path)


# --- genotypes --------------------------------------------------------------------------

TEXTS = ["0|0", "0/1", "1|1", "./.", ".", "0", "1", "2/1", "0/.", "10/3", "0/1/1", "./1|2"]


@given(st.integers(1, 7), st.integers(1, 12), st.integers(0, 2**32))
@settings(max_examples=60, derandomize=True, deadline=None)
def test_genotypes_come_back_as_they_were(n_samples, n_records, seed):
    rng = random.Random(seed)
    rows = []
    for _ in range(n_records):
        few = rng.sample(TEXTS, rng.randint(1, 4))
        tail = rng.choice(["", ":3", ":.:1,2"])
        rows.append([rng.choice(few) + tail for _ in range(n_samples)])
    text = "".join(
        f"c1\t{k + 1}\t.\tA\tC,G\t.\t.\t.\tGT:DP:AD\t" + "\t".join(r) + "\n"
        for k, r in enumerate(rows)
    )
    batch = read_batch(text.encode(), 0, 1)
    found = read_genotypes(batch, np.arange(n_records), n_samples)
    for k, row in enumerate(rows):
        calls = [cell.split(":")[0] for cell in row]
        held = [found.texts[found.default[k]]] * n_samples
        a, b = found.pointer[k], found.pointer[k + 1]
        for who, what in zip(found.who[a:b], found.what[a:b], strict=True):
            held[who] = found.texts[what]
        assert held == calls
        # The default is the most frequent, of two the one that sorts first.
        best = min(set(calls), key=lambda t: (-calls.count(t), t))
        assert found.texts[found.default[k]] == best


@pytest.mark.parametrize(
    ("text", "alleles"),
    [("0|1", [0, 1]), ("./1", [-1, 1]), (".", [-1]), ("/0/1", [0, 1]), ("12|3|0", [12, 3, 0]),
     ("0/x", None), ("", None), ("0/", None), ("-1/0", None), ("0//1", None)],
)  # fmt: skip
def test_parse_gt(text, alleles):
    assert parse_gt(text) == alleles


@pytest.mark.real
@pytest.mark.parametrize(
    "name",
    [
        "cohorts/uwgac-1kg-genomewide/1KG_phase3_subset_chrX.vcf.gz",
        "cohorts/gatk-1kg-10samples/joint_calling.chr1_1M.1kg_samples.10samples.noINFO.vcf",
        "trio/slivar/ashk-trio.vcf.gz",
    ],
)
def test_genotypes_equal_cyvcf2(data_dir, name):
    path = data_dir / name
    reader = cyvcf2.VCF(str(path))
    n = len(reader.samples)
    records = iter(reader)
    for block in iter_text(path, file_kind(path)):
        data = b"".join(ln for ln in block.data.splitlines(keepends=True) if ln[:1] != b"#")
        batch = read_batch(data, 0, 1)
        found = read_genotypes(batch, np.arange(batch.size), n)
        for k in range(batch.size):
            codes = np.full(n, found.default[k])
            a, b = found.pointer[k], found.pointer[k + 1]
            codes[found.who[a:b]] = found.what[a:b]
            wanted = np.array(next(records).genotype.array())[:, :-1]
            got = found.alleles[codes][:, : wanted.shape[1]]
            assert (got == wanted).all()
    assert next(records, None) is None


# --- the whole-file pass ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("c1\t9\t.\tA\tC\t.\t.\t.\nc1\t5\t.\tA\tC\t.\t.\t.\n", "VH-B-002"),
        ("c1\t9\t.\tA\tC\t.\t.\t.\nc2\t5\t.\tA\tC\t.\t.\t.\nc1\t10\t.\tA\tC\t.\t.\t.\n",
         "VH-B-003"),
        ("c1\t9\t.\tA\tC\t.\t.\n", "VH-B-001"),
        ("c1\t9\t.\tA\tC\t.\t.\t.\n\nc1\t10\t.\tA\tC\t.\t.\t.\n", "VH-B-004"),
    ],
)  # fmt: skip
def test_bad_bodies(tmp_path, body, code):
    path = tmp_path / "x.vcf"
    path.write_text(HEAD + _columns() + body)
    found = _scan(path, tmp_path)
    assert found.account.verdict == "invalid"
    assert code in found.account.counts
    assert found.account.first[code][0].line is not None


@pytest.mark.parametrize("ending", ["", "\n", "\n\n"])
def test_blank_last_lines_are_harmless(tmp_path, ending):
    """cyvcf2 0.35 makes a record of a blank last line and crashes on it."""
    path = tmp_path / "x.vcf"
    path.write_text(HEAD + _columns() + "c1\t9\t.\tA\tC\t.\t.\t.\n" + ending)
    found = _scan(path, tmp_path)
    assert found.account.verdict == "valid"
    assert found.n_records == 1
    assert [c.n_records for c in found.chunks] == [1]
    text = b"".join(iter_range(Path(found.data), found.chunks[0].begin, found.chunks[0].end))
    assert text == b"c1\t9\t.\tA\tC\t.\t.\t.\n"


@pytest.mark.parametrize(
    "head",
    [
        "", "##fileformat=VCFv9.9\n", _columns(), HEAD, HEAD + "#CHROM\tPOS\n",
        HEAD + _columns("a", "a"), HEAD + _columns("a", ""), "##fileformat=VCFv4.3",
    ],
)  # fmt: skip
def test_bad_headers(tmp_path, head):
    path = tmp_path / "x.vcf"
    path.write_text(head + "c1\t9\t.\tA\tC\t.\t.\t.\n" * (not head.endswith("3")))
    assert _scan(path, tmp_path).account.verdict == "invalid"


def test_crlf_and_bom_are_read(tmp_path):
    path = tmp_path / "x.vcf"
    text = "\ufeff" + HEAD + _columns("s") + "c1\t9\t.\tA\tC\t.\t.\t.\tGT\t0/1\n"
    path.write_bytes(text.replace("\n", "\r\n").encode())
    found = _scan(path, tmp_path)
    assert found.account.verdict == "valid"
    assert found.samples == ["s"]


def test_ref_against_the_reference(tmp_path):
    (tmp_path / "r.fa").write_text(">c1\n" + "ACGTN" * 20 + "\n")
    contigs = Contigs([Contig("c1", ["1"])])
    reference = Reference(compile_reference(tmp_path / "r.fa", tmp_path / "r"), contigs)
    rows = ["1\t1\t.\tA\tC\t.\t.\t.", "1\t2\t.\tcg\tC\t.\t.\t.", "1\t3\t.\tT\tC\t.\t.\t.",
            "1\t100\t.\tNA\tC\t.\t.\t.", "1\t101\t.\tA\tC\t.\t.\t."]  # fmt: skip
    path = tmp_path / "x.vcf"
    path.write_text(HEAD + _columns() + "\n".join(rows) + "\n")
    found = _scan(path, tmp_path, reference, contigs)
    assert found.ref_checked == {"agrees": 2, "differs": 1, "outside": 2, "unchecked": 0}
    assert "VH-R-005" in found.account.counts
    assert "REF differs from the reference (G)" in str(found.account.first["VH-R-002"][0])


@pytest.mark.parametrize(
    ("good", "wrong", "limit", "refused"),
    [
        (8, 1, 0.001, False), (95, 4, 0.001, False), (95, 5, 0.001, True), (0, 1, 0.001, True),
        (2, 2, 0.001, False), (1, 2, 0.001, True), (8, 1, 0, True), (5, 5, 0.6, False),
    ],
)  # fmt: skip
def test_a_single_bad_record_is_no_other_assembly(tmp_path, good, wrong, limit, refused):
    (tmp_path / "r.fa").write_text(">c1\n" + "A" * 200 + "\n")
    contigs = Contigs([Contig("c1", [])])
    reference = Reference(compile_reference(tmp_path / "r.fa", tmp_path / "r"), contigs)
    refs = "A" * good + "G" * wrong
    rows = [f"c1\t{k}\t.\t{ref}\tC\t.\t.\t.\n" for k, ref in enumerate(refs, 1)]
    path = tmp_path / "x.vcf"
    path.write_text(HEAD + _columns() + "".join(rows))
    found = scan_file(path, contigs, reference, max_ref_mismatch_rate=limit)
    assert ("VH-R-005" in found.account.counts) is refused
    assert found.account.counts["VH-R-002"] == wrong


@given(st.lists(st.tuples(st.sampled_from("12"), st.integers(1, 40)), min_size=1, max_size=60),
       st.integers(1, 9))  # fmt: skip
@settings(max_examples=40, derandomize=True, deadline=None)
def test_chunks_own_every_record_once(tmp_path_factory, places, limit):
    """Chunks are consecutive, never cut between equal positions, and lose nothing."""
    folder = tmp_path_factory.mktemp("chunks")
    places = sorted(places)
    rows = [f"{c}\t{p}\t.\tA\tC\t.\t.\tN={i}\n" for i, (c, p) in enumerate(places)]
    (folder / "x.vcf").write_text(HEAD + _columns() + "".join(rows))
    contigs = Contigs([Contig("1"), Contig("2")])
    found = _scan(folder / "x.vcf", folder, None, contigs, chunk_records=limit)
    texts = [b"".join(iter_range(Path(found.data), c.begin, c.end)) for c in found.chunks]
    assert b"".join(texts).decode() == "".join(rows)
    edges = []
    for chunk, text in zip(found.chunks, texts, strict=True):
        lines = text.decode().splitlines()
        assert chunk.n_records == len(lines)
        keys = [tuple(ln.split("\t")[:2]) for ln in lines]
        assert {k[0] for k in keys} == {chunk.part}
        assert (chunk.low, chunk.high) == (int(keys[0][1]), int(keys[-1][1]))
        edges.append((keys[0], keys[-1]))
    for (_, last), (first, _) in pairwise(edges):
        assert last != first


@given(st.binary(max_size=400))
@settings(max_examples=150, derandomize=True, deadline=None)
def test_any_bytes_give_a_verdict(tmp_path_factory, noise):
    """Hostile text ends as a verdict, never as a crash."""
    folder = tmp_path_factory.mktemp("noise")
    path = folder / "x.vcf"
    path.write_bytes((HEAD + _columns("s")).encode() + noise)
    found = _scan(path, folder)
    assert found.account.verdict in ("valid", "invalid")


def test_bcf_is_read_as_its_text(tmp_path):
    rows = "".join(f"c1\t{i + 1}\t.\tA\tC\t.\tPASS\t.\tGT\t0|1\t./.\n" for i in range(50))
    head = HEAD + '##FORMAT=<ID=GT,Number=1,Type=String,Description="GT">\n'
    (tmp_path / "x.vcf").write_text(head + _columns("a", "b") + rows)
    code = "import sys, pysam.bcftools as b; b.view(*sys.argv[1:], catch_stdout=False)"
    files = [str(tmp_path / "x.bcf"), str(tmp_path / "x.vcf")]
    subprocess.run([sys.executable, "-c", code, "-Ob", "-o", *files], check=True)
    assert file_kind(tmp_path / "x.bcf") == "bcf"
    found = _scan(tmp_path / "x.bcf", tmp_path)
    assert found.account.verdict == "valid"
    assert (found.n_records, found.samples) == (50, ["a", "b"])
