"""Lanes of a person in one file: duplicates by library, figures, and what stays as it is."""

import io
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pysam
import pytest
from builders import make_fasta

from varhouse.errors import InputError
from varhouse.reads.alignments import look, optical_distance
from varhouse.reads.bamcounts import BamCounts
from varhouse.reads.bamstream import BamStream
from varhouse.reads.finish import finish_person
from varhouse.reads.readgroups import plan_groups

LENGTH = 60


@pytest.fixture
def fasta(tmp_path: Path) -> Path:
    path = make_fasta(tmp_path / "ref.fa", {"c1": 5000, "c2": 3000})
    pysam.faidx(str(path))
    return path


Pair = tuple[str, int, int]
"""Name, position of the first mate (0-based), and outer distance."""


def header(order: str, groups: Sequence[tuple[str, str]]) -> dict[str, Any]:
    return {
        "HD": {"VN": "1.6", "SO": order},
        "SQ": [{"SN": "c1", "LN": 5000}, {"SN": "c2", "LN": 3000}],
        "RG": [
            {"ID": name, "SM": "s", **({"LB": library} if library else {})}
            for name, library in groups
        ],
    }


def make_bam(
    path: Path,
    fasta: Path,
    pairs: Sequence[Pair],
    *,
    groups: Sequence[tuple[str, str]] = (("s.L1", "lib"),),
    group: str = "s.L1",
    order: str = "coordinate",
    scores: bool = True,
    mode: str = "wb",
    mismatches: int = 0,
) -> Path:
    """Write pairs as bwa and fixmate leave them."""
    bases = pysam.FastaFile(str(fasta)).fetch("c1")
    reads = []
    for name, start, size in pairs:
        for k, at in enumerate((start, start + size - LENGTH)):
            read = pysam.AlignedSegment(pysam.AlignmentHeader.from_dict(header(order, groups)))
            read.query_name = name
            read.query_sequence = bases[at : at + LENGTH]
            read.query_qualities = pysam.qualitystring_to_array("I" * LENGTH)
            read.flag = 99 if k == 0 else 147
            read.reference_id = read.next_reference_id = 0
            read.reference_start = at
            read.next_reference_start = start + size - LENGTH if k == 0 else start
            read.template_length = size if k == 0 else -size
            read.mapping_quality = 60
            read.cigarstring = f"{LENGTH}M"
            read.set_tag("NM", mismatches)
            if group:
                read.set_tag("RG", group)
            if scores:
                read.set_tag("MC", f"{LENGTH}M")
                read.set_tag("ms", 40 * LENGTH)
            reads.append(read)
    if order == "coordinate":
        reads.sort(key=lambda read: read.reference_start)
    head = pysam.AlignmentHeader.from_dict(header(order, groups))
    with pysam.AlignmentFile(
        str(path), mode, header=head, reference_filename=str(fasta)
    ) as out:
        for read in reads:
            out.write(read)
    return path


def some(n: int, prefix: str = "r", seed: int = 1) -> list[Pair]:
    rng = random.Random(seed)
    starts = rng.sample(range(4500), n)
    return [(f"{prefix}{k}", at, rng.randint(150, 400)) for k, at in enumerate(starts)]


def finish(paths: Sequence[Path], out: Path, fasta: Path, **more: Any) -> dict[str, Any]:
    return finish_person(paths, out, fasta=fasta, sample="s", **more)


def marked(path: Path) -> dict[str, bool]:
    with pysam.AlignmentFile(str(path)) as file:
        return {str(r.query_name): r.is_duplicate for r in file.fetch(until_eof=True)}


def test_lanes_are_joined_and_duplicates_found_over_them(tmp_path: Path, fasta: Path) -> None:
    """Two lanes of one library; the index lies beside, and all is in order."""
    groups = (("s.L1", "lib"), ("s.L2", "lib"))
    pairs = some(100)
    again = [(f"d{k}", at, size) for k, (_, at, size) in enumerate(pairs[:20])]
    one = make_bam(tmp_path / "1.bam", fasta, pairs, groups=groups[:1])
    two = make_bam(
        tmp_path / "2.bam", fasta, again + some(30, "x", 2), groups=groups[1:], group="s.L2"
    )
    out = tmp_path / "out.bam"
    told = finish([one, two], out, fasta)
    shown = marked(out)
    assert len(shown) == 150
    assert sum(shown[f"r{k}"] != shown[f"d{k}"] for k in range(20)) == 20
    assert told["duplicates"] >= 40
    assert told["reads"] == told["mapped"] == told["proper"] == told["paired"] == 300
    assert told["tools"][0]["name"] == "samtools"
    with pysam.AlignmentFile(str(out)) as file:
        assert file.count("c1", 0, 5000) == 300
        assert [g["ID"] for g in file.header.to_dict()["RG"]] == ["s.L1", "s.L2"]
    assert sorted(p.name for p in tmp_path.glob("*out*")) == ["out.bam", "out.bam.bai"]


def test_reads_of_two_libraries_are_no_duplicates(tmp_path: Path, fasta: Path) -> None:
    """In two files, or in one; within a library they are, also over lanes."""
    groups = (("s.L1", "A"), ("s.L2", "B"), ("s.L3", "B"))
    pairs = some(40)
    copies = {
        group: [(f"{group}.{k}", at, size) for k, (_, at, size) in enumerate(pairs)]
        for group, _ in groups
    }
    files = [
        make_bam(tmp_path / f"{g}.bam", fasta, copies[g], groups=[(g, lib)], group=g)
        for g, lib in groups
    ]
    told = finish(files, tmp_path / "out.bam", fasta)
    shown = marked(tmp_path / "out.bam")
    assert not any(shown[name] for name, _, _ in copies["s.L1"])
    pairs_of_b = zip(copies["s.L2"], copies["s.L3"], strict=True)
    assert all(shown[a[0]] != shown[b[0]] for a, b in pairs_of_b)
    assert told["duplicates"] == 80
    assert "--barcode-tag LB" in told["tools"][0]["options"]
    # What was joined once gives the same again.
    again = finish([tmp_path / "out.bam"], tmp_path / "again.bam", fasta)
    assert marked(tmp_path / "again.bam") == shown
    assert again["duplicates"] == 80


def records(path: Path) -> list[tuple[str, Any, Any]]:
    """Name, read group and library of each record."""
    with pysam.AlignmentFile(str(path)) as file:
        every = [(r.query_name, dict(r.get_tags())) for r in file.fetch(until_eof=True)]
    return [(str(name), tags.get("RG"), tags.get("LB")) for name, tags in every]


def groups_of(path: Path) -> list[dict[str, str]]:
    with pysam.AlignmentFile(str(path)) as file:
        return list(file.header.to_dict()["RG"])


@pytest.mark.parametrize("scores", [True, False])
def test_read_groups_of_one_name_in_two_files_are_two(
    tmp_path: Path, fasta: Path, scores: bool
) -> None:
    """Each has its library; names do not depend on lots, nor do the bytes of the file."""
    pairs = some(40)
    files = [
        make_bam(
            tmp_path / f"{library}.bam",
            fasta,
            [(f"{library}{k}", at, size) for k, (_, at, size) in enumerate(pairs)],
            groups=[("1", library)],
            group="1",
            scores=scores,
        )
        for library in ("A", "B", "C")
    ]
    told = finish(files, tmp_path / "out.bam", fasta)
    assert told["duplicates"] == 0
    lines = groups_of(tmp_path / "out.bam")
    assert [(g["ID"], g["LB"]) for g in lines] == [("1", "A"), ("1.2", "B"), ("1.3", "C")]
    by_library = {"A": "1", "B": "1.2", "C": "1.3"}
    for name, group, library in records(tmp_path / "out.bam"):
        assert (group, library) == (by_library[name[0]], name[0])
    finish(files, tmp_path / "again.bam", fasta)
    assert (tmp_path / "again.bam").read_bytes() == (tmp_path / "out.bam").read_bytes()


def test_the_sheet_says_what_files_do_not(tmp_path: Path, fasta: Path) -> None:
    """Sample always; library, platform and whole group where a file has none."""
    pairs = some(40)
    said = [
        {"ID": f"s.L{k}", "SM": "person", "LB": library, "PL": "ILLUMINA"}
        for k, library in enumerate(("X", "Y", "X"))
    ]
    without = make_bam(tmp_path / "1.bam", fasta, pairs, groups=(), group="")
    no_library = make_bam(tmp_path / "2.bam", fasta, pairs, groups=[("1", "")], group="1")
    own = make_bam(tmp_path / "3.bam", fasta, pairs, groups=[("1", "A")], group="1")
    finish([without, no_library, own], tmp_path / "out.bam", fasta, groups=said)
    keys = ("ID", "SM", "LB", "PL")
    found = [{k: g[k] for k in keys} for g in groups_of(tmp_path / "out.bam")]
    more = {"SM": "s", "PL": "ILLUMINA"}
    assert found == [
        {"ID": "s.L0", "LB": "X", **more},
        {"ID": "1", "LB": "Y", **more},
        {"ID": "1.2", "LB": "A", **more},
    ]
    shown = records(tmp_path / "out.bam")
    counts = {g: sum(own == g for _, own, _ in shown) for g in ("s.L0", "1", "1.2")}
    assert set(counts.values()) == {80}
    # One file alone, marked or only put into order.
    for mark in (True, False):
        made = make_bam(
            tmp_path / "4.bam", fasta, pairs, groups=(), group="", order="unsorted"
        )
        out = tmp_path / f"one{mark}.bam"
        finish([made], out, fasta, groups=said[:1], mark=mark)
        assert {group for _, group, _ in records(out)} == {"s.L0"}
        assert [g["LB"] for g in groups_of(out)] == ["X"]


def test_names_of_read_groups_never_meet() -> None:
    files = [[{"ID": "1"}, {"ID": "2"}], [{"ID": "1"}], [{"ID": "1.2"}], [{"ID": "1"}], []]
    plan = plan_groups(files, [{"ID": "1", "SM": "x"}] * 5, "s")
    ids = [line["ID"] for own in plan for line in own.lines]
    assert ids == ["1", "2", "1.3", "1.2", "1.4", "1.5"]
    assert [own.changes_records for own in plan] == [False, True, False, True, True]


def test_pairs_behind_single_reads_get_their_scores(tmp_path: Path, fasta: Path) -> None:
    """What a file needs is told by its first records, unless later ones say otherwise."""
    pairs = some(60)
    path = make_bam(tmp_path / "p.bam", fasta, pairs, scores=False)
    with pysam.AlignmentFile(str(path)) as file:
        head, every = file.header, list(file.fetch(until_eof=True))
    with pysam.AlignmentFile(str(tmp_path / "m.bam"), "wb", header=head) as out:
        for k in range(2100):
            read = pysam.AlignedSegment.from_dict(every[0].to_dict(), head)
            read.query_name, read.flag, read.reference_start = f"single{k}", 0, 0
            read.next_reference_id, read.next_reference_start = -1, -1
            read.template_length = 0
            out.write(read)
        for read in every:
            out.write(read)
    told = finish([tmp_path / "m.bam"], tmp_path / "out.bam", fasta)
    assert told["reads"] == 2220
    assert told["duplicates"] == 2099
    assert "fixmate -m" in told["tools"][0]["options"]


@pytest.mark.parametrize("order", ["coordinate", "queryname", "unsorted"])
@pytest.mark.parametrize("scores", [True, False])
def test_any_order_is_taken_and_missing_scores_are_made(
    tmp_path: Path, fasta: Path, order: str, scores: bool
) -> None:
    """markdup alone refuses both, or marks nothing."""
    pairs = some(50)
    pairs += [(f"d{k}", at, size) for k, (_, at, size) in enumerate(pairs[:10])]
    path = make_bam(tmp_path / "in.bam", fasta, pairs, order=order, scores=scores)
    told = finish([path], tmp_path / "out.bam", fasta)
    assert told["duplicates"] == 20
    assert told["reads"] == 120
    with pysam.AlignmentFile(str(tmp_path / "out.bam")) as file:
        starts = [r.reference_start for r in file.fetch()]
    assert starts == sorted(starts)
    assert ("fixmate" in told["tools"][0]["options"]) == (not scores)


def test_a_sorted_file_that_stays_is_linked_to(tmp_path: Path, fasta: Path) -> None:
    """With its index, or a new one beside the link; marks stay, and are counted."""
    source = tmp_path / "source"
    source.mkdir()
    path = finish(
        [make_bam(tmp_path / "in.bam", fasta, some(50) * 2)], source / "a.bam", fasta
    )
    assert path["duplicates"] == 100
    out = tmp_path / "out.bam"
    told = finish([source / "a.bam"], out, fasta, mark=False)
    assert told["linked"]
    assert told["duplicates"] == 100
    assert out.resolve() == source / "a.bam"
    assert Path(f"{out}.bai").resolve() == source / "a.bam.bai"
    (source / "a.bam.bai").unlink()
    Path(f"{out}.bai").unlink()
    finish([source / "a.bam"], out, fasta, mark=False)
    assert not Path(f"{out}.bai").is_symlink()
    with pysam.AlignmentFile(str(out)) as file:
        assert file.count("c1", 0, 5000) == 200
    assert [p.name for p in source.iterdir()] == ["a.bam"]


def test_cram_comes_and_goes(tmp_path: Path, fasta: Path) -> None:
    """Written with an index, read as an input, linked to where it stays."""
    bam = make_bam(tmp_path / "in.bam", fasta, [*some(50), ("d0", *some(50)[0][1:])])
    first = finish([bam], tmp_path / "a.cram", fasta, form="cram")
    assert Path(f"{tmp_path / 'a.cram'}.crai").exists()
    second = finish([tmp_path / "a.cram"], tmp_path / "b.bam", fasta)
    third = finish([tmp_path / "a.cram"], tmp_path / "c.cram", fasta, form="cram", mark=False)
    assert third["linked"]
    assert first["duplicates"] == second["duplicates"] == third["duplicates"] == 2
    assert first["insert_sizes"] == second["insert_sizes"]


def test_figures_are_those_of_samtools_stats(tmp_path: Path, fasta: Path) -> None:
    """An independent reader of the same file, with unmapped and secondary records in it."""
    bam = make_bam(tmp_path / "in.bam", fasta, some(60), mismatches=2)
    plain = tmp_path / "more.bam"
    with (
        pysam.AlignmentFile(str(bam)) as file,
        pysam.AlignmentFile(str(plain), "wb", template=file) as out,
    ):
        for k, record in enumerate(file.fetch(until_eof=True)):
            if k % 7 == 0:
                record.cigarstring = "5S20M5I10M10D20M"
            out.write(record)
            if k % 10 == 0:
                for flag in (0x100, 0x800):
                    record.flag |= flag
                    out.write(record)
                    record.flag &= ~flag
        lost = pysam.AlignedSegment(file.header)
        lost.query_name, lost.query_sequence, lost.flag = "lost", "ACGTN", 4 | 0x200
        lost.query_qualities = pysam.qualitystring_to_array("#####")
        out.write(lost)
    told = finish([plain], tmp_path / "out.bam", fasta, mark=False, form="cram")
    stats = str(pysam.samtools.stats(str(tmp_path / "out.bam"), "-r", str(fasta)))
    lines = [line.split("\t") for line in stats.splitlines() if line.startswith("SN\t")]
    found = {line[1].rstrip(":"): float(line[2]) for line in lines}
    for name, theirs in {
        "reads": "raw total sequences",
        "mapped": "reads mapped",
        "paired": "reads paired",
        "proper": "reads properly paired",
        "duplicates": "reads duplicated",
        "failed": "reads QC failed",
        "secondary": "non-primary alignments",
        "supplementary": "supplementary alignments",
        "bases": "total length",
        "mapped_bases": "bases mapped (cigar)",
        "mismatches": "mismatches",
    }.items():
        assert told[name] == found[theirs], name
    assert round(told["quality_sum"] / told["bases"], 1) == found["average quality"]
    assert told["contigs"] == {"c1": 120, "c2": 0}
    assert sum(told["insert_sizes"].values()) == 60
    assert sum(int(k) * n for k, n in told["insert_sizes"].items()) == sum(
        size for _, _, size in some(60)
    )


def test_counts_do_not_depend_on_how_a_file_is_cut(tmp_path: Path, fasta: Path) -> None:
    """Compressed or not, and in pieces that end anywhere."""
    bam = make_bam(tmp_path / "in.bam", fasta, some(200))
    raw = tmp_path / "raw.bam"
    with (
        pysam.AlignmentFile(str(bam)) as file,
        pysam.AlignmentFile(str(raw), "wbu", template=file) as out,
    ):
        for record in file.fetch(until_eof=True):
            out.write(record)

    class Dribble:
        def __init__(self, path: Path, size: int) -> None:
            self.file, self.size = io.BytesIO(path.read_bytes()), size

        def read(self, n: int) -> bytes:
            return self.file.read(min(n, self.size) if n > 4 else n)

    seen = []
    for path in (bam, raw):
        for size in (7, 1000, 65_536, 1 << 22):
            source: Any = Dribble(path, size)
            stream = BamStream(source)
            counts = BamCounts(stream.names)
            for block in stream.blocks():
                # What is compiled for one block serves all of them.
                assert not block.flags.writeable
                counts.add(block)
            seen.append(counts.as_json())
    assert all(each == seen[0] for each in seen)
    assert seen[0]["reads"] == 400


def test_a_stream_that_is_cut_off_is_an_error(tmp_path: Path, fasta: Path) -> None:
    """Within a block, or within a record."""
    bam = make_bam(tmp_path / "in.bam", fasta, some(50), mode="wbu")
    data = bam.read_bytes()
    for n in (len(data) - 40, len(data) // 2, 30):
        path = tmp_path / "cut"
        path.write_bytes(data[:n])
        with path.open("rb") as file, pytest.raises(InputError, match="ends within"):
            for _ in BamStream(file).blocks():
                pass


@pytest.mark.parametrize(
    ("name", "distance"),
    [
        ("A00123:45:HXXDSXX:1:1101:1000:2000", 2500),
        ("LH00123:45:22XX:1:1101:1000:2000", 2500),
        ("D00123:45:HXXDSXX:1:1101:1000:2000", 100),
        ("M01234:45:000000000-ABCDE:1:1101:1000:2000", 100),
        ("AV240101:45:HXXDSXX:1:11101:1000:2000", 0),
        ("V300012345L1C001R0010000001", 0),
        ("SRR123456.1", 0),
        ("read1", 0),
    ],
)
def test_the_optical_distance_follows_from_the_name(name: str, distance: int) -> None:
    assert optical_distance(name) == distance


def test_optical_duplicates_are_counted_where_names_tell(tmp_path: Path, fasta: Path) -> None:
    """Two clusters side by side; of names without coordinates nothing is known."""
    at = some(40)
    names = [f"A00123:4:HX:1:1101:{1000 * k}:2000" for k in range(40)]
    pairs = [(name, *pair[1:]) for name, pair in zip(names, at, strict=True)]
    pairs.append(("A00123:4:HX:1:1101:100:2100", *at[0][1:]))
    pairs.append(("A00123:4:HX:1:1102:10:2100", *at[5][1:]))
    told = finish([make_bam(tmp_path / "a.bam", fasta, pairs)], tmp_path / "o.bam", fasta)
    assert (told["duplicates"], told["optical"]) == (4, 2)
    plain = make_bam(tmp_path / "b.bam", fasta, some(40))
    assert finish([plain], tmp_path / "p.bam", fasta)["optical"] is None


def test_what_is_no_alignment_is_refused(tmp_path: Path, fasta: Path) -> None:
    path = tmp_path / "x.bam"
    path.write_text("no")
    with pytest.raises(InputError, match="no BAM or CRAM"):
        finish([path], tmp_path / "out.bam", fasta)
    with pytest.raises(InputError, match="no alignments"):
        finish([], tmp_path / "out.bam", fasta)
    assert not list(tmp_path.glob("*out*"))


def test_what_a_file_tells_of_itself(tmp_path: Path, fasta: Path) -> None:
    bam = make_bam(tmp_path / "a.bam", fasta, some(5), order="queryname", scores=False)
    told = look(bam, fasta)
    assert (told.order, told.grouped, told.has_pairs, told.has_scores) == (
        "queryname",
        True,
        True,
        False,
    )
    assert told.groups == [{"ID": "s.L1", "SM": "s", "LB": "lib"}]
