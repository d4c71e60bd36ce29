"""A FASTA is compiled once for each of its states, and read as it is written."""

import os
from pathlib import Path

import pytest

from varhouse.errors import InputError
from varhouse.genome.reference import OpenedReference, refget_digest


def test_a_cache_keeps_the_compiled_reference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fasta, cache = tmp_path / "r.fa", tmp_path / "cache"
    fasta.write_text(">1 one\nACgt\nnN\r\n\n>2\nTT")
    with OpenedReference(fasta) as reference:
        temporary = reference.directory
        assert bytes(reference.sequence("1")) == b"ACGTNN"
    assert not temporary.exists()

    monkeypatch.setenv("VARHOUSE_CACHE", str(cache))
    with OpenedReference(fasta) as reference:
        kept, digest = reference.directory, reference.digest
        assert reference.refget("2") == refget_digest(reference.sequence("2"))
    assert kept.parent == cache
    assert sorted(p.name for p in kept.iterdir()) == ["reference.bases", "reference.json"]
    os.utime(kept / "reference.bases", (1, 1))
    with OpenedReference(fasta) as reference:
        assert (reference.directory, reference.digest) == (kept, digest)
    assert (kept / "reference.bases").stat().st_mtime == 1

    fasta.write_text(">1\nACGTNA\n>2\nTT\n")
    with OpenedReference(fasta) as reference:
        assert reference.directory != kept
        assert bytes(reference.sequence("1")) == b"ACGTNA"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (">1\nAC1T\n", "'1' in the sequence of 1"),
        (">1\nAC\x80T\n", "in the sequence of 1"),
        (">1\nAC\n>1\nAC\n", "stands twice"),
        ("ACGT\n", "first byte is not >"),
        ("", "no sequence"),
    ],
)
def test_what_is_no_fasta_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, message: str
) -> None:
    monkeypatch.setenv("VARHOUSE_CACHE", str(tmp_path / "cache"))
    (tmp_path / "r.fa").write_text(text, encoding="latin-1")
    with pytest.raises(InputError, match=message), OpenedReference(tmp_path / "r.fa"):
        pass
    assert [p for p in (tmp_path / "cache").rglob("*") if p.is_file()] == []
