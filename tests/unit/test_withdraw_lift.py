"""People are withdrawn from a cohort of another assembly, whom no sheet lists."""

import shutil
from pathlib import Path

import pytest
from inprocess import ingest_here
from slow_without import without
from test_ingest_lift import _config
from test_liftover_command import CHAIN, SOURCE, TARGET
from withdrawing import compare

import varhouse
from varhouse.errors import ConfigError
from varhouse.withdrawal.found import Asked
from varhouse.withdrawal.run import withdraw


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.fa").write_text(SOURCE)
    (tmp_path / "in" / "b.fa").write_text(TARGET)
    (tmp_path / "in" / "c.chain").write_text(CHAIN)
    assert ingest_here(tmp_path / "s", _config(tmp_path / "in"))["held_back"] == []
    return tmp_path


@pytest.mark.parametrize("who", ["s1", "s2"])
def test_from_the_source(folder: Path, who: str) -> None:
    receipt = withdraw(folder / "s", Asked("old", [who]))
    assert receipt.exact
    shutil.copytree(folder / "in", folder / "other")
    file = folder / "other" / "old.vcf"
    file.write_text(without(file.read_text(), {who}))
    account = ingest_here(folder / "whole", folder / "other" / "config.yaml")
    assert account["held_back"] == []
    compare(folder / "s", folder / "whole")
    again = ingest_here(folder / "s", folder / "in" / "config.yaml")
    assert again.get("up_to_date"), again


def test_without_the_source_nothing_is_done(folder: Path) -> None:
    (folder / "in" / "old.vcf").unlink()
    before = varhouse.open(folder / "s").release
    with pytest.raises(ConfigError, match=r"old\.vcf: no longer there.*lifted"):
        withdraw(folder / "s", Asked("old", ["s1"]))
    assert varhouse.open(folder / "s").release == before
