"""Whatever is written into a field is kept in one form, or refused as a mistake of it."""

import json
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from varhouse.governance.fieldkinds import KINDS
from varhouse.governance.fields import FormError, read_date

FORMS = {id(f.form): f.form for k in KINDS.values() for f in k.fields.values()}
WRITTEN = """
浙江 Zhejiang 33 330000 汉 01 GRU DUO:0000042 T1 ethics 是 no 50% 0.5 1,200 2026-11-28
2026年1月2日 3/4/2026 PRJCA000001 WGS 91350100M000100Y43 US inside ; 、 , | / - NA
"""
PIECES = st.sampled_from([*WRITTEN.split(), " ", "\n", "\u3000"])
CELLS = st.one_of(st.text(max_size=12), st.lists(PIECES, max_size=5).map("".join))


@settings(max_examples=60, deadline=None)
@given(CELLS)
def test_what_is_kept_is_kept_again(cell: str) -> None:
    for form in FORMS.values():
        try:
            kept = form.take(cell)
        except FormError:
            continue
        assert form.take(kept) == kept
        assert json.loads(json.dumps(kept)) == kept
        form.give(kept)


@given(st.dates(date(1970, 1, 1), date(2099, 12, 31)))
def test_every_day_is_read_in_every_way(day: date) -> None:
    iso = day.isoformat()
    serial = (day - date(1899, 12, 30)).days
    for text in (
        iso, f"{day:%Y/%m/%d}", f"{day.year}/{day.month}/{day.day}", f"{day:%Y%m%d}",
        f"{day.year}年{day.month}月{day.day}日", f"{day:%Y.%m.%d}", f"{iso} 00:00:00",
        str(serial), f"{serial}.0",
    ):  # fmt: skip
        assert read_date(text) == iso
    for text in (f"{day:%d/%m/%Y}", f"{day:%m/%d/%Y}"):
        if day.day > 12 or day.day == day.month:
            assert read_date(text) == iso
        else:
            with pytest.raises(FormError, match="which is the day"):
                read_date(text)
