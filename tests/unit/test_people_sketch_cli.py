"""`varhouse people secret, panel, sketch, match`: two centres, from files to pairs."""

import json
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest
from governedstores import papers
from sameworld import World
from sketchworld import SECRET

from varhouse.cli import main
from varhouse.governance.audit import Audit
from varhouse.governance.ledger import Entry, Ledger
from varhouse.governance.rules import load_rules
from varhouse.people.sketchfile import owners, read_sketches
from varhouse.people.sketchpanel import read_panel

BASES = 60_000


@dataclass
class Centres:
    """Two stores, the secret and the list of sites of their federation."""

    folder: Path

    @property
    def secret(self) -> str:
        return str(self.folder / "secret")

    @property
    def panel(self) -> str:
        return str(self.folder / "sites.parquet")

    def sketch(self, store: str, out: Path, *more: str) -> int:
        return main(
            ["people", "sketch", str(self.folder / store), "--secret", self.secret,
             "--panel", self.panel, "--own-ids", str(out.with_suffix(".ids")),
             "-o", str(out), *more]
        )  # fmt: skip


@pytest.fixture(scope="module")
def fx_centres(tmp_path_factory):
    """One centre with genomes and an array, another with genomes: three people in common.

    north/n0 is south/s5 (with errors), north/n1 a parent of south/s6; chip/k0 is south/s7.
    south/empty has no call.
    """
    folder = tmp_path_factory.mktemp("centres")
    world = World(folder, seed=3, contigs={f"c{k}": BASES for k in range(1, 7)})
    same, parent, chipped = world.person(), world.person(), world.person()
    north = {f"n{k}": world.again(world.person(), missing=0) for k in range(2, 30)}
    north |= {"n0": world.again(same, missing=0), "n1": world.again(parent, missing=0)}
    south = {f"s{k}": world.again(world.person()) for k in range(8, 24)}
    south |= {
        "s5": world.again(same, error=0.01, missing=0.05),
        "s6": world.again(world.child(parent, world.person())),
        "s7": world.again(chipped),
        "empty": ["./."] * len(world.sites),
    }
    chip = {f"k{k}": world.again(world.person(), missing=0) for k in range(1, 12)}
    chip["k0"] = world.again(chipped, missing=0)
    world.write("north", north)
    world.write("chip", chip, sites=slice(0, 5_000))
    world.ingest(folder / "one", ["north", "chip"])
    world.write("south", south)
    world.ingest(folder / "two", ["south"])
    centres = Centres(folder)
    # One that is always the same: with a new one each time pairs are now more, now less alike.
    Path(centres.secret).write_bytes(SECRET)
    Path(centres.secret).chmod(0o600)
    assert main(
        ["people", "panel", str(folder / "one"), "--tier", "genomes=north", "--tier",
         "array=chip", "--spacing", "0", "-o", centres.panel]
    ) == 0  # fmt: skip
    return centres


def test_the_same_person_is_known_across_centres(fx_centres, tmp_path, capsys) -> None:
    one, two = tmp_path / "one.parquet", tmp_path / "two.parquet"
    assert fx_centres.sketch("one", one) == 0
    assert fx_centres.sketch("two", two) == 0
    assert "south: no sketch of 1 of 20 people" in capsys.readouterr().err
    out = tmp_path / "found.parquet"
    assert main(
        ["people", "match", str(one), str(two), "--own-ids", str(one.with_suffix(".ids")),
         "-o", str(out)]
    ) == 0  # fmt: skip
    theirs = owners(two.with_suffix(".ids")).select(person_2="person", them="sample")
    found = pl.read_parquet(out).join(theirs, on="person_2", how="left").sort("sample_1")
    clear = found.filter(pl.col("verdict") != "unclear")
    assert clear.select("cohort_1", "sample_1", "them", "tier", "verdict").rows() == [
        ("chip", "k0", "s7", "array", "duplicate_or_twin"),
        ("north", "n0", "s5", "genomes", "duplicate_or_twin"),
        ("north", "n1", "s6", "genomes", "first_degree"),
    ]
    assert clear["sample_2"].null_count() == 3
    assert clear["strangers"].max() < 0.05


def test_what_leaves_has_no_names_and_no_genotypes(fx_centres, tmp_path) -> None:
    out = tmp_path / "s.parquet"
    assert fx_centres.sketch("two", out) == 0
    raw = out.read_bytes()
    names = owners(out.with_suffix(".ids"))
    assert names.height == 19
    assert not any(n.encode() in raw for n in ("south", "s12", "s23", "empty"))
    header, rows = read_sketches(out)
    panel = read_panel(Path(fx_centres.panel))
    assert header.panel == panel.digest
    assert sorted(t.name for t in panel.tiers) == ["array", "genomes"]
    assert rows.columns == ["person", "tier", "n_sites", "sketch"]
    # Again, with the table of own ids: the same names and bits.
    assert fx_centres.sketch("two", out) == 0
    assert read_sketches(out)[1].equals(rows)
    # Without it: other names, the same bits.
    other = tmp_path / "other.parquet"
    assert fx_centres.sketch("two", other, "--cohort", "south") == 0
    again = read_sketches(other)[1]
    assert not set(again["person"]) & set(rows["person"])
    assert sorted(again["sketch"]) == sorted(rows["sketch"])


def test_what_cannot_be_compared_is_told(fx_centres, tmp_path, capsys) -> None:
    one, two = tmp_path / "one.parquet", tmp_path / "two.parquet"
    assert fx_centres.sketch("one", one, "--cohort", "chip") == 0
    other = Centres(fx_centres.folder)
    secret = tmp_path / "other.secret"
    assert main(["people", "secret", str(secret)]) == 0
    assert main(
        ["people", "sketch", str(other.folder / "two"), "--secret", str(secret), "--panel",
         other.panel, "--own-ids", str(tmp_path / "i"), "-o", str(two)]
    ) == 0  # fmt: skip
    capsys.readouterr()
    assert main(["people", "match", str(one), str(two)]) == 1
    assert "made with different secrets" in capsys.readouterr().err
    # People of an array and of genomes at other sites: not compared, and said so.
    north = tmp_path / "north.parquet"
    assert fx_centres.sketch("one", north, "--cohort", "north") == 0
    header, rows = read_sketches(north)
    only = tmp_path / "only.parquet"
    rows = rows.filter(pl.col("tier") == "genomes")
    told = pl.read_parquet_metadata(north)
    rows.write_parquet(only, metadata={k: v for k, v in told.items() if "sketch" in k})
    assert header == read_sketches(only)[0]
    capsys.readouterr()
    assert main(["people", "match", str(one), str(only)]) == 0
    assert "12 people have no tier in common" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["panel", "ONE", "--tier", "x", "-o", "OUT"], "no NAME=COHORT"),
        (["panel", "ONE", "--tier", "x=nort", "-o", "OUT"], "nearest: north"),
        (["panel", "ONE", "--tier", "x=north", "--least-af", "0.7", "-o", "OUT"], "between"),
        (["panel", "ONE", "--tier", "x=chip", "--least-af", "0.45", "-o", "OUT"], "too few"),
        (["sketch", "ONE", "--cohort", "east"], "no cohort 'east'"),
        (["match", "OUT", "--least", "2"], "between 0 and 1"),
        (["match", "SECRET"], "not a file of sketches"),
    ],
)
def test_mistakes_are_told(fx_centres, tmp_path, capsys, words, message) -> None:
    places = {
        "ONE": str(fx_centres.folder / "one"), "OUT": str(tmp_path / "out.parquet"),
        "SECRET": fx_centres.secret,
    }  # fmt: skip
    words = [places.get(w, w) for w in words]
    if words[0] == "sketch":
        words += ["--secret", fx_centres.secret, "--panel", fx_centres.panel, "--own-ids",
                  str(tmp_path / "ids"), "-o", places["OUT"]]  # fmt: skip
    assert main(["people", *words]) in (1, 2)
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_list_of_one_chromosome_is_refused(tmp_path, capsys) -> None:
    world = World(tmp_path, seed=3, contigs={"c1": 100_000, "c2": 70_000, "c3": 70_000})
    people = {f"p{k}": world.again(world.person(), missing=0) for k in range(8)}
    world.write("a", people, sites=slice(0, 2_495))
    world.ingest(tmp_path / "store")
    out = tmp_path / "sites.parquet"
    words = ["people", "panel", str(tmp_path / "store"), "--tier", "t=a", "--spacing", "0"]
    assert main([*words, "-o", str(out)]) == 1
    assert "lie on 4" in capsys.readouterr().err
    assert not out.exists()


def test_sketches_leave_a_governed_store_through_the_gate(
    fx_centres, tmp_path, capsys
) -> None:
    world = World(tmp_path, seed=3, contigs={f"c{k}": BASES for k in range(1, 7)})
    world.write("a", {f"p{k}": world.again(world.person()) for k in range(3)})
    world.ingest(tmp_path / "store")
    facts = {"tier": "T1", "is_pedigree": False, "is_specific_region": False}
    made = [
        Entry("cohort", "a", facts),
        *(Entry("paper", "", {"kind": k, "number": "1", "cohorts": ("a",)})
          for k in ("ethics", "consent")),
        Entry("recipient", "Demo University", {"kind": "domestic", "country": "CN"}),
        Entry("rules", "", {"file": "builtin", "digest": load_rules().digest}),
        *papers("Demo Abroad", ["a"]),
    ]  # fmt: skip
    Ledger.open(tmp_path / "store").add_all(made)
    out = tmp_path / "out" / "s.parquet"
    out.parent.mkdir()
    words = ["people", "sketch", str(tmp_path / "store"), "--secret", fx_centres.secret,
             "--panel", fx_centres.panel, "--own-ids", str(tmp_path / "ids"),
             "-o", str(out)]  # fmt: skip
    capsys.readouterr()
    assert main(words) == 2
    assert "--to RECIPIENT" in capsys.readouterr().err
    assert main([*words, "--to", "Demo Nobody"]) == 1
    assert not out.exists()
    assert not (tmp_path / "ids").exists()
    assert main([*words, "--to", "inside", "--purpose", "a test"]) == 0
    events = [x.body for x in Audit(tmp_path / "store").events()]
    share = next(e for e in reversed(events) if e["event"] == "share")
    assert (share["what"], share["content"]) == ("varhouse people sketch", "individual")
    assert share["people"]["by_cohort"] == {"a": 3}
    assert json.dumps(events).count("secret") == 0
