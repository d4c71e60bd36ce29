"""What people and monitors get of a night: a page, a text that can be mailed, metrics.

All are made of the account and of the log alone, each in one step; they name no sample
(decision 0044).
"""

from pathlib import Path

from varhouse.files import write_text
from varhouse.nightly.account import Night
from varhouse.nightly.mail import make_text
from varhouse.nightly.metrics import make_metrics
from varhouse.nightly.nightlog import read_log
from varhouse.nightly.page import make_page
from varhouse.nightly.trends import read_points

PAGE = "account.html"
TEXT = "account.txt"
METRICS = "varhouse.prom"


def write_pages(folder: Path, night: Night, metrics: Path | None = None) -> None:
    """Write what is shown of a night; call it when its account and log are written.

    Writes `account.html`, `account.txt` and, for the textfile collector of Prometheus,
    `varhouse.prom` into the nights' folder.

    Parameters
    ----------
    metrics
        Where the metrics go instead.
    """
    points = read_points(read_log(folder))
    write_text(folder / PAGE, make_page(night, points))
    write_text(folder / TEXT, make_text(night))
    place = metrics or folder / METRICS
    write_text(place, make_metrics(night, points))
    # A collector is another user.
    place.chmod(0o644)
