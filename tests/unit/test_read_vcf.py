"""`read_vcf`: typed columns, nulls, faults, kinds of files, indexes."""

import bz2
import gzip
import os
import struct
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from varhouse import read_vcf
from varhouse.bgzf import BgzfStream
from varhouse.errors import InputError
from varhouse.vcf.account.problems import Account
from varhouse.vcf.header.header import Header, read_header
from varhouse.vcf.header.keys import Kind, Number, find_key, key_table
from varhouse.vcf.reader import VcfReader
from varhouse.vcf.text.decimals import (
    BAD,
    NEAR,
    exact_floats,
    parse_float,
    parse_integer,
    quick_float,
    quick_integer,
)
from varhouse.vcf.text.gt_first import gt_places, with_gt_first
from varhouse.vcf.text.index import check_index, parse_region, read_index
from varhouse.vcf.text.lines import read_batch

HEADER = """##fileformat=VCFv4.3
##contig=<ID=1>
##INFO=<ID=DP,Number=1,Type=Integer,Description="d">
##INFO=<ID=DP,Number=.,Type=Float,Description="declared twice">
##INFO=<ID=AF,Number=A,Type=Float,Description="d">
##INFO=<ID=CI,Number=2,Type=Integer,Description="d">
##INFO=<ID=DB,Number=0,Type=Flag,Description="d">
##INFO=<ID=X,Number=1,Type=Float,Description="d">
##INFO=<ID=S,Number=1,Type=String,Description="d">
##INFO=<ID=L,Number=.,Type=String,Description="d">
##INFO=<ID=C,Number=1,Type=Character,Description="d">
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO
"""


def write(path: Path, infos: list[str], alt: str = "C") -> Path:
    lines = [f"1\t{k + 1}\t.\tA\t{alt}\t.\t.\t{info}\n" for k, info in enumerate(infos)]
    path.write_text(HEADER + "".join(lines))
    return path


def counts(reader: VcfReader) -> dict[str, int]:
    return {code: n for code, n in reader.account.counts.items() if n}


def test_columns_types_and_nulls(tmp_path: Path) -> None:
    path = tmp_path / "a.vcf"
    path.write_text(
        HEADER
        + "1\t10\trs1\tA\tC,<DEL>\t1075.33\tPASS\t"
        + "DP=5;AF=0.1,.;CI=-3,4;DB;X=1e-3;S=é=b;L=a,.,b;C=x\n"
        + "1\t11\t.\tA\t.\t.\tq1;q2\t.\n"
        + "1\t12\t.\tA\tT\t3\t.\tDP=.;AF=.;CI=.;X=.;S=.;L=."
    )
    frame = read_vcf(path, lists=False).read()
    assert frame.schema == {
        "chrom": pl.String,
        "pos": pl.Int32,
        "id": pl.String,
        "ref": pl.String,
        "alt": pl.List(pl.String),
        "qual": pl.Float64,
        "filter": pl.List(pl.String),
        "INFO/DP": pl.Int32,
        "INFO/AF": pl.List(pl.Float32),
        "INFO/CI": pl.List(pl.Int32),
        "INFO/DB": pl.Boolean,
        "INFO/X": pl.Float32,
        "INFO/S": pl.String,
        "INFO/L": pl.List(pl.String),
        "INFO/C": pl.String,
    }
    rows = frame.rows()
    assert rows[0] == (
        "1",
        10,
        "rs1",
        "A",
        ["C", "<DEL>"],
        1075.33,
        ["PASS"],
        5,
        [float(np.float32(0.1)), None],
        [-3, 4],
        True,
        float(np.float32(0.001)),
        "é=b",
        ["a", None, "b"],
        "x",
    )
    assert rows[1] == (
        "1",
        11,
        None,
        "A",
        None,
        None,
        ["q1", "q2"],
        None,
        None,
        None,
        False,
        None,
        None,
        None,
        None,
    )
    assert rows[2][7:] == (None, None, None, False, None, None, None, None)


@pytest.mark.parametrize(
    ("info", "code"),
    [
        ("DP=1;;DB", "VH-I-001"), ("DP=1;", "VH-I-001"), ("1X=1", "VH-I-002"),
        ("=1", "VH-I-002"), ("DP=1;DP=1", "VH-I-003"), ("NEW=1", "VH-I-004"),
        ("NS=3", "VH-I-004"), ("DP", "VH-I-005"), ("DP=", "VH-I-005"),
        ("DB=x", "VH-I-006"), ("DB=1", "VH-I-012"),
        ("DP=1,2", "VH-I-007"), ("AF=0.1,0.2", "VH-I-007"), ("CI=1", "VH-I-007"),
        ("DP=1.5", "VH-I-008"), ("DP=x", "VH-I-008"), ("DP=2147483648", "VH-I-008"),
        ("DP=-2147483648", "VH-I-008"), ("X=1e", "VH-I-008"), ("X=0x1", "VH-I-008"),
        ("C=xy", "VH-I-008"), ("CI=1,,2", "VH-I-008"), ("DP=-1", "VH-I-009"),
        ("AF=1.5", "VH-I-009"), ("AF=1e5", "VH-I-009"),
    ],
)  # fmt: skip
def test_each_fault_is_found_once(tmp_path: Path, info: str, code: str) -> None:
    reader = read_vcf(write(tmp_path / "a.vcf", ["DP=3;AF=0.5", info, "DB;X=1"]), info=[])
    reader.read()
    found = counts(reader)
    assert found.get(code) == 1, found
    assert set(found) <= {code, "VH-I-007"}


def test_what_is_no_fault(tmp_path: Path) -> None:
    infos = [
        "AF=.",
        "CI=.",
        "DP=+7",
        "X=-.5e+3",
        "X=NaN;DB",
        "X=-infinity",
        "S=a b",
        "C=é",
        ".",
    ]
    reader = read_vcf(write(tmp_path / "a.vcf", infos))
    assert reader.read().height == len(infos)
    assert counts(reader) == {}


def test_a_value_of_another_type_is_null_not_cut_down(tmp_path: Path) -> None:
    path = write(tmp_path / "a.vcf", ["DP=1.5", "DP=7,8", "CI=1,x", "DP=3;DP=4"])
    frame = read_vcf(path).read()
    assert frame["INFO/DP"].to_list() == [None, None, None, 3]
    assert frame["INFO/CI"].to_list() == [None, None, [1, None], None]
    lists = read_vcf(path, lists=True).read()
    assert lists["INFO/DP"].to_list() == [[None], [7, 8], None, [3]]


def test_numbers_of_a_record_follow_its_alleles(tmp_path: Path) -> None:
    reader = read_vcf(write(tmp_path / "a.vcf", ["AF=0.1,0.2"], "C,<DEL>"))
    assert reader.read()["INFO/AF"][0].len() == 2
    assert counts(reader) == {}


def test_undeclared_keys_come_as_strings_when_asked(tmp_path: Path) -> None:
    path = write(tmp_path / "a.vcf", ["NEW=1,b", "DP=1"])
    frame = read_vcf(path, info=["NEW", "DP"]).read()
    assert frame.columns[7:] == ["INFO/NEW", "INFO/DP"]
    assert frame["INFO/NEW"].to_list() == [["1", "b"], None]


def test_slow_numbers_are_exact_and_counted(tmp_path: Path) -> None:
    texts = ["0.1000000000000000055511151231257827", "1e400", "-1e-46", "9007199254740993e3"]
    reader = read_vcf(write(tmp_path / "a.vcf", [f"X={t}" for t in texts]))
    with np.errstate(over="ignore"):
        wanted = [float(np.float32(float(t))) for t in texts]
    assert reader.read()["INFO/X"].to_list() == wanted
    assert reader.fallback == 4


def test_kinds_of_files_line_ends_and_batches(tmp_path: Path) -> None:
    infos = [f"DP={k};AF=0.{k}1;S=v{k}" for k in range(300)]
    plain = write(tmp_path / "a.vcf", infos)
    text = plain.read_bytes()
    wanted = read_vcf(plain).read()
    assert wanted["INFO/DP"].to_list() == list(range(300))
    (tmp_path / "b.vcf").write_bytes(text.replace(b"\n", b"\r\n"))
    (tmp_path / "c.vcf.gz").write_bytes(gzip.compress(text))
    (tmp_path / "d.vcf.bz2").write_bytes(bz2.compress(text))
    (tmp_path / "e.vcf").write_bytes(text.rstrip(b"\n") + b"\n\n\n")
    with (tmp_path / "f.vcf.gz").open("wb") as f:
        stream = BgzfStream(f)
        stream.write(text)
        stream.finish()
    for path in sorted(tmp_path.glob("[b-f].vcf*")):
        assert read_vcf(path).read().equals(wanted), path.name
    from varhouse.vcf import read  # noqa: PLC0415

    for batch_bytes in (1, 700, 1 << 20):
        reader = read.read_vcf(plain, batch_bytes=batch_bytes, threads=2)
        assert reader.read().equals(wanted)
        assert reader.n_records == 300


def test_a_region_needs_an_index_that_is_sound(tmp_path: Path) -> None:
    path = tmp_path / "a.vcf.gz"
    with path.open("wb") as f:
        stream = BgzfStream(f)
        stream.write((HEADER + "1\t1\t.\tA\tC\t.\t.\t.\n").encode())
        stream.finish()
    assert check_index(path) is None
    with pytest.raises(InputError, match="no index"):
        list(read_vcf(path, region="1"))
    index = tmp_path / "a.vcf.gz.tbi"
    tbi = b"TBI\1" + struct.pack("<7i", 1, 2, 1, 2, 0, 35, 0)
    bodies = [
        b"",
        b"TBI\1",
        b"XXXX",
        b"TBI\1" + struct.pack("<i", -1),
        tbi + struct.pack("<i", 2**31 - 1),
        b"CSI\1" + struct.pack("<3i", 40, 9, 0),
        tbi + struct.pack("<i", 2) + b"1\0" + struct.pack("<i", 2**30),
    ]
    for body in bodies:
        with index.open("wb") as f:
            stream = BgzfStream(f)
            stream.write(body)
            stream.finish()
        with pytest.raises(InputError):
            read_index(index)
        assert check_index(path)
    os.utime(index, (1, 1))
    assert "older" in (check_index(path) or "")


def test_regions_as_text() -> None:
    assert parse_region("1:1,000-2,000", []).low == 1000
    assert parse_region("1:7", []).high == 7
    assert parse_region("a:b", ["a:b"]).contig == "a:b"
    for text in ("1:x", "1:9-3", "1:-3", "1:1-2-3"):
        with pytest.raises(InputError):
            parse_region(text, [])


def test_keys_are_found_and_mean_their_first_declaration() -> None:
    header: Header = read_header(HEADER.rstrip().split("\n"), Account("a"))
    table = key_table(header, "INFO", ["EXTRA"])
    for k, name in enumerate(table.names):
        text = np.frombuffer(f"..{name}=".encode(), np.uint8)
        assert find_key(text, 2, text.size - 1, table.arrays) == k
        assert find_key(text, 2, text.size, table.arrays) == -1
    dp = table.number_of("DP")
    assert (table.arrays.kind[dp], table.arrays.number[dp]) == (Kind.INTEGER, Number.FIXED)
    assert table.arrays.low[dp] == 0
    assert not table.arrays.declared[table.number_of("EXTRA")]
    assert table.number_of("NOT") == -1


@pytest.mark.parametrize("text", [
    "0", "-0", "1", "12345678", "123456789", ".5", "5.", "-.5", "0.159472", "1e5", "1E-5",
    "+2",
    "123456.12345678",
    "0.00000000000001", "1e22", "1e23", "9007199254740993", "inf", "-NAN", "",
    "-", ".", "1..2", "1e", "1e+", "--1", "0x1", "1_0", "1 ", "99999999999999999999e-10",
])  # fmt: skip
def test_floats_are_those_of_python(text: str) -> None:
    data = np.frombuffer(f"{text};".encode() + bytes(64), np.uint8)
    n = len(text)
    try:
        wanted = float(text) if "_" not in text and " " not in text else None
    except ValueError:
        wanted = None
    state, value = parse_float(data, 0, n)
    if state == NEAR:
        value = exact_floats(data, np.array([0]), np.array([n]))[0]
    assert (wanted is None) == (state == BAD)
    if wanted is not None:
        np.testing.assert_equal(value, wanted)
        whole = wanted == wanted and abs(wanted) < 2**31 - 9 and text.lstrip("+-").isdigit()
        assert (parse_integer(data, 0, n)[0] != BAD) == whole
    end, value = quick_float(data.ctypes.data, 0, n)
    if end >= 0:
        assert end == n
        np.testing.assert_equal(value, wanted)
    end, value = quick_integer(data.ctypes.data, 0, n)
    assert end < 0 or (end == n and value == wanted)


def test_sample_columns(tmp_path: Path) -> None:
    path = tmp_path / "a.vcf"
    path.write_text(
        "##fileformat=VCFv4.3\n"
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="d">\n'
        '##FORMAT=<ID=DP,Number=1,Type=Integer,Description="d">\n'
        '##FORMAT=<ID=AD,Number=R,Type=Integer,Description="d">\n'
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tp\tq\tr\n"
        "1\t1\t.\tA\tC\t.\t.\t.\tGT:DP:AD\t0/1:5:2,3\t.|1:.\t1\n"
        "1\t2\t.\tA\tC\t.\t.\t.\tGT\t0|0\t1|1\t./.\n"
        f"1\t3\t.\tA\t{','.join(['C' * k for k in range(1, 14)])}\t.\t.\t.\tDP:AD\t1\t2\t3:.\n"
        "1\t4\t.\tA\tC,G\t.\t.\t.\tGT\t0/1/2\t2\t10/1\n"
    )
    keys = ["GT", "DP", "AD"]
    reader = read_vcf(path, formats=keys)
    frame = reader.read()
    assert counts(reader) == {"VH-G-002": 1}
    assert frame["FORMAT/GT"].to_list() == [
        ["0/1", ".|1", "1"],
        ["0|0", "1|1", "./."],
        None,
        ["0/1/2", "2", "10/1"],
    ]
    assert frame["FORMAT/DP"].to_list() == [[5, None, None], None, [1, 2, 3], None]
    assert frame["FORMAT/AD"].to_list() == [[[2, 3], None, None], None, [None] * 3, None]
    two = read_vcf(path, formats=keys, samples=["r", "p"]).read()
    for name in keys:
        wanted = [
            None if v is None else [v[2], v[0]] for v in frame[f"FORMAT/{name}"].to_list()
        ]
        assert two[f"FORMAT/{name}"].to_list() == wanted
    with pytest.raises(InputError, match="no sample"):
        read_vcf(path, formats=keys, samples=["x"])


def test_text_with_gt_first_is_read_only_as_text_that_was_read() -> None:
    """What is compiled for files that have GT first serves the others."""
    batch = read_batch(b"1\t5\t.\tA\tC\t.\t.\t.\tDP:GT\t7:0/1\t8:1/1\n", 0, 1)
    assert not batch.text.flags.writeable
    moved = with_gt_first(batch, gt_places(batch))
    assert bytes(moved.text[moved.start[0, 9] : moved.end[0]]) == b"0/1\t1/1"
    assert not moved.text.flags.writeable


def test_genotypes_are_the_text_of_the_file(tmp_path: Path) -> None:
    alts = ",".join("A" * k for k in range(2, 130))
    told = ["0/1", "1|0", ".|.", "./1", "9|9", "10/9", "9|10", "128/127", "1", ".", "0/1/2",
            "0|.|11", "0/0"]  # fmt: skip
    names = "\t".join(f"s{k}" for k in range(len(told)))
    head = HEADER.rstrip("\n") + f"\tFORMAT\t{names}\n"
    for key, kind in (("GT", "String"), ("DP", "Integer")):
        line = f'##FORMAT=<ID={key},Number=1,Type={kind},Description="d">\n'
        head = head.replace("#CHROM", f"{line}#CHROM")
    rows = [
        ("GT", told),
        ("DP", ["3"] * len(told)),
        ("GT:DP", [f"{g}:7" for g in told]),
        ("GT", told[::-1]),
    ]
    lines = [
        f"1\t{k + 1}\t.\tA\t{alts}\t.\t.\t.\t{keys}\t" + "\t".join(cells) + "\n"
        for k, (keys, cells) in enumerate(rows)
    ]
    path = tmp_path / "a.vcf"
    path.write_text(head + "".join(lines))
    held = read_vcf(path, info=[], formats=["GT"]).read()["FORMAT/GT"].to_list()
    assert held == [told, None, told, told[::-1]]
    chosen = read_vcf(path, info=[], formats=["DP", "GT"], samples=["s8", "s0"]).read()
    assert chosen["FORMAT/GT"].to_list()[0] == ["1", "0/1"]


def test_a_character_cut_in_two_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "a.vcf"
    rows = b"1\t1\t.\tA\tC\t.\t.\tL=a\xc3,\xa9,\xc3\xa9;S=\xc3\n1\t2\t.\tA\tC\t.\t.\tS=\xa9\n"
    path.write_bytes(HEADER.encode() + rows)
    for table in read_vcf(path).arrow():
        table.validate(full=True)
        assert table.column("INFO/L").to_pylist() == [["a\ufffd", "\ufffd", "é"], None]
        assert table.column("INFO/S").to_pylist() == ["\ufffd", "\ufffd"]
