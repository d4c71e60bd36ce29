"""What is unknown on the command line is answered with the help of its command."""

import subprocess
import sys
from pathlib import Path

import pytest

from varhouse.cli import COMMANDS, MOST_USED, build_parser, main


def refused(words: list[str], capfd: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as end:
        main(words)
    assert end.value.code == 2
    out, err = capfd.readouterr()
    assert out == ""
    return err


@pytest.mark.parametrize(
    ("words", "command", "says"),
    [
        ("query s --ouput x", "varhouse query", "no option --ouput; nearest: --output"),
        ("query s --regoin=chr1", "varhouse query", "no option --regoin; nearest: --region"),
        # No abbreviation: a new option would change what it means.
        ("query s --col pos", "varhouse query", "no option --col; nearest: --columns"),
        # The option that was meant is missing as well: the slip is what is said.
        ("annotate a.vcf --ouput x", "varhouse annotate", "no option --ouput"),
        ("store drop s --cohrt x", "varhouse store drop", "no option --cohrt"),
        ("store shwo s", "varhouse store", "no command 'shwo'; nearest: show"),
        ("qurey s", "varhouse", "no command 'qurey'; nearest: query"),
        ("--quite query s", "varhouse", "no option --quite; nearest: --quiet"),
        ("query s more", "varhouse query", "unknown argument 'more'"),
        ("query", "varhouse query", "required: STORE"),
        ("query s --format odt", "varhouse query", "invalid choice: 'odt'"),
    ],
)
def test_the_answer_is_of_the_command(
    words: str, command: str, says: str, capfd: pytest.CaptureFixture[str]
) -> None:
    err = refused(words.split(), capfd)
    assert err.startswith(f"usage: {command} ["), err
    assert says in err.partition("error: ")[2]
    assert err.endswith(f"help: {command} --help\n")


def test_words_behind_two_dashes_are_no_options(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["query", "--", "--no-such-store"]) == 1
    assert "--no-such-store" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("words", "name", "value"),
    [
        ("describe s --format tsv totals", "what", "totals"),
        ("describe --format tsv s --public totals.af", "what", "totals.af"),
        ("describe s totals --format tsv", "what", "totals"),
        ("describe s --format tsv", "what", None),
        ("status --json s", "store", Path("s")),
        ("store tag s --release 2 paper", "name", "paper"),
        ("store diff s 1 --table totals 2", "new", "2"),
        ("store diff s --table totals 1 2", "old", "1"),
        ("validate a.vcf --reference r.fa b.vcf c.vcf", "files", ["a.vcf", "b.vcf", "c.vcf"]),
        ("ingest s --reference r.fa a.vcf", "files", ["a.vcf"]),
        ("ingest s --set-resources runtime=240 a.vcf", "files", ["a.vcf"]),
        ("ingest s a.vcf --cores 2 b.vcf", "files", ["a.vcf", "b.vcf"]),
        ("init d --reference r.fa a.vcf --assembly x b.vcf", "files", ["a.vcf", "b.vcf"]),
    ],
)
def test_words_of_no_option_stand_anywhere(words: str, name: str, value: object) -> None:
    assert getattr(build_parser().parse(words.split()), name) == value


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("describe s totals --format tsv more", "unknown argument 'more'"),
        ("describe s --format tsv totals more", "unknown argument 'more'"),
        ("store diff s 1 2 --table x 3", "unknown argument '3'"),
    ],
)
def test_a_word_too_many(words: str, says: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert f"error: {says}" in refused(words.split(), capfd)


def test_varhouse_alone_shows_what_is_used_most(capfd: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    err = capfd.readouterr().err
    assert len(MOST_USED) == 8
    assert set(MOST_USED) <= set(COMMANDS)
    for name in MOST_USED:
        line = next(ln for ln in err.splitlines() if ln.startswith(f"  varhouse {name} "))
        assert len(line) < 100


def test_every_command_takes_no_abbreviations() -> None:
    parsers = [build_parser()]
    for parser in parsers:
        parsers += parser.commands.values()
        assert parser.allow_abbrev is False
    assert len(parsers) > len(COMMANDS)


def test_an_option_is_refused_before_anything_is_loaded() -> None:
    code = (
        "import sys; from varhouse.cli import main\ntry: main(['query', 's', '--ouput', 'x'])"
    )
    code += "\nexcept SystemExit: print(sorted({'polars', 'numba'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
