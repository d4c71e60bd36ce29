"""Sketches of people: how they are made, what they are worth, and which pairs are alike."""

import hashlib
import hmac
import math
from pathlib import Path
from statistics import NormalDist

import numpy as np
import polars as pl
import pytest
from sketchworld import OTHER, SECRET, Genomes

from varhouse.errors import AccessError, InputError, UsageError, VarhouseError
from varhouse.people import sketchmatch, sketchpanel
from varhouse.people.sketch import projections, sketch_packed
from varhouse.people.sketchfile import (
    Header,
    OwnIds,
    owners,
    read_sketches,
    write_sketches,
)
from varhouse.people.sketchmatch import check_comparable, look_at_first, match
from varhouse.people.sketchpanel import Panel, Tier, find_axes, read_panel, write_panel
from varhouse.people.sketchsecret import check_value, make_secret, read_secret


def sketches_of(
    bits: np.ndarray, tier: str = "t", prefix: str = "p", called: int = 10**6
) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "person": [f"{prefix}{k}" for k in range(len(bits))],
            "tier": [tier] * len(bits),
            "n_sites": [called] * len(bits),
            "sketch": [row.tobytes() for row in bits],
        }
    )


# --- the secret ---


def test_a_secret_is_made_once_and_for_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    check = make_secret(path)
    assert path.stat().st_mode & 0o777 == 0o600
    secret = read_secret(path)
    assert len(secret) == 32
    assert check == check_value(secret)
    assert check not in path.read_text()
    with pytest.raises(UsageError, match="is there already"):
        make_secret(path)
    assert read_secret(path) == secret


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "0 bytes are no secret"),
        (bytes(range(128, 159)), "31 bytes are no secret"),
        (b"correct horse battery staple and so on and on", "a text can be guessed"),
        (b"\0" * 64, "not random"),
        (bytes([200, 201, 202, 203]) * 16, "not random"),
    ],
)
def test_a_secret_that_can_be_guessed_is_refused(
    tmp_path: Path, raw: bytes, message: str
) -> None:
    path = tmp_path / "secret"
    path.write_bytes(raw)
    path.chmod(0o600)
    with pytest.raises(InputError, match=message):
        read_secret(path)


def test_random_bytes_are_a_secret_and_a_damaged_one_is_told(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_bytes(OTHER + b"\xff")
    path.chmod(0o600)
    assert read_secret(path) == OTHER + b"\xff"
    path.chmod(0o640)
    with pytest.raises(AccessError, match="others may read"):
        read_secret(path)
    whole = tmp_path / "whole"
    make_secret(whole)
    text = whole.read_text()
    for damaged in (text[:-2], text[:40] + ("1" if text[40] == "0" else "0") + text[41:]):
        whole.write_text(damaged)
        with pytest.raises(InputError, match="is damaged"):
            read_secret(whole)


# --- the sketch ---


def test_a_sketch_is_what_its_description_says() -> None:
    """The same with hashlib, integers and sums in Python."""
    world = Genomes(1_024, seed=3)
    copies = world.calls(world.person(), world.person(), missing=0.1)
    tier = world.tier()
    assert tier.bits == 128
    bits, called = sketch_packed(world.packed(copies), tier, projections(SECRET, "test", tier))
    start = hmac.new(SECRET, b"varhouse-sketch-1 numbers test", hashlib.sha256).digest()
    quantile = [round(32 * NormalDist().inv_cdf((b + 0.5) / 256)) for b in range(256)]
    for person, row in enumerate(copies):
        sums = [0.0] * tier.bits
        for site, (copy, af) in enumerate(zip(row, world.af, strict=True)):
            if copy < 0:
                continue
            z = (copy - 2 * af) / math.sqrt(2 * af * (1 - af))
            text = f"{world.sites['contig'][site]}\t{site + 1}\tA\tC\t"
            numbers = hashlib.shake_256(start + text.encode()).digest(tier.bits)
            for k, byte in enumerate(numbers):
                sums[k] += z * quantile[byte]
        wanted = [v > 0 for v in sums]
        assert np.unpackbits(bits[person], bitorder="little").tolist() == wanted
        assert called[person] == (row >= 0).sum()


def test_numbers_of_a_site_are_the_same_in_any_list() -> None:
    world = Genomes(2_048)
    whole = world.tier()
    half = Tier("other", whole.sites[::2], whole.axes[::2])
    a, b = projections(SECRET, "test", whole), projections(SECRET, "test", half)
    assert (a[::2, : half.bits] == b).all()
    assert abs(a.mean()) < 0.2
    assert a.std() == pytest.approx(32, rel=0.01)
    others = projections(OTHER, "test", whole), projections(SECRET, "else", whole)
    for other in others:
        assert abs(np.corrcoef(a.ravel(), other.ravel())[0, 1]) < 0.005


@pytest.mark.parametrize(("error", "missing"), [(0, 0), (0.001, 0.01), (0.01, 0.05)])
def test_similarity_is_twice_kinship(error: float, missing: float) -> None:
    world = Genomes(16_384, seed=5)
    tier = world.tier()
    assert tier.bits == 2_048
    numbers = projections(SECRET, "test", tier)
    firsts, seconds = [], []
    for _ in range(20):
        a, b, c = world.person(), world.person(), world.person()
        x, y, half = world.child(a, b), world.child(a, b), world.child(a, c)
        firsts.append(world.calls(a, a, x, x, c, error=error, missing=missing))
        seconds.append(world.calls(a, x, y, half, b, error=error, missing=missing))

    def sketch(parts: list[np.ndarray]) -> pl.DataFrame:
        bits, called = sketch_packed(world.packed(np.concatenate(parts)), tier, numbers)
        return sketches_of(bits).with_columns(n_sites=pl.Series(called))

    header = Header.of(SECRET, Panel("test", (tier,)))
    found = match(header, sketch(firsts), sketch(seconds), 0.01).pairs
    mine = found.filter(pl.col("person_1") == pl.col("person_2"))
    kind = mine["person_1"].str.slice(1).cast(pl.Int64) % 5
    same, parent, sibling, half = (mine.filter(kind == k)["similarity"] for k in range(4))
    assert [len(s) for s in (same, parent, sibling, half)] == [20] * 4
    assert same.min() > 0.9
    assert (parent.min() > 0.4) & (parent.max() < 0.6)
    assert (sibling.min() > 0.3536) & (sibling.max() < 0.7071)
    assert half.mean() == pytest.approx(0.25, abs=0.05)
    # Nobody but these and their families is alike.
    strangers = found.filter(
        pl.col("person_1").str.slice(1).cast(pl.Int64) // 5
        != pl.col("person_2").str.slice(1).cast(pl.Int64) // 5
    )
    assert strangers["similarity"].max() < 0.2


def test_what_is_missing_of_both_makes_no_degree_of_another() -> None:
    """The same fifth of the sites, and another fifth each: both ends of what there is."""
    world = Genomes(16_384, seed=15)
    tier = world.tier()
    numbers = projections(SECRET, "test", tier)
    header = Header.of(SECRET, Panel("test", (tier,)))
    families = []
    for _ in range(12):
        a, b, c = world.person(), world.person(), world.person()
        child = world.child(a, b)
        families.append((a, a, child, world.child(a, c), child))
    people = world.calls(*(p for f in families for p in f))
    for lacks_same in (True, False):
        own = people.copy()
        own[::5, :: 6 if lacks_same else 5] = -1
        for k in range(1, 5):
            own[k::5, 0 if lacks_same else k :: 6 if lacks_same else 5] = -1
        bits, called = sketch_packed(world.packed(own), tier, numbers)
        frame = sketches_of(bits).with_columns(n_sites=pl.Series(called))
        found = match(header, frame, least=0.05).pairs.with_columns(
            *(pl.col(f"person_{k}").str.slice(1).cast(pl.Int64).alias(f"n{k}") for k in (1, 2))
        )
        by = {
            k: found.filter(pl.col("n1") % 5 == 0, pl.col("n2") == pl.col("n1") + k)["verdict"]
            for k in (1, 2, 3)
        }
        assert by[1].unique().to_list() == ["duplicate_or_twin"]
        assert by[2].unique().to_list() == ["first_degree"]
        assert by[1].len() == by[2].len() == 12


def test_of_one_ancestry_strangers_are_not_alike_once_axes_are_taken_away() -> None:
    world = Genomes(8_192, seed=7, populations=3, apart=0.1)
    makers = world.calls(*(world.person(k % 3) for k in range(150)))
    copies = world.calls(*(world.person(k % 3) for k in range(60)))
    alike = {}
    for axes in (0, 10):
        tier = world.tier(axes=axes, people=makers)
        numbers = projections(SECRET, "test", tier)
        bits, _ = sketch_packed(world.packed(copies), tier, numbers)
        signs = np.unpackbits(bits, axis=1) * 2.0 - 1
        similarity = np.sin(np.pi / 2 * (signs @ signs.T) / tier.bits)
        own = np.arange(60) % 3
        is_own = (own[:, None] == own) & ~np.eye(60, dtype=bool)
        alike[axes] = similarity[is_own].mean(), similarity[own[:, None] != own].mean()
    assert alike[0][0] > 0.1
    assert alike[0][1] < -0.03
    assert abs(alike[10][0]) < 0.025
    assert abs(alike[10][1]) < 0.025


def test_an_axis_of_a_family_is_no_ancestry() -> None:
    world = Genomes(4_096, seed=11)
    a, b = world.person(), world.person()
    family = [world.child(a, b) for _ in range(8)]
    people = world.calls(*family, *(world.person() for _ in range(112)))
    axes = find_axes(world.packed(people), 10)
    z = sketchpanel.standardise(people, world.af)
    along = ((z @ axes) ** 2).sum(axis=1)
    # Of the first ten singular vectors one is the family's.
    assert axes.shape[1] < 10
    assert along[:8].mean() < 2 * along[8:].mean()
    assert np.allclose(axes.T @ axes, np.eye(axes.shape[1]), atol=1e-4)
    # Few people have axes of their own.
    assert find_axes(world.packed(people[:49]), 10).shape == (4_096, 0)


# --- files ---


def test_a_list_of_sites_comes_back_and_a_changed_one_is_told(tmp_path: Path) -> None:
    world = Genomes(1_024, seed=2)
    people = world.calls(*(world.person() for _ in range(60)))
    panel = Panel("test", (world.tier("genomes", 3, people), world.tier("array")))
    path = tmp_path / "sites.parquet"
    write_panel(panel, path)
    again = read_panel(path)
    assert again.digest == panel.digest
    assert again.assembly == "test"
    for one, two in zip(panel.tiers, again.tiers, strict=True):
        assert one.name == two.name
        assert one.sites.equals(two.sites)
        assert (one.axes == two.axes).all()
    changed = pl.read_parquet(path).with_columns(af=pl.col("af").round(2))
    changed.write_parquet(path, metadata={
        sketchpanel.FORMAT: pl.read_parquet_metadata(path)[sketchpanel.FORMAT]
    })  # fmt: skip
    with pytest.raises(InputError, match="was changed"):
        read_panel(path)
    path.write_bytes(b"no parquet")
    with pytest.raises(InputError, match="no Parquet"):
        read_panel(path)
    with pytest.raises(UsageError, match="no such file"):
        read_panel(tmp_path / "none")


def test_a_file_of_sketches_comes_back_in_an_order_that_tells_nothing(tmp_path: Path) -> None:
    world = Genomes(1_024)
    header = Header.of(SECRET, world.panel())
    ids = OwnIds(tmp_path / "own.tsv")
    bits = np.random.default_rng(1).integers(0, 256, (50, 16), dtype=np.uint8)
    samples = [f"s{k}" for k in range(50)]
    rows = sketches_of(bits).with_columns(person=pl.Series(ids.names("c", samples)))
    ids.write()
    path = tmp_path / "sketches.parquet"
    write_sketches(header, rows, path)
    told, back = read_sketches(path)
    assert told == header
    assert back["person"].is_sorted()
    assert b"s17" not in path.read_bytes()
    known = owners(tmp_path / "own.tsv")
    order = back.join(known, on="person", maintain_order="left")["sample"].to_list()
    assert sorted(order) == sorted(samples)
    assert order != samples
    assert (tmp_path / "own.tsv").stat().st_mode & 0o777 == 0o600
    # The same people keep their names; new ones get others.
    again = OwnIds(tmp_path / "own.tsv").names("c", ["new", *samples])
    assert again[1:] == ids.names("c", samples)
    assert len(set(again)) == 51
    assert OwnIds(tmp_path / "own.tsv").names("d", ["s0"]) != again[1:2]


def test_damaged_files_of_sketches_are_refused(tmp_path: Path) -> None:
    world = Genomes(1_024)
    header = Header.of(SECRET, world.panel())
    path = tmp_path / "s.parquet"
    rows = sketches_of(np.zeros((2, 16), np.uint8))
    short = sketches_of(np.zeros((1, 8), np.uint8))
    for frame, message in (
        (short, "another length"),
        (rows.with_columns(person=pl.lit("x")), "two sketches of a tier"),
        (rows.with_columns(tier=pl.lit("else")), "another length"),
    ):
        write_sketches(header, frame, path)
        with pytest.raises(InputError, match=message):
            read_sketches(path)
    rows.write_parquet(path)
    with pytest.raises(InputError, match="not a file of sketches"):
        read_sketches(path)
    (tmp_path / "own.tsv").write_text("a\tb\n")
    with pytest.raises(InputError, match="no table of own ids"):
        OwnIds(tmp_path / "own.tsv")


def test_other_secrets_and_lists_are_told_from_strangers() -> None:
    world = Genomes(1_024)
    header = Header.of(SECRET, world.panel())
    check_comparable(header, Header.of(SECRET, world.panel()))
    with pytest.raises(VarhouseError, match="different secrets"):
        check_comparable(header, Header.of(OTHER, world.panel()))
    with pytest.raises(VarhouseError, match="different lists of sites"):
        check_comparable(header, Header.of(SECRET, Genomes(1_024, seed=9).panel()))


# --- pairs ---


def _slow(a: np.ndarray, b: np.ndarray, least: float) -> dict[tuple[str, str], float]:
    one, two = np.unpackbits(a, axis=1), np.unpackbits(b, axis=1)
    out = {}
    for i, x in enumerate(one):
        for j, y in enumerate(two):
            found = math.cos(math.pi * float((x != y).mean()))
            if found >= least:
                out[(f"a{i}", f"b{j}")] = found
    return out


@pytest.mark.parametrize(("n_bits", "least"), [(4_096, 0.3536), (4_096, 0.72), (192, 0.2)])
def test_pairs_are_those_of_a_slow_reader(n_bits: int, least: float) -> None:
    rng = np.random.default_rng(n_bits)
    a = rng.integers(0, 256, (70, n_bits // 8), dtype=np.uint8)
    b = rng.integers(0, 256, (600, n_bits // 8), dtype=np.uint8)
    for k in range(60):
        # More and more bits turned: across all verdicts.
        flip = np.packbits(rng.random(n_bits) < 0.008 * k)
        b[9 * k] = a[k] ^ flip
    header = Header("x", "p", "c", {"t": 8 * n_bits}, {"t": n_bits})
    one, two = sketches_of(a, prefix="a"), sketches_of(b, prefix="b")
    wanted = _slow(a, b, least)
    assert len(wanted) > 10
    for threads in (1, 3):
        found = match(header, one, two, least, threads).pairs
        got = {(p, q): s for p, q, s in found.select(
            "person_1", "person_2", "similarity").iter_rows()}  # fmt: skip
        assert got == pytest.approx(wanted)
    swapped = match(header, two, one, least).pairs
    assert set(zip(swapped["person_2"], swapped["person_1"], strict=True)) == set(wanted)
    assert match(header, one, two, least).tiers["pairs"].to_list() == [42_000]


def test_a_list_is_compared_with_itself_once() -> None:
    rng = np.random.default_rng(1)
    a = rng.integers(0, 256, (700, 64), dtype=np.uint8)
    a[600] = a[3]
    a[301] = a[300]
    a[699] = a[0]
    header = Header("x", "p", "c", {"t": 4_096}, {"t": 512})
    found = match(header, sketches_of(a))
    assert found.pairs.select("person_1", "person_2").rows() == [
        ("p0", "p699"), ("p3", "p600"), ("p300", "p301"),
    ]  # fmt: skip
    assert found.pairs["verdict"].unique().to_list() == ["duplicate_or_twin"]
    assert found.tiers["pairs"].to_list() == [700 * 699 // 2]


def test_more_pairs_than_there_is_room_for_are_all_found() -> None:
    same = np.zeros((300, 16), np.uint8)
    header = Header("x", "p", "c", {"t": 1_024}, {"t": 128})
    assert match(header, sketches_of(same)).pairs.height == 300 * 299 // 2
    nobody = sketches_of(same)[:0]
    assert match(header, nobody, sketches_of(same)).pairs.height == 0
    assert match(header, sketches_of(same)[:1]).pairs.height == 0


def test_two_people_are_compared_by_the_best_tier_that_both_have() -> None:
    rng = np.random.default_rng(4)
    big, small = (rng.integers(0, 256, (3, n), dtype=np.uint8) for n in (64, 32))
    header = Header("x", "p", "c", {"array": 2_048, "genomes": 4_096},
                    {"array": 256, "genomes": 512})  # fmt: skip
    one = pl.concat([sketches_of(big[:2], "genomes", "a"), sketches_of(small, "array", "a")])
    # b0: both tiers; b1: as a1 in the array, but in genomes another; b2: array alone.
    other = np.stack([big[0], big[2]])
    two = pl.concat([sketches_of(other, "genomes", "b"), sketches_of(small, "array", "b")])
    found = match(header, one, two).pairs.sort("person_1")
    assert found.select("person_1", "person_2", "tier").rows() == [
        ("a0", "b0", "genomes"), ("a2", "b2", "array"),
    ]  # fmt: skip


def test_what_may_be_chance_has_no_verdict() -> None:
    """Strangers of few bits: some pairs are alike, and none of them is called kin."""
    rng = np.random.default_rng(6)
    a, b = (rng.integers(0, 256, (400, 16), dtype=np.uint8) for _ in range(2))
    b[7] = a[7]
    header = Header("x", "p", "c", {"t": 1_024}, {"t": 128})
    found = match(header, sketches_of(a), sketches_of(b)).pairs
    assert found["verdict"].value_counts().sort("verdict").rows() == [
        ("duplicate_or_twin", 1), ("unclear", found.height - 1),
    ]  # fmt: skip
    assert found.height > 2
    # What is expected by chance is what is found.
    least = found["strangers"].max()
    assert least == pytest.approx(found.height - 1, rel=0.8, abs=3)


def test_the_first_look_loses_few_and_stops_most() -> None:
    rng = np.random.default_rng(8)
    for bits, least in ((4_096, 2**-0.5), (4_096, 2**-1.5), (2_048, 2**-1.5)):
        few, most = look_at_first(bits, least)
        assert 64 * few < bits
        limit = sketchmatch.differing(least)
        kin = rng.binomial(64 * few, limit, 200_000)
        strangers = rng.binomial(64 * few, 0.5, 200_000)
        assert (kin > most).sum() <= 4
        assert (strangers <= most).mean() < 0.015
    assert look_at_first(4_096, 0.1) == (64, 4_096)


def test_where_strangers_share_stretches_only_duplicates_are_told() -> None:
    """Sites of one short stretch: four ancestral copies of it, and everybody has two."""
    rng = np.random.default_rng(9)
    copies = rng.integers(0, 2, (6, 2_048))
    pairs = rng.integers(0, 6, (100, 2))
    dosage = np.array([copies[i] + copies[j] for i, j in pairs], np.int8)
    world = Genomes(2_048)
    sites = world.sites.with_columns(af=pl.Series((dosage.mean(axis=0) / 2).clip(0.1, 0.9)))
    tier = Tier("t", sites, np.zeros((2_048, 0), np.float32))
    bits, _ = sketch_packed(world.packed(dosage), tier, projections(SECRET, "test", tier))
    header = Header.of(SECRET, Panel("test", (tier,)))
    found = match(header, sketches_of(bits, called=2_048)).pairs
    # Here not even they, as by what is seen of strangers chance makes them, too.
    assert set(found["verdict"]) <= {"unclear", "duplicate_or_twin"}
    assert found.filter(pl.col("verdict") == "unclear").height > 100
