"""A lane's reads to a sorted BAM: records equal to bwa mem's, from every form of reads."""

import gzip
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pysam
import pytest

from varhouse.errors import InputError, VarhouseError
from varhouse.reads import othertools
from varhouse.reads.align import AlignSettings, Other, align_lane, read_group
from varhouse.reads.alignedpairs import proper_bounds
from varhouse.reads.bwamem import Job
from varhouse.reads.external import Program
from varhouse.reads.fastq import check_lane
from varhouse.reads.index import Index, make_index
from varhouse.reads.model import Form, Lane, LaneFacts, Tool
from varhouse.reads.pipeline import Command, PipelineError
from varhouse.reads.threads import Ahead, Behind

ACGT = np.frombuffer(b"ACGT", np.uint8)
COMPLEMENT = bytes.maketrans(b"ACGTN", b"TGCAN")

Read = tuple[str, str, str]
"""Name, bases, qualities."""

needs_bwa = pytest.mark.skipif(shutil.which("bwa") is None, reason="needs bwa")


def text(rng: np.random.Generator, n: int) -> str:
    return rng.choice(ACGT, n).tobytes().decode()


def repetitive(rng: np.random.Generator, path: Path) -> list[str]:
    """Write a reference in which a third stands several times, more or less alike."""
    repeats = [rng.choice(ACGT, 1500) for _ in range(3)]
    contigs = []
    for _ in range(2):
        parts = []
        for _ in range(8):
            parts.append(rng.choice(ACGT, rng.integers(500, 2500)))
            copy = repeats[rng.integers(3)].copy()
            changed = rng.random(copy.size) < rng.choice([0, 0.01, 0.05])
            copy[changed] = rng.choice(ACGT, changed.sum())
            parts.append(copy)
        contigs.append(np.concatenate(parts).tobytes().decode())
    path.write_text("".join(f">c{k}\n{c}\n" for k, c in enumerate(contigs)))
    return contigs


def pairs(rng: np.random.Generator, contigs: Sequence[str], n: int) -> list[tuple[Read, Read]]:
    """Make pairs, also odd ones: of any length, chimeric, of one strand, of nothing known."""
    out = []
    for i in range(n):
        contig = contigs[rng.integers(len(contigs))]
        length = int(np.clip(rng.normal(350, 90), 40, 1500))
        at = int(rng.integers(0, len(contig) - length))
        fragment = contig[at : at + length]
        sizes = rng.integers(36, 301, 2) if rng.random() < 0.5 else (150, 150)
        first = fragment[: sizes[0]]
        second = fragment[-sizes[1] :].translate(COMPLEMENT)[::-1]
        kind = rng.integers(20)
        if kind == 0:
            other = contigs[rng.integers(len(contigs))]
            at = int(rng.integers(0, len(other) - 400))
            second = other[at : at + 150]
        elif kind == 1:
            second = second.translate(COMPLEMENT)[::-1]
        elif kind == 2:
            first = text(rng, 100)
        elif kind == 3:
            first = first[:20]
        elif kind == 4:
            first = first[: len(first) // 2] + contigs[0][at % 900 :][: len(first) // 2]
        if rng.random() < 0.5:
            first, second = second, first
        out.append((read(rng, f"r{i}", first), read(rng, f"r{i}", second)))
    return out


def read(rng: np.random.Generator, name: str, bases: str) -> Read:
    """Give a read with errors: substitutions, an insertion or deletion, N."""
    own = np.frombuffer(bases.encode(), np.uint8).copy()
    changed = rng.random(own.size) < 0.01
    own[changed] = rng.choice(ACGT, changed.sum())
    if rng.random() < 0.1:
        at = int(rng.integers(own.size))
        gap = int(rng.integers(1, 15))
        own = np.delete(own, slice(at, at + gap)) if own.size > at + gap else own
    if rng.random() < 0.03:
        own[rng.random(own.size) < 0.1] = 78
    qualities = (rng.integers(2, 41, own.size) + 33).astype(np.uint8)
    return name, own.tobytes().decode(), qualities.tobytes().decode()


def fastq(path: Path, reads: Sequence[Read], *, end: str = "\n", base: int = 33) -> Path:
    """Write reads; gzip by the name's ending."""
    lines = []
    for name, bases, quality in reads:
        shown = "".join(chr(ord(q) + base - 33) for q in quality)
        lines += [f"@{name}", bases, "+", shown]
    raw = "".join(line + end for line in lines).encode()
    path.write_bytes(gzip.compress(raw) if path.suffix == ".gz" else raw)
    return path


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Make a reference, its index, and 1,500 pairs."""
    folder = tmp_path_factory.mktemp("align")
    rng = np.random.default_rng(7)
    contigs = repetitive(rng, folder / "ref.fa")
    index = make_index(folder / "ref.fa", folder / "index")
    return folder, index, pairs(rng, contigs, 1500)


def lane_of(form: Form, *files: Path, platform: str = "ILLUMINA") -> Lane:
    return Lane("c", "s", "L1", "lib", platform, form, [str(f) for f in files], 2)


def align(
    index: Index, out: Path, form: Form, *files: Path, base: int = 33, **more: Any
) -> dict[str, Any]:
    settings = more.pop("settings", AlignSettings(trim="none"))
    facts = LaneFacts(form, n_reads=more.pop("n_reads", 0), quality_base=base)
    return align_lane(lane_of(form, *files), facts, index, out, settings=settings, **more)


def records(path: Path) -> list[str]:
    """List the records as SAM, in an order of their own."""
    with pysam.AlignmentFile(str(path), check_sq=False) as file:
        return sorted(record.to_string() for record in file.fetch(until_eof=True))


CORE = 11


def core(lines: Sequence[str]) -> list[list[str]]:
    """Give the eleven fields, and the tags that bwa 0.7.17 writes."""
    out = []
    for line in lines:
        fields = line.split("\t")
        tags = [
            t for t in fields[CORE:] if t[:2] in ("NM", "MD", "AS", "XS", "SA", "XA", "MC")
        ]
        out.append(fields[:CORE] + sorted(tags))
    return sorted(out)


def bwa(folder: Path, index: Index, *args: str) -> list[list[str]]:
    """Run Debian's bwa mem on the same reference."""
    argv = ["bwa", "mem", "-v", "1", "-Y", "-K", "10000000", str(index.prefix), *args]
    sam = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    return core([line for line in sam.splitlines() if line[0] != "@"])


@needs_bwa
def test_pairs_are_aligned_as_bwa_mem_does(tmp_path: Path, data: Any) -> None:
    """All fields and tags, flags of pairs with them, also of chimeric and unmapped reads."""
    _, index, reads = data
    one = fastq(tmp_path / "1.fq.gz", [a for a, _ in reads])
    two = fastq(tmp_path / "2.fq.gz", [b for _, b in reads])
    align(index, tmp_path / "o.bam", "pairs", one, two)
    own = core(records(tmp_path / "o.bam"))
    assert own == bwa(tmp_path, index, str(one), str(two))
    flags = {int(fields[1]) for fields in own}
    assert {0x800 & f for f in flags} == {0, 0x800}
    assert {(f >> 1) & 1 for f in flags} == {0, 1}


@needs_bwa
def test_single_reads_and_mixed_ones_are_aligned_as_bwa_mem_does(
    tmp_path: Path, data: Any
) -> None:
    """A stream of pairs and single reads is sorted out as `bwa mem -p` does."""
    _, index, reads = data
    one = fastq(tmp_path / "1.fq", [a for a, _ in reads])
    align(index, tmp_path / "o.bam", "single", one)
    assert core(records(tmp_path / "o.bam")) == bwa(tmp_path, index, str(one))
    mixed = [r for k, pair in enumerate(reads) for r in (pair if k % 3 else pair[:1])]
    path = fastq(tmp_path / "m.fq", mixed)
    header = "@HD\tVN:1.6\n" + "".join(f"{line}\n" for line in index.header_lines())
    job = Job(str(index.prefix), "mixed", f"{header}@RG\tID:x\tSM:s\n", "x", [str(path)])
    argv = job.argv(tmp_path / "job.json")
    with (tmp_path / "m.bam").open("wb") as out:
        subprocess.run(argv, stdout=out, check=True, stderr=subprocess.DEVNULL)
    assert core(records(tmp_path / "m.bam")) == bwa(tmp_path, index, "-p", str(path))


def test_result_depends_neither_on_threads_nor_on_the_form(tmp_path: Path, data: Any) -> None:
    """Plain or gzip, two files or one, lines that end in CR LF, qualities from 64 on."""
    _, index, reads = data
    reads = reads[:400]
    first, second = [a for a, _ in reads], [b for _, b in reads]
    one, two = fastq(tmp_path / "1.fq", first), fastq(tmp_path / "2.fq", second)
    align(index, tmp_path / "a.bam", "pairs", one, two)
    expected = records(tmp_path / "a.bam")
    assert len(expected) >= 800
    align(index, tmp_path / "b.bam", "pairs", one, two, threads=3)
    assert records(tmp_path / "b.bam") == expected
    both = fastq(tmp_path / "i.fq.gz", [r for pair in reads for r in pair], end="\r\n")
    align(index, tmp_path / "c.bam", "interleaved", both)
    assert records(tmp_path / "c.bam") == expected
    old = [fastq(tmp_path / f"o{k}.fq", r, base=64) for k, r in enumerate((first, second))]
    align(index, tmp_path / "d.bam", "pairs", *old, base=64)
    assert records(tmp_path / "d.bam") == expected


def test_names_of_archives_and_comments_are_cut(tmp_path: Path, data: Any) -> None:
    """What marks the mate: behind / or ., in a description, or in one that is joined on."""
    _, index, reads = data
    forms = [
        ("/1", "/2"),
        (" 1:N:0:ACGT", " 2:N:0:ACGT"),
        ("/1", "/3"),
        (".1", ".2"),
        ("_R1", "_R2"),
    ]
    forms += [(":1 x", ":2 x"), ("_1:N:0:ACGT", "_2:N:0:ACGT"), ("_1", "_3"), ("R1", "R2")]
    settings = AlignSettings()
    for k, (a, b) in enumerate(forms):
        one = fastq(tmp_path / "1.fq", [(n + a, s, q) for (n, s, q), _ in reads[:50]])
        two = fastq(tmp_path / "2.fq", [(n + b, s, q) for _, (n, s, q) in reads[:50]])
        align(index, tmp_path / f"{k}.bam", "pairs", one, two, settings=settings)
        found = records(tmp_path / f"{k}.bam")
        assert {line.split("\t")[0] for line in found} == {f"r{i}" for i in range(50)}
        lines = [f.read_bytes().splitlines(keepends=True) for f in (one, two)]
        turns = [b"".join(text[i : i + 4]) for i in range(0, 200, 4) for text in lines]
        (tmp_path / "i.fq").write_bytes(b"".join(turns))
        align(
            index, tmp_path / f"{k}i.bam", "interleaved", tmp_path / "i.fq", settings=settings
        )
        assert records(tmp_path / f"{k}i.bam") == found


def test_the_name_alone_may_stand_behind_the_plus(tmp_path: Path, data: Any) -> None:
    _, index, reads = data
    mates = [[(f"{p[k][0]} {k + 1}:N:0", *p[k][1:]) for p in reads[:50]] for k in (0, 1)]
    made = []
    for plus in (False, True):
        files = [fastq(tmp_path / f"{k}.fq", mates[k]) for k in (0, 1)]
        for path in files if plus else ():
            lines = path.read_text().split("\n")
            lines[2::4] = ["+" + name[1:].split()[0] for name in lines[0::4] if name]
            path.write_text("\n".join(lines))
        for form, own in (("pairs", files), ("single", files[1:])):
            out = tmp_path / f"{form}{plus}.bam"
            align(index, out, form, *own, settings=AlignSettings())  # type: ignore[arg-type]
            made.append(records(out))
    assert made[:2] == made[2:]


def test_reads_of_nothing_are_kept(tmp_path: Path, data: Any) -> None:
    """A read without bases, as trimming leaves it, and one of N alone; mates are rescued."""
    _, index, reads = data
    first = [
        (n, "", "") if k % 2 else (n, "N" * 40, "#" * 40)
        for k, ((n, _, _), _) in enumerate(reads[:40])
    ]
    one = fastq(tmp_path / "1.fq", first)
    two = fastq(tmp_path / "2.fq", [b for _, b in reads[:40]])
    align(index, tmp_path / "o.bam", "pairs", one, two)
    lines = [line.split("\t") for line in records(tmp_path / "o.bam")]
    primary = [f for f in lines if not int(f[1]) & 0x900]
    assert len(primary) == 80
    assert sorted({len(f[9]) for f in primary if int(f[1]) & 0x40}) == [1, 40]


def test_adapters_are_cut_off_and_counted(tmp_path: Path, data: Any) -> None:
    """By the platform; a read that is all adapter stays, with its mate."""
    _, index, _ = data
    bases = pysam.FastaFile(str(index.fasta)).fetch("c0", 1000, 1100)
    mate = bases.translate(COMPLEMENT)[::-1]
    truseq = "AGATCGGAAGAGCACACGTCTGAACTCCAGTCA"
    reads = [(f"r{k}", bases + truseq, "I" * 133) for k in range(30)]
    reads.append(("r30", truseq, "I" * 33))
    one = fastq(tmp_path / "1.fq", reads)
    two = fastq(tmp_path / "2.fq", [(f"r{k}", mate, "I" * 100) for k in range(31)])
    settings = AlignSettings()
    told = align(index, tmp_path / "o.bam", "pairs", one, two, settings=settings)
    assert (told["reads_in"], told["reads_out"], told["reads_trimmed"]) == (62, 62, 31)
    assert told["adapters"][truseq] == 31
    lines = [line.split("\t") for line in records(tmp_path / "o.bam")]
    assert {f[5] for f in lines if int(f[1]) & 0x40} == {"100M", "*"}
    assert [tool["name"] for tool in told["tools"]] == ["cutadapt", "pybwa"]


@pytest.mark.parametrize("name", ["x.fasta", "x.fq.bz2", "x.bam", "x.gz", "x.fq", "x.txt"])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("trimmer", ["cutadapt", "fastp"])
def test_a_file_is_fastq_by_what_is_in_it(
    tmp_path: Path, data: Any, name: str, packed: bool, trimmer: str
) -> None:
    """Trimmers go by names: a gzip without .gz is text for fastp."""
    _, index, _ = data
    bases = pysam.FastaFile(str(index.fasta)).fetch("c0", 1000, 1200)
    reads = [(f"r{k}", bases[k : k + 100], "I" * 100) for k in range(30)]
    path = fastq(tmp_path / "reads.fq", reads)
    shown = tmp_path / name
    shown.write_bytes(gzip.compress(path.read_bytes()) if packed else path.read_bytes())
    more: dict[str, Any] = {"settings": AlignSettings()}
    if trimmer == "fastp":
        if shutil.which("fastp") is None:
            pytest.skip("needs fastp")
        stage = othertools.trim_command(
            Program("fastp", ["fastp"], "", "", {}),
            [str(shown)],
            "single",
            tmp_path / "r.json",
        )
        more["trimmer"] = Other(stage, Tool("trim", "fastp", ""))
    align(index, tmp_path / "o.bam", "single", shown, **more)
    assert len(records(tmp_path / "o.bam")) == 30


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda r: [*r[:10], ("x", *r[10][1:]), *r[11:]],
            "read 11: mates have different names",
        ),
        (lambda r: r[:-1], "has more reads than"),
        (lambda r: [*r[:5], ("r5", "ACGT", "II"), *r[6:]], "record 6: not as many qualities"),
    ],
)
def test_what_does_not_fit_is_named_and_nothing_is_left(
    tmp_path: Path, data: Any, change: Any, words: str
) -> None:
    """Neither a BAM nor a folder; the check of the files finds it earlier."""
    _, index, reads = data
    one = fastq(tmp_path / "1.fq", [a for a, _ in reads[:20]])
    two = fastq(tmp_path / "2.fq", change([b for _, b in reads[:20]]))
    with pytest.raises(PipelineError, match=words):
        align(index, tmp_path / "o.bam", "pairs", one, two)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["1.fq", "2.fq"]


def test_a_damaged_gzip_is_an_error(tmp_path: Path, data: Any) -> None:
    """Half of a file is never taken for a whole one."""
    _, index, reads = data
    files = [fastq(tmp_path / f"{k}.fq.gz", [p[k] for p in reads]) for k in (0, 1)]
    for file in files:
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(PipelineError, match="cut off or damaged"):
        align(index, tmp_path / "o.bam", "pairs", *files)


def test_reads_of_a_bam_are_aligned(tmp_path: Path, data: Any) -> None:
    """Of an unmapped BAM, in any order; adapters are not cut, and it is said."""
    _, index, reads = data
    reads = reads[:300]
    files = [fastq(tmp_path / f"{k}.fq", [p[k] for p in reads]) for k in (0, 1)]
    align(index, tmp_path / "a.bam", "pairs", *files)
    header = {"HD": {"VN": "1.6", "SO": "unsorted"}, "RG": [{"ID": "old", "SM": "s"}]}
    with pysam.AlignmentFile(str(tmp_path / "u.bam"), "wb", header=header) as out:
        for k in (0, 1):
            for name, bases, quality in (p[k] for p in reads):
                own = pysam.AlignedSegment()
                own.query_name, own.query_sequence = name, bases
                own.query_qualities = pysam.qualitystring_to_array(quality)
                own.flag = 77 if k == 0 else 141
                out.write(own)
    told = align(
        index, tmp_path / "b.bam", "bam", tmp_path / "u.bam", settings=AlignSettings()
    )
    assert "adapters are not cut off" in told["notes"][0]
    shown = [core(records(tmp_path / f"{x}.bam")) for x in "ab"]
    names = [sorted(f[0] for f in own if not int(f[1]) & 0x900) for own in shown]
    assert names[0] == names[1]
    # In another order of the reads bwa chooses otherwise among places that are alike.
    sure = [{(*f[:4], f[5], *f[9:11]) for f in own if int(f[4]) > 30} for own in shown]
    assert len(sure[0] & sure[1]) > 0.97 * len(sure[0]) > 300


def unmapped(path: Path, reads: Sequence[tuple[str, int, str]]) -> Path:
    """Write a BAM of reads without a place: name, flag, bases."""
    with pysam.AlignmentFile(str(path), "wb", header={"HD": {"VN": "1.6"}}) as out:
        for name, flag, bases in reads:
            own = pysam.AlignedSegment()
            own.query_name, own.query_sequence, own.flag = name, bases, flag
            own.query_qualities = pysam.qualitystring_to_array("I" * len(bases))
            out.write(own)
    return path


def mates(data: Any, name: str, flags: tuple[int, int], n: int = 120) -> list[Any]:
    """Give pairs under names made of a number and the mate's, first mates first."""
    pairs = data[2][:n]
    return [
        (name.format(k + 1, mate + 1), flags[mate], pairs[k][mate][1])
        for mate in (0, 1)
        for k in range(n)
    ]


@pytest.mark.parametrize(
    ("name", "flags", "shown"),
    [
        ("r{0}/{1}", (77, 141), "r7"),
        ("SRR1.{0}.{1}", (77, 141), "SRR1.7"),
        ("r{0}_{1}:N:0:ACGT", (77, 141), "r7"),
        ("r{0}/{1}", (4, 4), "r7"),
        ("r{0}/{1}", (77 + 512, 141 + 512), "r7"),
        # Running numbers, which are no marks.
        ("SRR1.{0}", (77, 141), "SRR1.7"),
    ],
)
def test_mates_of_a_bam_find_each_other(
    tmp_path: Path, data: Any, name: str, flags: tuple[int, int], shown: str
) -> None:
    """Under marked names, too, and under flags that say nothing of pairs."""
    path = unmapped(tmp_path / "u.bam", mates(data, name, flags))
    told = align(data[1], tmp_path / "o.bam", "bam", path)
    assert (told["reads_in"], told["reads_out"]) == (240, 240)
    with pysam.AlignmentFile(str(tmp_path / "o.bam")) as file:
        every = [r for r in file.fetch(until_eof=True) if not r.flag & 0x900]
    assert all(r.is_paired for r in every)
    assert sum(r.query_name == shown for r in every) == 2
    assert sum(r.is_read1 for r in every) == 120
    bases = {b for _, _, b in mates(data, name, flags) if "N" not in b}
    assert {r.get_forward_sequence() for r in every} >= bases


def test_single_reads_and_lone_mates_of_a_bam_are_kept(tmp_path: Path, data: Any) -> None:
    """Of single reads a number at the end is part of the name."""
    alone = mates(data, "x.{0}.{1}", (4, 4))
    path = unmapped(tmp_path / "u.bam", alone)
    told = align(data[1], tmp_path / "o.bam", "bam", path)
    assert (told["reads_out"], told["notes"]) == (240, [])
    names = {line.split("\t")[0] for line in records(tmp_path / "o.bam")}
    assert names == {name for name, _, _ in alone}
    some = mates(data, "r{0}", (77, 141))[:-20]
    told = align(data[1], tmp_path / "o.bam", "bam", unmapped(tmp_path / "v.bam", some))
    assert told["reads_out"] == 220
    assert told["notes"] == ["20 reads of pairs have no mate in the file: single"]


@pytest.mark.parametrize(
    ("name", "flags", "words"),
    [
        # samtools fastq would write one of each two, without a word.
        ("r{0}", (4, 4), "two reads are called r"),
        ("r{0}", (77, 77), "two reads are called r"),
        ("r{0}", (77, 4), "two reads are called r"),
        ("r{0}.{1}x", (77, 141), "no two have one name"),
    ],
)
def test_reads_of_a_bam_that_would_be_lost_or_parted_are_named(
    tmp_path: Path, data: Any, name: str, flags: tuple[int, int], words: str
) -> None:
    path = unmapped(tmp_path / "u.bam", mates(data, name, flags))
    with pytest.raises(VarhouseError, match=words) as caught:
        align(data[1], tmp_path / "o.bam", "bam", path)
    assert "u.bam" in str(caught.value)
    assert [p.name for p in tmp_path.iterdir()] == ["u.bam"]


def test_files_that_changed_after_their_check_are_refused(tmp_path: Path, data: Any) -> None:
    files = [fastq(tmp_path / f"{k}.fq", [p[k] for p in data[2][:50]]) for k in (0, 1)]
    n = check_lane(lane_of("pairs", *files)).n_reads
    assert align(data[1], tmp_path / "o.bam", "pairs", *files, n_reads=n)["reads_out"] == n
    with pytest.raises(InputError, match="102 reads were found in the check, and 100 were"):
        align(data[1], tmp_path / "p.bam", "pairs", *files, n_reads=102)
    assert not (tmp_path / "p.bam").exists()


@needs_bwa
def test_another_aligner_stands_in_the_same_place(tmp_path: Path, data: Any) -> None:
    """It reads pairs in turn, with qualities from 33 on, and its pairs get mate scores."""
    _, index, reads = data
    files = [fastq(tmp_path / f"{k}.fq", [p[k] for p in reads[:200]]) for k in (0, 1)]
    align(index, tmp_path / "a.bam", "pairs", *files)
    marked = [
        [(f"{n}.{k + 1}", s, q) for n, s, q in (p[k] for p in reads[:200])] for k in (0, 1)
    ]
    old = [fastq(tmp_path / f"o{k}.fq", own, base=64) for k, own in enumerate(marked)]
    argv = ["bwa", "mem", "-v", "1", "-Y", "-p", "-K", "10000000", str(index.prefix), "-"]
    stage = Other(Command(argv), Tool("align", "bwa", "0.7.17"))
    told = align(index, tmp_path / "b.bam", "pairs", *old, base=64, aligner=stage)
    assert [tool["name"] for tool in told["tools"]] == ["bwa"]

    def scores(path: Path) -> dict[tuple[str, int], tuple[Any, Any, Any, Any]]:
        with pysam.AlignmentFile(str(path)) as file:
            return {
                (r.query_name, r.flag & 0xC0): (
                    r.reference_start,
                    r.cigarstring,
                    r.get_tag("ms"),
                    r.get_tag("MC") if not r.mate_is_unmapped else None,
                )
                for r in file.fetch(until_eof=True)
                if not r.flag & 0x900
            }

    assert scores(tmp_path / "a.bam") == scores(tmp_path / "b.bam")
    # Behind cutadapt, which leaves the marks of mates.
    settings = AlignSettings(adapters={"r1": "GGGGGGGGGGGGGGGGGGGG"})
    more: Any = {"base": 64, "aligner": stage, "settings": settings}
    align(index, tmp_path / "c.bam", "pairs", *old, **more)
    assert scores(tmp_path / "c.bam") == scores(tmp_path / "b.bam")


def test_header_names_the_lane_and_no_path(tmp_path: Path, data: Any) -> None:
    """Read group with library, platform and unit; programs without the machine's folders."""
    _, index, reads = data
    files = [fastq(tmp_path / f"{k}.fq", [p[k] for p in reads[:20]]) for k in (0, 1)]
    align(index, tmp_path / "o.bam", "pairs", *files, settings=AlignSettings())
    with pysam.AlignmentFile(str(tmp_path / "o.bam")) as file:
        head = str(file.header)
        groups = {record.get_tag("RG") for record in file.fetch(until_eof=True)}
    assert "@RG\tID:s.L1\tSM:s\tLB:lib\tPL:ILLUMINA\tPU:L1" in head
    assert "SO:coordinate" in head
    assert "M5:" in head
    assert groups == {"s.L1"}
    assert str(tmp_path) not in head
    assert "/" not in head


def test_a_tab_in_a_name_is_refused() -> None:
    """It would end the field of the header."""
    lane = Lane("c", "s\tx", "L1", "lib", "ILLUMINA", "pairs", [], 4)
    with pytest.raises(InputError, match="line 4: ID"):
        read_group(lane)


def test_bounds_are_read_from_what_bwa_says() -> None:
    """An orientation that is rare is given up after its bounds were told."""
    said = """
[M::mem_pestat] skip orientation FF as there are not enough pairs
[M::mem_pestat] analyzing insert size distribution for orientation FR...
[M::mem_pestat] (25, 50, 75) percentile: (292, 344, 393)
[M::mem_pestat] low and high boundaries for computing mean and std.dev: (90, 595)
[M::mem_pestat] low and high boundaries for proper pairs: (1, 696)
[M::mem_pestat] analyzing insert size distribution for orientation RF...
[M::mem_pestat] low and high boundaries for proper pairs: (1, 96)
[M::mem_pestat] skip orientation RR as there are not enough pairs
[M::mem_pestat] skip orientation RF
"""
    assert proper_bounds(said).tolist() == [[1, 0], [1, 696], [1, 0], [1, 0]]


def test_a_genome_of_thousands_of_contigs_is_aligned_to(tmp_path: Path) -> None:
    """Its header is longer than an argument of a command may be."""
    rng = np.random.default_rng(3)
    contigs = [text(rng, 100) for _ in range(4000)]
    path = tmp_path / "ref.fa"
    path.write_text("".join(f">scaffold_{k}\n{c}\n" for k, c in enumerate(contigs)))
    index = make_index(path, tmp_path / "index")
    assert len("".join(index.header_lines())) > 1 << 17
    one = fastq(tmp_path / "1.fq", [("r", contigs[3999], "I" * 100)])
    align(index, tmp_path / "o.bam", "single", one)
    assert records(tmp_path / "o.bam")[0].split("\t")[2:4] == ["scaffold_3999", "1"]


def test_an_error_of_a_thread_is_raised_where_it_is_waited_for() -> None:
    """Of reading ahead, and of writing behind: at the next block, or at the end."""

    def fail(_size: int) -> bytes:
        raise InputError("read 7 is odd")

    with pytest.raises(InputError, match="read 7"):
        Ahead(fail).read(1)
    sink = open("/dev/full", "wb", buffering=0)  # noqa: PTH123, SIM115
    with pytest.raises(OSError, match="No space"), sink, Behind(sink) as behind:
        behind.write(b"x")
    blocks = iter([b"a", b"b", b""])
    ahead = Ahead(lambda _size: next(blocks))
    assert [ahead.read(9) for _ in range(4)] == [b"a", b"b", b"", b""]
