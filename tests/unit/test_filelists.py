"""How a sheet names the files of a cohort."""

from pathlib import Path

import pytest

from varhouse.ingest.setup.filelists import cohort_files


@pytest.fixture
def base(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    for name in ("a.vcf", "in/b.vcf", "in/c d.vcf", "in/#e.vcf"):
        (tmp_path / name).touch()
    return tmp_path


def _names(base: Path, text: str) -> list[str]:
    files, problems = cohort_files(base, "c", text)
    assert not problems
    return [str(Path(f).relative_to(base)) for f in files]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_list_of_files(base: Path, end: str, mark: str) -> None:
    """Paths are those of the list's folder; comments and empty lines are passed over."""
    lines = ["# all of them", "b.vcf", "", "  c d.vcf  ", "./#e.vcf", "../a.vcf"]
    (base / "in" / "list.txt").write_text(mark + end.join(lines), newline="")
    found = _names(base, "@in/list.txt")
    assert found == ["in/b.vcf", "in/c d.vcf", "in/#e.vcf", "in/../a.vcf"]
    assert _names(base, "a.vcf, @ in/list.txt") == ["a.vcf", *found]


def test_an_absolute_list_and_paths(base: Path) -> None:
    (base / "list.txt").write_text(f"{base / 'a.vcf'}\n")
    files, problems = cohort_files(base / "in", "c", f"@{base / 'list.txt'}")
    assert (files, problems) == ([str(base / "a.vcf")], [])


def test_all_that_is_missing_is_told_at_once(base: Path) -> None:
    (base / "list.txt").write_text("".join(f"no{i}.vcf\n" for i in range(25)) + "a.vcf\n")
    files, problems = cohort_files(base, "c", "@list.txt,@none.txt,x.vcf,*.bcf")
    assert len(files) == 26
    assert problems[0] == f"cohort 'c': list.txt:1: no such file: {base}/no0.vcf"
    assert problems[9:] == [
        f"cohort 'c': list.txt:10: no such file: {base}/no9.vcf",
        "... and 15 more like it",
        f"cohort 'c': no such list of files: {base}/none.txt",
        f"cohort 'c': no such file: {base}/x.vcf",
        "cohort 'c': no file matches '*.bcf'",
    ]


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"# nothing\n\n", "names no file"),
        (b"", "names no file"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (b"\xc3\x28.vcf\n", "nor GBK"),
    ],
)
def test_a_list_that_is_none(base: Path, raw: bytes, words: str) -> None:
    (base / "list.txt").write_bytes(raw)
    files, problems = cohort_files(base, "c", "@list.txt")
    assert not files
    assert words in problems[0]
    assert "cohort 'c'" in problems[0]


def test_a_list_in_gbk_is_read(base: Path, caplog: pytest.LogCaptureFixture) -> None:
    (base / "文件.vcf").touch()
    (base / "list.txt").write_bytes("# 列表\n文件.vcf\n".encode("gbk"))
    assert cohort_files(base, "c", "@list.txt") == ([f"{base}/文件.vcf"], [])
    assert "list.txt: not UTF-8, read as GB18030" in caplog.text


def test_a_file_that_stands_twice(base: Path) -> None:
    (base / "list.txt").write_text("a.vcf\na.vcf\n")
    assert cohort_files(base, "c", "@list.txt")[1] == [
        f"cohort 'c': {base}/a.vcf stands twice"
    ]
    assert cohort_files(base, "c", "a.vcf,*.vcf")[1] == [
        f"cohort 'c': {base}/a.vcf stands twice"
    ]
