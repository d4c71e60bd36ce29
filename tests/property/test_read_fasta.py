"""FASTA of any line length, line end and header, read in any pieces."""

import tempfile
from pathlib import Path
from unittest import mock

from hypothesis import given, settings
from hypothesis import strategies as st

from varhouse.genome import reference

SEQUENCES = st.lists(
    st.tuples(
        st.text("ACGTNacgt", max_size=40),
        st.sampled_from(["", " x>y", " >z", " a > b", "\t>"]),
        st.sampled_from([1, 5, 60]),
        st.sampled_from(["\n", "\r\n"]),
    ),
    min_size=1, max_size=4,
)  # fmt: skip


@settings(max_examples=150, deadline=None, derandomize=True)
@given(SEQUENCES, st.sampled_from([1, 2, 7, 64, 1 << 20]), st.booleans())
def test_any_pieces(sequences, block, ended):
    text = "".join(
        f">c{k}{about}{end}" + "".join(s[i : i + width] + end for i in range(0, len(s), width))
        for k, (s, about, width, end) in enumerate(sequences)
    )
    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch.object(reference, "_BLOCK", block),
    ):
        path = Path(folder) / "r.fa"
        path.write_text(text if ended else text.rstrip("\r\n"), newline="")
        found = [(n, bytes(bases).decode()) for n, bases in reference._iter_fasta(path)]
    assert found == [(f"c{k}", s[0].upper()) for k, s in enumerate(sequences)]
