"""What `store diff` finds is what a comparison of whole releases in plain Python finds."""

import json
import random
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from builders import add_tables, key, make_contigs, make_rows, make_store, variant
from test_store_cli import run

import varhouse
from varhouse.errors import StoreError, UsageError
from varhouse.store import diff
from varhouse.store.commit import commit
from varhouse.store.diff import SCHEMA, compare_releases
from varhouse.store.reader import Store
from varhouse.tables.schema import CONSEQUENCES, KEY, VARIANTS
from varhouse.tables.shards import Manifest

TERMS = ("stop_gained&splice_region_variant", "missense_variant", "intron_variant")
CLASSES = ("Benign", "Pathogenic", "Uncertain_significance", None)
Said = dict[str, Any]


def said(rng: random.Random) -> Said:
    """Draw what a release says of an allele."""
    return {
        "terms": [rng.choice(TERMS) for _ in range(rng.choice([0, 1, 1, 3]))],
        "classes": [rng.choice(CLASSES) for _ in range(rng.choice([0, 1, 1, 2]))],
    }


def frames(world: dict[str, Said]) -> dict[str, pl.DataFrame]:
    """Make the tables of a release; terms of an allele are sorted by severity."""
    terms: list[Said] = []
    classes: list[Said] = []
    for name, what in world.items():
        for i, term in enumerate(sorted(what["terms"], key=TERMS.index)):
            first = min(what["terms"], key=TERMS.index)
            terms.append(
                {
                    **key(name),
                    "transcript_id": f"T{i}",
                    "consequence": term,
                    "most_severe": term == first,
                }
            )
        classes += [{**key(name), "CLNSIG": c, "n": 1} for c in what["classes"]]
    schema = {"contig": pl.String, "pos": pl.Int32, "ref": pl.String, "alt": pl.String}
    notes = pl.DataFrame(classes, schema={**schema, "CLNSIG": pl.String, "n": pl.Int64})
    null = pl.lit(None, pl.String)
    return {
        "variants": make_rows(VARIANTS, [variant(n) for n in world]),
        "consequences": make_rows(CONSEQUENCES, terms),
        "annotations_clinvar": notes.with_columns(source_version=null, licence=null),
    }


def replace(path: Path, table: str, part: str) -> None:
    """Make a release without the rows of a partition."""
    base = varhouse.open(path).release
    commit(
        path,
        [Manifest([], [(table, {"part": part})])],
        ingest_id=f"gone{base + 1}",
        operation="test",
        base_release=base,
    )


def expected(old: dict[str, Said], new: dict[str, Said]) -> list[tuple[Any, ...]]:
    out: list[tuple[Any, ...]] = []
    for name in {*old, *new}:
        k = tuple(key(name).values())
        if name not in old or name not in new:
            out.append((*k, "added" if name in new else "gone", None, None))
            continue
        a, b = (
            min(
                (t.split("&")[0] for t in w[name]["terms"]),
                default=None,
                key=lambda t: [x.split("&")[0] for x in TERMS].index(t),
            )
            for w in (old, new)
        )
        if a != b:
            out.append((*k, "most_severe", a, b))
        a, b = (
            ";".join(sorted({c for c in w[name]["classes"] if c})) or None for w in (old, new)
        )
        if a != b:
            out.append((*k, "clinvar.CLNSIG", a, b))
    return sorted(out, key=str)


def found(old: Store, new: Store, *args: Any) -> list[tuple[Any, ...]]:
    frame = pl.concat([pl.DataFrame(schema=SCHEMA), *compare_releases(old, new, *args)])
    return sorted(frame.rows(), key=str)


@pytest.fixture(scope="module")
def fx_two(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict, dict]:
    """Give a store and what its releases 2 and the newest say; chr2 is the same in both."""
    rng = random.Random(4)
    path = tmp_path_factory.mktemp("diff") / "s"
    names = [
        f"{c}-{p}-A-{a}"
        for c in ("chr1", "chr2", "chr10")
        for p in range(1, 9000, 90)
        for a in "CG"
    ]
    old = {n: said(rng) for n in names if rng.random() < 0.8}
    new = {}
    for n in names:
        if n in old and (n.startswith("chr2") or rng.random() < 0.7):
            new[n] = old[n]
        elif n.startswith("chr2") is False and rng.random() < 0.8:
            new[n] = said(rng)
    contigs = make_contigs()
    # Pieces cut through the rows of an allele.
    make_store(path, frames(old), contigs, pieces=7)
    for part in ("chr1", "chr10"):
        for table in frames(old):
            replace(path, table, part)
    there = {n: w for n, w in new.items() if not n.startswith("chr2-")}
    add_tables(path, frames(there), contigs, pieces=5)
    return path, old, new


def test_equals_a_comparison_of_everything(
    fx_two: tuple[Path, dict, dict], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, before, after = fx_two
    old, new = varhouse.open(path, 2), varhouse.open(path)
    wanted = expected(before, after)
    assert {w[5] for w in wanted} == {"added", "gone", "most_severe", "clinvar.CLNSIG"}
    assert found(old, new) == wanted
    monkeypatch.setattr(diff, "WINDOW_ROWS", 20)
    assert found(old, new) == wanted
    assert found(new, old) == expected(after, before)
    assert found(new, new) == []
    moved = [w for w in wanted if w[5] in ("added", "gone")]
    assert found(old, new, ["variants"]) == moved
    assert found(old, new, ["consequences"]) == [w for w in wanted if w[5] == "most_severe"]
    only = found(old, new, ["annotations_clinvar"])
    assert [w for w in only if w[5] == "clinvar.CLNSIG"] == [
        w for w in wanted if w[5] == "clinvar.CLNSIG"
    ]
    assert {w[5] for w in only} == {"clinvar.CLNSIG", "clinvar.n"}


def test_only_files_that_differ_are_read(
    fx_two: tuple[Path, dict, dict], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, *_ = fx_two
    read: list[str] = []
    scan = pl.scan_parquet
    monkeypatch.setattr(
        pl, "scan_parquet", lambda s, **k: read.extend(map(str, s)) or scan(s, **k)
    )
    found(varhouse.open(path, 2), varhouse.open(path))
    assert read
    assert not [r for r in read if "part=chr2/" in r]


def test_allele_whose_rows_stand_in_a_file_of_both_releases(tmp_path: Path) -> None:
    """The most severe row stays in its file, another one goes: nothing has changed."""
    world = {"chr1-5-A-C": {"terms": list(TERMS), "classes": ["Benign", "Pathogenic"]}}
    path = make_store(tmp_path / "s", frames(world), pieces=3)
    files = varhouse.open(path).file_frame("annotations_clinvar")
    assert files.height == 2
    gone = ("annotations_clinvar", files["path"][0])
    commit(path, [Manifest([], [], [gone])], ingest_id="x", operation="t", base_release=2)
    old, new = varhouse.open(path, 2), varhouse.open(path)
    rows = found(old, new)
    assert [r[6] for r in rows] == ["Benign;Pathogenic"]
    assert rows[0][7] in ("Benign", "Pathogenic")


def test_mistakes_are_named(fx_two: tuple[Path, dict, dict]) -> None:
    path, *_ = fx_two
    old, new = varhouse.open(path, 2), varhouse.open(path)
    with pytest.raises(UsageError, match=r"nearest: clinvar\.CLNSIG"):
        found(old, new, [], ["clinvar.CLNSIF"])
    with pytest.raises(UsageError, match="cannot be compared"):
        found(old, new, ["genotypes"])


def test_command(
    fx_two: tuple[Path, dict, dict], capsys: pytest.CaptureFixture, tmp_path: Path
) -> None:
    path, before, after = fx_two
    newest = varhouse.open(path).release
    capsys.readouterr()
    assert run("diff", path, 2, newest, "--format", "json") == 0
    answer = capsys.readouterr()
    rows = [tuple(r[c] for c in SCHEMA) for r in json.loads(answer.out)]
    assert sorted(rows, key=str) == expected(before, after)
    added = sum(w[5] == "added" for w in expected(before, after))
    assert f"{added:>14,}  added" in answer.err
    assert run("diff", path, 2, "-o", tmp_path / "d.parquet") == 0
    frame = pl.read_parquet(tmp_path / "d.parquet")
    assert sorted(frame.rows(), key=str) == expected(before, after)
    assert frame.columns[:5] == list(KEY)
    capsys.readouterr()
    assert run("diff", path, newest, newest) == 0
    assert "no difference" in capsys.readouterr().err
    with pytest.raises(StoreError, match="no release 99"):
        run("diff", path, 1, 99, "--field", "clinvar.CLNSIG")


def test_tags(fx_two: tuple[Path, dict, dict], capsys: pytest.CaptureFixture) -> None:
    path, *_ = fx_two
    capsys.readouterr()
    assert run("tag", path, "first", "--release", 2) == 0
    assert run("tag", path, "first", "--release", "first") == 0
    assert varhouse.open(path, "first").release == 2
    with pytest.raises(StoreError, match="release 2 has the tag"):
        run("tag", path, "first")
    assert run("tag", path, "first", "--move") == 0
    assert varhouse.open(path, "first").release == varhouse.open(path).release
    run("tag", path, "again", "--release", 2)
    capsys.readouterr()
    run("tag", path)
    assert capsys.readouterr().out.split() == [
        "2",
        "again",
        str(varhouse.open(path).release),
        "first",
    ]
    run("tag", path, "first", "--delete")
    with pytest.raises(StoreError, match="no tag 'first'"):
        run("tag", path, "first", "--delete")
    for name in ("12", "latest", "a/b"):
        with pytest.raises(StoreError):
            run("tag", path, name)
