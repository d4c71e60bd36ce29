"""What the specifications reserve, by version."""

import pytest

from varhouse.vcf.header.reserved import all_reserved, reserved


@pytest.mark.parametrize(
    ("kind", "name", "version", "number", "type_"),
    [
        ("INFO", "AC", 1, "A", "Integer"), ("INFO", "1000G", 2, "0", "Flag"),
        ("INFO", "ADF", 3, "R", "Integer"), ("INFO", "MQ", 4, "1", "."),
        ("INFO", "MQ", 5, "1", "Float"), ("INFO", "SVLEN", 3, ".", "Integer"),
        ("INFO", "SVLEN", 4, "A", "Integer"), ("INFO", "CIPOS", 3, "2", "Integer"),
        ("INFO", "CIPOS", 4, ".", "Integer"), ("INFO", "CN", 5, "A", "Float"),
        ("FORMAT", "GL", 1, "G", "Float"), ("FORMAT", "GLE", 2, "G", "String"),
        ("FORMAT", "CN", 3, "1", "Integer"), ("FORMAT", "CICN", 4, "2", "Float"),
        ("FORMAT", "LAD", 5, "LR", "Integer"), ("FORMAT", "LPL", 5, "LG", "Integer"),
        ("FORMAT", "LEN", 5, "1", "Integer"), ("FORMAT", "PSL", 5, "P", "String"),
        ("FORMAT", "M5mC", 5, "M", "Float"), ("FORMAT", "DPM27551C", 5, "M", "Integer"),
        ("FORMAT", "GQ", None, "1", "Integer"),
    ],
)  # fmt: skip
def test_number_and_type(kind, name, version, number, type_):
    found = reserved(kind, name, version)
    assert (found.number, found.type) == (number, type_)


@pytest.mark.parametrize(
    ("kind", "name", "version"),
    [("INFO", "ADF", 1), ("INFO", "DS", 5), ("FORMAT", "LAA", 4), ("FORMAT", "GLE", 3),
     ("FORMAT", "M5mC", 4), ("INFO", "SVCLAIM", 3), ("FORMAT", "M5xC", 5)],
)  # fmt: skip
def test_what_is_free(kind, name, version):
    assert reserved(kind, name, version) is None


def test_bounds():
    assert (reserved("INFO", "AF", 2).low, reserved("INFO", "AF", 2).high) == (0, 1)
    assert reserved("FORMAT", "DP", 4).low == 0
    assert reserved("INFO", "SVLEN", 4).low == float("-inf")
    assert reserved("FORMAT", "GL", 4).low == float("-inf")


def test_what_files_differ_in_is_not_strict():
    assert not reserved("FORMAT", "AD", 2).strict
    assert reserved("FORMAT", "AD", 3).strict
    for version in range(1, 6):
        for kind in ("INFO", "FORMAT"):
            assert all(r.section for r in all_reserved(kind, version).values())
