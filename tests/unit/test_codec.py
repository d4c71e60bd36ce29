"""FORMAT fields as blocks: what comes out is what went in, byte for byte."""

import random
from collections.abc import Iterator

import numpy as np
import polars as pl
import pytest
from block_reader import DROPPED, LACKING, read_row
from fieldtapes import cells_of, tape_of

from varhouse.errors import StoreError
from varhouse.genotypes.codec import blocks, writer
from varhouse.genotypes.codec.blocks import Block, decode
from varhouse.genotypes.codec.digest import digest_fields
from varhouse.genotypes.codec.streams import pack, unpack
from varhouse.genotypes.codec.writer import PEOPLE, BlockWriter
from varhouse.genotypes.fields import INT_MISSING, FieldTape

NUMBERS = {"AD", "DP", "GQ", "PL", "MIN_DP", "SB", "LAA", "LAD", "LPL"}
Record = tuple[str, list[str]]


def rows_of(
    tape: FieldTape, n_alt: list[int], people: int, steps: list[int] | None = None
) -> pl.DataFrame:
    """Write a tape, in parts of some records each; ordinals of records are 10, 20 ..."""
    writer = BlockWriter(people)
    rows = []
    ends = steps or [tape.size]
    for a, b in zip([0, *ends[:-1]], ends, strict=True):
        records = np.arange(a, b, dtype=np.int64) * 10
        pos = np.arange(a, b, dtype=np.int32) + 1000
        alt = np.array(n_alt[a:b], np.int64)
        rows += writer.take(tape.part(a, b), alt, records, "chr1", pos)
    rows += writer.finish()
    return pl.concat(rows)


def read_back(rows: pl.DataFrame, tape: FieldTape, people: int) -> list[Record]:
    """Give FORMAT without GT and cells, from the texts of blocks."""
    out = [
        (":".join(f.name for f in tape.layouts[k]), [""] * people)
        for k in tape.layout.tolist()
    ]
    for block in decode(rows):
        for name in block.names:
            codes, _ = block.texts(name)
            assert codes.shape == (block.records.size, block.people)
            for i, record in enumerate((block.records // 10).tolist()):
                for s in range(block.people):
                    assert (codes[i, s] == -2) == (name not in names_of(tape, record))
        for i, record in enumerate((block.records // 10).tolist()):
            named = {n: block.spans(n) for n in names_of(tape, record)}
            for s in range(block.people):
                texts_ = [
                    bytes(x.text[x.begin[i, s] : x.end[i, s]]).decode()
                    for x in named.values()
                    if x.begin[i, s] >= 0
                ]
                out[record][1][block.first + s] = ":".join(texts_)
    return out


def names_of(tape: FieldTape, record: int) -> list[str]:
    keys = [f.name for f in tape.layouts[tape.layout[record]]]
    return [k if keys[:j].count(k) == 0 else f"{k}:2" for j, k in enumerate(keys)]


def numbers_of(block: Block, name: str) -> list[list[list[int] | int]]:
    """Give the numbers of each cell, or why there are none."""
    values, begin, end = block.numbers(name)
    return [
        [values[a:b].tolist() if a >= 0 else a for a, b in zip(*row, strict=True)]
        for row in zip(begin.tolist(), end.tolist(), strict=True)
    ]


def check(records: list[Record], n_alt: list[int], steps: list[int] | None = None) -> None:
    people = len(records[0][1])
    tape = tape_of(records, NUMBERS)
    rows = rows_of(tape, n_alt, people, steps)
    assert read_back(rows, tape, people) == cells_of(tape, people)
    want = digest_fields(tape, 0, people)
    got = np.zeros(tape.size, np.int64)
    for block in decode(rows):
        got[block.records // 10] += block.digest()
    assert np.array_equal(got, want)


HAND = [
    ("GT:AD:DP:GQ:PL", ["0/0:30,0:30:90:0,90,1350", "0/1:10,11:21:99:300,0,280", "./."]),
    ("GT:AD:DP:GQ:PL", ["0/0:30,0:30:90:0,90,1350", "0/1:.:.:.:.", "./.:0,0:0:0:0,.,0"]),
    ("GT:AD:DP:GQ:PL", ["0/0:30:30,1:90:0,90", "0/1:999999999,0:-5", "1:2,3,4:.:.:7,0"]),
    ("GT", ["0/0", "0/1", "1/1"]),
    ("GT:DP:FT:PGT:PID", ["0/0:007:PASS:0|1:12_A_T", "0/0:1.5::.", "0/0:+1:a;b"]),
    ("AF", ["0.5", "1e-05", "nan"]),
    ("GT:DS:GP:GL", ["0/0:0:1,0,0:-0.1,-1.5,-20", "0/1:0.98:0.03,0.96,0.01:.", "1/1"]),
    ("GT:LAA:LAD:LPL:MIN_DP:SB", ["0/1:1,3:4,5,6:0,1,2,3,4,5:7:1,2,3,4", ".", "0:.:."]),
    ("DP:XX:XX", ["1:2:3", "4:5:6", "7"]),
]
ALLELES = [1, 1, 1, 1, 2, 1, 1, 3, 1]


@pytest.mark.parametrize("steps", [None, [1, 2, 3, 4, 5, 6, 7, 8, 9], [4, 9]])
def test_odd_cells_come_back_byte_for_byte(steps: list[int] | None) -> None:
    check(HAND, ALLELES, steps)


def test_text_that_was_put_together_is_read_only_as_text_that_was_read() -> None:
    """What is compiled for a batch serves a block of several."""
    tape = tape_of(HAND, NUMBERS)
    none = np.zeros(tape.size, np.int64)
    held = writer._Held(tape, none, none, none.astype(np.int32))
    assert not tape.text.flags.writeable
    assert not writer._joined([held, held]).tape.text.flags.writeable


def number(rng: random.Random) -> str:
    odd = rng.choice(["999999999", "-7", "007", "x", "", "-2147483640", "2147483647"])
    return rng.choice(
        ["0", "1", "2", str(rng.randrange(60)), str(rng.randrange(3000)), ".", odd]
    )


def cell(rng: random.Random, keys: list[str], n_alt: int, ploidy: int) -> str:
    """Make a cell, mostly as a caller writes it."""
    depth = rng.choice([0, 30, 31, rng.randrange(80)])
    genotypes = 1
    for k in range(1, ploidy + 1):
        genotypes = genotypes * (n_alt + k) // k
    if rng.random() < 0.2:
        parts = [",".join(number(rng) for _ in range(rng.randrange(1, 5))) for _ in keys]
        return ":".join(parts[: rng.randrange(1, len(keys) + 1)])
    pl_ = [0, 3 * depth, 45 * depth, *[rng.choice([45 * depth, 3 * depth, 5])] * 999]
    if rng.random() < 0.5:
        pl_[:3] = rng.sample(pl_[:3], 3)
    reads = [str(depth), *["0"] * n_alt]
    if rng.random() < 0.4:
        reads = [str(rng.choice([0, 1, depth // 2, depth, 300])) for _ in reads]
    quality = sorted(pl_[:genotypes])[1] if genotypes > 1 else 0
    known = {
        "AD": ",".join(reads),
        "DP": str(depth),
        "GQ": str(min(99, quality)),
        "PL": ",".join(map(str, pl_[:genotypes])),
        "MIN_DP": str(max(depth - rng.randrange(5), 0)),
        "SB": ",".join(str(rng.randrange(20)) for _ in range(4)),
        "DS": rng.choice(["0", "0.001", f"{rng.random() * 2:.3f}"]),
        "FT": rng.choice(["PASS", "lowGQ"]),
    }
    return ":".join(known.get(k, ".") for k in keys)


def random_records(seed: int, n: int, people: int) -> Iterator[tuple[Record, int]]:
    rng = random.Random(seed)
    sets = [["AD", "DP", "GQ", "PL"], ["DP", "GQ"], ["AD", "DP", "GQ", "MIN_DP", "PL", "SB"]]
    sets += [["GQ"], ["DS", "FT"], ["AD", "PL"], ["PL"], ["DP", "AD"], ["GQ", "PL", "DP"]]
    mine = rng.sample(sets, rng.randrange(1, 3))
    for _ in range(n):
        keys = rng.choice(mine)
        n_alt = rng.choice([0, 1, 1, 1, 2, 3, rng.randrange(9)])
        ploidy = rng.choice([1, 2, 2, 2, 3])
        cells = [cell(rng, keys, n_alt, ploidy) for _ in range(people)]
        yield (":".join(keys), cells), n_alt


@pytest.mark.parametrize("seed", range(40))
def test_random_cells_come_back(seed: int) -> None:
    rng = random.Random(seed)
    made = list(random_records(seed, rng.randrange(1, 90), rng.choice([1, 2, 7, 30])))
    records, n_alt = [m[0] for m in made], [m[1] for m in made]
    step = rng.randrange(1, len(records) + 1)
    check(records, n_alt, [*range(step, len(records), step), len(records)])


def test_more_people_than_a_block_has() -> None:
    made = list(random_records(3, 3, PEOPLE + 1))
    check([m[0] for m in made], [m[1] for m in made])


def test_hundreds_of_alleles() -> None:
    wide = ",".join(str(k % 50) for k in range(301))
    check([("AD:DP", [wide, "1,2:3", "."]), ("AD:DP:PL", ["1,0:1:0,3,45"] * 3)], [300, 1])


def test_depths_beyond_any_file() -> None:
    """Sums and guesses of hostile numbers are not those of int32, nor of a varint."""
    billions = "2000000000,2000000000:0,99,120"
    check([("GT:AD:PL", [f"0/0:{billions}", "0/0:5,0:0,15,225"])] * 2, [1, 1])
    steep, deep = "0/0:1:0,3,200000", "0/0:2000000000:0,5,7"
    check([("GT:DP:PL", [steep] * 6)] * 3 + [("GT:DP:PL", [deep] * 6)] * 2, [1] * 5)
    pairs = [f"0/0:{d},0:{d}:3:0,3,200000" for d in (1, 1, 1, 2000000000)]
    check([("GT:AD:DP:GQ:PL", pairs)] * 3, [1] * 3)


def test_more_values_than_16_bits_count() -> None:
    tape = tape_of([("MIN_DP", [",".join(["1"] * 40_000), "3"])], NUMBERS)
    (block,) = decode(rows_of(tape, [1], 2))
    ((wide, three),) = numbers_of(block, "MIN_DP")
    assert wide == [1] * 40_000
    assert three == [3]


def test_a_cell_of_many_numbers_costs_no_room_in_others() -> None:
    many = ",".join(["7"] * 20_000)
    tape = tape_of([("PL", [many, *["1,2,3"] * 999])], NUMBERS)
    (block,) = decode(rows_of(tape, [1], 1_000))
    numbers = block.numbers("PL")
    assert sum(a.nbytes for a in numbers) < 200_000
    assert numbers_of(block, "PL")[0] == [[7] * 20_000, *[[1, 2, 3]] * 999]


def test_numbers_and_how_many_are_given() -> None:
    tape = tape_of([("AD:DP", ["1,2:3", "4", ".:x"]), ("DP", ["5", "6", "7"])], NUMBERS)
    block = next(decode(rows_of(tape, [1, 1], 3)))
    assert numbers_of(block, "AD") == [[[1, 2], [4], [INT_MISSING]], [blocks.LACKING] * 3]
    assert numbers_of(block, "DP") == [[[3], blocks.DROPPED, blocks.ODD], [[5], [6], [7]]]
    assert block.odd("DP") == [(0, 2, "x")]
    assert numbers_of(block, "GQ") == [[blocks.LACKING] * 3] * 2
    assert block.texts("GQ")[0].tolist() == [[-2] * 3] * 2


def test_only_what_is_asked_for() -> None:
    tape = tape_of(HAND[:3], NUMBERS)
    rows = rows_of(tape, [1, 1, 1], 3)
    for name in ("AD", "DP", "GQ", "PL"):
        [all_] = decode(rows)
        [one] = decode(rows, [name])
        assert one.names == [name]
        for a, b in zip(one.spans(name), all_.spans(name), strict=True):
            assert np.array_equal(a, b)


@pytest.mark.parametrize("seed", range(40))
def test_a_damaged_block_is_refused_or_read_as_something(seed: int) -> None:
    rng = random.Random(seed)
    made = list(random_records(seed, 12, 5))
    rows = rows_of(tape_of([m[0] for m in made], NUMBERS), [m[1] for m in made], 5)
    columns = ["parameters", "streams"]
    for _ in range(30):
        row = rng.randrange(rows.height)
        name = rng.choice(columns)
        old = bytearray(rows[name][row])
        for _ in range(rng.choice([1, 1, 2, 8])):
            old[rng.randrange(len(old))] = rng.choice([0, 1, 255, rng.randrange(256)])
        if rng.random() < 0.2:
            old = old[: rng.randrange(len(old))]
        hurt = rows.with_columns(
            pl.Series(name, [bytes(old) if k == row else v for k, v in enumerate(rows[name])])
        )
        try:
            if rng.random() < 0.1:
                with pytest.raises(StoreError, match="lacks a value"):
                    list(decode(hurt.with_columns(pl.lit(None).alias(name))))
            for block in decode(hurt):
                for field in block.names:
                    block.spans(field)
                block.digest()
        except StoreError:
            continue


@pytest.mark.parametrize("seed", range(12))
def test_a_reader_written_from_the_page_reads_the_same(seed: int) -> None:
    made = list(random_records(seed, 30, 4)) if seed else list(zip(HAND, ALLELES, strict=True))
    records, n_alt = [m[0] for m in made], [m[1] for m in made]
    rows = rows_of(tape_of(records, NUMBERS), n_alt, len(records[0][1]))
    [block] = decode(rows)
    fields = {name: cells for row in rows.to_dicts() for name, cells in read_row(row).items()}
    assert fields.keys() == set(block.names)
    for name, cells in fields.items():
        text, begin, end = block.spans(name)
        want = [
            {-1: DROPPED, -2: LACKING}.get(a, text[a:b].tobytes())
            for a, b in zip(begin.ravel().tolist(), end.ravel().tolist(), strict=True)
        ]
        assert cells == want, name


def test_streams_of_few_symbols_and_of_none() -> None:
    rng = np.random.default_rng(0)
    symbols = ([5], [0, 1], [3, 9, 200], range(4), range(6), range(7), range(16), range(17))
    streams = [
        rng.choice(np.array(known, np.uint8), n)
        for known in symbols
        for n in (0, 1, 100, 70_001)
    ]
    packed = pack(streams)
    assert min(packed.sizes) < 0
    data, at = unpack(packed, range(len(streams)))
    for k, stream in enumerate(streams):
        assert np.array_equal(data[at[k] : at[k + 1]], stream)
    some = unpack(packed, [3])
    assert np.array_equal(some.data, streams[3])


def test_what_repeats_costs_a_bit() -> None:
    cells = [f"0/0:{k},0:{k}:{min(3 * k, 99)}:0,{3 * k},{45 * k}" for k in range(20, 40)]
    records = [("GT:AD:DP:GQ:PL", cells * 50)] * 64
    rows = rows_of(tape_of(records, NUMBERS), [1] * 64, 1000)
    assert rows["coding"].to_list() == ["depths"]
    assert sum(map(len, rows["streams"])) < 64 * 1000 / 8


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [("first", -1, "before the first"), ("names", "AD,DP,GQ,XX", "not of depths")],
)
def test_rows_that_no_writer_makes_are_refused(
    column: str, value: object, message: str
) -> None:
    records = [("GT:AD:DP:GQ:PL", ["0/0:30,0:30:90:0,90,1350"])]
    rows = rows_of(tape_of(records, NUMBERS), [1], 1)
    with pytest.raises(StoreError, match=message):
        list(decode(rows.with_columns(pl.lit(value, rows.schema[column]).alias(column))))


@pytest.mark.parametrize("steps", [None, [150, 600]])
def test_other_fields_in_every_record(
    steps: list[int] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows and what each says of records do not grow with the square of the file."""
    monkeypatch.setattr(writer, "NAMED", 1 << 10)
    records = [(":".join(f"K{r}_{j}" for j in range(4)), ["1:2:3:4"]) for r in range(600)]
    check(records, [1] * 600, steps)
    rows = rows_of(tape_of(records, NUMBERS), [1] * 600, 1, steps)
    assert rows.height == 2_400
    assert rows["records"].list.len().max() <= 16
