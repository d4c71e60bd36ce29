"""Where compiled code is kept between runs."""

import os
import tempfile
from pathlib import Path


def find_cache() -> Path | None:
    """Find a folder for compiled code where numba would find none.

    numba keeps it beside the package, else in the user's cache folder, and fails where
    neither can be written to: an installation of others, on a node without a home.

    Returns
    -------
    Path or None
        A folder of the user's own under the temporary folder; None where numba needs no
        help, or `NUMBA_CACHE_DIR` says where.
    """
    if "NUMBA_CACHE_DIR" in os.environ or os.access(Path(__file__).parent, os.W_OK):
        return None
    try:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        (cache / "numba").mkdir(parents=True, exist_ok=True)
        if os.access(cache / "numba", os.W_OK):
            return None
    except (OSError, RuntimeError):
        pass  # no home, or one that is not there
    folder = Path(tempfile.gettempdir()) / f"varhouse-compiled-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    # Code is loaded from there: it must be nobody else's.
    return folder if folder.stat().st_uid == os.getuid() else Path(tempfile.mkdtemp())
