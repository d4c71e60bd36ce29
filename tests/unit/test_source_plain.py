"""Plain blocks of a source give the rows that any block gives; sorted files are not sorted."""

import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from varhouse.errors import InputError
from varhouse.genome.contigs import Contig, Contigs
from varhouse.sources import CompiledSource, Target, compile_source, files, inorder, read_spec
from varhouse.sources.plain import PlainReader
from varhouse.sources.spill import Spill
from varhouse.sources.text import VcfText, read_vcf_text
from varhouse.textfile import line_blocks
from varhouse.vcf.fields.info_spans import InfoSpans

CONTIGS = Contigs([Contig("chr1", ["1"]), Contig("chr2", ["2"]), Contig("chr3", [])])
HEADER = """##fileformat=VCFv4.{minor}
##INFO=<ID=AF,Number=A,Type=Float,Description="x">
##INFO=<ID=AC,Number=A,Type=Integer,Description="x">
##INFO=<ID=AD,Number=R,Type=Integer,Description="x">
##INFO=<ID=DP,Number=1,Type=Integer,Description="x">
##INFO=<ID=Q,Number=1,Type=Float,Description="x">
##INFO=<ID=SIG,Number=.,Type=String,Description="x">
##INFO=<ID=T,Number=A,Type=String,Description="x">
##INFO=<ID=PL,Number=G,Type=Integer,Description="x">
##INFO=<ID=DB,Number=0,Type=Flag,Description="x">
##INFO=<ID=CLNREVSTAT,Number=.,Type=String,Description="x">
##INFO=<ID=1-odd+name,Number=1,Type=String,Description="x">
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO
"""
NUMBERS = [
    "0", "-0", "7", "-7", "+7", "007", "1.5", "-1.5", "+1.5", ".5", "-.5", "5.", "1.e5",
    "1e5", "1E-5", "1e+5", "1e", "e5", "1e400", "1e-400", "3.55573e-03", "0.1",
    "0.30000000000000004",
    "123456789012345678", "1234567890123456789", "12345678901234567890", "9007199254740993",
    "9007199254740993.5", "1.7976931348623157e308", "2.2250738585072011e-308", "nan", "NaN",
    "inf", "-Inf", "infinity", "x", "1x", "1_0", " 1", "1 ", "0x10",
    "2147483648", "-2147483649",
]  # fmt: skip


def compiled(path: Path, folder: Path, *, fast: bool, **more: object) -> CompiledSource:
    spec, problems = read_spec(
        {"name": "s", "path": str(path), "kind": "allele", **more}, path
    )
    assert problems == []
    target = Target(CONTIGS, "toy")
    compile_source(spec, target, folder, read_lines=InfoSpans if fast else None)
    return CompiledSource(folder, spec)


def rows_of(source: CompiledSource) -> pl.DataFrame:
    parts = len(list(source.folder.glob("rows-*.parquet")))
    frames = [pl.read_parquet(source.folder / f"rows-{i}.parquet") for i in range(parts)]
    return pl.concat(frames, how="vertical_relaxed")


def record(rng: random.Random, pos: int, odd: float) -> str:
    """Write a record; `odd` of them hold what is written rarely or never."""

    def number() -> str:
        if rng.random() < odd:
            return rng.choice(NUMBERS)
        return rng.choice([str(rng.randrange(100_000)), f"{rng.random():.5e}", "."])

    alts = [rng.choice(["A", "C", "G", "T", "AC", "GTTTACA", "N"]) for _ in range(3)]
    alts = alts[: rng.choice([1, 1, 1, 2, 3])]
    if rng.random() < odd:
        alts[0] = rng.choice(
            ["a", ".", "*", "<DEL>", "R", "", "A]chr2:7]", "<NON_REF>", "A" * 20]
        )
    ref = rng.choice(["A", "C", "TTA", "ACGTACGTACGTACGT"])
    if rng.random() < odd:
        ref = rng.choice(["a", "R", "", "N", "-"])
    n = len(alts)
    sizes = {"AF": n, "AC": n, "AD": n + 1, "DP": 1, "Q": 1}
    info = [
        f"{key}={','.join(number() for _ in range(size + (rng.random() < odd / 4)))}"
        for key, size in sizes.items()
        if rng.random() < 0.8
    ]
    texts = ["a|b,c", "x%2Cy%25", ".", "a=b", "criteria_provided,_single_submitter"]
    info += [f"{key}={rng.choice(texts)}" for key in ("SIG", "T", "CLNREVSTAT", "1-odd+name")]
    info += rng.choice([["DB"], [], ["XDB"]])
    if rng.random() < odd / 4:
        info += rng.choice([["DP"], ["DP="], ["DP=1", "DP=2"], ["DB=1"], ["SIG"], [""]])
    rng.shuffle(info)
    name = rng.choice(["rs12", ".", "rs1;x", "rs012", "y", f"rs{pos}"])
    quality, passed = rng.choice([".", "3.5", "1e2"]), rng.choice([".", "PASS", "q1;q2"])
    text = ";".join(info) if rng.random() > odd / 4 else rng.choice([".", "", ";", "Ärger=1"])
    return f"1\t{pos}\t{name}\t{ref}\t{','.join(alts)}\t{quality}\t{passed}\t{text}\n"


FIELDS: list[object] = [
    None, ["AF"],
    {"AF": "float", "AC": "integer", "AD": "integer", "Q": "float", "stars": {
        "from": "CLNREVSTAT", "type": "stars"}, "QUAL": "float", "FILTER": "text"},
    {"dp": {"from": "DP", "type": "text"}, "af": {"from": "AF", "type": "text"},
     "sig": {"from": "SIG", "type": "integer"}, "q": {"from": "Q", "number": "A"}},
]  # fmt: skip


@pytest.mark.parametrize("odd", [0.0, 0.02, 0.3])
@pytest.mark.parametrize("fields", FIELDS, ids=range(len(FIELDS)))
@pytest.mark.parametrize("minor", [2, 3])
def test_both_ways_give_the_same_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, odd: float, fields: object, minor: int
) -> None:
    rng = random.Random(f"{odd}{fields}{minor}")
    path = tmp_path / "s.vcf"
    body = [record(rng, pos, odd) for pos in range(1, 600)]
    end = "\r\n" if minor == 3 else "\n"
    text = (HEADER.format(minor=minor) + "".join(body)).replace("\n", end)
    path.write_bytes(text.encode())
    # Blocks of few lines: what is odd in one leaves the others plain.
    monkeypatch.setattr("varhouse.sources.vcf.open_vcf_text", small_blocks)
    plain = []
    inner = PlainReader.alleles

    def spied(self: PlainReader, block: bytes, counts: dict[str, int]) -> pl.DataFrame | None:
        found = inner(self, block, counts)
        plain.append(found is not None)
        return found

    monkeypatch.setattr(PlainReader, "alleles", spied)
    more = {} if fields is None else {"fields": fields}
    slow = compiled(path, tmp_path / "slow", fast=False, **more)
    assert not plain
    fast = compiled(path, tmp_path / "fast", fast=True, **more)
    if odd == 0.0 and fields is not None:
        assert all(plain)
    elif fields is not None:
        assert odd > 0.1 or any(plain)
        assert not all(plain)
    assert fast.counts == slow.counts
    assert fast.fields == slow.fields
    assert rows_of(fast).equals(rows_of(slow))
    assert fast.digests == slow.digests


def small_blocks(path: Path, block: int = 0) -> VcfText:
    return read_vcf_text(path, line_blocks(path, 4_000))


def test_several_contigs_in_a_block(tmp_path: Path) -> None:
    rng = random.Random(3)
    lines = [record(rng, pos, 0.0) for pos in range(1, 90)]
    body = "".join(lines[:40]) + "".join(lines[40:60]).replace("1\t", "chr2\t", 1)
    body += "".join(line.replace("1\t", "chr3\t", 1) for line in lines[60:])
    path = tmp_path / "s.vcf"
    path.write_text(HEADER.format(minor=2) + body)
    fast = compiled(path, tmp_path / "fast", fast=True, fields=["AF"])
    slow = compiled(path, tmp_path / "slow", fast=False, fields=["AF"])
    assert set(fast.digests) >= {"chr1", "chr3"}
    assert rows_of(fast).equals(rows_of(slow))


def test_as_many_alleles_as_lines(tmp_path: Path) -> None:
    """Two alleles in a line and none in another: a row is not a line."""
    body = "1\t5\t.\tA\tC,G\t.\t.\tAF=1,2;DP=8\n1\t6\tx\tA\t.\t.\t.\tAF=3;DP=9\n"
    path = tmp_path / "s.vcf"
    path.write_text(HEADER.format(minor=2) + body)
    source = compiled(path, tmp_path / "fast", fast=True, fields=["AF", "DP"])
    assert rows_of(source).select("pos", "alt", "AF", "DP", "id").rows() == [
        (5, "C", 1.0, 8, None),
        (5, "G", 2.0, 8, None),
    ]


def test_numbers_are_those_of_polars() -> None:
    texts = [*NUMBERS, *(f"{x!r}" for x in np.random.default_rng(1).normal(size=500))]
    data = np.frombuffer("".join(texts).encode() + b"\n", np.uint8)
    size = np.array([len(t) for t in texts], np.int32)
    at = np.cumsum(size, dtype=np.int64) - size
    column = pl.Series(texts)
    for read, kind in ((InfoSpans.reals, pl.Float64), (InfoSpans.wholes, pl.Int64)):
        values, state = read(data, at, size)
        wanted = column.cast(kind, strict=False)
        for k in np.flatnonzero(state == 1):
            assert wanted[int(k)] == values[k], texts[k]
            assert str(wanted[int(k)]) == str(values[k]), "the sign of zero"
        assert (state != 0).all()
        assert (state[:4] == 1).sum() >= 3
    assert (InfoSpans.reals(data, at, np.full_like(size, -1))[1] == 0).all()


def write_sorted(path: Path, n: int = 3000) -> list[str]:
    rng = random.Random(5)
    lines = [record(rng, 1 + 7 * k, 0.0) for k in range(n)]
    lines += [line.replace("1\t", "chr2\t", 1) for line in lines[: n // 2]]
    path.write_text(HEADER.format(minor=2) + "".join(lines))
    return lines


def test_sorted_rows_are_not_sorted_on_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_sorted(tmp_path / "s.vcf")
    monkeypatch.setattr(files, "FILE_ROWS", 500)
    monkeypatch.setattr(inorder, "HELD_ROWS", 100)
    monkeypatch.setattr(Spill, "add", lambda *_: pytest.fail("spilled"))
    monkeypatch.setattr("varhouse.sources.vcf.open_vcf_text", small_blocks)
    source = compiled(tmp_path / "s.vcf", tmp_path / "x", fast=True, fields=["AF", "DP"])
    rows = rows_of(source)
    assert rows.equals(rows.sort("contig", "key", maintain_order=True))
    assert len(list(source.folder.glob("rows-*.parquet"))) > 3


@pytest.mark.parametrize("how", ["late", "shuffled", "contig again", "too many at once"])
def test_unsorted_rows_are_sorted_and_the_file_is_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    lines = write_sorted(tmp_path / "s.vcf")
    wanted = compiled(tmp_path / "s.vcf", tmp_path / "wanted", fast=True, fields=["AF", "T"])
    monkeypatch.setattr(files, "FILE_ROWS", 500)
    monkeypatch.setattr(inorder, "HELD_ROWS", 100)
    if how == "late":
        lines.insert(2900, lines.pop(3))
    elif how == "shuffled":
        random.Random(1).shuffle(lines)
    elif how == "contig again":
        lines = lines[100:] + lines[:100]
    else:
        monkeypatch.setattr(inorder, "MOST_ROWS", 150)
    (tmp_path / "u.vcf").write_text(HEADER.format(minor=2) + "".join(lines))
    opened = []
    spilled = []

    def once(path: Path) -> VcfText:
        opened.append(path)
        return small_blocks(path)

    inner = Spill.add
    monkeypatch.setattr(Spill, "add", lambda s, f: spilled.append(f.height) or inner(s, f))
    monkeypatch.setattr("varhouse.sources.vcf.open_vcf_text", once)
    found = compiled(tmp_path / "u.vcf", tmp_path / "found", fast=True, fields=["AF", "T"])
    assert sum(spilled) == found.rows == wanted.rows
    assert opened == [tmp_path / "u.vcf"]
    assert found.counts == wanted.counts
    assert found.digests == wanted.digests
    order = ["contig", "key", "AF", "T", "id", "rs"]
    assert rows_of(found).sort(order).equals(rows_of(wanted).sort(order))
    rows = rows_of(found)
    for contig in ("chr1", "chr2"):
        mine = rows.filter(contig=contig)["key"]
        assert mine.is_sorted()
    assert not (found.folder / "runs").exists()


def test_the_rest_of_an_unsorted_file_is_read_piece_by_piece(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = write_sorted(tmp_path / "s.vcf")
    (tmp_path / "u.vcf").write_text(HEADER.format(minor=2) + "".join([lines[-1], *lines]))
    monkeypatch.setattr(inorder, "HELD_ROWS", 100)
    events: list[str] = []

    def small(path: Path) -> VcfText:
        text = small_blocks(path)

        def told() -> Iterator[bytes]:
            for block in text.blocks:
                events.append("read")
                yield block

        return VcfText(text.header, told())

    inner = Spill.add
    monkeypatch.setattr(Spill, "add", lambda s, f: events.append("spill") or inner(s, f))
    monkeypatch.setattr("varhouse.sources.vcf.open_vcf_text", small)
    compiled(tmp_path / "u.vcf", tmp_path / "found", fast=True, fields=["AF"])
    last = len(events) - events[::-1].index("read")
    assert events[:last].count("spill") > 10


def test_an_id_with_digits_of_another_script_stays_text(tmp_path: Path) -> None:
    ids = ["rs1\u0662", "rs12", "rs1;rs2"]
    body = "".join(f"1\t{5 + n}\t{i}\tA\tC\t.\t.\tDP=1\n" for n, i in enumerate(ids))
    (tmp_path / "s.vcf").write_text(HEADER.format(minor=2) + body)
    rows = rows_of(compiled(tmp_path / "s.vcf", tmp_path / "x", fast=True, fields=["DP"]))
    assert rows.select("id", "rs").rows() == [(ids[0], None), (None, 12), (ids[2], None)]


def test_rows_of_one_allele_stay_as_they_came(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [f"1\t{p}\t.\tA\tC\t.\t.\tDP={n}\n" for p in (5, 90, 9_000) for n in (3, 1, 2)]
    monkeypatch.setattr(inorder, "HELD_ROWS", 2)
    for name, some in {"a": lines, "b": [*lines[3:], *lines[:3]]}.items():
        path = tmp_path / f"{name}.vcf"
        path.write_text(HEADER.format(minor=2) + "".join(some))
        source = compiled(path, tmp_path / name, fast=True, fields=["DP"])
        assert rows_of(source).select("pos", "DP").rows() == [
            (p, n) for p in (5, 90, 9_000) for n in (3, 1, 2)
        ]
        assert source.several


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("1\tx12\t.\tA\tG\t.\t.\tDP=1", r"record 3 \(1\): POS 'x12' is no number"),
        ("1\t12\t.\tA\tG\t.", "record 3 has fewer than 8 columns"),
    ],
)
def test_a_record_that_cannot_be_read_is_named(
    tmp_path: Path, line: str, told: str, fast: bool
) -> None:
    path = tmp_path / "x.vcf"
    good = "1\t{}\t.\tA\tG\t.\t.\tDP=1\n"
    text = HEADER.format(minor=3) + good.format(5) + good.format(9) + line + "\n"
    path.write_text(text + good.format(20))
    with pytest.raises(InputError, match=told):
        compiled(path, tmp_path / "made", fast=fast, fields=["DP"])
