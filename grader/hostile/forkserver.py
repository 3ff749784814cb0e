"""The fork server: the process in the sandbox from which students' processes fork.

bubblewrap makes the outer sandbox (no network, a read-only system, the course's data, nothing
else). Importing TensorFlow there takes 3 s, once: this process imports what the assignment's
setup cells import, never runs a student's line, and forks for each submission. bubblewrap can't
be started between the import and the fork (it executes a program), so the fork enters a sandbox
of its own by the same system calls: new user, process, network and mount namespaces inside the
outer ones, empty folders to write to, no capabilities, no further user namespaces, limits.
"""

import argparse
import contextlib
import ctypes
import gc
import importlib
import json
import os
import resource
import signal
import socket
import sys
from pathlib import Path

from grader.hostile.seccomp import forbid

_LIBC = ctypes.CDLL(None, use_errno=True)
_NEW_ALL = 0x10000000 | 0x20000000 | 0x40000000 | 0x20000 | 0x8000000 | 0x4000000  # user pid net …
_NOSUID, _NODEV, _NOEXEC, _REC, _PRIVATE = 2, 4, 8, 16384, 1 << 18
_SET_NO_NEW_PRIVS, _SET_DUMPABLE, _CAPBSET_DROP, _CAP_VERSION = 38, 4, 24, 0x20080522
_RDONLY, _REMOUNT, _BIND = 1, 32, 4096
# what a namespace of users may have, beside what the machine lets it
_COUNTS = {"user_namespaces": 0, "inotify_instances": 32, "inotify_watches": 4096}
_BACKLOG = 8  # connections that nobody has accepted hold memory, and are no file of anybody's


def _call(name: str, *arguments) -> None:
    if getattr(_LIBC, name)(*arguments):
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def become(uid: int) -> None:
    """Give up being the superuser, for good.

    bubblewrap, started by the superuser, covers parts of /proc, and a covered /proc can't be
    mounted again in an inner sandbox; as another user they can't be written anyway.
    """
    for line in (
        Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    ):
        if (place := line.split()[4]).startswith("/proc/"):
            _call("umount2", place.encode(), 0)
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)  # drops the capabilities too
    _call("prctl", _SET_DUMPABLE, 1, 0, 0, 0)  # own /proc/self stays readable


def isolate(folders: list[str], size: int) -> int:
    """Put this process, which must have one thread only, into a sandbox of its own.

    Returns in a new process, the first of its process namespace: all others die with it. The one
    that forked it waits outside of that, where no student reaches it, and writes down how it ended.

    Parameters
    ----------
    folders : list of str
        Get an empty file system each.
    size : int
        Bytes that each may hold.

    Returns
    -------
    int
        A pipe's end from which the grader reads how this process ended.
    """
    uid, gid = os.getuid(), os.getgid()
    _call("unshare", _NEW_ALL)
    Path("/proc/self/setgroups").write_text("deny", encoding="utf-8")
    Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1", encoding="utf-8")
    Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1", encoding="utf-8")
    told, tell = os.pipe2(os.O_CLOEXEC)
    if (child := os.fork()) != 0:
        close_all_but(tell)
        _, status = os.waitpid(child, 0)
        os.write(tell, str(os.waitstatus_to_exitcode(status)).encode())
        os._exit(0)
    os.close(tell)
    _call("mount", None, b"/", None, _REC | _PRIVATE, None)
    for folder in folders:
        options = f"size={size},nr_inodes=50000,mode=0755".encode()
        _call("mount", b"tmpfs", folder.encode(), b"tmpfs", _NOSUID | _NODEV, options)
    _call("mount", b"proc", b"/proc", b"proc", _NOSUID | _NODEV | _NOEXEC, None)
    for name, count in _COUNTS.items():
        with contextlib.suppress(FileNotFoundError):  # a kernel without inotify
            Path(f"/proc/sys/user/max_{name}").write_text(str(count), encoding="utf-8")
    with contextlib.suppress(FileNotFoundError):  # Debian 12's kernel, 6.1, hides it from users
        Path("/proc/sys/net/core/somaxconn").write_text(str(_BACKLOG), encoding="utf-8")
    with contextlib.suppress(OSError):  # where memory is short, end this and nothing else
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="utf-8")
    # no student lowers that again
    flags = _REMOUNT | _BIND | _RDONLY | _NOSUID | _NODEV | _NOEXEC
    _call("mount", None, b"/proc", None, flags, None)
    return told


def seen(folders: list[str]) -> list[int]:
    """Return what the grader watches this sandbox by, open: its processes, sockets, folders."""
    paths = ["/proc", "/proc/self/net/unix", *folders]
    return [os.open(path, os.O_RDONLY | os.O_CLOEXEC) for path in paths]


def renounce() -> None:
    """Give up every capability, and the way to get one back."""
    _call("prctl", _SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    for capability in range(64):
        _LIBC.prctl(_CAPBSET_DROP, capability, 0, 0, 0)  # fails where there is no such one
    header = (ctypes.c_uint32 * 2)(_CAP_VERSION, 0)
    _call("capset", header, (ctypes.c_uint32 * 6)())


def limit(limits: dict) -> None:
    """Set the limits of this process and of all that it starts; lower ones stay."""
    for name, value in limits.items():
        which = getattr(resource, f"RLIMIT_{name}")
        # unlimited is -1
        value = min([value, *(set_ for set_ in resource.getrlimit(which) if set_ >= 0)])
        resource.setrlimit(which, (value, value))


def close_all_but(keep: int) -> None:
    """Close every file but the standard ones and one."""
    os.closerange(3, keep)
    os.closerange(max(keep, 2) + 1, resource.getrlimit(resource.RLIMIT_NOFILE)[0])


def student(connection: socket.socket, settings: dict) -> None:
    """Become the process of one submission; never returns."""
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        told = isolate(settings["folders"], settings["folder_bytes"])
        os.setsid()  # a signal to one's own group would reach the process this one forked from
        # the kernel adds this process's number as the grader sees it, which can't be forged
        socket.send_fds(connection, [b"!"], [told, *seen(settings["folders"])])
        renounce()
        forbid(_call)
        close_all_but(connection.fileno())
        limit(settings["limits"])
        os.chdir(settings["home"])
        if settings["data"]:
            Path("data").symlink_to(settings["data"])
        from grader.hostile.kernel import serve

        serve(connection, settings["space"])
    except BaseException as error:
        with contextlib.suppress(OSError):
            connection.send(f"?{type(error).__name__}: {error}".encode()[:400])
    os._exit(0)


def prepare(sources: list[str]) -> dict | None:
    """Run the assignment's own setup cells once for all: they load its data.

    Returns
    -------
    dict or None
        Their names. None if they can't be shared: they fail (each session will say how), or they
        start TensorFlow's runtime, whose threads a fork would lose.
    """
    if not sources:
        return {"__name__": "__main__"}
    if (child := os.fork()) == 0:  # a trial: a runtime that was started once can't be stopped
        os._exit(_names(sources) is None)
    return None if os.waitpid(child, 0)[1] else _names(sources)


def _names(sources: list[str]) -> dict | None:
    space = {"__name__": "__main__"}
    try:
        for source in sources:
            exec(compile(source, "setup", "exec"), space)
    except Exception:
        return None
    tensorflow = sys.modules.get("tensorflow.python.eager.context")  # the only way to ask
    return None if tensorflow and tensorflow.context()._initialized else space


def main() -> None:
    """Import, say so, then fork for each connection that arrives."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--control", type=int)
    parser.add_argument("--become", type=int, default=0)
    arguments = parser.parse_args()
    if arguments.become:
        become(arguments.become)
    control = socket.socket(fileno=arguments.control)
    settings = json.loads(control.recv(1 << 20))
    for module in settings["imports"]:
        with contextlib.suppress(ImportError):  # the setup cell itself will say so
            importlib.import_module(module)
    settings["space"] = prepare(settings["setup"])
    gc.freeze()  # a collection in a child would copy every page it marks
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # leaves no zombies
    control.send(b"ready")
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, 16, 1)
        if not message:
            break
        connection = socket.socket(fileno=descriptors[0])
        if os.fork() == 0:
            control.close()
            student(connection, settings)
        connection.close()


if __name__ == "__main__":
    main()
