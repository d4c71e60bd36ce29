"""What a command imports: the start of a process is most of a short answer."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from builders import make_small_store

from varhouse.cli import COMMANDS, build_parser, main

HEAVY = (
    "deltalake", "duckdb", "llvmlite", "numba", "numpy", "pandas", "pyarrow", "snakemake",
    "yaml",
)  # fmt: skip
SCRIPT = f"""
import sys
from varhouse.cli import main
try:
    code = main()
finally:
    loaded = {{n.partition(".")[0] for n, m in sys.modules.items() if m}}
    print("loaded", *loaded.intersection(["polars", *{HEAVY}]), file=sys.stderr)
sys.exit(code)
"""


def loaded(*words: str) -> set[str]:
    """Run a command; give the large libraries that it loaded."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *words], capture_output=True, text=True, check=True
    )
    word, *found = done.stderr.splitlines()[-1].split()
    # Nothing is said behind: no library misses something when the process ends.
    assert word == "loaded"
    return set(found)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_small_store(tmp_path_factory.mktemp("starts") / "store")


@pytest.mark.parametrize(
    "words",
    [
        ("--region", "chr1:1-200"),
        ("--region", "chr1:1-200", "--format", "csv"),
        ("--region", "chr1:1-200", "--format", "json"),
        ("--region", "chr1:1-200", "--format", "vcf"),
        ("--region", "chr1:1-200", "--where", "af < 0.5", "--columns", "pos,af"),
        ("--id", "chr1-48210-C-T", "--format", "table"),
        ("--table", "cohorts"),
    ],
)
def test_a_query_loads_polars_alone(store: Path, words: tuple[str, ...]) -> None:
    assert loaded("query", str(store), *words) == {"polars"}


@pytest.mark.parametrize("words", [("log",), ("digest",), ("show",)])
def test_the_records_of_a_store_are_read_without_numba(
    store: Path, words: tuple[str, ...]
) -> None:
    assert not loaded("store", *words, str(store)) & {"numba", "numpy", "pyarrow"}


def test_sql_loads_no_compiler(store: Path) -> None:
    assert "numba" not in loaded("sql", str(store), "select count(*) from variants")


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_loads_no_large_library(command: str) -> None:
    assert loaded(command, "--help") == set()


def test_help_names_every_command() -> None:
    text = build_parser().format_help()
    assert [c for c in COMMANDS if f"    {c} " not in text] == []


def test_a_command_is_parsed_by_itself_as_among_all() -> None:
    for words in (["query", "s", "--gene", "G"], ["store", "log", "s"]):
        one, all_ = (build_parser(c).parse_args(words) for c in (words[0], None))
        assert vars(one).keys() == vars(all_).keys()
        assert one.run is all_.run


@pytest.mark.parametrize(
    "words", [["-h", "query"], ["-q", "--help", "query"], ["-qh", "query"]]
)
def test_help_before_a_command_lists_all(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(words)
    assert re.findall(r"^    (\w+)  ", capsys.readouterr().out, re.MULTILINE) == list(COMMANDS)


def test_the_command_that_starts_an_ingest_loads_no_rules_and_no_bcf() -> None:
    script = (
        "import sys, varhouse.ingest.driver\n"
        "print(*(n for n in sys.modules if n.startswith('varhouse.vcf.')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    names = done.stdout.split()
    assert "varhouse.vcf.peek" in names
    assert not [n for n in names if n.startswith(("varhouse.vcf.check", "varhouse.vcf.bcf.r"))]
