"""INFO of any text: what is read is what a plain reader in Python reads, in any batches."""

import re
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from varhouse.vcf.read import read_vcf

HEADER = """##fileformat=VCFv4.3
##INFO=<ID=I,Number=1,Type=Integer,Description="d">
##INFO=<ID=IA,Number=A,Type=Integer,Description="d">
##INFO=<ID=Float_with_a_name_beyond_thirty_two_bytes,Number=.,Type=Float,Description="d">
##INFO=<ID=F,Number=1,Type=Float,Description="d">
##INFO=<ID=B,Number=0,Type=Flag,Description="d">
##INFO=<ID=S,Number=1,Type=String,Description="d">
##INFO=<ID=SL,Number=.,Type=String,Description="d">
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO
"""
LONG = "Float_with_a_name_beyond_thirty_two_bytes"
KINDS = {"I": "i", "IA": "i*", LONG: "f*", "F": "f", "B": "b", "S": "s", "SL": "s*"}
FLOAT = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?|[-+]?(inf|infinity|nan)", re.I | re.A)
INTEGER = re.compile(r"[-+]?\d+", re.A)

numbers = st.one_of(
    st.integers(-(2**33), 2**33).map(str),
    st.floats(width=32).map(repr),
    st.floats().map(lambda x: f"{x:.3f}"),
    st.decimals(allow_nan=False, allow_infinity=False).map(str),
    st.sampled_from([".", "", "-", "1e", "5.", ".5", "+1", "007", "-0", "1x", "1.2.3"]),
)
words = st.text("abé=: .,1-", max_size=40)
values = st.one_of(st.lists(numbers, min_size=1, max_size=5).map(",".join), words)
names = st.sampled_from([*KINDS, "U", "", "Float_with_a_name_beyond_thirty_two_byteS"])
pairs = st.tuples(names, st.one_of(st.none(), values)).map(
    lambda p: p[0] if p[1] is None else f"{p[0]}={p[1]}"
)
texts = st.lists(pairs, min_size=1, max_size=8).map(";".join).filter(bool)


def number(text: str, kind: str) -> float | int | None:
    if kind == "i":
        value = int(text) if INTEGER.fullmatch(text) else None
        return value if value is not None and -(2**31) + 8 <= value < 2**31 else None
    with np.errstate(over="ignore"):
        return float(np.float32(float(text))) if FLOAT.fullmatch(text) else None


def plain_value(value: str | None, kind: str) -> Any:
    if kind == "b":
        return value is not None
    if value in (None, "", "."):
        return None
    assert value is not None
    parts = value.split(",")
    if kind[0] == "s":
        return [None if p == "." else p for p in parts] if kind == "s*" else value
    found = [number(p, kind[0]) for p in parts]
    return found if kind[1:] else (found[0] if len(found) == 1 else None)


def plain_read(text: str) -> dict[str, Any]:
    first: dict[str, str] = {}
    for pair in text.split(";") if text != "." else []:
        name, _, value = pair.partition("=")
        first.setdefault(name, value)
    return {name: plain_value(first.get(name), kind) for name, kind in KINDS.items()}


@settings(max_examples=300, derandomize=True, deadline=None)
@given(st.lists(texts, min_size=1, max_size=12), st.sampled_from([1, 50, 1 << 20]))
def test_info_is_read_as_plainly(infos: list[str], batch_bytes: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.vcf"
        lines = [f"1\t{k + 1}\t.\tA\tC\t.\t.\t{info}\n" for k, info in enumerate(infos)]
        path.write_text(HEADER + "".join(lines))
        whole, cut = read_vcf(path), read_vcf(path, batch_bytes=batch_bytes)
        frame, pieces = whole.read(), cut.read()
    for name in KINDS:
        wanted = [plain_read(info)[name] for info in infos]
        np.testing.assert_equal(frame[f"INFO/{name}"].to_list(), wanted)
        np.testing.assert_equal(pieces[f"INFO/{name}"].to_list(), wanted)
    assert whole.account.as_json() == cut.account.as_json()
    assert whole.fallback == cut.fallback
