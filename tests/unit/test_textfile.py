"""Text that people give: bounded pieces of whole lines, whatever is in them."""

import gzip
import io
from pathlib import Path

import pytest

from varhouse import textfile
from varhouse.errors import InputError
from varhouse.genes.rows import read_rows
from varhouse.genome.contigs import Contig, Contigs, read_aliases
from varhouse.genome.reference import compile_reference
from varhouse.ingest.setup.sheets import read_samples
from varhouse.liftover.chain import read_chain
from varhouse.sources.spec import SourceSpec
from varhouse.sources.tables import SourceTable
from varhouse.textfile import line_blocks, read_small, read_text, split_lines, whole_lines


class Counted(bytes):
    """Bytes that count how many are copied when they are joined to others by `+`."""

    copied = 0

    def __add__(self, other: bytes) -> "Counted":
        Counted.copied += len(self)
        return Counted(bytes(self) + other)


@pytest.mark.parametrize("block", [1, 2, 3, 7, 1 << 16])
@pytest.mark.parametrize(
    "text", [b"", b"a", b"a\n", b"\n\n", b"ab\ncd\n\nefg", b"a\r\nbcdefghij\n" * 5]
)
def test_pieces_end_with_a_line_and_join_to_the_text(text: bytes, block: int) -> None:
    pieces = list(whole_lines(Path("x"), io.BytesIO(text), block))
    assert b"".join(pieces) == text
    assert all(p.endswith(b"\n") for p in pieces[:-1])


def test_a_line_of_many_blocks_is_copied_once() -> None:
    class File(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            return Counted(super().read(size))

    Counted.copied = 0
    pieces = list(whole_lines(Path("x"), File(b"a" * 100_000 + b"\n"), 100))
    assert [len(p) for p in pieces] == [100_001]
    assert Counted.copied == 0


@pytest.mark.parametrize("where", ["only", "first", "last"])
def test_a_line_beyond_the_limit_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    monkeypatch.setattr(textfile, "LONGEST_LINE", 1000)
    long = b"x" * 1001
    text = {"only": long, "first": long + b"\nb\n", "last": b"a\n" + long}[where]
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(text))
    with pytest.raises(InputError, match="a line of more than"):
        list(line_blocks(tmp_path / "a.txt.gz", 64))


def test_a_small_text_is_bounded_and_a_cut_one_told(tmp_path: Path) -> None:
    packed = gzip.compress(b"a\tb\n" * 1000)
    (tmp_path / "a.gz").write_bytes(packed)
    assert read_small(tmp_path / "a.gz", 4000) == b"a\tb\n" * 1000
    with pytest.raises(InputError, match="more than 0 MiB"):
        read_small(tmp_path / "a.gz", 3999)
    # Cut off; and a block of no kind that there is, of which isal has an error of its own.
    for damaged in (packed[:-9], packed + packed[:10] + b"\xff" * 2000):
        (tmp_path / "cut.gz").write_bytes(damaged)
        with pytest.raises(InputError, match="cut off or damaged"):
            read_small(tmp_path / "cut.gz")


def test_lines_end_at_line_feeds_alone(tmp_path: Path) -> None:
    odd = "a\x0bb\x0cc\x1cd\x85e\u2028f"
    assert split_lines(f"{odd}\r\nx\n\ny") == [odd, "x", "", "y"]
    assert split_lines("a\rb\r") == ["a", "b"]
    assert split_lines("") == []


def test_odd_spaces_in_a_cell_cost_no_row(tmp_path: Path) -> None:
    sheet = tmp_path / "samples.tsv"
    sheet.write_text("cohort\tsample\tnote\nA\tS1\tone\u2028two\x0cthree\nA\tS2\t\x85\n")
    rows = read_samples(sheet).frame
    assert rows["sample"].to_list() == ["S1", "S2"]
    assert rows["note"].to_list()[0] == "one\u2028two\x0cthree"
    assert rows["line"].to_list() == [2, 3]


def test_gbk_is_named_wherever_text_is_held_whole(tmp_path: Path) -> None:
    table = tmp_path / "aliases.tsv"
    table.write_bytes("contig\talias\nchr1\t一号\n".encode("gbk"))
    with pytest.raises(InputError, match="looks like GBK"):
        read_aliases(table)
    table.write_bytes(b"contig\talias\nchr1\t\xff\xff\n")
    with pytest.raises(InputError, match=r"not UTF-8 text \(byte 18\)"):
        read_text(table)


GENES = Contigs([Contig("chr1")])
READERS = {
    "a.gff3": lambda p: read_rows(p, GENES),
    "a.bed": lambda p: SourceTable(SourceSpec("s", str(p), "overlap", "bed")),
    "a.tsv": lambda p: SourceTable(SourceSpec("s", str(p), "allele", "tsv")),
    "a.chain": read_chain,
    "a.fa": lambda p: compile_reference(p, p.parent / "compiled"),
}


@pytest.mark.parametrize("name", READERS)
def test_a_row_without_end_is_refused_not_held(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(b">chr1 " + b"\t>" * (9 << 19)))
    with pytest.raises(InputError, match=r"a line of more than \d MiB"):
        READERS[name](path)
    assert not list(tmp_path.glob("compiled/*"))


@pytest.mark.parametrize("name", ["a.bed", "a.tsv"])
def test_a_table_has_columns_that_can_be_counted(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("\t".join(map(str, range(5000))) + "\n")
    with pytest.raises(InputError, match="5,000 columns, at most 4,096"):
        READERS[name](tmp_path / name)


def test_columns_of_a_gene_model_beyond_the_ninth_are_not_made(tmp_path: Path) -> None:
    row = "chr1\tx\tgene\t1\t9\t.\t+\t.\tID=a" + "\t" * 500_000 + "\n"
    (tmp_path / "a.gff3").write_text("##gff-version 3\n" + row)
    assert read_rows(tmp_path / "a.gff3", GENES).frame["attr"].to_list() == ["ID=a"]
