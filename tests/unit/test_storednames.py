"""Sample columns of files that a store knows are not read again."""

import os
from pathlib import Path

import pytest
from builders import make_small_inputs
from inprocess import ingest_here

from varhouse.ingest.setup import storednames
from varhouse.ingest.setup.storednames import stored_names
from varhouse.vcf.text.limits import DEFAULTS


def test_names_of_the_store_are_those_of_the_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_small_inputs(tmp_path)
    ingest_here(tmp_path / "s", tmp_path / "config.json")
    read: list[str] = []
    own = storednames.header_names
    monkeypatch.setattr(
        storednames, "header_names", lambda p, x: (read.append(p.name), own(p, x))[1]
    )
    names = stored_names(tmp_path / "s")
    file = tmp_path / "a.vcf"
    assert names(file, DEFAULTS) == ("a1", "a2")
    assert not read
    # Another state, a file that the store does not know, one that is no VCF, none.
    os.utime(file, ns=(1, 1))
    assert names(file, DEFAULTS) == ("a1", "a2")
    assert names(tmp_path / "known.vcf", DEFAULTS) == ()
    assert names(tmp_path / "ref.fa", DEFAULTS) is None
    assert names(tmp_path / "no.vcf", DEFAULTS) is None
    assert read == ["a.vcf", "known.vcf", "ref.fa"]


def test_without_a_store_the_headers_tell(tmp_path: Path) -> None:
    make_small_inputs(tmp_path)
    names = stored_names(tmp_path / "none")
    assert names(tmp_path / "b.vcf", DEFAULTS) == ("b1", "b2")
    assert not (tmp_path / "none").exists()
