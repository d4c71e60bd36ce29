"""The quick way through the first columns of VCF lines gives what the whole split gives."""

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from varhouse.sources.sites import split_alleles
from varhouse.sources.text import split_lines

CELL = st.text("ACgtN,.<*>1\r\x00é \x1f", max_size=6)
POS = st.one_of(
    CELL, st.integers(0, 2**33).map(str), st.sampled_from(["007", "-5", "+5", "1e3"])
)
LINE = st.one_of(
    st.tuples(st.sampled_from(["1", "chr1", ""]), POS, CELL, CELL, CELL, CELL).map("\t".join),
    st.text("ACG\t 1,", max_size=12),
)


def whole(lines: list[str]) -> pl.DataFrame:
    """Split the lines by the way that makes all columns."""
    if not lines:
        return split_lines(b"")
    return pl.concat(split_lines(line.encode() + b"\n") for line in lines)


@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.lists(LINE, max_size=6), st.booleans(), st.sampled_from(["\n", "\r\n"]))
def test_alleles_are_those_of_the_whole_lines(lines: list[str], end: bool, eol: str) -> None:
    # A carriage return inside a line would end it for the other way.
    lines = [line.replace("\r", "") for line in lines]
    text = eol.join(lines) + (eol if end else "")
    found, n = split_alleles(text.encode(), lambda name: None if name == "chr1" else name)
    kept = whole(lines).filter(pl.col("alt").str.len_bytes() > 0)
    number = pl.col("pos").str.contains(r"^[0-9]+$")
    wanted = kept.select(
        contig=pl.when(pl.col("chrom") != "chr1").then("chrom"),
        pos=pl.when(number).then(pl.col("pos").cast(pl.Int32, strict=False)),
        ref=pl.col("ref").str.replace_all("é", "??").str.to_uppercase(),
        alt=pl.col("alt").str.replace_all("é", "??").str.to_uppercase().str.split(","),
    ).explode("alt", empty_as_null=True, keep_nulls=True)
    assert n == kept.height
    assert found.with_columns(pl.col("ref", "alt").str.replace_all("\x1f", "?")).equals(wanted)


def test_bytes_that_are_no_text_do_not_stay() -> None:
    found, n = split_alleles(
        b"1\t5\t.\t\xff\xc3\tA,\xe9\n\n \n1\t6\t.\tA\n", lambda name: name
    )
    assert (n, found.rows()) == (1, [("1", 5, "??", "A"), ("1", 5, "??", "?")])
