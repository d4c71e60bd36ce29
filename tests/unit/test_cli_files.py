"""Paths of `normalise` and `liftover`: nothing that is read is overwritten; pipes."""

import io
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from varhouse.cli import main
from varhouse.files import put

VCF = "##fileformat=VCFv4.3\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
RECORD = "1\t1\t.\tA\tC\t.\t.\t.\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "r.fa").write_text(">1\nACGT\n")
    (tmp_path / "c.chain").write_text("chain 1 1 4 + 0 4 1 4 + 0 4 1\n4\n")
    (tmp_path / "in.vcf").write_text(VCF + RECORD)
    return tmp_path


def arguments(folder: Path, command: str, **changed: str) -> list[str]:
    given = {"in": "in.vcf", "-o": "out.vcf", "--rejects": "rejects.tsv"}
    if command == "liftover":
        given |= {"--chain": "c.chain", "--target-reference": "r.fa"}
    else:
        given |= {"--reference": "r.fa"}
    given |= {
        k if k == "in" else f"--{k}" if k != "o" else "-o": v for k, v in changed.items()
    }
    first = given.pop("in")
    out = [command, first if first == "-" else str(folder / first)]
    for option, name in given.items():
        out += [option, str(folder / name)]
    return out


@pytest.mark.parametrize("command", ["normalise", "liftover"])
@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"rejects": "in.vcf"}, "would overwrite an input"),
        ({"rejects": "r.fa"}, "would overwrite an input"),
        ({"o": "in.vcf"}, "would overwrite an input"),
        ({"o": "link.vcf"}, "would overwrite an input"),
        ({"rejects": "out.vcf"}, "written twice"),
        ({"o": "nowhere/out.vcf"}, "nowhere: no such folder"),
        ({"o": "folder.vcf"}, "folder.vcf: a folder"),
        ({"rejects": "folder.vcf"}, "folder.vcf: a folder"),
    ],
)
def test_nothing_that_is_read_is_overwritten(
    folder: Path,
    command: str,
    changed: dict[str, str],
    says: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (folder / "link.vcf").symlink_to(folder / "in.vcf")
    (folder / "folder.vcf").mkdir()
    before = {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()}
    assert main(arguments(folder, command, **changed)) == 2
    assert says in capsys.readouterr().err
    after = {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()}
    assert after == before
    assert not list((folder / "folder.vcf").iterdir())


def test_export_writes_no_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "o.vcf").mkdir()
    assert main(["export", "store", "--cohort", "a", "-o", str(tmp_path / "o.vcf")]) == 2
    assert "o.vcf: a folder" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["normalise", "liftover"])
def test_a_pipe_is_read(folder: Path, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given = (folder / "in.vcf").read_bytes()
    assert main(arguments(folder, command)) == 0
    wanted = (folder / "out.vcf").read_text()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(given)))
    assert main(arguments(folder, command, **{"in": "-"})) == 0
    assert (folder / "out.vcf").read_text() == wanted
    read, write = os.pipe()
    os.write(write, given)
    os.close(write)
    try:
        assert main(arguments(folder, command, **{"in": f"/dev/fd/{read}"})) == 0
    finally:
        os.close(read)
    assert (folder / "out.vcf").read_text() == wanted


def test_nothing_through_a_pipe(folder: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "varhouse",
        *arguments(folder, "normalise", **{"in": "-"}),
    ]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "-: nothing came through the pipe" in done.stderr


@pytest.mark.parametrize("command", ["normalise", "liftover"])
def test_a_failure_leaves_no_rejects(folder: Path, command: str) -> None:
    (folder / "in.vcf").write_bytes((VCF + RECORD).encode() + b"\x00" * 5)
    (folder / "r.fa").write_text("no FASTA")
    assert main(arguments(folder, command)) == 1
    assert not (folder / "rejects.tsv").exists()
    assert not (folder / "out.vcf").exists()


def test_what_is_no_file_is_written_not_replaced(tmp_path: Path) -> None:
    pipe, made = tmp_path / "pipe", tmp_path / "made"
    os.mkfifo(pipe)
    made.write_text("rejects")
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        put(made, pipe)
        assert os.read(reader, 100) == b"rejects"
    finally:
        os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
