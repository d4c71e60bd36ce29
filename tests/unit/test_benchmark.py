"""The measuring command: no process goes uncounted, and no wrong answer counts as fast."""

import json
import runpy
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "benchmark.py"
BURN = "import time; t = time.process_time() + 0.6\nwhile time.process_time() < t: pass"


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux: orphans are not adopted")
def test_a_process_that_outlives_its_parent_is_counted() -> None:
    # In a process of its own: it takes in the children of all that runs there.
    code = f"""
import json, runpy, sys
script = runpy.run_path({str(SCRIPT)!r})
script["_adopt_orphans"]()
burn = [sys.executable, "-c", {BURN!r}]
parent = "import subprocess, sys; subprocess.Popen(sys.argv[1:]); sys.exit(3)"
cost, status = script["measure"]([sys.executable, "-c", parent, *burn])
print(json.dumps([cost.cpu, status]))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    cpu, status = json.loads(done.stdout)
    assert cpu >= 0.6
    assert status == 3


@pytest.mark.parametrize(("expected", "code"), [("d1", 0), ("d2", 1)])
def test_another_digest_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, expected: str, code: int
) -> None:
    script = runpy.run_path(str(SCRIPT))
    known = tmp_path / "known.jsonl"
    known.write_text(json.dumps({"case": "tiny", "digest": expected}) + "\n")
    bench = script["Bench"](
        SimpleNamespace(
            work=tmp_path,
            cases=["tiny"],
            code=[],
            expect=known,
            repeat=1,
            cores=1,
            chain=False,
        )
    )
    monkeypatch.setattr(bench, "_ingest", lambda *_, **__: (script["Cost"](1.0, 2.0, 3.0), ""))
    monkeypatch.setattr(
        bench, "_varhouse", lambda *_: {"args": [sys.executable, "-c", "print('d1')"]}
    )
    assert bench.run() == code
    rows = [json.loads(ln) for ln in (tmp_path / "results.jsonl").read_text().splitlines()]
    assert [r["digest"] for r in rows] == ["d1"]
    assert rows[0].get("expected") == ("d2" if code else None)
