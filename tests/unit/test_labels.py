"""Numbers of files and samples count in the digest by what they stand for."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from varhouse.errors import SchemaError
from varhouse.tables.labels import FILE, SAMPLE, Labels
from varhouse.tables.rowdigest import digest_frame
from varhouse.tables.schema import TABLES, Column, Table
from varhouse.tables.shards import write_shard

TABLE = Table(
    "t",
    "controlled",
    "a row",
    (
        Column("file", pl.Int32, "", label=FILE),
        Column("sample", pl.Int32, "", label=SAMPLE),
        Column("samples", pl.List(pl.Int32), "", label=SAMPLE),
        Column("text", pl.String, ""),
    ),
)
ROWS = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 5), st.lists(st.integers(0, 5)), st.text()),
    min_size=1,
    max_size=12,
)
FILES = {0: ("a.vcf", ["s0"]), 1: ("b.vcf", ["s1", "s2"]), 2: ("b.vcf", ["s3"]), 3: ("c", [])}
SAMPLES = {n: f"s{n}" for n in range(6)}


def _frame(rows: list) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=TABLE.polars_schema, orient="row")


@settings(derandomize=True, max_examples=60, deadline=None)
@given(ROWS, st.permutations(range(4)), st.permutations(range(6)))
def test_the_order_of_arrival_does_not_count(rows: list, files: list, people: list) -> None:
    """Other numbers for the same files and samples, with gaps: the same digest."""
    other = [
        (2 * files[f] + 1, 3 * people[s], [3 * people[n] for n in of], text)
        for f, s, of, text in rows
    ]
    renamed = Labels(
        {2 * files[f] + 1: said for f, said in FILES.items()},
        {3 * people[s]: name for s, name in SAMPLES.items()},
    )
    one = digest_frame(_frame(rows), TABLE, Labels(FILES, SAMPLES))
    assert digest_frame(_frame(other), TABLE, renamed) == one


@pytest.mark.parametrize("column", [0, 1, 2])
def test_another_file_or_sample_counts(column: int) -> None:
    row, other = [1, 2, [3, 4], "x"], [2, 3, [4, 3], "x"]
    changed = [other[k] if k == column else row[k] for k in range(4)]
    labels = Labels(FILES, SAMPLES)
    assert digest_frame(_frame([row]), TABLE, labels) != digest_frame(
        _frame([changed]), TABLE, labels
    )


def test_files_of_one_name_are_told_apart_by_their_people() -> None:
    found = Labels(FILES, SAMPLES).look(FILE, np.array([1, 2]))
    assert found[0] != found[1]


@pytest.mark.parametrize("row", [[4, 0, [], ""], [0, 6, [], ""], [0, 0, [0, -1], ""]])
def test_a_number_that_stands_for_nothing_is_refused(row: list) -> None:
    with pytest.raises(SchemaError, match=r"is that of no (file|sample) of the cohort"):
        digest_frame(_frame([row]), TABLE, Labels(FILES, SAMPLES))
    with pytest.raises(SchemaError, match="is that of no"):
        digest_frame(_frame([row]), TABLE, Labels({}, {}))


def test_no_shard_without_labels(tmp_path) -> None:
    """Nobody forgets them: a digest of bare numbers would depend on the history."""
    frame = pl.DataFrame(
        {"cohort": ["c"], "file": [0], "record": [0], "line": [1], "contig": ["1"],
         "pos": [1], "alt_index": [None], "reason": ["x"], "detail": [""], "text": [""],
         "part": ["1"]},
        schema=TABLES["rejects"].polars_schema,
    )  # fmt: skip
    partition = {"cohort": "c", "part": "1"}
    with pytest.raises(SchemaError, match="table rejects: no labels for file"):
        write_shard(frame, TABLES["rejects"], tmp_path, "r", partition)
    labels = Labels({0: ("a.vcf", [])}, {})
    assert write_shard(frame, TABLES["rejects"], tmp_path, "r", partition, labels) is not None


def test_every_number_of_files_and_samples_has_labels() -> None:
    """A new table of content that has such a column says what its numbers stand for."""
    names = {"file", "ordinal", "sample", "samples"}
    for table in TABLES.values():
        for column in table.columns:
            inner = getattr(column.dtype, "inner", column.dtype)
            is_number = inner == pl.Int32 and column.name in names and table.name != "contigs"
            if table.content and column.content and is_number:
                assert column in table.labelled, f"{table.name}.{column.name}"
