"""What runs the blocks of pages finds them, and notices what does not fit."""

from pathlib import Path

import pytest
from pages import commands, differs, find_blocks, run_blocks

PAGE = """# A page

```console
$ printf 'a  1\\nb  2\\n'
a  1
...
$ echo "two \\
> lines"
two lines
```

```text
nothing is run
```

```sh exit=3
exit 3
```

```sh not-run
exit 1
```

```python
kept = 1
```

```python
assert kept == 1
Path("made").write_text("x") if (Path := __import__("pathlib").Path) else None
```
"""


def write(folder: Path, text: str) -> Path:
    page = folder / "page.md"
    page.write_text(text)
    return page


def test_blocks_are_found_and_run(tmp_path: Path) -> None:
    page = write(tmp_path, PAGE)
    found = find_blocks(page)
    assert [b.language for b in found] == ["console", "text", "sh", "sh", "python", "python"]
    assert [b.line for b in found][:2] == [4, 13]
    first = commands(found[0])
    assert [c.line for c in first] == [4, 7]
    assert first[1].text == 'echo "two \\\nlines"'
    assert run_blocks(page, tmp_path) == 4
    assert (tmp_path / "made").read_text() == "x"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("a  1\n...", "a  2\n..."),
        ("...\n", ""),
        ("```sh exit=3", "```sh"),
        ("kept = 1", "kept = 2"),
        ("```text", "```"),
    ],
)
def test_what_does_not_fit_is_noticed(tmp_path: Path, old: str, new: str) -> None:
    assert old in PAGE
    page = write(tmp_path, PAGE.replace(old, new, 1))
    with pytest.raises(AssertionError):
        run_blocks(page, tmp_path)


def test_output_is_compared_as_a_whole() -> None:
    assert differs(["a ... c"], ["a b c"]) is None
    assert differs(["..."], []) is None
    assert differs(["a", "..."], ["a"]) is None
    assert differs(["a"], ["a", "b"]) is not None
    assert differs(["a.c"], ["abc"]) is not None
