"""The script of the table of samples, run by a browser under the policy of the page."""

import base64
import hashlib
import html
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from builders import make_store
from peoplerows import people_rows, sample_rows

from varhouse.report import find_ingest, make_page

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(BROWSER is None, reason="needs chromium")

WATCH = """
const said = [];
const box = document.querySelector(".samples");
const shown = () => [...box.querySelectorAll("tbody tr")].filter((row) => !row.hidden);
const heads = [...box.querySelectorAll("thead button")];
const column = (name) => heads.findIndex((b) => b.textContent === name);
const values = (i, n) => shown().slice(0, n).map((row) => row.cells[i].textContent);
const press = (name) => { heads[column(name)].click(); return values(column(name), 4); };
said.push(shown().length, box.querySelector(".filter").hidden);
said.push(press("singletons"), press("singletons"), press("ancestry"), press("sample"));
const [text, flag] = box.querySelectorAll("input, select");
const choose = (value) => { flag.value = value; flag.onchange(); return values(0, 9); };
said.push(choose("*"), choose("contaminated"), choose("sex_mismatch"), choose(""));
text.value = "FEMALE n1"; text.oninput();
said.push(shown().length, box.querySelector("output").textContent);
text.value = "male"; text.oninput();
said.push(shown().length);
document.title = JSON.stringify(said);
"""


def test_the_table_sorts_and_filters(tmp_path: Path):
    names = [f"N{i}" for i in range(20)]
    row = {"ingest_id": "x", "release": 2, "operation": "ingest", "config": "{}",
           "summary": "{}", "started": "", "finished": "", "version": "1"}  # fmt: skip
    store = make_store(
        tmp_path / "s",
        {
            "cohorts": [{"cohort": "north", "n_samples": 20, "ingest_id": "x"}],
            "samples": sample_rows("north", names),
            "ingests": [row],
            **people_rows("north", names),
        },
    )
    page = make_page(find_ingest(store, "x"))
    # The page's own script runs by the hash in its policy; ours is added to it.
    digest = base64.b64encode(hashlib.sha256(WATCH.encode()).digest()).decode()
    page = page.replace("script-src ", f"script-src &#x27;sha256-{digest}&#x27; ", 1)
    page = page.replace("</body>", f"<script>{WATCH}</script></body>")
    (tmp_path / "page.html").write_text(page)
    done = subprocess.run(
        [str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu",
         f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", f"file://{tmp_path}/page.html"],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    title = html.unescape(re.search(r"<title>([^<]*)</title>", done.stdout)[1])
    n, hidden, up, down, far, by_name, *chosen, found, told, men = json.loads(title)
    assert (n, hidden) == (20, False)
    assert up == sorted(up, key=int)
    assert down == sorted(down, key=int, reverse=True)
    assert int(down[0]) > int(up[0])
    # What is empty stands last.
    assert far[0] == "P"
    assert far[1:] == ["", "", ""]
    assert by_name == ["N0", "N1", "N2", "N3"]
    assert [sorted(c) for c in chosen[:3]] == [["N3", "N5", "N8"], ["N3"], ["N5"]]
    assert len(chosen[3]) == 9
    # Women among N1, N10, ..., N19: even numbers.
    assert (found, told) == (5, "5 shown")
    # A word begins a word of a cell, so that male is not female.
    assert men == 10
