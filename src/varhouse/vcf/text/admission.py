"""Can this path be read at all? Asked before anything else, for every file given."""

import stat
from pathlib import Path

from varhouse.vcf.account.problems import Account
from varhouse.vcf.text.otherformats import folder_format


def check_path(path: Path, account: Account) -> bool:
    """Tell whether a path is a readable file that is not empty; if not, say why.

    A pipe or a device is not read: a file is read more than once, and a device may have
    no end.
    """
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            if (found := folder_format(path)) is not None:
                account.add("VH-F-017", f"{found.name}, no VCF", fix=found.advice)
            else:
                account.add("VH-F-012", "a directory, not a file")
        elif not stat.S_ISREG(mode):
            kind = "a pipe" if stat.S_ISFIFO(mode) else "a device or socket"
            account.add("VH-F-014", f"{kind}, not a file")
        else:
            with path.open("rb") as f:
                if f.read(1):
                    return True
            account.add("VH-F-011", "the file is empty")
    except FileNotFoundError:
        account.add("VH-F-015", "no such file")
    except PermissionError:
        account.add("VH-F-013", "no permission to read it")
    except OSError as error:
        account.add("VH-F-001", f"cannot be read ({error.strerror})")
    return False
