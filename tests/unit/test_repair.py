"""`--fix`: a spoilt copy comes back as the original; every change is in the table."""

import csv
import gzip
import random
import subprocess
import sys
from itertools import islice, product
from pathlib import Path

import numpy as np
import pytest
from builders import make_fasta
from hypothesis import given, settings
from hypothesis import strategies as st

from varhouse.alleles.swap import Swapper
from varhouse.cli import main
from varhouse.errors import InputError
from varhouse.onefile.validate import AnyContigs, check_file, open_assembly
from varhouse.vcf.repair.header import set_value
from varhouse.vcf.repair.lines import Lines, LineSorter, identical_lines
from varhouse.vcf.repair.names import Names
from varhouse.vcf.repair.run import repair_file
from varhouse.vcf.repair.swap import NotSwappedError, swap_line
from varhouse.vcf.text.bgzf import has_end_block

NAMES = ("chr1", "chr2", "chrM")


def _view(path: Path, *options: str) -> list[str]:
    """Records as bcftools 1.24 reads them, in a process of its own."""
    code = (
        "import sys, pysam.bcftools as b\n"
        "sys.stdout.write(b.view('-H', '--no-version', *sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *options, str(path)], capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    return done.stdout.splitlines()


def _changes(path: Path) -> list[dict[str, str]]:
    with Path(f"{path}.changes.tsv").open() as f:
        return list(csv.DictReader(f, delimiter="\t"))


def _make(folder: Path, seed: int, n: int = 300) -> tuple[Path, Path]:
    """Write a FASTA and a valid file on it: SNVs, indels, a breakend, three people."""
    rng = random.Random(seed)
    fasta = make_fasta(folder / "g.fa", dict.fromkeys(NAMES, 4000), seed)
    bases = {
        part.split("\n", 1)[0]: part.split("\n", 1)[1].replace("\n", "")
        for part in fasta.read_text().split(">")[1:]
    }
    lines = ["##fileformat=VCFv4.2"]
    lines += [f"##contig=<ID={c},length=4000>" for c in NAMES]
    lines += [
        '##INFO=<ID=AC,Number=A,Type=Integer,Description="a, b">',
        '##INFO=<ID=AN,Number=1,Type=Integer,Description="x">',
        '##INFO=<ID=SVTYPE,Number=1,Type=String,Description="x">',
        '##INFO=<ID=OWN,Number=.,Type=String,Description="Number=1,Type=Flag">',
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="x">',
        '##FORMAT=<ID=DP,Number=1,Type=Integer,Description="x">',
    ]
    lines.append(
        "\t".join(
            [
                "#CHROM",
                "POS",
                "ID",
                "REF",
                "ALT",
                "QUAL",
                "FILTER",
                "INFO",
                "FORMAT",
                "a",
                "b",
                "c",
            ]
        )
    )
    for c in NAMES:
        for pos in sorted(rng.sample(range(2, 3900), n)):
            ref = bases[c][pos - 1 : pos - 1 + rng.choice([1, 1, 1, 3])]
            others = [x for x in "ACGT" if x != ref[0]]
            alt = rng.choice([others[0], others[0] + "," + others[1], ref + "ACT"])
            if pos % 50 == 0:
                ref, alt = ref[0], f"]chr2:{pos}]{ref[0]}"
            alleles = alt.count(",") + 1
            ac = ",".join(str(rng.randrange(3)) for _ in range(alleles))
            gts = [
                f"{rng.randrange(alleles + 1)}/{rng.randrange(alleles + 1)}:{i}"
                for i in range(3)
            ]
            info = f"AC={ac};AN=6;OWN=x,y" + (";SVTYPE=BND" if "]" in alt else "")
            lines.append(
                "\t".join([c, str(pos), ".", ref, alt, "50", "PASS", info, "GT:DP", *gts])
            )
    path = folder / "good.vcf"
    path.write_text("\n".join(lines) + "\n")
    return fasta, path


def _spoil(good: Path, bad: Path, seed: int) -> None:
    """Do to a file what people and tools do."""
    rng = random.Random(seed)
    lines = good.read_text().split("\n")[:-1]
    body = [x for x in lines if not x.startswith("#")]
    head = [x for x in lines if x.startswith("#") and "ID=chr2" not in x and "ID=DP" not in x]
    head = [x.replace("ID=AC,Number=A", "ID=AC,Number=.") for x in head]
    head.insert(-1, head.pop(0).replace("VCFv4.2", "vcf4.2"))
    head.insert(3, head[2])
    body += rng.sample(body, 7)
    rng.shuffle(body)
    names = {"chr1": "1", "chr2": "2", "chrM": "MT"}
    out = []
    for line in body:
        chrom, rest = line.split("\t", 1)
        out.append(names[chrom] + "\t" + rest.replace("]chr2:", "]2:"))
    head = [x.replace("ID=chr1", "ID=1").replace("ID=chrM", "ID=MT") for x in head]
    out.insert(5, "")
    bad.write_bytes(b"\xef\xbb\xbf" + "\r\n".join([*head, *out]).encode())


@pytest.fixture(scope="module")
def spoilt(tmp_path_factory):
    folder = tmp_path_factory.mktemp("spoilt")
    fasta, good = _make(folder, 1)
    bad = folder / "bad.vcf"
    _spoil(good, bad, 2)
    return fasta, good, bad


def test_a_spoilt_copy_comes_back(spoilt, tmp_path):
    fasta, good, bad = spoilt
    out = tmp_path / "out.vcf.gz"
    with open_assembly(fasta, None) as (contigs, reference):
        before = check_file(bad, contigs, reference, None).account
        assert before.verdict == "invalid"
        done = repair_file(bad, out, contigs, reference)
        after = check_file(out, contigs, reference, None).account
        assert after.counts == check_file(good, contigs, reference, None).account.counts
    assert _view(out) == _view(good)
    assert has_end_block(out)
    # The index is of this file: records by region are those of the original.
    inside = [x.split("\t", 4) for x in _view(good) if x.startswith("chr2\t")]
    assert [x.split("\t", 4) for x in _view(out, "-r", "chr2:100-900")] == [
        x for x in inside if int(x[1]) <= 900 and int(x[1]) + len(x[3]) > 100
    ]
    rows = _changes(out)
    codes = {r["code"] for r in rows}
    assert codes == {
        "VH-F-007",
        "VH-F-008",
        "VH-F-005",
        "VH-B-004",
        "VH-B-002",
        "VH-D-001",
        "VH-R-011",
        "VH-B-016",
        "VH-H-001",
        "VH-H-024",
        "VH-H-021",
        "VH-M-004",
    }
    assert done.n_records == 900
    total = {c: sum(int(r["count"]) for r in rows if r["code"] == c) for c in codes}
    assert total == done.changes
    assert total["VH-D-001"] == 7
    lines = bad.read_bytes().count(b"\r\n")
    assert total["VH-F-008"] == lines
    chroms = [r for r in rows if r["field"] == "CHROM"]
    assert sum(int(r["count"]) for r in chroms) == 907
    assert {(r["before"], r["after"]) for r in chroms} == {
        ("1", "chr1"),
        ("2", "chr2"),
        ("MT", "chrM"),
    }
    mates = [r for r in rows if r["field"] == "ALT"]
    assert len(mates) == sum("]2:" in x for x in bad.read_text().splitlines())


def test_mending_twice_changes_nothing(spoilt, tmp_path):
    fasta, _, bad = spoilt
    one, two = tmp_path / "one.vcf.gz", tmp_path / "two.vcf.gz"
    with open_assembly(fasta, None) as (contigs, reference):
        repair_file(bad, one, contigs, reference)
        again = repair_file(one, two, contigs, reference)
    assert again.changes == {}
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        f"{n}.vcf.gz{e}" for n in ("one", "two") for e in ("", ".changes.tsv", ".tbi")
    ]
    assert _changes(two) == []
    assert one.read_bytes() == two.read_bytes()


def _sort(folder, keys, run_bytes, merge_bytes, chunk):
    """Sort keys with lines of their own through a sorter; give (rank, pos, line)."""
    got: list[tuple[int, int, int]] = []

    def take(lines: Lines) -> None:
        got.extend(
            zip(lines.rank.tolist(), lines.pos.tolist(), lines.line.tolist(), strict=True)
        )
        for k in range(lines.size):
            text = lines.text[lines.start[k] : lines.end[k]].tobytes().decode()
            assert text == f"L{lines.line[k]}" * (1 + int(lines.line[k]) % 5)

    sorter = LineSorter(folder, take, run_bytes, merge_bytes)
    for at in range(0, len(keys), chunk):
        some = keys[at : at + chunk]
        texts = [f"L{at + i}" * (1 + (at + i) % 5) for i in range(len(some))]
        ends = np.cumsum([len(t) for t in texts])
        sorter.add(
            Lines(
                np.frombuffer("".join(texts).encode(), np.uint8),
                ends - [len(t) for t in texts],
                ends,
                np.array([k[0] for k in some]),
                np.array([k[1] for k in some]),
                np.arange(at, at + len(some)),
            )
        )
    sorter.finish()
    return got


def _wanted(keys):
    return sorted((rank, pos, i) for i, (rank, pos) in enumerate(keys))


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 4)), max_size=60),
    st.integers(1, 400), st.integers(1, 200),
)  # fmt: skip
@settings(max_examples=40, derandomize=True, deadline=None)
def test_the_sorter_is_a_stable_sort(tmp_path_factory, keys, run_bytes, merge_bytes):
    folder = tmp_path_factory.mktemp("runs")
    assert _sort(folder, keys, run_bytes, merge_bytes, 7) == _wanted(keys)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("merge_bytes", [1, 600, 5_000])
def test_many_runs_are_merged_in_blocks(merge_bytes, tmp_path):
    rng = random.Random(merge_bytes)
    keys = [(rng.randrange(3), rng.randrange(300)) for _ in range(3000)]
    assert _sort(tmp_path, keys, 2_000, merge_bytes, 50) == _wanted(keys)


@given(
    st.lists(st.tuples(st.integers(0, 3), st.sampled_from([b"a", b"bb", b"b"])), max_size=20)
)
@settings(max_examples=60, derandomize=True, deadline=None)
def test_identical_lines(rows):
    rows = sorted(rows, key=lambda r: r[0])
    texts = [t for _, t in rows]
    end = np.cumsum([0, *(len(t) for t in texts)])
    pos = np.array([p for p, _ in rows], np.int64)
    lines = Lines(
        np.frombuffer(b"".join(texts), np.uint8),
        end[:-1],
        end[1:],
        np.zeros_like(pos),
        pos,
        np.arange(pos.size),
    )
    drop, kept = identical_lines(lines)
    first: dict[tuple[int, bytes], int] = {}
    wanted = [(i, first[r]) for i, r in enumerate(rows) if first.setdefault(r, i) != i]
    assert list(zip(drop.tolist(), kept.tolist(), strict=True)) == wanted


def test_names_are_numbered_in_order():
    names = [b"n%d" % (i * i % 997) for i in range(3000)]
    end = np.cumsum([len(n) for n in names])
    text = np.frombuffer(b"".join(names), np.uint8)
    table = Names()
    ids = table.number(text, end - [len(n) for n in names], end)
    assert [table.names[i] for i in ids.tolist()] == names
    assert table.names == list(dict.fromkeys(names))


def test_a_value_in_quotes_is_not_touched():
    line = '##INFO=<ID=X,Description="Number=3,x",Number=1>'
    assert set_value(line, "Number", "A") == '##INFO=<ID=X,Description="Number=3,x",Number=A>'


def test_a_key_whose_values_do_not_fit_is_left(tmp_path):
    path, out = tmp_path / "x.vcf", tmp_path / "y.vcf.gz"
    meta = [
        '##INFO=<ID=DP,Number=1,Type=Float,Description="x">',
        '##INFO=<ID=AC,Number=.,Type=Integer,Description="x">',
        '##INFO=<ID=AN,Number=.,Type=Integer,Description="x">',
        '##FORMAT=<ID=PL,Number=.,Type=Integer,Description="x">',
        '##FORMAT=<ID=DP,Number=1,Type=String,Description="x">',
    ]
    path.write_text(
        HEAD.replace("\n", "\n" + "\n".join(meta) + "\n", 1).replace(
            "INFO\n", "INFO\tFORMAT\ts\tt\n"
        )
        + "1\t5\t.\tA\tC,G\t.\t.\tDP=3;AC=1,2;AN=4\tGT:GQ:PL:DP\t0/1:3:1,2,3,4,5,6:1\t.\n"
        + "1\t6\t.\tA\tC\t.\t.\tDP=3.5;AC=1;AN=.\tGT:GQ:PL:DP\t0/1:3:.:4\t0:3.5:1,2:x\n"
        + "1\t7\t.\tA\tC\t.\t.\tDP=.;AC=1;AN=3,4\tGT\t0/1\t0\n"
    )
    done = repair_file(path, out, AnyContigs())
    text = gzip.decompress(out.read_bytes()).decode()
    assert "ID=AC,Number=A,Type=Integer" in text
    assert "ID=PL,Number=G,Type=Integer" in text
    assert "##FORMAT=<ID=GT,Number=1,Type=String" in text
    for kept in (
        "INFO=<ID=DP,Number=1,Type=Float",
        "INFO=<ID=AN,Number=.",
        "FORMAT=<ID=DP,Number=1,Type=String",
    ):
        assert kept in text
    assert "##FORMAT=<ID=GQ" not in text
    assert sum("do not fit" in x or "are not those" in x for x in done.left) == 4


def test_names_of_samples_stay_empty_columns_go(tmp_path):
    path, out = tmp_path / "x.vcf", tmp_path / "y.vcf.gz"
    head = HEAD.replace("INFO\n", "INFO\tFORMAT\tNA1 \t\t \n")
    path.write_text(head + "1\t5\t.\tA\tC\t.\t.\t.\tGT\t0/1\n")
    done = repair_file(path, out, AnyContigs())
    assert done.changes["VH-H-003"] == 1
    assert b"FORMAT\tNA1 \n" in gzip.decompress(out.read_bytes())


# --- what is refused --------------------------------------------------------------------

HEAD = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (HEAD + "1\t5\t.\tA\tC\t.\t.\n", ":3: 7 columns, not 8"),
        (HEAD + "1\t5\t.\tA\tC\t.\t.\t.\n1\t6\t.\tA", ":4: 4 columns"),
        (HEAD + "1\tx\t.\tA\tC\t.\t.\t.\n", ":3: POS is no number"),
        ("##fileformat=VCFv4.2\n1\t5\t.\tA\tC\t.\t.\t.\n", "before the #CHROM"),
        ("##fileformat=VCFv4.2\n", "no #CHROM line"),
        (HEAD.replace("\t", " "), "column names"),
        ("##fileformat=VCFv4.2\n##x=\udce9\n" + HEAD, "not UTF-8"),
    ],
)
def test_what_needs_a_guess_is_refused(text, what, tmp_path):
    path, out = tmp_path / "x.vcf", tmp_path / "out" / "y.vcf.gz"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(InputError, match=what):
        repair_file(path, out, AnyContigs())
    assert list(out.parent.iterdir()) == []


def test_a_missing_version_is_left(tmp_path):
    path, out = tmp_path / "x.vcf", tmp_path / "y.vcf.gz"
    path.write_text(HEAD.split("\n", 1)[1] + "1\t5\t.\tA\tC\t.\tq10\tZZ=1\n")
    done = repair_file(path, out, AnyContigs())
    assert any("VH-H-001" in x for x in done.left)
    assert any("INFO/ZZ" in x for x in done.left)
    text = gzip.decompress(out.read_bytes()).decode()
    assert "##contig=<ID=1>" in text
    assert "##FILTER=<ID=q10," in text


def test_a_file_without_records_and_one_that_is_cut(tmp_path):
    path, out = tmp_path / "x.vcf", tmp_path / "y.vcf.gz"
    path.write_text(HEAD)
    assert repair_file(path, out, AnyContigs()).n_records == 0
    cut = tmp_path / "cut.vcf.gz"
    cut.write_bytes(out.read_bytes()[:-28])
    with pytest.raises(InputError, match="cut off"):
        repair_file(cut, tmp_path / "z.vcf.gz", AnyContigs())


def test_long_contigs_have_a_csi(tmp_path):
    path, out = tmp_path / "x.vcf", tmp_path / "y.vcf.gz"
    out.with_name("y.vcf.gz.tbi").write_text("of an older file")
    path.write_text(HEAD + "1\t700000000\t.\tA\tC\t.\t.\t.\n1\t5\t.\tA\tC\t.\t.\t.\n")
    done = repair_file(path, out, AnyContigs())
    assert done.index.name == "y.vcf.gz.csi"
    assert not out.with_name("y.vcf.gz.tbi").exists()
    assert len(_view(out, "-r", "1:600000000-700000001")) == 1


def test_plain_text_on_demand(spoilt, tmp_path):
    _, _, bad = spoilt
    done = repair_file(bad, tmp_path / "a.vcf", AnyContigs())
    packed = repair_file(bad, tmp_path / "b.vcf.gz", AnyContigs())
    assert done.index is None
    assert (tmp_path / "a.vcf").read_bytes() == gzip.decompress(packed.output.read_bytes())
    assert not (tmp_path / "a.vcf.tbi").exists()


# --- REF and ALT ------------------------------------------------------------------------

NUMBERS = {("INFO", "AC"): "A", ("INFO", "AF"): "A", ("INFO", "XA"): "A", ("INFO", "AD"): "R",
           ("FORMAT", "PL"): "G", ("FORMAT", "AD"): "R", ("FORMAT", "GT"): "1"}  # fmt: skip


def test_swap_renumbers_everything():
    line = (
        b"1\t5\trs1\tA\tC\t.\tPASS\tAC=3;AN=8;AF=0.375;AD=7,4;NS=4\tGT:AD:PL:DP"
        b"\t0/0:3,0:0,3,9:3\t0|1:2,2\t1/1:0,4:.:4\t./.\t0"
    )
    swapper = Swapper(NUMBERS)
    assert swap_line(line, swapper) == (
        b"1\t5\trs1\tC\tA\t.\tPASS\tAC=5;AN=8;AF=0.625;AD=4,7;NS=4\tGT:AD:PL:DP"
        b"\t1/1:0,3:9,3,0:3\t1|0:2,2\t0/0:4,0:.:4\t./.\t1"
    )
    assert swap_line(swap_line(line, swapper), swapper) == line
    assert not swapper.removed


def test_an_unphased_heterozygote_stays():
    line = b"1\t5\t.\tA\tC\t.\t.\t.\tGT\t0/1\t0|1\t1/1"
    assert swap_line(line, Swapper({})).endswith(b"\t0/1\t1|0\t0/0")


@pytest.mark.parametrize(
    ("info", "form", "sample", "lost"),
    [
        (b"AC=3", b"GT", b"0/1", "INFO/AC"), (b"XA=3", b"GT", b"0/1", "INFO/XA"),
        (b"CSQ=C|x", b"GT", b"0/1", "INFO/CSQ"), (b"AF=2", b"GT", b"0/1", "INFO/AF"),
        (b".", b"GT:AO", b"0/1:1", "FORMAT/AO"),
    ],
)  # fmt: skip
def test_what_cannot_follow_is_left_out_and_counted(info, form, sample, lost):
    line = b"\t".join([b"1", b"5", b".", b"A", b"C", b".", b".", info, form, sample])
    swapper = Swapper(NUMBERS)
    assert swap_line(line, swapper) == b"1\t5\t.\tC\tA\t.\t.\t.\tGT\t0/1"
    assert swapper.removed == {lost: 1}


@pytest.mark.parametrize("sample", [b"0/2", b"x", b""])
def test_what_is_no_genotype_is_not_swapped(sample):
    line = b"1\t5\t.\tA\tC\t.\t.\t.\tGT\t" + sample
    with pytest.raises(NotSwappedError):
        swap_line(line, Swapper(NUMBERS))


def test_swap_only_on_demand(tmp_path):
    fasta = make_fasta(tmp_path / "g.fa", {"1": "ACGTACGTAC" * 10})
    path = tmp_path / "x.vcf"
    path.write_text(
        HEAD.replace("INFO\n", "INFO\tFORMAT\ts\n")
        + "1\t5\t.\tC\tA\t.\t.\t.\tGT\t1/1\n"
        + "1\t6\t.\tC\tA\t.\t.\t.\tGT\t1/1\n"
        + "1\t9\t.\tG\tA\t.\t.\tCSQ=x;DP=3\tGT\t1/1\n"
    )
    with open_assembly(fasta, None) as (contigs, reference):
        plain = repair_file(path, tmp_path / "a.vcf.gz", contigs, reference)
        swapped = repair_file(path, tmp_path / "b.vcf.gz", contigs, reference, swap=True)
    assert "VH-R-006" not in plain.changes
    assert swapped.changes["VH-R-006"] == 2
    rows = [r for r in _changes(tmp_path / "b.vcf.gz") if r["code"] == "VH-R-006"]
    assert [(r["line"], r["before"], r["after"]) for r in rows] == [
        ("3", "C/A", "A/C"),
        ("5", "G/A", "A/G"),
    ]
    assert "left out: INFO/CSQ" in rows[1]["why"]
    assert [x.split("\t")[3:5] + x.split("\t")[9:] for x in _view(tmp_path / "b.vcf.gz")] == [
        ["A", "C", "0/0"],
        ["C", "A", "1/1"],
        ["A", "G", "0/0"],
    ]
    assert swapped.left_out == {"INFO/CSQ": 1}


def test_a_piece_gives_no_length(tmp_path):
    fasta = make_fasta(tmp_path / "g.fa", {"1": 500})
    table = tmp_path / "aliases.tsv"
    table.write_text("contig\talias\taccession\tlength\trefget\nchr1\t1\t\t9000\t\n")
    path = tmp_path / "x.vcf"
    path.write_text(HEAD + "1\t8000\t.\tC\tA\t.\t.\t.\n")
    with open_assembly(fasta, table) as (contigs, reference):
        repair_file(path, tmp_path / "a.vcf.gz", contigs, reference)
    text = gzip.decompress((tmp_path / "a.vcf.gz").read_bytes()).decode()
    assert "##contig=<ID=chr1,length=9000>" in text


def test_limits_can_be_raised(tmp_path, capsys):
    path = tmp_path / "a.vcf"
    alts = ",".join("".join(a) for a in islice(product("ACGT", repeat=7), 10_001))
    path.write_text(
        "##fileformat=VCFv4.3\n##contig=<ID=1,length=10>\n"
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n1\t5\t.\tA\t" + alts + "\t.\t.\t."
    )
    fix = ["--fix", str(tmp_path / "b.vcf")]
    assert main(["validate", str(path)]) == 1
    assert "VH-F-010" in capsys.readouterr().out
    assert main(["validate", str(path), "--limit", "alleles=20000", *fix]) == 0
    small = [
        "validate",
        str(path),
        "--limit",
        "header_lines=2",
        "--limit",
        "alleles=20000",
    ]
    assert main(small) == 1
    assert "limits.header_lines" in capsys.readouterr().out
    for wrong in (
        "allele=5",
        "alleles=0",
        "alleles=-1",
        "alleles",
        "alleles=32768",
        "line_bytes=9",
    ):
        assert main(["validate", str(path), "--limit", wrong]) == 2
