"""A grammar of VCF: what it makes is valid and read so; what is spoilt does no harm."""

import json
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from varhouse.errors import VarhouseError
from varhouse.genome.contigs import AnyContigs
from varhouse.vcf.check.scan import scan_file
from varhouse.vcf.read import read_vcf

SETTINGS = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
TYPES = ("Integer", "Float", "String", "Flag")
NUMBERS = ("1", "2", "A", "R", ".")
names = st.from_regex(r"X[A-Z]{1,5}", fullmatch=True)
bases = st.text("ACGT", min_size=1, max_size=4)


@dataclass
class Record:
    """A record as the grammar made it; `info` holds the values as Python has them."""

    pos: int
    ref: str
    alts: list[str]
    info: dict[str, object] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)


def value_of(kind):
    return {
        "Integer": st.integers(-(2**31) + 8, 2**31 - 1),
        "Float": st.floats(width=32, allow_nan=False, allow_infinity=False),
        "String": st.from_regex(r"[a-zA-Z0-9_]{1,12}", fullmatch=True),
    }[kind]


@st.composite
def files(draw):
    """Draw a version, declared INFO keys, sample names and sorted records."""
    declared = st.tuples(st.sampled_from(NUMBERS), st.sampled_from(TYPES))
    keys = draw(st.dictionaries(names, declared, max_size=5))
    n_samples = draw(st.integers(0, 3))
    places = draw(st.lists(st.integers(1, 10**6), unique=True, max_size=6))
    records = []
    for pos in sorted(places):
        ref = draw(bases)
        alts = draw(
            st.lists(
                bases.filter(lambda b, ref=ref: b != ref), unique=True, min_size=1, max_size=3
            )
        )
        record = Record(pos, ref, alts)
        for key, (number, kind) in keys.items():
            if draw(st.booleans()):
                continue
            if kind == "Flag":
                record.info[key] = True
                continue
            fixed = {"1": 1, "2": 2, "A": len(alts), "R": len(alts) + 1}
            n = fixed.get(number) or draw(st.integers(1, 4))
            one = st.one_of(st.none(), value_of(kind)) if n > 1 else value_of(kind)
            record.info[key] = [draw(one) for _ in range(n)]
        allele = st.sampled_from([".", *map(str, range(len(alts) + 1))])
        for _ in range(n_samples):
            ploidy = draw(st.integers(1, 3))
            separator = draw(st.sampled_from("/|"))
            record.calls.append(separator.join(draw(allele) for _ in range(ploidy)))
        records.append(record)
    return draw(st.sampled_from([1, 2, 3, 4, 5])), keys, n_samples, records


def written(value):
    if value is None:
        return "."
    return repr(value) if isinstance(value, float) else str(value)


def text_of(file):
    version, keys, n_samples, records = file
    lines = [f"##fileformat=VCFv4.{version}", "##contig=<ID=1,length=2000000>"]
    for key, (number, kind) in keys.items():
        n = "0" if kind == "Flag" else number
        lines.append(f'##INFO=<ID={key},Number={n},Type={kind},Description="x">')
    lines.append('##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">')
    columns = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO"]
    if n_samples:
        columns += ["FORMAT", *(f"s{k}" for k in range(n_samples))]
    lines.append("\t".join(columns))
    for r in records:
        info = [
            key if value is True else f"{key}={','.join(map(written, value))}"
            for key, value in r.info.items()
        ]
        cells = ["1", str(r.pos), ".", r.ref, ",".join(r.alts), ".", "PASS"]
        cells += [";".join(info) or ".", *(["GT", *r.calls] if n_samples else [])]
        lines.append("\t".join(cells))
    return "\n".join(lines) + "\n"


def account_of(path, batch_bytes=None):
    size = batch_bytes or 1 << 23
    return scan_file(path, AnyContigs(), None, hashes=False, batch_bytes=size).account


@SETTINGS
@given(file=files())
def test_what_the_grammar_makes_is_valid_and_read_as_written(file, tmp_path):
    _, keys, n_samples, records = file
    path = tmp_path / "a.vcf"
    path.write_text(text_of(file))
    account = account_of(path)
    assert account.verdict == "valid", account.as_json()
    formats = ["GT"] if n_samples else None
    frame = read_vcf(path, formats=formats, lists=True).read()
    assert frame["pos"].to_list() == [r.pos for r in records]
    assert frame["alt"].to_list() == [r.alts for r in records]
    for key, (_, kind) in keys.items():
        got = frame[f"INFO/{key}"].to_list()
        for value, r in zip(got, records, strict=True):
            if kind == "Flag":
                assert bool(value) == (key in r.info)
                continue
            wanted = r.info.get(key)
            # A key whose only value is a dot, and a key that is not there, say the same.
            if wanted is None or all(v is None for v in wanted):
                assert value is None or all(v is None for v in value)
            else:
                assert (value if isinstance(value, list) else [value]) == wanted
    if n_samples:
        assert frame["FORMAT/GT"].to_list() == [r.calls for r in records]


@SETTINGS
@given(
    file=files(), at=st.integers(0, 10**6), cut=st.integers(0, 30),
    piece=st.one_of(st.binary(max_size=12), st.sampled_from(
        [b"\t", b"\n", b";;", b",", b"=", b"\r\n", b"\0", b"\xff", b"<DEL>", b"0/9", b"1e999",
         b"##INFO=<ID=", b"99999999999", b"]1:2]A", b"A" * 300, b"\t\t\t\t\t\t\t\t\t"])),
)  # fmt: skip
def test_a_spoilt_file_is_told_of_in_one_way_only(file, at, cut, piece, tmp_path):
    text = text_of(file).encode()
    at %= len(text) + 1
    path = tmp_path / "a.vcf"
    path.write_bytes(text[:at] + piece + text[at + cut :])
    found = [json.dumps(account_of(path, size).as_json()) for size in (None, 64, 1_000)]
    assert found[0] == found[1] == found[2]
    try:
        read_vcf(path, formats=["GT"]).read()
    except VarhouseError:
        if json.loads(found[0])["counts"].keys() <= {"VH-F-006"}:
            pytest.fail("a valid file was not read")
