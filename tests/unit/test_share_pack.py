"""Packs: what is in them, that it can be checked, who can read it, and what stops them."""

import gzip
import hashlib
import io
import json
import shutil
import subprocess
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from builders import make_small_inputs
from governedstores import papers
from inprocess import ingest_here
from test_share_ways import ABROAD, HOME, events, govern

from varhouse.cli import main
from varhouse.governance.ledger import Entry, Ledger
from varhouse.sharing.given import FAILED, REFUSED, SHARED
from varhouse.sharing.seal import Sealer, read_public_key

crypt4gh = pytest.importorskip("crypt4gh.lib")
keys = pytest.importorskip("crypt4gh.keys")
c4gh = pytest.importorskip("crypt4gh.keys.c4gh")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("packed")
    make_small_inputs(folder)
    ingest_here(folder / "store", folder / "config.json")
    dac = {"kind": "dac_decision", "number": "D7", "cohorts": ("a", "b"),
           "recipients": (HOME,)}  # fmt: skip
    govern(folder / "store", Entry("paper", "", dac))
    return folder / "store"


@pytest.fixture
def pack(whole: Path, tmp_path: Path) -> Callable[..., Path]:
    def make(*options: str, to: str = HOME, name: str = "pack", code: int = 0) -> Path:
        out = tmp_path / name
        command = ["share", "pack", str(whole), "--to", to, "-o", str(out), *options]
        assert main(command) == code
        assert code == 0 or not out.exists()
        assert not [p for p in tmp_path.iterdir() if p.name.endswith(".tmp")]
        return out

    return make


def key_pair(folder: Path, name: str) -> tuple[Path, bytes, bytes]:
    secret, public = folder / f"{name}.sec", folder / f"{name}.pub"
    c4gh.generate(str(secret), str(public), None, None)
    return (
        public, keys.get_public_key(str(public)), keys.get_private_key(str(secret), lambda: "")
    )  # fmt: skip


def opened(file: Path | bytes, secret: bytes) -> bytes:
    raw = file if isinstance(file, bytes) else file.read_bytes()
    out = io.BytesIO()
    crypt4gh.decrypt([(0, secret, None)], io.BytesIO(raw), out)
    return out.getvalue()


def test_a_pack_can_be_checked_and_explains_itself(
    pack: Callable[..., Path], whole: Path
) -> None:
    out = pack("--cohort", "a", "--purpose", "a study")
    names = {str(p.relative_to(out)) for p in out.rglob("*") if p.is_file()}
    assert names == {
        "data/a.vcf.gz", "dictionary.tsv", "ledger.json", "manifest.json", "md5sum.txt",
        "receipt.json", "receipt.en.txt", "receipt.zh.txt",
    }  # fmt: skip
    subprocess.run(["md5sum", "-c", "--quiet", "md5sum.txt"], cwd=out, check=True)
    manifest = json.loads((out / "manifest.json").read_text())
    (told,) = manifest["files"]
    data = (out / "data/a.vcf.gz").read_bytes()
    assert told["sha256"] == hashlib.sha256(data).hexdigest()
    assert (told["bytes"], told["records"], told["samples"]) == (len(data), 40, 2)
    assert manifest["people"]["total"] == 2
    text = gzip.decompress(data).decode()
    assert len([x for x in text.splitlines() if not x.startswith("#")]) == told["records"]
    ledger = (out / "ledger.json").read_text()
    assert '"a"' in ledger
    assert '"b"' not in ledger
    assert ABROAD not in ledger
    assert "D7" in ledger
    receipt = json.loads((out / "receipt.json").read_text())
    share, shared = events(whole)[-2:]
    assert receipt["audit"]["n"] == shared["of"]
    assert shared["output"]["sha256"] == manifest["digest"] == receipt["pack_digest"]
    manifest_sum = hashlib.sha256((out / "manifest.json").read_bytes()).hexdigest()
    assert receipt["manifest_sha256"] == manifest_sum
    assert receipt["papers"] == share["papers"]
    assert "dac_decision:D7" in receipt["papers"]
    assert "a study" in (out / "receipt.en.txt").read_text()
    assert "不构成法律意见" in (out / "receipt.zh.txt").read_text()
    dictionary = (out / "dictionary.tsv").read_text()
    assert "染色体" in dictionary
    assert "\tGT\t" in dictionary


def test_the_same_request_gives_the_same_bytes(pack: Callable[..., Path]) -> None:
    first = pack("--cohort", "b", name="one")
    second = pack("--cohort", "b", name="two")
    for file in sorted(p for p in first.rglob("*") if p.is_file()):
        same = file.read_bytes() == (second / file.relative_to(first)).read_bytes()
        assert same or file.name.startswith("receipt"), file


def test_a_part_of_the_people_and_of_the_genome(
    pack: Callable[..., Path], whole: Path
) -> None:
    out = pack("--cohort", "a", "--samples", "a2", "--region", "c2", "--format", "bcf")
    told = json.loads((out / "manifest.json").read_text())["files"][0]
    assert (told["path"], told["samples"], told["records"]) == ("data/a.bcf", 1, 20)
    assert events(whole)[-2]["people"]["by_cohort"] == {"a": 1}


def test_what_the_gate_refuses_is_not_packed(pack: Callable[..., Path], whole: Path) -> None:
    pack("--cohort", "b", to=ABROAD, code=1)
    assert events(whole)[-1]["event"] == REFUSED
    pack("--content", "aggregate", to="open", code=1)


def test_a_backup_comes_before_what_it_is_of(
    pack: Callable[..., Path], whole: Path, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    shutil.copytree(whole, store)
    command = ["share", "pack", str(store), "--to", ABROAD, "--cohort", "b", "-o"]
    assert main([*command, str(tmp_path / "p")]) == 1
    assert main([*command, str(tmp_path / "backup"), "--for", "backup"]) == 0
    receipt = json.loads((tmp_path / "backup/receipt.json").read_text())
    assert receipt["kind"] == "backup"
    assert receipt["planned"]["answer"] == "report_and_backup"
    assert events(store)[-2]["recipient"] == "inside"
    assert ABROAD in (tmp_path / "backup/receipt.zh.txt").read_text()
    Ledger.open(store).add_all(papers(ABROAD, ["b"]))
    assert main([*command, str(tmp_path / "p")]) == 0
    assert "backup:backup-Demo Abroad-b" in (tmp_path / "p/receipt.json").read_text()


def test_one_wrong_byte_stops_a_pack(whole: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    shutil.copytree(whole, store)
    file = next((store / "controlled/genotypes").rglob("cohort=a/**/*.parquet"))
    raw = bytearray(file.read_bytes())
    raw[len(raw) // 3] ^= 1
    file.write_bytes(raw)
    command = ["share", "pack", str(store), "--to", HOME, "--cohort", "a"]
    assert main([*command, "-o", str(tmp_path / "pack")]) == 1
    assert not (tmp_path / "pack").exists()
    assert events(store) == events(whole)


def test_aggregates_come_from_the_view_of_the_role(
    pack: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    out = pack("--content", "aggregate", to="inside")
    manifest = json.loads((out / "manifest.json").read_text())
    assert {f["path"].split("/")[1] for f in manifest["files"]} >= {"totals", "frequencies"}
    one = pack("--content", "aggregate", "--cohort", "a", to="inside", name="one")
    tables = {p.name for p in (one / "data").iterdir() if p.is_dir()}
    assert "frequencies" in tables
    assert "totals" not in tables
    raw = b"".join(p.read_bytes() for p in one.rglob("*") if p.is_file())
    assert b"cohort=b" not in raw
    pack("--content", "aggregate", name="none", code=1)
    assert "share release" in capsys.readouterr().err


# --- encryption ---


def test_only_the_recipient_reads_what_is_encrypted(
    pack: Callable[..., Path], tmp_path: Path
) -> None:
    public, _, secret = key_pair(tmp_path, "own")
    _, _, other = key_pair(tmp_path, "other")
    out = pack("--cohort", "a", "--encrypt", "--key", str(public))
    plain = pack("--cohort", "a", name="plain") / "data/a.vcf.gz"
    file = out / "data/a.vcf.gz.c4gh"
    assert [p.name for p in (out / "data").iterdir()] == [file.name]
    assert opened(file, secret) == plain.read_bytes()
    with pytest.raises(ValueError, match="No"):
        opened(file, other)
    raw = bytearray(file.read_bytes())
    raw[-40] ^= 1
    with pytest.raises(ValueError, match="decrypt"):
        opened(bytes(raw), secret)
    told = json.loads((out / "manifest.json").read_text())["files"][0]
    assert told["decrypted"]["sha256"] == hashlib.sha256(plain.read_bytes()).hexdigest()
    subprocess.run(["md5sum", "-c", "--quiet", "md5sum.txt"], cwd=out, check=True)
    sealed = pack("--content", "aggregate", "--encrypt", "--key", str(public), to="inside",
                  name="sealed")  # fmt: skip
    files = [p for p in (sealed / "data").rglob("*") if p.is_file()]
    assert {p.suffix for p in files} == {".c4gh"}


def test_the_key_may_stand_in_the_ledger(
    whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = tmp_path / "store"
    shutil.copytree(whole, store)
    command = ["share", "pack", str(store), "--to", HOME, "--cohort", "a", "--encrypt", "-o"]
    assert main([*command, str(tmp_path / "no")]) == 2
    # A backup is sealed for the house, whoever is to be given the data afterwards.
    assert main([*command[:-1], "--for", "backup", "-o", str(tmp_path / "no")]) == 2
    assert "no key of inside" in capsys.readouterr().err
    (tmp_path / "noise").write_bytes(bytes(range(256)))
    assert (
        main([*command[:-1], "--key", str(tmp_path / "noise"), "-o", str(tmp_path / "no")])
        == 1
    )
    public, _, secret = key_pair(tmp_path, "own")
    line = public.read_text().splitlines()[1]
    Ledger.open(store).add("recipient", HOME, {"crypt4gh_key": line})
    assert main([*command, str(tmp_path / "pack")]) == 0
    file = tmp_path / "pack/data/a.vcf.gz.c4gh"
    assert gzip.decompress(opened(file, secret)).startswith(b"##fileformat")


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 200_000])
def test_segments_are_whole_whatever_a_pipe_gives(tmp_path: Path, size: int) -> None:
    _, public, secret = key_pair(tmp_path, "own")
    data = bytes(i * 7 % 251 for i in range(size))
    with Sealer(public).pipe(tmp_path / "x") as piped, piped.path.open("wb") as sink:
        for i in range(0, size, 777):
            sink.write(data[i : i + 777])
    assert opened(tmp_path / "x.c4gh", secret) == data
    assert piped.sums.told()["sha256"] == hashlib.sha256(data).hexdigest()
    assert not (tmp_path / "x").exists()


def test_a_pipe_that_breaks_leaves_nothing(tmp_path: Path) -> None:
    _, public, _ = key_pair(tmp_path, "own")
    for begins in (False, True):
        pipe = Sealer(public).pipe(tmp_path / "x")
        piped = pipe.__enter__()
        if begins:
            piped.path.open("wb").close()
        assert not pipe.__exit__(OSError, OSError("full"), None)
        assert [p.name for p in tmp_path.iterdir() if p.name.startswith("x")] == []


@pytest.mark.parametrize("breaks", [False, True])
def test_a_pipe_that_is_read_late_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, breaks: bool
) -> None:
    _, public, secret = key_pair(tmp_path, "own")
    begin = threading.Event()
    run = Sealer._drain

    def late(*args: Any) -> None:
        assert begin.wait(60)
        run(*args)

    monkeypatch.setattr(Sealer, "_drain", late)
    pipe = Sealer(public).pipe(tmp_path / "x")
    piped = pipe.__enter__()
    # The block ends before a byte is read; only then the reader begins.
    threading.Timer(0.2, begin.set).start()
    error = OSError("full") if breaks else None
    assert not pipe.__exit__(type(error) if error else None, error, None)
    assert piped.out.exists() != breaks
    assert breaks or opened(piped.out, secret) == b""


@pytest.mark.parametrize("size", [10, 5_000_000])
def test_a_full_disk_below_a_pipe_ends_it(tmp_path: Path, size: int) -> None:
    _, public, _ = key_pair(tmp_path, "own")
    sealer = Sealer(public)

    def full(_keys: Any, source: Any, _sink: Any) -> None:
        source.readinto(bytearray(9))
        raise OSError(28, "full")

    sealer._encrypt = full
    with (
        pytest.raises(OSError, match="full"),
        sealer.pipe(tmp_path / "x") as piped,
        piped.path.open("wb") as sink,
    ):
        sink.write(bytes(size))
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith("x")] == []


@pytest.mark.parametrize(
    "text", ["", "no key", "AAAA", "-----BEGIN CRYPT4GH PRIVATE KEY-----"]
)
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(Exception, match="is no public key"):
        read_public_key(text, "x")


def test_without_the_package_it_says_which(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    public, _, _ = key_pair(tmp_path, "own")
    monkeypatch.setitem(__import__("sys").modules, "crypt4gh.lib", None)
    command = ["share", "pack", str(whole), "--to", HOME, "--cohort", "a", "--encrypt"]
    out = str(tmp_path / "pack")
    assert main([*command, "--key", str(public), "-o", out]) == 2
    assert "crypt4gh" in capsys.readouterr().err


# --- receipts ---


def test_receipts_are_listed(
    pack: Callable[..., Path], whole: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pack("--cohort", "a")
    capsys.readouterr()
    assert main(["share", "receipt", str(whole), "--recipient", HOME, "--json"]) == 0
    rows = [json.loads(x) for x in capsys.readouterr().out.splitlines()]
    assert {r["share"]["recipient"] for r in rows} == {HOME}
    assert {r["came_of_it"]["event"] for r in rows} <= {SHARED, FAILED}
    assert main(["share", "receipt", str(whole), str(rows[-1]["n"])]) == 0
    assert "dac_decision:D7" in capsys.readouterr().out
    run: Callable[..., Any] = partial(main, ["share", "receipt", str(whole), "999999"])
    assert run() == 2
