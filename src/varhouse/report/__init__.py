"""The report of an ingest: one HTML page that needs nothing but itself.

`find` picks the ingest and the release to read, `measure` and `people` turn tables into
a few hundred binned rows, `charts`, `bars` and `strips` draw them, `words` says what
happened, `page` puts it together. `--open` (the open tier) is decided in `find` and
`words`: what is not read cannot leak.
"""

from varhouse.report.find import Ingest, find_ingest
from varhouse.report.page import make_page

__all__ = ["Ingest", "find_ingest", "make_page"]
