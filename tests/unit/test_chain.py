"""The chain of the ledger and of the audit log: any change of what was written is found."""

import json
import threading
from pathlib import Path

import pytest

from varhouse.errors import StoreError
from varhouse.governance.chain import FIRST, Chain, digest_of, this_user


def make_chain(folder: Path, n: int = 5) -> Chain:
    chain = Chain(folder / "deep" / "chain.jsonl")
    for i in range(n):
        chain.append({"number": i, "text": "许可"}, by="writer")
    return chain


def test_lines_are_read_as_they_were_added(tmp_path: Path) -> None:
    links = make_chain(tmp_path).read()
    assert [(x.n, x.body["number"], x.by) for x in links] == [
        (i + 1, i, "writer") for i in range(5)
    ]
    assert links[0].previous == FIRST
    assert [x.previous for x in links[1:]] == [x.digest for x in links[:-1]]
    assert Chain(tmp_path / "none").read() == []


@pytest.mark.parametrize("line", range(5))
@pytest.mark.parametrize("change", ["body", "time", "by", "taken out", "twice", "digest"])
def test_one_changed_line_is_found(tmp_path: Path, line: int, change: str) -> None:
    chain = make_chain(tmp_path)
    last = chain.read()[-1]
    lines = chain.file.read_text().splitlines()
    found = json.loads(lines[line])
    if change == "taken out":
        del lines[line]
    elif change == "twice":
        lines.insert(line, lines[line])
    else:
        found[change] = {"number": 7} if change == "body" else "0" * 64
        lines[line] = json.dumps(found)
    chain.file.write_text("\n".join(lines) + "\n")
    # The last line alone can go without a trace in the chain itself.
    with pytest.raises(StoreError, match=r"chain.jsonl, line \d"):
        chain.read([(last.n, last.digest)])


def test_a_new_chain_shows_against_what_was_kept_elsewhere(tmp_path: Path) -> None:
    chain = make_chain(tmp_path)
    kept = chain.read()[2]
    lines, previous = [], FIRST
    for link in chain.read():
        line = {**link.__dict__, "previous": previous, "body": {"number": 9}}
        previous = line["digest"] = digest_of(line)
        lines.append(json.dumps(line))
    chain.file.write_text("\n".join(lines) + "\n")
    assert len(chain.read()) == 5
    with pytest.raises(StoreError, match="line 3: is not the line of digest"):
        chain.read([(kept.n, kept.digest)])


def test_a_line_that_a_crash_cut_off_was_never_there(tmp_path: Path) -> None:
    chain = make_chain(tmp_path)
    whole = chain.file.read_bytes()
    for cut in range(1, len(whole.splitlines()[-1]) + 1):
        chain.file.write_bytes(whole[:-cut])
        assert len(chain.read()) == 4
    assert chain.append({"number": 8}).n == 5
    assert [x.body["number"] for x in chain.read()] == [0, 1, 2, 3, 8]


def test_writers_wait_for_one_another(tmp_path: Path) -> None:
    chain = Chain(tmp_path / "chain.jsonl")
    threads = [
        threading.Thread(
            target=lambda: [Chain(chain.file).append({"x": i}) for i in range(20)]
        )
        for _ in range(5)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [x.n for x in chain.read()] == list(range(1, 101))


def test_variables_do_not_change_who_somebody_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """A grant of tier T3 is for a user: LOGNAME=another must not make one another."""
    own = this_user()
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "somebody-else")
    assert this_user() == own
