"""A view store knows for whom it was made, wherever its folder is put.

Columns could be left out for who sees less, rows could not: which cohorts and alleles a lesser
role may see, only its own view knows.
"""

import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from buckets import make_bucket, serve
from builders import make_vcf
from view_builders import govern, make_people, put_cohorts

import varhouse
from varhouse.cli import main
from varhouse.errors import AccessError
from varhouse.governed import ROLES, view_folder
from varhouse.sharing.views import Wanted, release_view
from varhouse.store.bucket import Bucket
from varhouse.store.lifecycle import describe_release
from varhouse.store.push import push

TIERS = {"alpha": "T0", "beta": "T1", "gamma": "T2"}
ALLELES = [f"chr1-{100 + 10 * i}-A-T" for i in range(4)]
VIEWS = ROLES[:-1]
PAIRS = [(made_for, asked) for made_for in VIEWS for asked in ROLES]
LESS = [(m, a) for m, a in PAIRS if ROLES.index(a) < ROLES.index(m)]
MORE = [p for p in PAIRS if p not in LESS]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A governed store with all views."""
    path = tmp_path_factory.mktemp("for-whom") / "store"
    people = {c: make_people(c, 30, ALLELES, 1000 + i) for i, c in enumerate(TIERS)}
    put_cohorts(path, people)
    govern(path, TIERS)
    for role in VIEWS:
        release_view(Wanted(path, role, on=date(2026, 12, 1)))
    return path


@pytest.fixture(scope="module")
def copies(store: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Copies of the views, away from the governed store."""
    folder = tmp_path_factory.mktemp("copies")
    return {
        r: Path(shutil.copytree(view_folder(store, r), folder / f"copy-{i}"))
        for i, r in enumerate(VIEWS)
    }


def cohorts_of(path: Path | str, asked: str) -> set[str]:
    opened = varhouse.open(path, audience=asked)
    return set(opened.scan("cohorts").collect()["cohort"])


@pytest.mark.parametrize(("made_for", "asked"), LESS)
def test_nobody_opens_it_who_sees_less(
    store: Path, copies: dict[str, Path], made_for: str, asked: str
) -> None:
    for path in (copies[made_for], view_folder(store, made_for)):
        for opening in (varhouse.open, describe_release):
            with pytest.raises(AccessError, match=f"made for the role {made_for}") as refused:
                opening(path, None, asked)
            assert len(refused.value.message.splitlines()) == 1
            assert str(path.parent) not in str(refused.value)
        opened = varhouse.open(path)
        with pytest.raises(AccessError, match=f"what the role {asked} may not see"):
            opened.seen_by(asked)


@pytest.mark.parametrize(("made_for", "asked"), MORE)
def test_who_sees_as_much_gets_what_it_holds(
    store: Path, copies: dict[str, Path], made_for: str, asked: str
) -> None:
    seen = {c for c, t in TIERS.items() if int(t[1]) <= ROLES.index(made_for)}
    for path in (copies[made_for], view_folder(store, made_for)):
        assert cohorts_of(path, asked) == seen
        assert varhouse.open(path, audience=asked).view.audience == made_for


@pytest.mark.parametrize(("made_for", "asked"), LESS)
def test_a_view_that_lies_in_the_place_of_another(
    store: Path, tmp_path: Path, made_for: str, asked: str
) -> None:
    """A restored backup, or a link, in the wrong folder."""
    whole = Path(shutil.copytree(store, tmp_path / "store"))
    shutil.rmtree(view_folder(whole, asked))
    view_folder(whole, asked).symlink_to(view_folder(whole, made_for))
    with pytest.raises(AccessError, match="made for the role"):
        varhouse.open(whole, audience=asked)


WAYS = [
    ["query", "{path}", "--region", "chr1"],
    ["query", "{path}", "--table", "cohorts"],
    ["sql", "{path}", "SELECT cohort FROM cohorts"],
    ["describe", "{path}"],
    ["publish", "{path}", "{out}"],
    ["report", "{path}", "-o", "{out}"],
    ["frequencies", "{path}", "--all"],
    ["annotate", "{vcf}", "-o", "{out}.vcf", "--store", "{path}"],
    ["store", "show", "{path}"],
    ["store", "log", "{path}"],
    ["store", "diff", "{path}", "1", "1"],
]


@pytest.mark.parametrize("way", WAYS, ids=lambda w: " ".join(w[:2]))
@pytest.mark.parametrize(("made_for", "asked"), LESS)
def test_no_command_shows_it_to_who_sees_less(
    copies: dict[str, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    way: list[str],
    made_for: str,
    asked: str,
) -> None:
    out = tmp_path / "out"
    vcf = make_vcf(tmp_path / "in.vcf", ["chr1 100 . A T . . ."])
    words = [w.format(path=copies[made_for], out=out, vcf=vcf) for w in way]
    # With a store annotate takes no --public.
    is_short = asked == "public" and way[0] != "annotate"
    options = [["--audience", asked], *([["--public"]] if is_short else [])]
    for option in options:
        code = main([*words, *option])
        told_out, told_err = capsys.readouterr()
        assert code != 0, told_out
        assert [p.name for p in tmp_path.iterdir()] == ["in.vcf"]
        for name in TIERS:
            assert name not in told_out + told_err
        assert told_err.count("error: ") == 1
        assert f"made for the role {made_for}" in told_err


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """A folder in a bucket."""
    with serve() as endpoint:
        make_bucket(endpoint, "views", tmp_path / "mirrors", monkeypatch)
        yield "s3://views/of a role"


def test_it_knows_after_push_and_pull(
    copies: dict[str, Path], tmp_path: Path, url: str
) -> None:
    push(copies["inside"], Bucket(url))
    pulled = tmp_path / "pulled"
    assert main(["store", "pull", str(pulled), url]) == 0
    for place in (url, pulled):
        for asked in ("public", "registered"):
            with pytest.raises(AccessError, match="made for the role inside"):
                varhouse.open(place, audience=asked)
        assert cohorts_of(place, "inside") == set(TIERS)
