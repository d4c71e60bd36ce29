"""The grammar of meta lines: what is read, and that hostile lines are read in linear time."""

import time

import pytest

from varhouse.vcf.account.problems import Account
from varhouse.vcf.header.header import read_header
from varhouse.vcf.header.meta_lines import (
    is_filter,
    is_name,
    read_meta,
    set_value,
    split_meta,
    url_fault,
)
from varhouse.vcf.header.rules import HeaderRules

HOSTILE = (
    "a=[,", "a=<,", "a=", '"', 'a="\\"', "<", "[", 'a="b",', "a=b,", "\\", 'a="\\\\', "a=[],",
    "1@", "a.", ",", " ", "a b=",
)  # fmt: skip


@pytest.mark.parametrize("kind", ["x", "INFO", "META", "SAMPLE", "assembly"])
@pytest.mark.parametrize("piece", HOSTILE)
def test_long_lines_take_linear_time(kind, piece):
    for before, after in (("<", ">"), ("<ID=a,b=", "]x>"), ("http://", "")):
        line = f"##{kind}={before}{piece * (200_000 // len(piece))}{after}"
        start = time.process_time()
        HeaderRules(4, Account("x")).check(line, 2)
        read_meta(line)
        assert time.process_time() - start < 2


def test_values_lists_and_quotes():
    inside = 'ID=a"b,x="p, \\"q\\"",y=[1, 2],z=<3,4>,w=u v,e=""'
    meta = split_meta("ALT", 1, inside, 3)
    assert meta.broken is None
    assert meta.values == {
        "ID": 'a"b',
        "x": 'p, "q"',
        "y": "[1, 2]",
        "z": "<3,4>",
        "w": "u v",
        "e": "",
    }
    assert meta.quoted == {"x", "e"}
    assert split_meta("FILTER", 1, inside, 3).broken == inside
    assert split_meta("x", 1, "ID=a,b,c=d", 3).broken == "b,c=d"


@pytest.mark.parametrize(("version", "good"), [(1, True), (2, True), (3, False), (5, False)])
def test_a_lone_backslash_stands_for_itself_up_to_4_2(version, good):
    meta = split_meta("FILTER", 1, 'ID=q,Description="C:\\dir\\"', version)
    assert (meta.broken is None) == good


def test_filters_are_those_of_the_key_id():
    lines = ['##FILTER=<ID=a,Description="not ID=x">', '##FILTER=<Description="p,ID=y",ID=b>',
             "##FILTER=<ID=c>", '##FILTER=<ID=d,Description="open>', "##FILTER=<ID=e> ",
             '##FORMAT=<ID=f,Number=1>', "##FILTER=<Description=x>"]  # fmt: skip
    filters = read_header(lines, Account("x")).filters
    assert filters - {""} == {"a", "b", "c", "d", "e"}


def test_a_line_that_is_told_of_is_read_as_far_as_it_goes():
    good = {"ID": "DP", "Number": "1", "Type": "Integer"}
    for line in (
        "##INFO=<ID=DP,Number=1,Type=Integer>",
        "##INFO=< ID=DP, Number=1, Type=Integer>",
        '##INFO=<Description="a "b" c, d",ID=DP,Number=1,Type=Integer>',
        '##INFO=<ID=DP,x"=,Number=1,Type=Integer> ',
        "##INFO=<ID=DP,,Number=1,Type=Integer,>",
        '##INFO=<ID="DP",Number="1",Type=Integer',
        "##INFO=<ID=DP,ID=AF,Number=1,Type=Integer>",
        '##INFO=<Source="x,ID=y",ID=DP,Number=1,Type=Integer,Description="Number=2>',
    ):
        assert read_meta(line).items() >= good.items(), line
        said = read_meta(set_value(line, "Number", "A"))
        assert said.items() >= {**good, "Number": "A"}.items(), line
        assert set_value(line, "Number", "1").replace('"', "") == line.replace('"', ""), line
    assert read_meta("##source=x") == read_meta("##INFO=") == {}
    assert set_value("##INFO=<ID=DP>", "Number", "1") == "##INFO=<ID=DP>"


def test_filters_may_be_named_by_what_they_compare():
    assert all(is_filter(x) for x in ("QD<2", "a=b", "x>1", "a|b", "é", "00"))
    assert not any(is_filter(x) for x in ("", "0", "a b", "a;b", "a,b", 'a"b', "--", "<>"))
    assert read_meta('##FILTER=<ID=QD<2.0,Description="x">')["ID"] == "QD<2.0"


def test_names_and_urls():
    assert all(is_name(x) for x in ("a", "1", "é", "a+b", "_1"))
    assert not any(
        is_name(x) for x in ("", ".", "--", "a b", "a,b", "a;b", "a=b", 'a"b', "<a>")
    )
    assert url_fault("https://a.org/x?y#z") is None
    assert {url_fault(x) for x in ("a.fa", "ftp://a.org/b c")} == {"warning"}
    assert {url_fault(x) for x in ("", "<>", "http://", "http://80:80/x", "ftp:x")} == {
        "error"
    }
