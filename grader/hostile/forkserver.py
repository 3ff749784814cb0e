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
import errno
import gc
import importlib
import json
import os
import platform
import resource
import signal
import socket
import struct
from pathlib import Path

_LIBC = ctypes.CDLL(None, use_errno=True)
_NEW_ALL = 0x10000000 | 0x20000000 | 0x40000000 | 0x20000 | 0x8000000 | 0x4000000  # user pid net …
_NOSUID, _NODEV, _NOEXEC, _REC, _PRIVATE = 2, 4, 8, 16384, 1 << 18
_SET_NO_NEW_PRIVS, _SET_DUMPABLE, _CAPBSET_DROP, _CAP_VERSION = 38, 4, 24, 0x20080522
_SET_SECCOMP = 22
# a kind of machine: its number for the kernel; its numbers of shmget, semget, msgget,
# memfd_create, memfd_secret, add_key, request_key, keyctl, perf_event_open, bpf, userfaultfd,
# io_uring_setup, ptrace, process_vm_readv, process_vm_writev, sched_setaffinity
_FORBIDDEN = {
    "x86_64": (
        0xC000003E,
        (29, 64, 68, 319, 447, 248, 249, 250, 298, 321, 323, 425, 101, 310, 311, 203),
    ),
    "aarch64": (
        0xC00000B7,
        (194, 190, 186, 279, 447, 217, 218, 219, 241, 280, 282, 425, 117, 270, 271, 122),
    ),
}


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


def isolate(folders: list[str], size: int) -> None:
    """Put this process, which must have one thread only, into a sandbox of its own.

    Returns in a new process, the first of its process namespace: all others die with it.

    Parameters
    ----------
    folders : list of str
        Get an empty file system each.
    size : int
        Bytes that each may hold.
    """
    uid, gid = os.getuid(), os.getgid()
    _call("unshare", _NEW_ALL)
    Path("/proc/self/setgroups").write_text("deny", encoding="utf-8")
    Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1", encoding="utf-8")
    Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1", encoding="utf-8")
    if (child := os.fork()) != 0:
        close_all_but(2)
        os.waitpid(child, 0)
        os._exit(0)
    _call("mount", None, b"/", None, _REC | _PRIVATE, None)
    for folder in folders:
        options = f"size={size},nr_inodes=50000,mode=0755".encode()
        _call("mount", b"tmpfs", folder.encode(), b"tmpfs", _NOSUID | _NODEV, options)
    _call("mount", b"proc", b"/proc", b"proc", _NOSUID | _NODEV | _NOEXEC, None)
    Path("/proc/sys/user/max_user_namespaces").write_text("0", encoding="utf-8")


def renounce() -> None:
    """Give up every capability, and the way to get one back."""
    _call("prctl", _SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    for capability in range(64):
        _LIBC.prctl(_CAPBSET_DROP, capability, 0, 0, 0)  # fails where there is no such one
    header = (ctypes.c_uint32 * 2)(_CAP_VERSION, 0)
    _call("capset", header, (ctypes.c_uint32 * 6)())


def forbid() -> None:
    """Forbid system calls that no student needs, for this process and all that it starts.

    They take memory that counts as no process's, leave the cores the grader gave, or look into
    other processes; some are where the kernel's own faults were. Where the machine's kind is
    unknown nothing is forbidden.
    """
    kind, numbers = _FORBIDDEN.get(platform.machine(), (0, ()))
    if not numbers:
        return
    # load the kind; unless it is ours, kill; load the number; if it is one of these, EPERM
    rules = [(0x20, 0, 0, 4), (0x15, 1, 0, kind), (0x06, 0, 0, 0x80000000), (0x20, 0, 0, 0)]
    rules += [(0x35, len(numbers) + 1, 0, 0x40000000)]  # x86's other way to number them
    rules += [(0x15, len(numbers) - i, 0, n) for i, n in enumerate(numbers)]
    rules += [(0x06, 0, 0, 0x7FFF0000), (0x06, 0, 0, 0x00050000 | errno.EPERM)]
    program = b"".join(struct.pack("HBBI", *rule) for rule in rules)
    buffer = ctypes.create_string_buffer(program)
    head = struct.pack("H6xQ", len(rules), ctypes.addressof(buffer))
    _call("prctl", _SET_SECCOMP, 2, ctypes.c_char_p(head), 0, 0)


def limit(limits: dict) -> None:
    """Set the limits of this process and of all that it starts."""
    for name, value in limits.items():
        resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (value, value))


def close_all_but(keep: int) -> None:
    """Close every file but the standard ones and one."""
    os.closerange(3, keep)
    os.closerange(max(keep, 2) + 1, resource.getrlimit(resource.RLIMIT_NOFILE)[0])


def student(connection: socket.socket, settings: dict) -> None:
    """Become the process of one submission; never returns."""
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        if settings["nested"]:
            isolate(settings["folders"], settings["folder_bytes"])
        os.setsid()  # a signal to one's own group would reach the process this one forked from
        # the kernel adds this process's number as the grader sees it, which can't be forged
        connection.send(b"!")
        renounce()
        forbid()
        with contextlib.suppress(OSError):  # where memory is short, end this and nothing else
            Path("/proc/self/oom_score_adj").write_text("1000", encoding="utf-8")
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
    from tensorflow.python.eager import context  # the only way to ask

    space = {"__name__": "__main__"}
    try:
        for source in sources:
            exec(compile(source, "setup", "exec"), space)
    except Exception:
        return None
    return None if context.context()._initialized else space


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
