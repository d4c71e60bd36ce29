"""Regions as people write them, lists of them, and BED files."""

import gzip
import random
from pathlib import Path

import pytest
from builders import make_small_store, make_store, names_of, variant

import varhouse
from varhouse.cli import main
from varhouse.errors import InputError, UsageError
from varhouse.genome.contigs import Contig, Contigs
from varhouse.genome.regions import Region, parse_region, parse_regions
from varhouse.query.opened import OpenStore
from varhouse.query.selection import Selection
from varhouse.tables.schema import KEY

CONTIGS = Contigs(
    [
        Contig("chr1", ["1"]),
        Contig("chr2"),
        Contig("200"),
        Contig("HLA-A*01:01"),
        Contig("a,b"),
    ]
)


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("chr1", 1, None),
        ("1:48,000-49,000", 48_000, 49_000),
        ("chr1:48000-49000", 48_000, 49_000),
        ("chr1:48k-49k", 48_000, 49_000),
        ("chr1:48K-49kb", 48_000, 49_000),
        ("chr1:48.5k-49k", 48_500, 49_000),
        ("chr1:1.5M", 1_500_000, 1_500_000),
        ("chr1:1.5Mb-2m", 1_500_000, 2_000_000),
        ("chr1:48,000", 48_000, 48_000),
        ("chr1:48,000bp-48,010bp", 48_000, 48_010),
        ("chr1:48k-", 48_000, None),
        ("chr1:-48k", 1, 48_000),
        ("chr1:48,000..49,000", 48_000, 49_000),
        ("chr1:48,000–49,000", 48_000, 49_000),  # an en dash, as word processors make it
        # Only one reading of these is a region.
        ("chr1:48,000-49k", 48_000, 49_000),
        ("chr1:48k-48,500", 48_000, 48_500),
        (" chr1:7 ", 7, 7),
        ("chr1:5-99999999999999999999", 5, 2**31 - 1),
    ],
)
def test_what_a_region_means(text: str, start: int, end: int | None) -> None:
    assert parse_region(text, CONTIGS) == Region("chr1", start, end)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("chr1:48-49k", r"the start may be 48 or 48k(.|\n)*48k-49k.*48-49,000"),
        ("chr1:1-1.5M", "the start may be 1 or 1M"),
        ("chr1:1.2345k", "1.2345k is 1234.5 bases, no whole number"),
        ("chr1:48.5", "48.5 is 48.5 bases, no whole number"),
        ("chr1:48k-49", "is empty: 48,000 is after 49"),
        ("chr1:9-3", "is empty: 9 is after 3"),
        ("chr1:4,80", "'4,80' is no position"),
        ("chr1:48x", "'48x' is no position"),
        ("chr1:1-2-3", "'1-2-3' is no position"),
        ("chr1:1e5", "'1e5' is no position"),
        ("chr1:４８", "'４８' is no position"),
        ("chr3:5", "no contig 'chr3'"),
        ("chr3", "no contig 'chr3'"),
        ("", "no contig ''"),
        ("chr1:5,chr2:7", "one region goes here"),
        ("@a.bed", "one region goes here"),
    ],
)
def test_what_is_none(text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        parse_region(text, CONTIGS)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("chr1:48,000-49,000,chr2", ["chr1:48000-49000", "chr2"]),
        ("chr1:1,300,chr2:5", ["chr1:1300-1300", "chr2:5-5"]),
        ("chr1:1k,chr1:2k chr2:1,000,000-1,000,500", [
            "chr1:1000-1000", "chr1:2000-2000", "chr2:1000000-1000500"]),
        ("chr1,chr2,", ["chr1", "chr2"]),
        ("HLA-A*01:01:1,000-2,000,chr2", ["HLA-A*01:01:1000-2000", "chr2"]),
        ("HLA-A*01:01", ["HLA-A*01:01"]),
        ("a,b:1,000", ["a,b:1000-1000"]),
        ("a,b", ["a,b"]),
    ],
)  # fmt: skip
def test_lists(text: str, wanted: list[str]) -> None:
    found = parse_regions([text], CONTIGS)
    shown = [r.contig if r.end is None else f"{r.contig}:{r.start}-{r.end}" for r in found]
    assert shown == wanted


KNOWN = Contigs([Contig("chr1", ["1"], length=100), Contig("chr2", length=7), Contig("x")])


@pytest.mark.parametrize("text", ["chr1:102", "1:102-", "chr1:102-200", "chr1:1M", "chr2:9"])
def test_a_region_behind_the_end_is_refused(text: str) -> None:
    length = KNOWN.by_name[KNOWN.canonical(text.partition(":")[0]) or ""].length
    with pytest.raises(UsageError, match=f"behind the end of chr.: it has {length} bases"):
        parse_region(text, KNOWN)
    parse_region(text, CONTIGS)  # Of unknown length.


@pytest.mark.parametrize("text", ["chr1:0", "1:0-0", "chr1:101", "chr1:101-400", "x:0"])
def test_a_region_of_a_telomere_alone_warns(
    text: str, caplog: pytest.LogCaptureFixture
) -> None:
    parse_region(text, KNOWN)
    (message,) = caplog.messages
    assert f"region {text!r} holds no base" in message
    assert message.endswith("of x are counted from 1" if text[0] == "x" else "are 1 to 100")


@pytest.mark.parametrize("text", ["chr1:0-1", "chr1:100", "chr1:100-999", "chr1:0-", "x:7"])
def test_a_region_with_a_base_is_taken(text: str, caplog: pytest.LogCaptureFixture) -> None:
    parse_region(text, KNOWN)
    assert not caplog.messages


def test_a_bed_behind_the_end_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.bed").write_text("1\t99\t200\nchr1\t100\t101\nx\t5000\t5001\n")
    with pytest.raises(InputError, match=r"a\.bed:2: 100-101 is behind the end of chr1"):
        parse_regions([f"@{tmp_path / 'a.bed'}"], KNOWN)
    (tmp_path / "b.bed").write_text("1\t99\t200\n")
    assert parse_regions([f"@{tmp_path / 'b.bed'}"], KNOWN) == [Region("chr1", 100, 200)]


def test_a_comma_that_may_be_either_is_refused() -> None:
    with pytest.raises(UsageError, match="200 is a contig, or ends the number"):
        parse_regions(["chr1:5,200"], CONTIGS)
    assert len(parse_regions(["chr1:5 200"], CONTIGS)) == 2


def test_all_mistakes_at_once() -> None:
    with pytest.raises(UsageError) as error:
        parse_regions(["chr1:x,chr9", "chr1:5-2"], CONTIGS)
    assert str(error.value).startswith("3 regions cannot be read\n")
    for text in ("'x' is no position", "no contig 'chr9'", "5 is after 2"):
        assert text in str(error.value)


def test_files(tmp_path: Path) -> None:
    text = "track name=x\n#c\n1\t9\t20\tname\nchr2 0 5\n"
    (tmp_path / "a.bed").write_text(text)
    (tmp_path / "b.bed.gz").write_bytes(gzip.compress(text.encode()))
    # 0-based, the end not included.
    for name in ("a.bed", "b.bed.gz"):
        found = parse_regions([f"@{tmp_path / name}"], CONTIGS)
        assert found == [Region("chr1", 10, 20), Region("chr2", 1, 5)]
    (tmp_path / "list.txt").write_text("# mine\nchr1:1k-2k\n\nchr2:7, chr2:9\n")
    found = parse_regions([f"@{tmp_path}/list.txt", "chr1:5"], CONTIGS)
    assert [r.start for r in found] == [1000, 7, 9, 5]


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("a.bed", "chr9\t1\t2\n", r"a.bed:1: no contig 'chr9'"),
        ("a.bed", "chr1\t5\t5\nchr1\tx\t5\n", r"a.bed:2: not a BED line(.|\n)*a.bed:1: 5-5"),
        ("a.bed", "#\n", "no interval"),
        ("a.txt", "chr1\t5\t9\n", r"a.txt:1: contig, start and end, but 0- or 1-based\?"),
        ("a.txt", "#\n", "the list is empty"),
        ("a.txt", "chr1:5\nchr1:x\n", r"a.txt:2: region 'chr1:x'"),
        ("none.txt", None, "no such list"),
    ],
)
def test_files_that_are_wrong(tmp_path: Path, name: str, text: str | None, says: str) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises((InputError, UsageError), match=says):
        parse_regions([f"@{tmp_path / name}"], CONTIGS)


# --- genes and ids ---


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("rs1,rs2", ["rs1", "rs2"]),
        ("chr1-5-A-C, chr2-7-G-T,rs3", ["chr1-5-A-C", "chr2-7-G-T", "rs3"]),
        ("NC_000001.1:99:A:T,chr1:g.5A>C", ["NC_000001.1:99:A:T", "chr1:g.5A>C"]),
        # A comma that is part of one id.
        ("chr1-1303-G-<DUP>-40/RUS=AC,AT", ["chr1-1303-G-<DUP>-40/RUS=AC,AT"]),
        ("my,own", ["my,own"]),
        ("rs1", ["rs1"]),
    ],
)
def test_ids_are_set_off_by_commas(text: str, wanted: list[str]) -> None:
    assert Selection(ids=[text]).ids == wanted


def test_lists_of_genes_and_ids(tmp_path: Path) -> None:
    (tmp_path / "g.txt").write_text("#\nDEMO1\nDEMO2,DEMO3\n")
    assert Selection(genes=[f"@{tmp_path}/g.txt", "A, B"]).genes == [
        "DEMO1", "DEMO2", "DEMO3", "A", "B",
    ]  # fmt: skip
    assert Selection(ids=[f"@{tmp_path}/g.txt"]).ids == ["DEMO1", "DEMO2,DEMO3"]
    with pytest.raises(InputError, match="no such list"):
        Selection(genes=["@nowhere"])


# --- answers ---


def test_the_command_and_python_choose_alike(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = make_small_store(tmp_path / "store")
    store = varhouse.open(path)
    bed = tmp_path / "x.bed"
    bed.write_text("chr1\t48000\t49000\nchr2\t49\t60\n")
    asked = ["chr1:48k-49k,chr2:50-60"], [f"@{bed}"], ["chr1:48,001-49,000", "chr2:50-60"]
    wanted = ["chr1-48210-C-T", "chr2-50-C-G", "chr2-60-G-GA"]
    for regions in asked:
        assert names_of(store.query(regions, columns=KEY)) == wanted
        options = [word for r in regions for word in ("--region", r)]
        assert main(["query", str(path), *options, "--columns", "contig,pos"]) == 0
        assert len(capfd.readouterr().out.splitlines()) == 4
    assert names_of(store.query(genes="DEMO1,DEMO7", columns=KEY)) == names_of(
        store.query(genes=["DEMO1", "DEMO7"], columns=KEY)
    )
    assert store.query(ids="rs7,rs8").height == 2
    assert main(["query", str(path), "--region", "chr1:48-49k"]) == 2
    assert "the start may be 48 or 48k" in capfd.readouterr().err


def test_many_intervals_choose_what_each_alone_does(tmp_path: Path) -> None:
    """Spans that are read together: long alleles reach over their borders and gaps."""
    draw = random.Random(5)
    rows, seen = [], set()
    for _ in range(400):
        pos = draw.randrange(1, 900_000)
        ref = "A" * draw.choice([1, 1, 2, 40, 3_000])
        if pos not in seen:
            seen.add(pos)
            rows.append(variant(f"chr1-{pos}-{ref}-{'C' if len(ref) == 1 else 'A'}"))
    rows.sort(key=lambda row: row["pos"])
    store: OpenStore = varhouse.open(make_store(tmp_path / "s", {"variants": rows}))
    spans = []
    for row in draw.sample(rows, 60):
        # Spans that end at the first base of an allele, or just before; that begin at its last
        # base, or just behind.
        first, last = row["pos"], row["pos"] + len(row["ref"]) - 1
        size = draw.choice([1, 10, 2_000, 9_000])
        end = draw.choice([first, first - 1, last - 1 + size, last + size])
        spans.append((max(end - size, 0), end))
    bed = tmp_path / "x.bed"
    bed.write_text("".join(f"chr1\t{a}\t{b}\n" for a, b in spans))
    found = store.query(f"@{bed}", columns=KEY)
    wanted = [
        (r["pos"], r["ref"])
        for r in rows
        if any(r["pos"] <= b and r["pos"] + len(r["ref"]) - 1 >= a + 1 for a, b in spans)
    ]
    assert found.select("pos", "ref").rows() == wanted
    assert 20 < len(wanted) < len(rows), len(wanted)
