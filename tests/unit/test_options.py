"""What is unknown on the command line is answered with the help of its command."""

import subprocess
import sys

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
    assert f"error: {says}" in err or says in err
    assert err.endswith(f"help: {command} --help\n")


def test_words_behind_two_dashes_are_no_options(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["query", "--", "--no-such-store"]) == 1
    assert "--no-such-store" in capfd.readouterr().err


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
