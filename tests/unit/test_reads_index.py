"""A reference's index: made once, found again, of the right FASTA."""

import gzip
import json
import multiprocessing
import os
import shutil
import struct
import subprocess
from pathlib import Path
from typing import Any

import pysam
import pytest
from builders import make_fasta

from varhouse.errors import InputError
from varhouse.reads.alignerfiles import is_mem2_index, is_minimap2_index
from varhouse.reads.bwafiles import find_bwa_files, has_same_bases, is_bwa_index
from varhouse.reads.index import make_index
from varhouse.reads.pipeline import Command, PipelineError

SEQUENCES = {"chr1": 3001, "chr2": 802, "MT": "acgtnRYacgtACGTNNNN" * 20}
LENGTHS = [("chr1", 3001), ("chr2", 802), ("MT", 380)]
BWA = (".amb", ".ann", ".pac", ".bwt", ".sa")


@pytest.fixture
def fasta(tmp_path: Path) -> Path:
    return make_fasta(tmp_path / "ref.fasta", SEQUENCES)


def damaged_gzip() -> bytes:
    """Give a gzip in which a block is of no known kind: isal has an error of its own."""
    packed = gzip.compress(b">a\nACGT\n")
    return packed + packed[:10] + b"\xff" * 2000


def listed(folder: Path) -> dict[str, tuple[int, int]]:
    return {p.name: (p.lstat().st_ino, p.lstat().st_mtime_ns) for p in folder.iterdir()}


def test_all_that_is_needed_lies_in_the_folder(tmp_path: Path, fasta: Path) -> None:
    """A link to the FASTA, lengths, a dictionary without paths, and bwa's files."""
    index = make_index(fasta, tmp_path / "index")
    assert index.contigs == LENGTHS
    assert index.fasta.is_symlink()
    assert index.fasta.read_text() == fasta.read_text()
    with pysam.FastaFile(str(index.fasta)) as file:
        assert file.fetch("chr2", 0, 20) == fasta.read_text().split(">chr2\n")[1][:20]
    lines = index.header_lines()
    assert [line.split("\t")[1:3] for line in lines] == [
        [f"SN:{name}", f"LN:{length}"] for name, length in LENGTHS
    ]
    assert all("M5:" in line and "UR:" not in line for line in lines)
    assert index.dictionary == tmp_path / "index" / "ref.dict"
    assert is_bwa_index(index.prefix, LENGTHS)
    assert has_same_bases(index.prefix, index.fasta, LENGTHS)


def test_a_second_time_nothing_is_written(tmp_path: Path, fasta: Path) -> None:
    """Nor where the folder may not be written to."""
    folder = tmp_path / "index"
    first = make_index(fasta, folder)
    before = listed(folder)
    assert make_index(fasta, folder) == first
    assert listed(folder) == before
    folder.chmod(0o555)
    try:
        assert make_index(fasta, folder) == first
    finally:
        folder.chmod(0o755)


@pytest.mark.parametrize("name", ["ref.fa.gz", "ref.fasta.bgz", "ref.gz"])
def test_a_compressed_fasta_is_copied(tmp_path: Path, fasta: Path, name: str) -> None:
    """gzip or bgzip; the copy has a suffix, as pysam and bwa want one."""
    packed = tmp_path / name
    if name.endswith("bgz"):
        pysam.tabix_compress(str(fasta), str(packed))
    else:
        packed.write_bytes(gzip.compress(fasta.read_bytes()))
    index = make_index(packed, tmp_path / "index", aligner=None)
    assert not index.fasta.is_symlink()
    assert index.fasta.suffix in (".fa", ".fasta")
    assert index.fasta.read_text() == fasta.read_text()
    assert index.name == name
    assert index.contigs == LENGTHS


def test_files_of_an_aligner_are_added_later(tmp_path: Path, fasta: Path) -> None:
    """pybwa and bwa share theirs."""
    folder = tmp_path / "index"
    make_index(fasta, folder, aligner=None)
    assert not list(folder.glob("*.bwt"))
    make_index(fasta, folder, aligner="bwa")
    before = listed(folder)
    make_index(fasta, folder, aligner="pybwa")
    assert listed(folder) == before
    assert is_bwa_index(folder / "ref.fasta", LENGTHS)


def test_another_fasta_is_refused(tmp_path: Path, fasta: Path) -> None:
    """By its bytes: the same ones at another place are the same."""
    folder = tmp_path / "index"
    first = make_index(fasta, folder)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    moved = elsewhere / "ref.fasta"
    moved.write_bytes(fasta.read_bytes())
    fasta.unlink()
    second = make_index(moved, folder)
    assert second == first
    assert second.fasta.read_text().startswith(">chr1\n")
    with moved.open("a") as out:
        out.write(">more\nACGT\n")
    with pytest.raises(InputError, match="is the index of another FASTA"):
        make_index(moved, folder)


def test_bwas_own_files_are_used_where_they_fit(tmp_path: Path, fasta: Path) -> None:
    """Complete, of the same sequences; else they are made anew."""
    made = make_index(fasta, tmp_path / "first")
    for suffix in BWA:
        (tmp_path / f"ref.fasta{suffix}").write_bytes(
            Path(f"{made.prefix}{suffix}").read_bytes()
        )
    assert find_bwa_files(fasta, LENGTHS) == fasta
    linked = make_index(fasta, tmp_path / "second")
    assert Path(f"{linked.prefix}.bwt").resolve() == tmp_path / "ref.fasta.bwt"
    sa = tmp_path / "ref.fasta.sa"
    sa.write_bytes(sa.read_bytes()[:-8])
    assert find_bwa_files(fasta, LENGTHS) is None
    own = make_index(fasta, tmp_path / "third")
    assert not Path(f"{own.prefix}.bwt").is_symlink()
    assert find_bwa_files(fasta, [("chr1", 3000), *LENGTHS[1:]]) is None


def test_bwas_files_of_other_bases_are_not_used(tmp_path: Path, fasta: Path) -> None:
    """A masked genome has the names and lengths of the one it was made from."""
    made = make_index(fasta, tmp_path / "first")
    for suffix in BWA:
        (tmp_path / f"ref.fasta{suffix}").write_bytes(
            Path(f"{made.prefix}{suffix}").read_bytes()
        )
    lines = fasta.read_text().split("\n")
    lines[20] = lines[20][::-1]
    fasta.write_text("\n".join(lines))
    own = make_index(fasta, tmp_path / "second")
    assert not Path(f"{own.prefix}.bwt").is_symlink()
    assert has_same_bases(own.prefix, own.fasta, LENGTHS)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"ACGT\n", "not FASTA"),
        (b"", "not FASTA"),
        (b">a\nACGTT\n>b\nACGT\n>a\nACGT\n", "contig a stands twice"),
        (gzip.compress(b">a\n" + b"ACGT" * 5000, mtime=0)[:-20], "cut off or damaged"),
        (damaged_gzip(), "cut off or damaged"),
        (gzip.compress(b"ACGT\n", mtime=0), "not FASTA"),
        (b">a\nACGT\nAC\nACGT\n", r"ref\.fa: a FASTA that cannot be indexed: .* at line 4"),
        (b">a\nACGT\nACGTAC\nA\n", r"line length in sequence 'a' at line 3"),
    ],
)
def test_what_is_no_fasta_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    """And nothing is left that looks like an index."""
    path = tmp_path / "ref.fa"
    path.write_bytes(content)
    with pytest.raises(InputError, match=words):
        make_index(path, tmp_path / "index")
    assert not (tmp_path / "index" / "index.json").exists()


def test_an_unfinished_folder_is_finished(tmp_path: Path, fasta: Path) -> None:
    """What a killed process left has no name of a result."""
    folder = tmp_path / "index"
    make_index(fasta, folder)
    (folder / "bwa.json").unlink()
    Path(f"{folder / 'ref.fasta'}.sa").write_bytes(b"half")
    made = make_index(fasta, folder)
    assert is_bwa_index(made.prefix, LENGTHS)
    (folder / "index.json").unlink()
    assert make_index(fasta, folder) == made
    assert json.loads((folder / "index.json").read_text())["name"] == "ref.fasta"


def _make(fasta: Path, folder: Path) -> None:
    make_index(fasta, folder)
    os._exit(0)


def test_two_at_once_make_one(tmp_path: Path, fasta: Path) -> None:
    """The second one waits, and finds it."""
    context = multiprocessing.get_context("spawn")
    both = [context.Process(target=_make, args=(fasta, tmp_path / "index")) for _ in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join()
    assert [process.exitcode for process in both] == [0, 0]
    assert is_bwa_index(tmp_path / "index" / "ref.fasta", LENGTHS)
    assert not [p for p in (tmp_path / "index").iterdir() if p.name.endswith(".tmp")]


def test_a_list_of_alt_contigs_is_taken_along(tmp_path: Path, fasta: Path) -> None:
    """Beside the FASTA, in the names that bwa knows: it decides mapping qualities."""
    assert not list(make_index(fasta, tmp_path / "without").fasta.parent.glob("*.alt"))
    alt = tmp_path / "ref.fasta.64.alt"
    alt.write_text("MT\t0\tchr1\t1\t60\t380M\t*\t0\t0\t*\t*\n")
    index = make_index(fasta, tmp_path / "index")
    assert Path(f"{index.prefix}.alt").read_text() == alt.read_text()


needs_minimap2 = pytest.mark.skipif(shutil.which("minimap2") is None, reason="needs minimap2")


def minimap2(fasta: Path, mmi: Path, preset: str = "sr", *more: str) -> None:
    argv = ["minimap2", "-x", preset, *more, "-d", str(mmi), str(fasta)]
    subprocess.run(argv, check=True, capture_output=True)


def never(fasta: Path) -> Command:
    return Command(["false"], "an index that lies ready")


@needs_minimap2
@pytest.mark.parametrize("name", ["ref.fasta.mmi", "ref.mmi"])
def test_an_index_of_minimap2_that_lies_ready_is_used(
    tmp_path: Path, fasta: Path, name: str
) -> None:
    """Whole, of short reads, of the same names, lengths and bases; else it is made anew."""
    ready = tmp_path / name
    minimap2(fasta, ready)
    more: dict[str, Any] = {"aligner": "minimap2", "build": never, "suffixes": (".mmi",)}
    index = make_index(fasta, tmp_path / "index", **more)
    assert Path(f"{index.prefix}.mmi").resolve() == ready
    good, prefix = ready.read_bytes(), ready.with_suffix("")
    assert is_minimap2_index(prefix, index.fasta, LENGTHS)
    minimap2(fasta, tmp_path / "long.mmi", "map-ont")
    minimap2(fasta, tmp_path / "parts.mmi", "sr", "-I", "3k")
    other = make_fasta(tmp_path / "other.fa", {**SEQUENCES, "MT": "acgtnRYacgtTCGTNNNN" * 20})
    minimap2(other, tmp_path / "other.mmi")
    bad = [(tmp_path / f"{x}.mmi").read_bytes() for x in ("long", "parts", "other")]
    for content in (good[:-4], good + b"x", good[: len(good) // 2], b"", *bad):
        ready.write_bytes(content)
        assert not is_minimap2_index(prefix, index.fasta, LENGTHS)
    ready.write_bytes(good)
    assert not is_minimap2_index(prefix, index.fasta, LENGTHS[::-1])
    ready.write_bytes(good[:-4])
    with pytest.raises(PipelineError):
        make_index(fasta, tmp_path / "second", **more)
    assert not list((tmp_path / "second").glob("*.mmi"))


def test_an_index_of_bwa_mem2_that_lies_ready_is_used(tmp_path: Path, fasta: Path) -> None:
    """By their sizes and what they hold; ALT contigs count for it, too."""
    bwa = make_index(fasta, tmp_path / "bwa")
    total = sum(length for _, length in LENGTHS)
    places = 2 * total + 1
    # What follows the header is not read here: blocks of 64 places, the suffix array, its end.
    size = 48 + 64 * (places // 64 + 1) + 5 * (places // 8 + 1) + 8
    beside = {".0123": bytes(2 * total), ".bwt.2bit.64": struct.pack("<q", places)}
    beside[".bwt.2bit.64"] += bytes(size - 8)
    beside |= {s: Path(f"{bwa.prefix}{s}").read_bytes() for s in (".amb", ".ann", ".pac")}
    for suffix, content in beside.items():
        Path(f"{fasta}{suffix}").write_bytes(content)
    Path(f"{fasta}.alt").write_text("MT\t0\tchr1\t1\t60\t380M\t*\t0\t0\t*\t*\n")
    more: dict[str, Any] = {"aligner": "bwa-mem2", "build": never, "suffixes": tuple(beside)}
    index = make_index(fasta, tmp_path / "index", **more)
    for suffix in (*beside, ".alt"):
        assert Path(f"{index.prefix}{suffix}").resolve() == Path(f"{fasta}{suffix}")
    assert is_mem2_index(fasta, index.fasta, LENGTHS)
    for suffix, content in beside.items():
        if suffix == ".amb":
            continue
        Path(f"{fasta}{suffix}").write_bytes(content[:-1])
        assert not is_mem2_index(fasta, index.fasta, LENGTHS) or suffix == ".ann"
        Path(f"{fasta}{suffix}").write_bytes(content)
    flipped = bytes(255 - b for b in beside[".pac"])
    Path(f"{fasta}.pac").write_bytes(flipped)
    assert not is_mem2_index(fasta, index.fasta, LENGTHS)
