"""Runs in the child, before the function's Python: makes the file system that Lambda shows, then becomes the runtime.

Standard library only: the interpreter is the function's, not ours. One argument, JSON:
`level` ("mounts", "user-mounts" or "none"), `task`, `opt`, `runtime` (folders), `keep` (folders that must stay visible),
`file_systems` (folders by the place where they are shown, read-only), `storage` (MB of /tmp), `root` (an empty folder), `argv`, `env`,
`cwd`. With `argv` empty it only tries the mounts.
"""

# ruff: noqa: PTH102, PTH103, PTH112, PTH115, PTH118, PTH123, PTH211
from __future__ import annotations

import ctypes
import json
import os
import signal
import sys

TYPE_CHECKING = False  # as good as typing's, which would cost every cold start its import; so would pathlib
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any

MS_RDONLY, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE, MS_RELATIME = 1, 32, 4096, 16384, 1 << 18, 1 << 21
CLONE_NEWNS, CLONE_NEWUSER = 0x00020000, 0x10000000
PR_SET_PDEATHSIG = 1
HIDDEN = ("/var/task", "/var/runtime", "/opt", "/tmp")


def write(path: str, text: str) -> None:
    """Write a file."""
    with open(path, "w") as file:
        file.write(text)


def fail(what: str) -> None:
    """Raise what the C library said."""
    number = ctypes.get_errno()
    raise OSError(number, f"{what}: {os.strerror(number)}")


def mount(libc: Any, source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    """Call mount(2)."""
    done = libc.mount(source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), data.encode())
    if done != 0:
        fail(f"mount {target}")


def bind(libc: Any, source: str, target: str, read_only: bool = True) -> None:
    """Show `source` at `target`. A remount must repeat the flags that the mount has, or an unprivileged one is refused."""
    mount(libc, source, target, "", MS_BIND | MS_REC)
    if read_only:
        has = os.statvfs(target).f_flag
        # These have the same values in statvfs's flags as in mount's; relatime has not.
        same = has & (os.ST_NOSUID | os.ST_NODEV | os.ST_NOEXEC | os.ST_NOATIME | os.ST_NODIRATIME)
        if has & os.ST_RELATIME:
            same |= MS_RELATIME
        mount(libc, "", target, "", MS_REMOUNT | MS_BIND | MS_RDONLY | same)


def mirror(libc: Any, source: str, target: str, skip: Collection[str], writable: Collection[str] = ()) -> None:
    """Show every entry of a folder in another one, but for some."""
    os.makedirs(target, exist_ok=True)
    for entry in os.scandir(source):
        place = os.path.join(target, entry.name)
        if entry.path in skip:
            continue
        if entry.is_symlink():
            os.symlink(os.readlink(entry.path), place)
            continue
        if entry.is_dir():
            os.mkdir(place)
        else:
            write(place, "")
        bind(libc, entry.path, place, read_only=entry.path not in writable)


def enter_namespace(libc: Any, level: str) -> None:
    """Leave the host's mounts; as nobody special, by way of a user namespace in which we may mount."""
    uid, gid = os.getuid(), os.getgid()
    if libc.unshare(CLONE_NEWNS | (CLONE_NEWUSER if level == "user-mounts" else 0)) != 0:
        fail("unshare")
    if level == "user-mounts":
        for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
            write(f"/proc/self/{name}", text)
    mount(libc, "", "/", "", MS_REC | MS_PRIVATE)


def build_root(libc: Any, spec: dict[str, Any]) -> None:
    """Make a root that looks like Lambda's: everything read-only but /tmp, which is as large as configured."""
    root = spec["root"]
    mount(libc, "slsdeploy", root, "tmpfs", 0, "size=1m,mode=755")
    mounted = ("/mnt",) if spec["file_systems"] else ()
    mirror(libc, "/", root, ("/var", "/opt", "/tmp", *mounted), ("/proc", "/sys", "/dev"))
    mirror(libc, "/var", root + "/var", HIDDEN)
    for folder, place in ((spec["task"], "/var/task"), (spec["runtime"], "/var/runtime")):
        os.mkdir(root + place)
        bind(libc, folder, root + place)
    mirror(libc, spec["opt"], root + "/opt", ())
    os.mkdir(root + "/tmp")
    mount(libc, "slsdeploy", root + "/tmp", "tmpfs", 0, f"size={spec['storage']}m,mode=1777")
    for place, folder in spec["file_systems"].items():
        os.makedirs(root + place)
        bind(libc, folder, root + place)
    for folder in spec["keep"]:
        if folder.startswith(tuple(hidden + "/" for hidden in (*HIDDEN, *mounted))) and not os.path.isdir(
            root + folder
        ):
            os.makedirs(root + folder)
            bind(libc, folder, root + folder)
    mount(libc, "", root, "", MS_REMOUNT | MS_BIND | MS_RDONLY)
    os.chroot(root)


def main() -> None:
    """Do what the argument says."""
    spec = json.loads(sys.argv[1])
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        # The function must not outlive the local AWS, even when that is killed.
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if spec["level"] != "none":
            enter_namespace(libc, spec["level"])
            build_root(libc, spec)
    if not spec["argv"]:
        return
    os.chdir(spec["cwd"])
    os.execve(spec["argv"][0], spec["argv"], spec["env"])  # noqa: S606


main()
