"""What people write for provinces, groups, codes, accessions and days, and what is kept."""

import random

import pytest

from varhouse.governance import codes
from varhouse.governance.codes import (
    countries,
    ethnic_groups,
    find_accession,
    hierarchy,
    provinces,
    read_accession,
    read_country,
    read_ethnic_group,
    read_province,
    read_table,
    region_of,
    regions,
)
from varhouse.governance.codescredit import (
    LETTERS,
    check_digit,
    organisation_digit,
    read_credit_code,
)
from varhouse.governance.duo import duo_terms, is_modifier, read_duo
from varhouse.governance.fieldkinds import CONSENT, ETHNIC_GROUPS
from varhouse.governance.fieldkinds import PROVINCES as PLACES
from varhouse.governance.fields import (
    FormError,
    read_date,
    read_flag,
    read_number,
    read_paper_number,
    read_share,
)

PROVINCES = (
    11, 12, 13, 14, 15, 21, 22, 23, 31, 32, 33, 34, 35, 36, 37, 41, 42, 43, 44, 45, 46,
    50, 51, 52, 53, 54, 61, 62, 63, 64, 65, 71, 81, 82,
)  # fmt: skip
"""GB/T 2260, province level."""


_WIDE = str.maketrans("0123456789", "０１２３４５６７８９")


def test_the_lists_are_whole() -> None:
    assert sorted(provinces().codes) == sorted([*(f"{p}0000" for p in PROVINCES), "660000"])
    assert list(ethnic_groups().codes) == [f"{n:02}" for n in range(1, 57)] + ["97", "98"]
    letters = [c.row["letters"] for c in ethnic_groups().codes.values()][:56]
    assert len(set(letters)) == 56
    assert all(len(x) == 2 for x in letters)
    assert len(countries().codes) == 249


@pytest.mark.parametrize("make", [provinces, ethnic_groups, countries, duo_terms, regions])
def test_each_name_leads_to_its_own_code(make: object) -> None:
    found = make()  # type: ignore[operator]
    lost = {}
    for code in found.codes.values():
        names = [code.code, code.row.get("letters", ""), code.name.en, code.name.zh]
        for name in [*names, *code.row.get("others", "").split(",")]:
            if name and found.find(name) != code.code:
                lost[name] = (code.code, found.find(name))
    assert lost == {}


@pytest.mark.parametrize("code", sorted(f"{p}0000" for p in PROVINCES))
def test_each_province_is_known_by_all_that_it_is_called(code: str) -> None:
    zh, en = provinces().name(code, "zh"), provinces().name(code, "en")
    bare = zh.removesuffix("省").removesuffix("市")
    for name in (code, code[:2], f"CN-{code[:2]}", zh, bare, en, en.upper(), en.lower(),
                 f"{en} Province", f"{en} province", f" {zh} ", f"中国{zh}",
                 code.translate(_WIDE)):  # fmt: skip
        assert read_province(name) == code, name
    assert region_of(en) is not None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("330100", "a place in Zhejiang; fix: write the province, 330000"),
        ("440305", "write the province, 440000"),
        ("990000", "is no province"),
        ("Zhejang", "nearest: Zhejiang"),
        ("华东", "is no province"),
        ("3", "is no province"),
        ("China", "is no province"),
    ],
)
def test_what_is_no_province_is_not_guessed(text: str, says: str) -> None:
    with pytest.raises(FormError, match=says):
        read_province(text)


def test_every_place_lies_in_the_country() -> None:
    up = hierarchy()
    for code in provinces().codes:
        way = [code]
        while way[-1] in up:
            way.append(up[way[-1]])
        assert way[-1] == "CN"
        assert len(way) in (3, 4)
    by_region: dict[str, int] = {}
    for code in provinces().codes:
        by_region[up[code]] = by_region.get(up[code], 0) + 1
    assert by_region == {
        "R1": 5, "R2": 3, "R3": 7, "R41": 3, "R42": 3, "R5": 5, "R6": 6, "R7": 1, "R8": 2,
    }  # fmt: skip
    # Shanxi and Shaanxi are two, and lie in two regions.
    assert (region_of("Shanxi"), region_of("Shaanxi")) == ("R1", "R6")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("汉", "01"), ("汉族", "01"), ("han", "01"), ("1", "01"), ("01", "01"), ("HA", "01"),
        ("Han Chinese", "01"), ("维族", "05"), ("Uyghur", "05"), ("藏族", "04"),
        ("Tibetan", "04"), ("Zang", "04"), ("ZA", "04"), ("壮", "08"), ("56", "56"),
        ("其他", "97"), ("外国血统中国籍人士", "98"), ("Man nationality", "11"),
    ],
)  # fmt: skip
def test_ethnic_groups_by_number_letters_and_name(text: str, code: str) -> None:
    assert read_ethnic_group(text) == code


@pytest.mark.parametrize("text", ["57", "00", "99", "Hann", "AZ", "中国"])
def test_what_is_no_ethnic_group_is_not_guessed(text: str) -> None:
    with pytest.raises(FormError):
        read_ethnic_group(text)


def test_countries() -> None:
    names = ("us", "美国", "United Kingdom", "UK", "Macau", "中国")
    assert [read_country(x) for x in names] == ["US", "US", "GB", "GB", "MO", "CN"]
    with pytest.raises(FormError, match="no country"):
        read_country("Utopia")


def slow_check_digit(code: str) -> str:
    """GB 32100-2015 as it is written: weights 3^(i-1) mod 31, 31 - the rest, 31 is 0."""
    weights = [1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28]
    rest = sum(w * LETTERS.index(c) for w, c in zip(weights, code, strict=False)) % 31
    return LETTERS[(31 - rest) % 31]


def slow_organisation_digit(code: str) -> str:
    """GB 11714-1997 as it is written: 11 - the rest, 10 is X and 11 is 0."""
    value = {c: i for i, c in enumerate("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")}
    rest = (
        sum(value[c] * w for c, w in zip(code, (3, 7, 9, 10, 5, 8, 4, 2), strict=False)) % 11
    )
    return {10: "X", 11: "0"}.get(11 - rest, str(11 - rest))


def make_credit_code(draw: random.Random) -> str:
    start = "".join(draw.choice(LETTERS) for _ in range(2))
    start += "".join(draw.choice("0123456789") for _ in range(6))
    start += "".join(draw.choice(LETTERS) for _ in range(8))
    start += slow_organisation_digit(start[8:])
    return start + slow_check_digit(start)


def test_credit_codes_with_both_check_digits() -> None:
    draw = random.Random(1)
    for _ in range(300):
        code = make_credit_code(draw)
        assert (check_digit(code), organisation_digit(code[8:])) == (code[17], code[16])
        assert read_credit_code(code) == code
        assert read_credit_code(f" {code[:8]}-{code[8:].lower()} ") == code
        # Any one letter that is wrong, and any two neighbours that are swapped, show.
        place = draw.randrange(18)
        other = draw.choice([c for c in LETTERS[:10] if c != code[place]])
        with pytest.raises(FormError):
            read_credit_code(code[:place] + other + code[place + 1 :])
        place = draw.randrange(17)
        swapped = code[:place] + code[place + 1] + code[place] + code[place + 2 :]
        if swapped != code:
            with pytest.raises(FormError):
                read_credit_code(swapped)


def test_the_organisation_code_has_a_check_digit_of_its_own() -> None:
    code = "91350100M000100Y43"
    for digit in LETTERS:
        wrong = code[:16] + digit
        wrong += check_digit(wrong)
        if digit != code[16]:
            with pytest.raises(FormError, match="place 17 should be 4"):
                read_credit_code(wrong)


@pytest.mark.parametrize(
    "text", ["", "91350100M000100Y4", "91350100M000100Y433", "9135O100M000100Y43", "无"]
)
def test_what_has_not_the_shape_of_a_credit_code(text: str) -> None:
    assert read_credit_code("91350100M000100Y43")
    with pytest.raises(FormError, match="18 letters and digits"):
        read_credit_code(text)


def test_every_pattern_of_accessions_has_an_example_of_it_alone() -> None:
    rows = read_table("accessions.tsv")
    assert {r["archive"] for r in rows} >= {"NGDC", "GSA-Human", "CNSA", "INSDC"}
    for row in rows:
        assert find_accession(row["example"]) == row


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("PRJCA052720", "PRJCA052720"), ("prjca052720", "PRJCA052720"),
        ("HRA015470", "HRA015470"), ("GVM001237", "GVM001237"), ("OMIX013512", "OMIX013512"),
        ("OMIX013512-01", "OMIX013512-01"), ("GWHBHSK00000000.1", "GWHBHSK00000000.1"),
        ("SAMC1234567", "SAMC1234567"), ("CRR000123", "CRR000123"),
        ("HRS000001", "HRS000001"), ("HRI123456",) * 2, ("HRX000001",) * 2,
        ("CNPhis0000549",) * 2, ("cnphis0000549", "CNPhis0000549"),
        ("CNVHIS0000001", "CNVhis0000001"), ("CNV0000001",) * 2, ("CNXhis0000001",) * 2,
        ("EGAN00001000001",) * 2, ("EGAZ00001000001",) * 2, ("JGAN000000001",) * 2,
        ("CNP0000405", "CNP0000405"), ("CNR0123456", "CNR0123456"),
        ("PRJNA31257", "PRJNA31257"), ("PRJEB6180", "PRJEB6180"), ("SAMEA104228123",) * 2,
        ("SAMN00000001",) * 2, ("ERP000001",) * 2, ("SRR12345678",) * 2,
        ("GCA_000001405.15", "GCA_000001405.15"), ("phs000007.v30.p11",) * 2,
        ("EGAD00001000001",) * 2, (" ＨＲＡ０１５４７０ ", "HRA015470"),
    ],
)  # fmt: skip
def test_accessions(text: str, kept: str) -> None:
    assert read_accession(text) == kept


@pytest.mark.parametrize(
    "text", ["PRJCA12345", "PRJCAO52720", "PRJC052720", "HRA15470", "GVM12", "GCA_1", "x", "",
             "GWH00000000", "SAMC12", "EGAD0001", "HRT000001", "CNhisP0000549",
             "CNPhis1", "CNQ0000001", "EGAQ00001000001", "HRA015470 x"],
)  # fmt: skip
def test_what_is_no_accession(text: str) -> None:
    with pytest.raises(FormError, match="no accession"):
        read_accession(text)


@pytest.mark.parametrize(
    "text", ["DUO:0000042", "DUO_0000042", "duo:0000042", "GRU", "general research use",
             "http://purl.obolibrary.org/obo/DUO_0000042", "一般研究用途", "DUO 0000042"],
)  # fmt: skip
def test_duo_terms(text: str) -> None:
    assert read_duo(text) == ["DUO:0000042"]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("GRU-IRB", ["DUO:0000042", "DUO:0000021"]),
        ("gru-irb-pub", ["DUO:0000042", "DUO:0000021", "DUO:0000019"]),
        ("HMB-IRB-NPU-MDS", ["DUO:0000006", "DUO:0000021", "DUO:0000045"]),
        ("HMB(CC)", ["DUO:0000006", "DUO:0000043"]),
        ("NPU-NCU", ["DUO:0000018"]),
        ("DS-MONDO:0005148", ["DUO:0000007", "MONDO:0005148"]),
        ("DS-mondo_0005148", ["DUO:0000007", "MONDO:0005148"]),
        ("DUO:0000007 (MONDO:0005148)", ["DUO:0000007", "MONDO:0005148"]),
        ("DS[OMIM:143100]", ["DUO:0000007", "OMIM:143100"]),
        ("DS-ICD10:G10", ["DUO:0000007", "ICD10:G10"]),
        ("DS-RD", ["DUO:0000007"]),
        ("MONDO:0005148", ["MONDO:0005148"]),
    ],
)
def test_duo_terms_that_are_joined(text: str, kept: list[str]) -> None:
    assert read_duo(text) == kept
    # What is kept is read as itself.
    assert [c for k in kept for c in read_duo(k)] == kept


@pytest.mark.parametrize("short", [c.row["short"] for c in duo_terms().codes.values()])
def test_each_limit_goes_with_each_permission(short: str) -> None:
    code = duo_terms().find(short)
    for head in ("GRU", "HMB", "DS", "POA"):
        if code is not None and is_modifier(code):
            assert read_duo(f"{head}-{short}") == [duo_terms().find(head), code]
        else:
            with pytest.raises(FormError, match="nothing keeps"):
                read_duo(f"{head}-{short}")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("DS-CVD", "DS-MONDO:0005148"), ("DS-CVD-IRB", "'CVD'"), ("GS-CN", "write GS"),
        ("MOR-2027-01-01", "write MOR"), ("GRU-HMB", "'HMB'"), ("GRU--IRB", "nothing keeps"),
        ("XX-IRB", "no DUO term"), ("MDS", "no DUO term"), ("DS-XYZ:0005148", "nothing keeps"),
    ],
)  # fmt: skip
def test_what_no_code_keeps_of_a_duo_term_is_refused(text: str, says: str) -> None:
    with pytest.raises(FormError, match=says):
        read_duo(text)


def test_duo_permissions_and_modifiers() -> None:
    kinds = {c: is_modifier(c) for c in duo_terms().codes}
    assert [c[-2:] for c, m in kinds.items() if not m] == ["04", "06", "07", "11", "42"]
    assert len(kinds) == 23
    for text in ("0000042", "DUO:9999999", "DUO:0000001", "XX"):
        with pytest.raises(FormError, match="no DUO term"):
            read_duo(text)


@pytest.mark.parametrize(
    "text", ["2026-11-28", "2026/11/28", "2026.11.28", "2026年11月28日", "2026 年 11 月 28 日",
             "20261128", "28/11/2026", "28.11.2026", "11/28/2026", "46354", "46354.0",
             "2026-11-28 00:00:00", "2026-11-28T00:00:00.000", "２０２６年１１月２８日"],
)  # fmt: skip
def test_days(text: str) -> None:
    assert read_date(text) == "2026-11-28"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("3/4/2026", "which is the day"), ("03-04-2026", "which is the day"),
        ("2026-02-30", "no date"), ("2025-02-29", "no date"), ("2026-13-01", "no date"),
        ("26-11-28", "no date"), ("2026-11", "no date"), ("2026年11月", "no date"),
        ("长期", "no date"), ("1234", "no date"), ("99999", "no date"),
        ("2026-11-28 13:00:00", "no date"), ("", "no date"),
    ],
)  # fmt: skip
def test_what_may_be_two_days_or_none_is_not_guessed(text: str, says: str) -> None:
    with pytest.raises(FormError, match=says):
        read_date(text)


def test_a_day_whose_day_is_its_month_can_be_but_one() -> None:
    assert read_date("4/4/2026") == "2026-04-04"
    assert read_date("2024/2/29") == "2024-02-29"


def test_numbers_and_shares() -> None:
    assert [read_number(x) for x in ("1200", "1,200", "1200.0", "１２００", "1200人")] == [
        1200
    ] * 5
    assert [read_share(x) for x in ("0.5", "50%", "50.0 %", "0", "1")] == [0.5, 0.5, 0.5, 0, 1]
    for text in ("-1", "1.5", "12 000", "1,20", "many", "", "nan"):
        with pytest.raises(FormError):
            read_number(text)
    for text in ("1.1", "-0.1", "101%", "half", "nan", "inf"):
        with pytest.raises(FormError):
            read_share(text)


def test_messages_are_in_the_reader_s_language(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VARHOUSE_LANGUAGE", "zh")
    with pytest.raises(FormError) as error:
        codes.read_province("Zhejang")
    assert "不是有效的省级行政区;相近的有: Zhejiang" in error.value.say()
    assert provinces().name("330000") == "浙江省"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Taiwan, China", "710000"), ("Taiwan Province of China", "710000"),
        ("臺灣", "710000"), ("台湾地区", "710000"), ("Hong Kong SAR, China", "810000"),
        ("香港特别行政區", "810000"), ("香港特区", "810000"), ("Macau, P.R. China", "820000"),
        ("廣東省", "440000"), ("Beijing Shi", "110000"), ("北平", "110000"),
        ("Guangxi Zhuangzu Zizhiqu", "450000"), ("11.0", "110000"), ("330000.0", "330000"),
        ("Kiangsu", "320000"), ("Shensi", "610000"), ("Shansi", "140000"), ("兵團", "660000"),
    ],
)  # fmt: skip
def test_provinces_as_others_write_them(text: str, code: str) -> None:
    assert PLACES.take(text) == [code]
    assert PLACES.take(f"{text}; 浙江, Jiangsu") == [
        *dict.fromkeys([code, "330000", "320000"])
    ]


def test_a_number_of_a_spreadsheet_is_no_other_number() -> None:
    """1.0 is 1 (Han), not 10 (Korean); 1.5 is none, not 15 (Tujia)."""
    assert [ETHNIC_GROUPS.take(f"{n}.0") for n in range(1, 57)] == [
        [f"{n:02}"] for n in range(1, 57)
    ]
    for text in ("1.5", "2.1", "0.1", "97.8", "1.0.0"):
        with pytest.raises(FormError):
            ETHNIC_GROUPS.take(text)
    for text in ("11.1", "1.1", "110000.5"):
        with pytest.raises(FormError):
            PLACES.take(text)


@pytest.mark.parametrize(
    ("text", "code"),
    [("漢", "01"), ("滿族", "11"), ("維吾爾族", "05"), ("Hasake", "17"), ("Weiwuer zu", "05"),
     ("Chaoxian", "10"), ("未识别民族", "97"), ("壯", "08"), ("Menggu", "02")],
)  # fmt: skip
def test_ethnic_groups_as_others_write_them(text: str, code: str) -> None:
    assert read_ethnic_group(text) == code


@pytest.mark.parametrize(
    ("text", "day"),
    [("二〇二六年十一月二十八日", "2026-11-28"), ("二○二六年一月五日", "2026-01-05"),
     ("二零二六年十月十日", "2026-10-10"), ("二〇二六年十二月三十一日", "2026-12-31"),
     ("2026年1月5号", "2026-01-05"), ("二〇二六年二月二十日", "2026-02-20")],
)  # fmt: skip
def test_days_in_chinese(text: str, day: str) -> None:
    assert read_date(text) == day


@pytest.mark.parametrize(
    "text", ["二〇二六年十三月一日", "二〇二六年二月三十日", "百年一月一日"]
)
def test_chinese_numerals_that_are_no_day(text: str) -> None:
    with pytest.raises(FormError):
        read_date(text)


def test_counts_with_a_word_behind_and_ticks() -> None:
    assert [read_number(t) for t in ("1200 人", "1,200例", "３０名", "5.0")] == [
        1200, 1200, 30, 5,
    ]  # fmt: skip
    for text in ("12 00", "1200 万", "人", "3.5人"):
        with pytest.raises(FormError):
            read_number(text)
    assert [read_flag(t) for t in ("✓", "1.0", "✗", "0.0")] == [True, True, False, False]


@pytest.mark.parametrize(
    "text", ["无", "待批", "N/A", " pending ", "None.", "——", "yes", "已批准", "申请中"]
)
def test_no_number_of_a_paper_says_that_there_is_none(text: str) -> None:
    with pytest.raises(FormError):
        read_paper_number(text)
    assert read_paper_number("国科遗办审字〔2026〕CJ0001号")


def test_a_credit_code_of_zeros_is_none() -> None:
    # Both its check digits fit.
    assert (check_digit("0" * 17), organisation_digit("0" * 8)) == ("0", "0")
    with pytest.raises(FormError):
        read_credit_code("0" * 18)


def test_an_item_of_several_codes_is_several_of_a_list() -> None:
    form = CONSENT.fields["duo"].form
    assert form.take("GRU-IRB; IRB, DS-MONDO:0005148") == [
        "DUO:0000042", "DUO:0000021", "DUO:0000007", "MONDO:0005148"
    ]  # fmt: skip
