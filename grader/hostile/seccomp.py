"""System calls that no student's process needs, forbidden by the kernel's filter (seccomp).

They take memory that counts as no process's, hide a process from the grader's watch, leave the
cores the grader gave, or look into other processes; some are where the kernel's own faults were.
"""

import ctypes
import errno
import platform
import struct

# a kind of machine: its number for the kernel, the places of the columns below
_KINDS = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
_FORBIDDEN = {
    "shmget": (29, 194),
    "semget": (64, 190),
    "msgget": (68, 186),
    "mq_open": (240, 180),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "perf_event_open": (298, 241),
    "bpf": (321, 280),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "fanotify_init": (300, 262),
    "landlock_create_ruleset": (444, 444),
    "vmsplice": (278, 75),  # pages stay in the pipe when the process has given them back
    "unshare": (272, 97),  # a thread's own files are seen by nobody
    "setns": (308, 268),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "pidfd_getfd": (438, 438),
    "sched_setaffinity": (203, 122),
}
_CLONE3, _CLONE, _PRCTL, _MMAP, _SOCKET = (435, 435), (56, 220), (157, 167), (9, 222), (41, 198)
# call, which argument, mask, value: forbidden if the argument's bits under the mask are these
_WHERE = (
    (_PRCTL, 0, 0xFFFFFFFF, 4),  # PR_SET_DUMPABLE: its memory could not be looked at
    (_CLONE, 0, 0x10400, 0x10000),  # a thread with files of its own
    (_MMAP, 3, 0x21, 0x21),  # shared and anonymous: stays when no process maps it
)
_FAMILIES = (1, 2, 10, 16)  # of sockets: Unix, IPv4, IPv6, netlink, which looks up names
_LOAD, _AND, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x54, 0x15, 0x35, 0x06
_ALLOW, _KILL, _ERROR = 0x7FFF0000, 0x80000000, 0x00050000
_SET_SECCOMP, _NUMBER, _KIND, _ARGUMENTS = 22, 0, 4, 16


def rules(kind: int, column: int) -> list[tuple[int, int, int, int]]:
    """Return the filter: instructions, each with where to go if true and if false."""
    no = (_RETURN, 0, 0, _ERROR | errno.EPERM)
    found = [(_LOAD, 0, 0, _KIND), (_EQUAL, 1, 0, kind), (_RETURN, 0, 0, _KILL)]
    found += [(_LOAD, 0, 0, _NUMBER), (_AT_LEAST, 0, 1, 0x40000000), no]  # x86's other numbers
    for numbers in _FORBIDDEN.values():
        found += [(_EQUAL, 0, 1, numbers[column]), no]
    # its arguments can't be judged; glibc then takes clone
    found += [(_EQUAL, 0, 1, _CLONE3[column]), (_RETURN, 0, 0, _ERROR | errno.ENOSYS)]
    for numbers, argument, mask, value in _WHERE:
        found += [(_EQUAL, 0, 5, numbers[column]), (_LOAD, 0, 0, _ARGUMENTS + 8 * argument)]
        found += [(_AND, 0, 0, mask), (_EQUAL, 0, 1, value), no, (_LOAD, 0, 0, _NUMBER)]
    found += [(_EQUAL, 0, len(_FAMILIES) + 2, _SOCKET[column]), (_LOAD, 0, 0, _ARGUMENTS)]
    found += [(_EQUAL, len(_FAMILIES) - i, 0, family) for i, family in enumerate(_FAMILIES)]
    return [*found, no, (_RETURN, 0, 0, _ALLOW)]


def forbid(call) -> None:
    """Forbid them, for this process and all that it starts, for good.

    Where the machine's kind is unknown nothing is forbidden.

    Parameters
    ----------
    call : callable
        Calls a function of the C library by its name, and raises if it fails.
    """
    if platform.machine() not in _KINDS:
        return
    filters = rules(*_KINDS[platform.machine()])
    program = b"".join(struct.pack("HBBI", *rule) for rule in filters)
    buffer = ctypes.create_string_buffer(program)
    head = struct.pack("H6xQ", len(filters), ctypes.addressof(buffer))
    call("prctl", _SET_SECCOMP, 2, ctypes.c_char_p(head), 0, 0)
