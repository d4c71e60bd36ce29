"""A file against the world: assembly, swaps, strands, names, samples, index, paths."""

import hashlib
import json
import os
import random
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from builders import make_fasta

from varhouse.cli import main
from varhouse.genome.contigs import Contig, Contigs
from varhouse.ingest.setup.known_names import with_known_names
from varhouse.ingest.setup.sample_names import check_samples_of_file, difference, folded
from varhouse.onefile.validate import AnyContigs, check_file, open_assembly
from varhouse.vcf.account.problems import Account
from varhouse.vcf.repair.run import repair_file
from varhouse.vcf.text.bgzf import BgzfWriter
from varhouse.vcf.text.stale_index import read_index

OTHER = str.maketrans("ACGT", "CGTA")
COMPLEMENT = str.maketrans("ACGT", "TGCA")


def _head(*meta, samples=()):
    columns = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO"]
    columns += ["FORMAT", *samples] if samples else []
    return "\n".join(["##fileformat=VCFv4.3", *meta, "\t".join(columns)]) + "\n"


def _row(chrom, pos, ref, alt):
    return f"{chrom}\t{pos}\t.\t{ref}\t{alt}\t.\t.\t.\n"


@pytest.fixture(scope="module")
def genome(tmp_path_factory):
    fasta = make_fasta(tmp_path_factory.mktemp("g") / "g.fa", {"1": 3000, "2": 2000})
    parts = fasta.read_text().split(">")[1:]
    return fasta, {p.split("\n", 1)[0]: p.split("\n", 1)[1].replace("\n", "") for p in parts}


def _check(path, fasta=None, aliases=None):
    with open_assembly(fasta, aliases) as (contigs, reference):
        return check_file(path, contigs, reference, None).account


# --- why REF does not fit ---------------------------------------------------------------


def _snvs(bases, make, n=60):
    rows = []
    for pos in range(10, 10 + 20 * n, 20):
        here = bases["1"][pos - 1]
        rows.append(_row("1", *make(pos, here)))
    return _head("##contig=<ID=1,length=3000>") + "".join(rows)


def _random_build(pos, here):
    rng = random.Random(pos)
    ref = rng.choice("ACGT")
    return pos, ref, rng.choice([b for b in "ACGT" if b != ref])


def _half_swapped(pos, here):
    other = here.translate(OTHER)
    return (pos, other, here) if pos % 40 < 20 else (pos, here, other)


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (_half_swapped, "VH-R-006"),
        (lambda p, h: (p, *(h + h.translate(OTHER)).translate(COMPLEMENT)), "VH-R-007"),
        (_random_build, None),
    ],
)  # fmt: skip
def test_the_pattern_is_named(make, code, genome, tmp_path):
    fasta, bases = genome
    path = tmp_path / "x.vcf"
    path.write_text(_snvs(bases, make))
    account = _check(path, fasta)
    assert account.verdict == "invalid"
    patterns = {"VH-R-006", "VH-R-007", "VH-R-008"} & set(account.counts)
    assert patterns == ({code} if code else set())
    assert "VH-R-005" in account.counts


def test_positions_from_0_are_named(genome, tmp_path):
    fasta, bases = genome
    path = tmp_path / "x.vcf"
    rows = [
        _row("1", p - 1, bases["1"][p - 1], bases["1"][p - 1].translate(OTHER))
        for p in range(50, 2000, 20)
    ]
    path.write_text(_head("##contig=<ID=1,length=3000>") + "".join(rows))
    account = _check(path, fasta)
    assert "counts from 0" in account.first["VH-R-008"][0].message


def test_swapped_alleles_are_mended_on_demand(genome, tmp_path, capsys):
    fasta, bases = genome
    path, out = tmp_path / "x.vcf", tmp_path / "y.vcf.gz"
    path.write_text(_snvs(bases, lambda p, h: (p, h.translate(OTHER), h)))
    call = ["validate", str(path), "--reference", str(fasta), "--fix", str(out)]
    assert main(call) == 1
    assert main([*call, "--swap-ref-alt"]) == 0
    assert "VH-R-006 ref_alt_swapped  60 x" in capsys.readouterr().out


def _assembly(build_length):
    return Contigs([Contig("chr1", ["1"], None, build_length), Contig("chr2", ["2"])])


@pytest.mark.parametrize(
    ("meta", "said"),
    [
        ("##contig=<ID=1,length=248956422>", "GRCh38"),
        ("##contig=<ID=1,md5=6aef897c3d6ff0c78aff06ac189178dd>", "GRCh38"),
        ("##reference=file:///x/human_b36_male.fa", "NCBI36"),
        ("##contig=<ID=1,length=249250621>", None),
    ],
)
def test_the_true_build_is_named(meta, said, tmp_path):
    path = tmp_path / "x.vcf"
    path.write_text(_head(meta) + _row("1", 5, "A", "C"))
    account = check_file(path, _assembly(249_250_621), None, None).account
    if said is None:
        assert "VH-R-009" not in account.counts
    else:
        message = account.first["VH-R-009"][0].message
        assert said in message
        assert message.endswith("the reference is GRCh37 (hg19)")


def test_the_message_on_the_rate_names_the_build(genome, tmp_path):
    fasta, bases = genome
    path = tmp_path / "x.vcf"
    text = _snvs(bases, _random_build).replace("length=3000", "length=248956422")
    path.write_text(text)
    message = _check(path, fasta).first["VH-R-005"][0].message
    assert message.endswith("(1 = 248,956,422) the file is of GRCh38 (hg38)")


@pytest.mark.parametrize("key", ["md5", "M5"])
def test_an_md5_that_differs_is_told(genome, tmp_path, key):
    fasta, bases = genome
    good = hashlib.md5(bases["1"].encode()).hexdigest()
    path = tmp_path / "x.vcf"
    for digest, found in ((good, False), (good[::-1], True)):
        path.write_text(_head(f"##contig=<ID=1,{key}={digest}>") + _row("2", 1, "N", "."))
        assert ("VH-R-010" in _check(path, fasta).counts) is found


# --- names of contigs -------------------------------------------------------------------


def test_names_without_a_table(genome, tmp_path):
    fasta, bases = genome
    path = tmp_path / "x.vcf"
    path.write_text(_head("##contig=<ID=chr1>") + _row("chr1", 7, bases["1"][6], "<DEL>"))
    account = _check(path, fasta)
    assert account.first["VH-R-011"][0].message.endswith("chr1 = 1")
    assert "VH-R-001" not in account.counts


def test_the_digest_decides_on_names():
    digest = "SQ.S_KjnFVz-FE7M0W6yoaUDgYxLPc1jyWU"
    found = with_known_names(
        Contigs([Contig("foo", [], None, 249_250_621, digest), Contig("chr2"), Contig("7"),
                 Contig("chr7"), Contig("MT", [], None, 16569)])
    )  # fmt: skip
    assert found.canonical("NC_000001.10") == "foo"
    assert found.canonical("chr1") == found.canonical("CM000663.1") == "foo"
    assert found.canonical("NC_000001.11") is None
    assert found.canonical("2") == "chr2"
    assert found.canonical("chr7") == "chr7"
    assert found.canonical("chrM") == "MT"
    # Two that could both be `M`: neither is.
    two = with_known_names(Contigs([Contig("chrM"), Contig("MT")]))
    assert (two.canonical("M"), two.canonical("MT")) == (None, "MT")
    # CHM13 has no digests in its table: the length decides.
    t2t = with_known_names(Contigs([Contig("CP068277.2", [], None, 248_387_328)]))
    assert t2t.canonical("chr1") == t2t.canonical("NC_060925.1") == "CP068277.2"
    # As long as chromosome 2: whatever it is, `1` is not another name of it.
    assert (
        with_known_names(Contigs([Contig("chr1", [], None, 242_193_529)])).canonical("1")
        is None
    )


def test_an_unknown_contig_has_a_suggestion(genome, tmp_path):
    fasta, bases = genome
    digest = hashlib.md5(bases["2"].encode()).hexdigest()
    for meta, said in (
        ("##contig=<ID=GWHA1,length=3000>", "as long as 1 (3,000 bases)"),
        (f"##contig=<ID=GWHA1,length=3000,md5={digest}>", "its MD5 is that of 2"),
    ):
        path = tmp_path / "x.vcf"
        path.write_text(_head(meta) + _row("GWHA1", 7, "A", "C"))
        assert said in _check(path, fasta).first["VH-R-001"][0].message


# --- duplicates -------------------------------------------------------------------------


def test_one_deletion_at_two_positions(tmp_path):
    fasta = make_fasta(tmp_path / "g.fa", {"1": "TTGCAAAAAAAGCTCTCTCTGG" + "ACGT" * 20})
    path = tmp_path / "x.vcf"
    path.write_text(
        _head("##contig=<ID=1,length=102>")
        + _row("1", 4, "CA", "C")
        + _row("1", 6, "AA", "A,AAA")
        + _row("1", 7, "AA", "A")
        + _row("1", 8, "A", "C")
        + _row("1", 13, "CTCT", "CT")
        + _row("1", 14, "TCTC", "TC")
        + _row("1", 15, "CT", "C")
    )
    problems = _check(path, fasta).first["VH-D-003"]
    assert [(p.pos, p.line) for p in problems] == [(6, 5), (7, 6), (14, 9)]
    assert "line 4 (POS 4)" in problems[0].message
    assert problems[0].message.endswith("both are at 4")


def test_duplicates_are_those_of_bcftools_norm(tmp_path):
    rng = random.Random(5)
    bases = "".join(
        rng.choice(["AC", "A", "ACG", "GT"]) * rng.randrange(1, 7) for _ in range(99)
    )
    fasta = make_fasta(tmp_path / "g.fa", {"1": bases})
    rows = []
    for p in range(2, len(bases) - 8, 2):
        n = rng.randrange(1, 4)
        ref = bases[p - 1 : p + n]
        rows.append((p, ref, ref[0]))
        if rng.random() < 0.4:
            rows.append((p, bases[p - 1], bases[p - 1] + bases[p : p + n]))
    path = tmp_path / "x.vcf"
    text = "".join(_row("1", *row) for row in rows)
    path.write_text(_head(f"##contig=<ID=1,length={len(bases)}>") + text)
    code = (
        "import sys, pysam, pysam.bcftools as b\npysam.faidx(sys.argv[1])\n"
        "sys.stdout.write(b.norm('-f', sys.argv[1], '--no-version', sys.argv[2]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(fasta), str(path)], capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    moved = [
        tuple(x.split("\t")[1:5]) for x in done.stdout.splitlines() if not x.startswith("#")
    ]
    assert len(moved) == len(rows)
    twice = len(moved) - len(set(moved))
    assert twice > 50
    assert _check(path, fasta).counts["VH-D-003"] == twice


def test_the_window_is_bounded(genome, tmp_path):
    fasta = make_fasta(tmp_path / "g.fa", {"1": "C" + "A" * 60_000})
    path = tmp_path / "x.vcf"
    far = [_row("1", p, "AA", "A") for p in (5, 50_000)]
    path.write_text(_head("##contig=<ID=1,length=60001>") + "".join(far))
    # Both are the deletion at 1: found wherever the second is written.
    assert _check(path, fasta).counts.get("VH-D-003", 0) <= 1


# --- text -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "code", "line", "field"),
    [
        (
            b"\xef\xbb\xbf" + _head().encode() + b"1\t5\t.\tA\tC\t.\t.\t.\n",
            "VH-F-007",
            1,
            None,
        ),
        (_head().encode() + b"1\t5\t.\tA\tC\t.\t.\t.\r\n", "VH-F-008", 3, None),
        (_head().encode() + b"1\t5\tx\xd6\xd0\tA\tC\t.\t.\t.\n", "VH-F-009", 3, "ID"),
        (b"##fileformat=VCFv4.3\n##a=\xe9\n" + _head().encode()[21:], "VH-F-009", 2, "header"),
    ],
)
def test_characters_and_line_ends(text, code, line, field, tmp_path):
    path = tmp_path / "x.vcf"
    path.write_bytes(text)
    problem = check_file(path, AnyContigs(), None, None).account.first[code][0]
    assert (problem.line, problem.field) == (line, field)


def test_crlf_throughout_is_fine(tmp_path):
    path = tmp_path / "x.vcf"
    text = _head("##contig=<ID=1>") + _row("1", 5, "A", "C")
    path.write_bytes(text.replace("\n", "\r\n").encode())
    assert check_file(path, AnyContigs(), None, None).account.counts == {}


def test_utf8_is_fine(tmp_path):
    path = tmp_path / "x.vcf"
    path.write_text(_head("##contig=<ID=1>", "##source=中文") + _row("1", 5, "A", "C"))
    assert check_file(path, AnyContigs(), None, None).account.counts == {}


# --- paths ------------------------------------------------------------------------------


def test_what_is_no_file(tmp_path, monkeypatch):
    (tmp_path / "empty").touch()
    os.mkfifo(tmp_path / "pipe")
    found = {}
    for name in ("empty", "pipe", "missing", "."):
        account = check_file(tmp_path / name, AnyContigs(), None, None).account
        assert account.verdict == "invalid"
        found[name] = list(account.counts)
    assert found == {
        "empty": ["VH-F-011"],
        "pipe": ["VH-F-014"],
        "missing": ["VH-F-015"],
        ".": ["VH-F-012"],
    }
    assert list(check_file(Path("/dev/null"), AnyContigs(), None, None).account.counts) == [
        "VH-F-014"
    ]
    real = Path.open

    def refuse(self, *args, **kwargs):
        if self.name == "secret":
            raise PermissionError(13, "Permission denied")
        return real(self, *args, **kwargs)

    (tmp_path / "secret").write_text("x")
    monkeypatch.setattr(Path, "open", refuse)
    account = check_file(tmp_path / "secret", AnyContigs(), None, None).account
    assert list(account.counts) == ["VH-F-013"]


def test_nothing_is_written_beside_a_bcf(tmp_path):
    text, bcf = tmp_path / "x.vcf", tmp_path / "in" / "x.bcf"
    bcf.parent.mkdir()
    text.write_text(_head("##contig=<ID=1>") + _row("1", 5, "A", "C"))
    code = (
        "import sys, pysam.bcftools as b\n"
        "b.view('-Ob', '-o', sys.argv[2], sys.argv[1], catch_stdout=False)"
    )
    subprocess.run([sys.executable, "-c", code, str(text), str(bcf)], check=True)
    assert check_file(bcf, AnyContigs(), None, None).account.counts == {}
    assert [p.name for p in bcf.parent.iterdir()] == ["x.bcf"]


# --- the index --------------------------------------------------------------------------


@pytest.fixture
def indexed(tmp_path):
    path = tmp_path / "x.vcf"
    rows = [_row("1", p, "A", "C") for p in range(5, 900, 5)]
    path.write_text(_head("##contig=<ID=1>", "##contig=<ID=2>") + "".join(rows))
    return repair_file(path, tmp_path / "y.vcf.gz", AnyContigs()).output


def _index_codes(path):
    counts = check_file(path, AnyContigs(), None, None).account.counts
    return {c for c in counts if c in ("VH-F-020", "VH-F-021")}


def test_an_index_of_the_file(indexed):
    facts = read_index(Path(f"{indexed}.tbi"))
    assert (facts.names, facts.counts) == (["1"], [179])
    assert _index_codes(indexed) == set()
    os.utime(f"{indexed}.tbi", (1, 1))
    assert _index_codes(indexed) == {"VH-F-020"}


def test_an_index_of_another_file(indexed, tmp_path):
    index = Path(f"{indexed}.tbi")
    good = index.read_bytes()
    writer = BgzfWriter(indexed)
    writer.write((_head("##contig=<ID=1>") + _row("1", 5, "A", "C")).encode())
    writer.close()
    index.touch()
    assert _index_codes(indexed) == {"VH-F-021"}
    index.write_bytes(good[: len(good) // 2])
    assert _index_codes(indexed) == {"VH-F-021"}
    index.write_bytes(b"")
    assert _index_codes(indexed) == {"VH-F-021"}


def test_an_index_of_another_bcf(tmp_path):
    code = (
        "import sys, pysam.bcftools as b\n"
        "b.view('-Ob', '-o', sys.argv[2], sys.argv[1], catch_stdout=False)\n"
        "if len(sys.argv) == 4: b.index('-f', sys.argv[2])"
    )
    bcf = tmp_path / "x.bcf"
    for n, found in ((50, set()), (40, {"VH-F-021"})):
        text = tmp_path / "x.vcf"
        rows = [_row("1", p, "A", "C") for p in range(5, 5 + n)]
        text.write_text(_head("##contig=<ID=1>") + "".join(rows))
        more = ["index"] if n == 50 else []
        subprocess.run([sys.executable, "-c", code, str(text), str(bcf), *more], check=True)
        Path(f"{bcf}.csi").touch()
        assert _index_codes(bcf) == found


# --- samples ----------------------------------------------------------------------------


def test_names_differ_in():
    assert difference("na12878", "NA12878") == "case"
    assert difference("NA 12878", "NA12878") == "spaces"
    assert difference("na 12878", "NA12878") == "case and spaces"
    assert "look alike" in difference("NA12878", "ＮＡ12878")
    assert folded("\ufeffNA\u200b1 ") == "na1"


def test_samples_of_a_sheet():
    sheet = pl.DataFrame(
        {
            "cohort": ["a", "a", "a", "b"],
            "sample": ["Na1", "NA2", "NA33", "other"],
            "line": [2, 3, 4, 5],
        }
    )
    account = Account("x.vcf")
    check_samples_of_file(account, ["NA1 ", "NA2", "NA3", "na2"], sheet)
    assert {(p.code, p.value) for p in account.problems()} == {
        ("VH-S-003", "Na1"),
        ("VH-S-001", "NA33"),
        ("VH-S-002", "NA3"),
        ("VH-S-002", "na2"),
        ("VH-S-004", "na2"),
    }
    assert account.first["VH-S-001"][0].message.endswith("nearest: NA3, na2, NA1 ")
    assert "case and spaces" in account.first["VH-S-003"][0].message


# --- the command ------------------------------------------------------------------------


def test_json_lines(genome, tmp_path, capsys):
    fasta, bases = genome
    good, bad = tmp_path / "good.vcf", tmp_path / "bad.vcf"
    good.write_text(_head("##contig=<ID=1>") + _row("1", 5, bases["1"][4], "<DEL>"))
    bad.write_text(_head("##contig=<ID=1>") + _row("1", 5, "N", "C") * 9)
    call = ["validate", str(bad), str(good), "--reference", str(fasta), "--json"]
    assert main(call) == 1
    first = capsys.readouterr().out
    lines = [json.loads(x) for x in first.splitlines()]
    keys = ["file", "line", "contig", "pos", "code", "severity", "field", "value", "message",
            "fix"]  # fmt: skip
    assert all(list(x) == keys for x in lines[:-2])
    assert [x["file"] for x in lines[-2:]] == [str(bad), str(good)]
    assert str(bad) in {x["file"] for x in lines[:-2]}
    assert list(lines[-1]) == ["file", "verdict", "errors", "warnings"]
    assert lines[-2]["verdict"] == "invalid"
    assert sum(x.get("code") == "VH-R-002" for x in lines) == 5
    assert main(call) == 1
    assert capsys.readouterr().out == first
    assert main(["validate", str(good), "--reference", str(fasta)]) == 0


@pytest.mark.parametrize(
    "name", ["./a//x.vcf", "a/../a/x.vcf", "a/./missing.vcf", "a/\udcff.vcf", "a/张 三.vcf"]
)
def test_json_names_a_file_as_it_is_given(tmp_path, monkeypatch, capsys, name):
    (tmp_path / "a").mkdir()
    for file in ("x", "\udcff", "张 三"):
        (tmp_path / "a" / f"{file}.vcf").write_text(_head() + _row("1", 5, "R", "C"))
    monkeypatch.chdir(tmp_path)
    assert main(["validate", "--json", name]) == 1
    lines = [json.loads(x) for x in capsys.readouterr().out.splitlines()]
    assert len(lines) >= 2
    assert {x["file"] for x in lines} == {name}


def test_the_report_is_grouped(genome, tmp_path, capsys):
    fasta, _ = genome
    bad = tmp_path / "bad.vcf"
    bad.write_text(_head("##contig=<ID=1>") + _row("1", 5, "N", "C") * 9)
    main(["validate", str(bad), "--reference", str(fasta)])
    out = capsys.readouterr().out.splitlines()
    at = next(i for i, x in enumerate(out) if "VH-R-002" in x)
    assert out[at].startswith("error   VH-R-002 ref_mismatch  9 x")
    assert out[at + 1].startswith("  bad.vcf:4  1:5  REF  'N'")
    assert out[at + 6] == "  ... and 4 more like it"
    assert out[at + 7].startswith("  fix: ")
    assert out[-1].startswith("bad.vcf: invalid, ")


@pytest.mark.parametrize(
    "more",
    [["--swap-ref-alt"], ["--fix", "y.bcf"], ["{path}", "--fix", "y.vcf.gz"],
     ["--fix", "y.vcf.gz", "--swap-ref-alt"], ["--fix", "{path}"]],
)  # fmt: skip
def test_wrong_use(more, tmp_path):
    path = tmp_path / "x.vcf.gz"
    path.write_text("x")
    assert main(["validate", str(path), *(m.format(path=path) for m in more)]) == 2


def test_what_cannot_be_mended_is_an_error(tmp_path, capsys):
    path, out = tmp_path / "x.vcf", tmp_path / "y.vcf.gz"
    path.write_text(_head() + "1\t5\n")
    assert main(["validate", str(path), "--fix", str(out)]) == 1
    assert "would be a guess" in capsys.readouterr().err
    assert not out.exists()
