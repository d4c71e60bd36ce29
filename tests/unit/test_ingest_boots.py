"""A work folder is bound to the boot of the host that its run was started on."""

import json
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import pytest
from builders import make_small_inputs
from kills import Killed, run_steps
from withdrawing import Cohorts, compare, random_lines, vcf

import varhouse
from varhouse import processes
from varhouse.ingest import byhand, driver
from varhouse.ingest.driver import Options, ingest
from varhouse.ingest.jobs import steps
from varhouse.ingest.setup import begin
from varhouse.ingest.setup.begin import BOOTS
from varhouse.store import leftovers
from varhouse.store.leftovers import OWNER, is_used
from varhouse.withdrawal.found import Asked
from varhouse.withdrawal.run import withdraw


@pytest.fixture
def boot(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Give a function that starts this host anew."""

    def start(name: str) -> None:
        for module in (begin, leftovers, processes):
            monkeypatch.setattr(module, "boot_id", lambda: name)

    start("first")
    return start


# --- what is fit ---

HERE = socket.gethostname()


def make_work(folder: Path, boots: str | None, run: str | None = None) -> Path:
    """Make a work folder with a part, and give it."""
    work = folder / "work"
    work.mkdir()
    (work / "part").touch()
    if boots is not None:
        (work / BOOTS).write_text(boots)
    (work / "run.json").write_text(run or json.dumps({"version": varhouse.__version__}))
    return work


def is_taken_up(work: Path) -> bool:
    begin.empty_unfit(work)
    left = {p.name for p in work.iterdir()}
    assert left in (set(), {"part", "run.json", BOOTS})
    return bool(left)


@pytest.mark.parametrize(
    ("boots", "now", "fits"),
    [
        ({HERE: "first"}, "first", True),
        ({HERE: "first"}, "second", False),
        # Nobody knows which boot this is, or that was.
        ({HERE: "first"}, "", True),
        ({HERE: ""}, "second", True),
        # Of another host's boot nothing can be known, but this one was here, too.
        ({"elsewhere": "other"}, "first", True),
        ({"elsewhere": "other", HERE: "first"}, "second", False),
    ],
)
def test_boots(
    tmp_path: Path, boot: Callable[[str], None], boots: dict[str, str], now: str, *, fits: bool
) -> None:
    boot(now)
    assert is_taken_up(make_work(tmp_path, json.dumps(boots))) is fits


@pytest.mark.parametrize("text", [None, "", "\0\0", "[]", "{}"])
def test_nobody_knows_which_boot(tmp_path: Path, text: str | None) -> None:
    assert not is_taken_up(make_work(tmp_path, text))


@pytest.mark.parametrize("text", ["\0\0", "{", "[]", "{}", '{"version": "0"}'])
def test_run_is_damaged_or_of_another_version(
    tmp_path: Path, boot: Callable[[str], None], text: str
) -> None:
    assert not is_taken_up(make_work(tmp_path, json.dumps({HERE: "first"}), text))


def test_kill_while_it_is_emptied(tmp_path: Path, boot: Callable[[str], None]) -> None:
    """It still is of another boot for the next one."""
    work = make_work(tmp_path, json.dumps({HERE: "first"}))
    (work / "parts").mkdir()
    boot("second")
    with mock.patch.object(shutil, "rmtree", side_effect=Killed), pytest.raises(Killed):
        begin.empty_unfit(work)
    assert (work / "run.json").exists()
    assert not is_taken_up(work)


def test_what_was_put_there_before_a_run_stays(
    tmp_path: Path, boot: Callable[[str], None]
) -> None:
    """Files without people are cut before the run begins."""
    work = make_work(tmp_path, None)
    (work / "run.json").unlink()
    begin.empty_unfit(work)
    assert (work / "part").exists()


# --- ingests ---


@pytest.fixture
def killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, boot: Callable[[str], None]
) -> tuple[Path, list[str]]:
    """An ingest that was killed after the files were read, and a list of all that are."""
    read: list[str] = []
    real = steps.take_in

    def take_in(run, cohort, number, folder):
        read.append(cohort)
        real(run, cohort, number, folder)

    monkeypatch.setattr(steps, "take_in", take_in)
    monkeypatch.setattr(driver, "run_snakemake", run_steps)
    make_small_inputs(tmp_path)
    kill_after_intake(tmp_path / "store", tmp_path / "config.json")
    assert read == ["a", "b"]
    return work_of(tmp_path), read


def kill_after_intake(store: Path, config: Path) -> None:
    with mock.patch.object(steps.Job, "plan", side_effect=Killed), pytest.raises(Killed):
        ingest(store, config, Options(cores=1))


def work_of(folder: Path) -> Path:
    (work,) = (folder / "store" / "_staging").iterdir()
    return work


def again(folder: Path) -> None:
    options = Options(cores=1, keep_work=True)
    assert ingest(folder / "store", folder / "config.json", options)[0] == 0


def test_another_boot_makes_it_anew(
    tmp_path: Path, killed: tuple[Path, list[str]], boot: Callable[[str], None]
) -> None:
    """Files have their names and sizes, and zeros, as a power failure leaves them."""
    work, read = killed
    for file in [p for p in (work / "intake").rglob("*") if p.is_file()]:
        file.write_bytes(bytes(file.stat().st_size))
    (work / "run.json").write_bytes(bytes((work / "run.json").stat().st_size))
    boot("second")
    again(tmp_path)
    assert read == ["a", "b"] * 2
    assert json.loads((work / BOOTS).read_text()) == {HERE: "second"}
    clean = tmp_path / "clean"
    clean.mkdir()
    make_small_inputs(clean)
    again(clean)
    found, wanted = (varhouse.open(f / "store").digest() for f in (tmp_path, clean))
    assert found == wanted


def test_host_that_takes_it_up_is_noted(
    tmp_path: Path, killed: tuple[Path, list[str]], boot: Callable[[str], None]
) -> None:
    work, read = killed
    assert json.loads((work / BOOTS).read_text()) == {HERE: "first"}
    boot("of elsewhere")
    with mock.patch.object(begin.socket, "gethostname", return_value="elsewhere"):
        again(tmp_path)
    assert read == ["a", "b"]
    known = json.loads((work / BOOTS).read_text())
    assert known == {HERE: "first", "elsewhere": "of elsewhere"}


@pytest.mark.parametrize("of_me", [True, False])
def test_run_by_hand_keeps_who_works_there(
    tmp_path: Path, boot: Callable[[str], None], *, of_me: bool
) -> None:
    """One that is going on is not emptied under its jobs; an own one stays held."""
    make_small_inputs(tmp_path)
    given = {**json.loads((tmp_path / "config.json").read_text()), "store": "store"}

    def prepare() -> Path:
        return byhand.prepare_by_hand(given, [str(tmp_path / "config.json")])

    work = prepare().parent
    (work / "part").touch()
    if not of_me:
        owner = json.loads((work / OWNER).read_text())
        (work / OWNER).write_text(json.dumps({**owner, "host": "elsewhere"}))
    boot("second")
    assert prepare().parent == work
    assert (work / "part").exists() is not of_me
    assert is_used(work)


def test_people_are_left_out_of_what_is_made_anew(
    tmp_path: Path, boot: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files without them lay in the folder that goes, and are cut again."""
    names = ["S1", "S2", "S3"]
    made = Cohorts(tmp_path / "in")
    made.add(
        "c", {"c.vcf": vcf(names, random_lines(names, 1, ["c1"]))}, {n: {} for n in names}
    )
    store = tmp_path / "s"
    made.ingest(store)
    withdraw(store, Asked("c", ["S1"]))
    made.files["c"]["c.vcf"] = vcf(names, random_lines(names, 2, ["c1"]))
    made.settings["policy"] = {"withdrawn": "leave_out"}
    path = made.write()
    monkeypatch.setattr(driver, "run_snakemake", run_steps)
    kill_after_intake(store, path)
    boot("second")
    code, account = ingest(store, path, Options(cores=1))
    assert (code, account["held_back"]) == (0, [])
    compare(store, made.build_without("built", {"c": ["S1"]}))
