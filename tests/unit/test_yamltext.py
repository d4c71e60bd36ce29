"""YAML that refers to itself, is deep, wide or says a key twice ends in one line."""

from pathlib import Path

import pytest

from varhouse.cli import main
from varhouse.errors import InputError
from varhouse.yamltext import DEEPEST, read_yaml


def read(tmp_path: Path, text: str) -> object:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    return read_yaml(path)


def test_plain_yaml_reads_as_ever(tmp_path: Path) -> None:
    text = "\ufeffa: &x {b: [1, 2.5, yes], c: ~}\nd: *x\ne: {<<: *x, c: z}\n"
    said = {"b": [1, 2.5, True], "c": None}
    assert read(tmp_path, text) == {"a": said, "d": said, "e": {**said, "c": "z"}}


BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 12)
)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a: &x [*x]\n", r"1: \*x stands inside of itself"),
        ("a: 1\nb: &x\n  c: {d: *x}\n", r"3: \*x stands inside of itself"),
        ("[" * 3000, "1: more than 50 levels"),
        ("[" * 3000 + "]" * 3000, "1: more than 50 levels"),
        ("".join(f"{' ' * i}a:\n" for i in range(3000)), "51: more than 50 levels"),
        ("- " * 3000 + "a\n", "1: more than 50 levels"),
        (BOMB, "more than 2,000,000 values"),
        ("policy: {a: 1}\ncohorts: x\npolicy: {b: 2}\n", "'policy' stands twice.*line 3"),
        ("a: {b: 1, b: 1}\n", "'b' stands twice"),
        ("version: 2026-13-45\n", "not YAML"),
        ("a: !!python/object:os.system {}\n", "not YAML"),
        ("a: !!bool x\n", "not YAML"),
        ("a: !!timestamp x\n", "not YAML"),
        ("a: !!int ''\n", "not YAML"),
        ("a: !!float ''\n", "not YAML"),
        ("a: !!map [a]\n", "not YAML"),
        ("? [a]\n: b\n", "not YAML"),
        ("a: *nobody\n", "not YAML"),
        ("a: 1\n--- \nb: 2\n", "not YAML"),
        ("a: \x00\n", "not YAML"),
        ("a: 0x" + "f" * 3 + "\nb: " + "9" * 5000 + "\n", "not YAML"),
    ],
)
def test_what_yaml_may_not_be(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(InputError, match=why) as caught:
        read(tmp_path, text)
    assert "\n" not in caught.value.message
    assert str(tmp_path / "config.yaml") in caught.value.message


def test_the_deepest_that_may_be(tmp_path: Path) -> None:
    assert read(tmp_path, "[" * DEEPEST + "]" * DEEPEST)
    with pytest.raises(InputError, match="levels"):
        read(tmp_path, "[" * (DEEPEST + 1) + "]" * (DEEPEST + 1))


@pytest.mark.parametrize("text", ["a: &x [*x]\n", "[" * 3000, BOMB])
def test_an_ingest_says_so_in_a_line(
    tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "config.yaml").write_text(text)
    code = main(["ingest", str(tmp_path / "s"), "--config", str(tmp_path / "config.yaml")])
    said = capsys.readouterr().err
    assert code == 2
    assert "Traceback" not in said
    assert "config.yaml" in said
    assert not (tmp_path / "s").exists()
