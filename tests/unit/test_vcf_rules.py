"""Each sentence of the specification, by files that keep it and files that break it."""

from pathlib import Path

import pytest
from rulebook import VERSIONS, V, document, sentences

from varhouse.genome.contigs import AnyContigs
from varhouse.vcf.account.rules import RULES
from varhouse.vcf.check.scan import scan_file

ROOT = Path(__file__).parents[2]
SENTENCES = [s for rows in sentences().values() for s in rows]


def _scan(path, text, version):
    path.write_bytes(text.replace(V, str(version)).encode("utf-8", "surrogateescape"))
    return scan_file(path, AnyContigs(), None, hashes=False).account


def _told(account):
    return [str(p) for p in account.problems()]


def test_the_page_is_up_to_date():
    page = (ROOT / "docs" / "vcf-rules.md").read_text(encoding="utf-8")
    assert page == document(), "python tests/rulebook.py > docs/vcf-rules.md"


def test_names_codes_and_tests_exist():
    names = [s.name for s in SENTENCES]
    assert len(names) == len(set(names))
    for s in SENTENCES:
        assert bool(s.code) == bool(s.bad or (s.test and s.verdict)), s.name
        assert not s.code or s.code in RULES, s.name
        assert s.good or s.test or s.note, f"{s.name}: neither files, test nor a reason"
        if s.test:
            file, _, test = s.test.partition("::")
            found = [p for p in (ROOT / "tests").rglob(file)]
            assert found, s.test
            assert f"def {test}(" in found[0].read_text(), s.test


@pytest.mark.parametrize("sentence", SENTENCES, ids=lambda s: s.name)
def test_files_that_keep_it_are_valid(tmp_path, sentence):
    for version in sentence.versions():
        for text in sentence.good:
            account = _scan(tmp_path / "x.vcf", text, version)
            assert account.verdict == "valid", (version, text, _told(account))
            assert sentence.code not in account.counts, (version, text, _told(account))


@pytest.mark.parametrize("sentence", [s for s in SENTENCES if s.bad], ids=lambda s: s.name)
def test_files_that_break_it_are_told(tmp_path, sentence):
    severities = sentence.severities()
    for version in VERSIONS:
        for text in sentence.bad:
            account = _scan(tmp_path / "x.vcf", text, version)
            found = {p.severity for p in account.first.get(sentence.code, ())}
            wanted = {severities[version]} if version in severities else set()
            if not wanted:
                assert "error" not in found, (version, text, _told(account))
                continue
            assert wanted <= found, (version, text, _told(account))
            assert wanted != {"warning"} or "error" not in found, (version, text)
