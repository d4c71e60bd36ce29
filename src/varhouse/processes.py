"""Who a process is, and whether it is known to have ended.

A process id alone may have been given to another process since: the start time tells them
apart, and the id of the host's boot those of before a restart.
"""

import os
import socket
from pathlib import Path


def start_time(pid: int) -> str:
    """Give the start time of a process, in clock ticks since the boot.

    Empty where there is no /proc or no process; `ended` for a process that has ended and
    waits for its parent (a zombie).
    """
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    # The command, in parentheses, may hold spaces: field 22 counts from after it.
    fields = text.rpartition(")")[2].split()
    return "ended" if fields[0] in "ZX" else fields[19]


def boot_id() -> str:
    """Give the id of this host's boot; empty where the system has none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def is_alive(host: str, pid: int, started: str, boot: str = "") -> bool:
    """Tell whether a process is known to live, on this host; False where nobody knows.

    Parameters
    ----------
    started, boot
        As `has_ended` takes them.
    """
    if host != socket.gethostname() or boot != boot_id():
        return False
    return bool(started) and start_time(pid) == started


def has_ended(host: str, pid: int, started: str, boot: str = "") -> bool:
    """Tell whether a process is known to be gone; False where that cannot be known.

    Parameters
    ----------
    started, boot
        What `start_time` and `boot_id` gave for it; empty where they were not known.
    """
    if host != socket.gethostname():
        return False
    if boot and boot_id() and boot != boot_id():
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    now = start_time(pid)
    return bool(started and now and started != now)
