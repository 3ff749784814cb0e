"""The grader's commands: ``python -m grader --help``."""

import argparse
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from grader import GraderError
from grader.packages import install

if TYPE_CHECKING:
    from grader.course import Course

_ABOUT = "Release homework, collect, mark and return it; prove that assignments are right."


def new(course: "Course", arguments) -> int:
    """Write the source of a new assignment, to change: exercise, tests, wrong answers."""
    from grader.commands.new import new as make

    folder = make(course, arguments.assignment)
    print(f"{folder}\nProve it, as it stands and when it is yours: ", end="")
    print(f"python -m grader prove {arguments.assignment}")
    return 0


def release(course: "Course", arguments) -> int:
    """Make the students' version."""
    from grader.commands.release import release as make

    for name in arguments.assignment or course.assignments():
        print(f"{name}: {make(course, name)}")
    return 0


def student_copy(course: "Course", arguments) -> int:
    """Write the course without solutions, hidden tests and history, to give to students."""
    from grader.commands.student_copy import student_copy as make

    print("\n".join(make(course, arguments.folder)))
    return 0


def solutions(course: "Course", arguments) -> int:
    """Write an assignment with its answers filled in, once everybody's time is over."""
    from grader.commands.solutions import solutions as make

    for name in arguments.assignment:
        print(f"{name}: {make(course, name, arguments.early)}")
    return 0


def collect(course: "Course", arguments) -> int:
    """Collect submissions from a folder, or from the zip that an LMS exported."""
    from grader.commands.collect import NOT_TAKEN
    from grader.commands.collect import collect as take

    missed = 0
    for name in arguments.assignment:
        for line in take(course, name, arguments.source, arguments.roster):
            print(line)
            missed += f": {NOT_TAKEN}" in line
    return min(missed, 1)


def feedback(course: "Course", arguments) -> int:
    """Write a page for each graded student."""
    from grader.commands.feedback import feedback as make

    for name in arguments.assignment:
        made = make(course, name, arguments.student, arguments.zip)
        pages = [path for path in made if path.suffix == ".html"]
        print(f"{name}: {len(pages)} in {course.root}/feedback")
        for path in made[len(pages) :]:
            print(path)
    return 0


def export(course: "Course", arguments) -> int:
    """Write the marks as tables: by question, for Moodle, for Canvas."""
    from grader.commands.export import export as make

    for name in arguments.assignment:
        for path in make(course, name):
            print(path)
    return 0


def report(course: "Course", arguments) -> int:
    """Write what the class knows, as a page to show, and as JSON."""
    from grader.commands.report import report as make

    for name in arguments.assignment:
        for path in make(course, name):
            print(path)
    return 0


def similar(course: "Course", arguments) -> int:
    """Write which people's answers share what few others wrote, side by side."""
    install("copydetect")
    from grader.commands.similar import similar as make

    for name in arguments.assignment:
        path, lines = make(course, name)
        print("\n".join([*lines, str(path)]))
    return 0


def roster(course: "Course", arguments) -> int:
    """Keep the list of the course's people; say who is absent, and who is not in it."""
    from grader.commands.roster import roster as keep

    print("\n".join(keep(course, arguments.file)))
    return 0


def total(course: "Course", arguments) -> int:
    """Write a term's marks: a table of all, for Moodle, for Canvas."""
    from grader.commands.total import total as add

    paths, lines = add(
        course, arguments.assignment, _numbers(arguments.weight), arguments.drop_lowest
    )
    print("\n".join([*lines, *map(str, paths)]))
    return 0


def _numbers(texts: list[str]) -> dict[str, float]:
    """Return what NAME=N says."""
    numbers = {}
    for text in texts:
        name, _, value = text.partition("=")
        try:
            numbers[name] = float(value)
        except ValueError:
            numbers[name] = -1.0
        if not name or not 0 <= numbers[name] < 1e6:
            raise GraderError(f"{text!r} is no name and number from 0, such as hw1=2.")
    return numbers


def due(course: "Course", arguments) -> int:
    """Set when an assignment is due and what lateness costs; without a time, say it."""
    from grader.deadlines import due as set_due

    print("\n".join(set_due(course, arguments.assignment, arguments.time, arguments.per_day)))
    return 0


def extend(course: "Course", arguments) -> int:
    """Give one student more time; the history keeps why."""
    from grader.deadlines import extend as give

    name, until, why = arguments.assignment, arguments.until, arguments.why
    print("\n".join(give(course, arguments.student, name, until, why)))
    return 0


def backup(course: "Course", arguments) -> int:
    """Write all that the term has made into one zip."""
    from grader.commands.backup import backup as keep

    path, lines = keep(course, arguments.file)
    print(f"{path}: {'; '.join(lines)}")
    return 0


def restore(course: "Course", arguments) -> int:
    """Put a backup into a course that has no term's work yet."""
    from grader.commands.backup import restore as put

    print("\n".join(put(course, arguments.file)))
    return 0


def forget(course: "Course", arguments) -> int:
    """Delete all that the course has of one person."""
    from grader.commands.forget import forget as delete

    print("\n".join(delete(course, arguments.student, arguments.yes)))
    return 0


def pack(arguments) -> int:
    """Check your notebook and zip it for handing in (for students)."""
    from grader.commands.pack import pack as make

    for name in arguments.assignment:
        path = arguments.file or Path(f"{name}.ipynb")
        archive, notes = make(name, path, arguments.incomplete)
        print("\n".join([*notes, f"Hand in {archive}"]))
    return 0


def grade(course: "Course", arguments) -> int:
    """Mark the submissions that are not marked yet."""
    from grader.commands.grade import grade as mark

    for name in arguments.assignment:
        options = (arguments.student, arguments.again, arguments.workers)
        unsafe, scheduler = arguments.unsafe_own_files, arguments.scheduler
        dry = arguments.dry_run
        done = mark(course, name, *options, unsafe=unsafe, scheduler=scheduler, dry=dry)
        if dry:
            continue
        everyone = course.records(name)
        print(f"{name}: {len(done)} marked now, {len(everyone)} in all.")
        if not course.submissions(name):
            print(f"No submissions in {course.root}/submitted/STUDENT/{name}/{name}.ipynb")
    return 0


def mark(course: "Course", arguments) -> int:
    """Read one answer after the other in the browser, and mark by hand."""
    from grader.commands.mark import mark as read

    print("\n".join(read(course, arguments.assignment, arguments.reader, arguments.share)))
    return 0


def regrade(course: "Course", arguments) -> int:
    """Mark one student again on request; the history keeps who asked for it, when and why."""
    from grader.commands.grade import grade as mark

    name, student = arguments.assignment, arguments.student
    if not arguments.why.strip():
        raise GraderError("--why is empty. Say why this is marked again; the history keeps it.")
    unsafe = arguments.unsafe_own_files
    done = mark(course, name, [student], True, unsafe=unsafe, why=arguments.why.strip())
    for record in done.values():
        print(f"{name}: {student}: {record['score']:g} of {record['points']:g} by the tests")
    return 0


def weigh(course: "Course", arguments) -> int:
    """Let exercises count more, less or not at all, after the fact."""
    from grader.marks import weigh as change

    (name, *changes) = arguments.assignment
    print("\n".join(change(course, name, _numbers(changes), arguments.why)) or "All count once.")
    return 0


def sample(course: "Course", arguments) -> int:
    """Make a class of plausible submissions, for a trial: right, wrong, half done, crashing."""
    from grader.commands.sample import sample as make

    name, size, seed = arguments.assignment, arguments.size, arguments.seed
    path, platform = (
        arguments.moodle or arguments.canvas,
        "canvas" if arguments.canvas else "moodle",
    )
    print("\n".join(make(course, name, size, path, seed, platform, arguments.people)))
    return 0


def prove(course: "Course", arguments) -> int:
    """Show that assignments and their tests are right."""
    from grader.commands.prove import prove as check
    from grader.pool import local_pool

    wrong = 0
    with local_pool(arguments.workers) as pool:
        for name in arguments.assignment or course.assignments():
            problems = check(course.assignment(name), course, pool)
            wrong += len(problems)
            for problem in problems:
                print(f"{name}: ✗ {problem}")
            if not problems:
                print(f"{name}: ✓ proved")
    return min(wrong, 1)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    top = argparse.ArgumentParser(prog="python -m grader", description=_ABOUT)
    top.add_argument(
        "--course", type=Path, default=Path("homework"), help="its folder (default: homework)"
    )
    text = "the grade book's URL (default: SQLite, gradebook.db in the course's folder)"
    top.add_argument("--database", help=text)
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    def command(function, some: str = "+") -> argparse.ArgumentParser:
        text = function.__doc__
        name = function.__name__.replace("_", "-")
        one = commands.add_parser(name, help=text, description=text)
        one.set_defaults(function=function)
        if not some:
            return one
        text = "e.g. hw1" + " (default: all)" * (some == "*")
        one.add_argument("assignment", nargs=some, help=text)
        return one

    def workers(one: argparse.ArgumentParser) -> None:
        cores = max(1, (os.cpu_count() or 2) // 2)
        text = f"submissions marked at the same time (default: {cores})"
        one.add_argument("--workers", type=int, default=cores, metavar="N", help=text)

    one = command(new, "")
    one.add_argument("assignment", help="e.g. hw6")
    command(release, "*")
    one = command(collect)
    text = "a folder, or the zip that an LMS exported"
    one.add_argument("--from", dest="source", type=Path, required=True, metavar="PATH", help=text)
    text = "CSV with columns id and name, or id and lms: the course's own ids"
    one.add_argument("--roster", type=Path, metavar="CSV", help=text)
    one = command(grade)
    workers(one)
    one.add_argument("--student", action="append", default=[], help="only this one (repeatable)")
    one.add_argument("--again", action="store_true", help="mark again what is already marked")
    text = "keep no mark; list which would change"
    one.add_argument("--dry-run", action="store_true", help=text)
    one.add_argument("--scheduler", metavar="ADDRESS", help="spread the work over Dask's workers")
    unsafe = "without a sandbox: for files you wrote yourself, never a student's"
    one.add_argument("--unsafe-own-files", action="store_true", help=unsafe)
    one = command(mark, "")
    one.add_argument("assignment", help="e.g. hw1")
    text = "who reads: the history keeps it, and only this one's part is shown"
    one.add_argument("--as", dest="reader", default="", metavar="NAME", help=text)
    text = "share the answers out to these, and end"
    one.add_argument("--share", nargs="+", default=[], metavar="NAME", help=text)
    for function in (feedback, export):
        one = command(function)
        if function is feedback:
            one.add_argument("--student", action="append", default=[], help="only this one")
            text = "put them into a zip that this LMS takes back, too"
            one.add_argument("--zip", choices=("moodle", "canvas"), default="", help=text)
    one = command(regrade, "")
    one.add_argument("student", help="their id")
    one.add_argument("assignment", help="e.g. hw1")
    one.add_argument("--why", required=True, metavar="TEXT", help="for the history")
    one.add_argument("--unsafe-own-files", action="store_true", help=unsafe)
    one = command(weigh)
    one.usage = "python -m grader weigh hw1 [EXERCISE=N ...] [--why TEXT]"
    one.add_argument("--why", default="", metavar="TEXT", help="for the history")
    command(report)
    command(similar)
    one = command(roster, "")
    text = "CSV with columns id and name; may have email, login, lms, lms-hw1"
    one.add_argument("file", nargs="?", type=Path, metavar="CSV", help=text)
    one = command(due, "")
    one.add_argument("assignment", help="e.g. hw1")
    one.add_argument("time", nargs="?", default="", help='such as "2030-03-02 23:59 CET"')
    text = "percent of one's points that each begun day costs (default: nbgrader_config.py's rule)"
    one.add_argument("--per-day", type=float, metavar="PERCENT", help=text)
    one = command(extend, "")
    one.add_argument("student", help="their id")
    one.add_argument("assignment", help="e.g. hw1")
    text = "the new time; an empty one takes it back"
    one.add_argument("--until", required=True, metavar="TIME", help=text)
    one.add_argument("--why", default="", metavar="TEXT", help="for the history")
    one = command(backup, "")
    text = "the zip (default: beside the course's folder, with the time in its name)"
    one.add_argument("file", nargs="?", type=Path, metavar="ZIP", help=text)
    one = command(restore, "")
    one.add_argument("file", type=Path, metavar="ZIP", help="what backup wrote")
    one = command(forget, "")
    one.add_argument("student", help="their id")
    one.add_argument("--yes", action="store_true", help="delete; else only list")
    one = command(total)
    text = "what an assignment counts beside the others, such as hw1=2 (repeatable; default: 1)"
    one.add_argument("--weight", action="append", default=[], metavar="NAME=N", help=text)
    text = "so many of a person's lowest do not count"
    one.add_argument("--drop-lowest", type=int, default=0, metavar="N", help=text)
    one = command(solutions)
    one.add_argument("--early", action="store_true", help="even while somebody may hand in")
    one = command(student_copy, "")
    one.add_argument("folder", type=Path, help="a new one, or an empty one")
    one = command(sample, "")
    one.add_argument("assignment", help="e.g. hw1")
    one.add_argument("size", type=int, help="how many students")
    exported = one.add_mutually_exclusive_group()
    for platform in ("moodle", "canvas"):
        text = f"write what {platform.capitalize()} would export, for collect, instead"
        exported.add_argument(f"--{platform}", type=Path, metavar="ZIP", help=text)
    text = "write a list of them, too, for roster"
    one.add_argument("--people", type=Path, metavar="CSV", help=text)
    text = "another one, another class (default: 0)"
    one.add_argument("--seed", type=int, default=0, metavar="N", help=text)
    workers(command(prove, "*"))
    one = command(pack)
    one.add_argument("--file", type=Path, help="your notebook (default: hw1.ipynb for hw1)")
    one.add_argument("--incomplete", action="store_true", help="even if answers are missing")
    return top


def _stand_anywhere() -> None:
    """Make up for streams that are closed or not UTF-8, and for a Python without ``assert``."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:  # else a file would get its number, also in what we start
            null = os.open(os.devnull, os.O_RDWR)
            os.dup2(null, number)
            if null != number:
                os.close(null)
            stream = open(number, "w" if number else "r", encoding="utf-8", closefd=False)  # noqa: SIM115
            setattr(sys, name, stream)
            os.set_inheritable(number, True)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")
    os.environ.pop("PYTHONOPTIMIZE", None)  # in kernels and workers


def main() -> int:
    """Run a command; return the exit status."""
    _stand_anywhere()
    arguments = parser().parse_args()
    logging.getLogger("traitlets").setLevel(logging.ERROR)  # nbgrader warns of late submissions
    try:
        if arguments.function is pack:  # a student has no course folder, nor these packages
            return pack(arguments)
        if sys.flags.optimize:  # tests are asserts
            raise GraderError("Python skips every assert: unset PYTHONOPTIMIZE and leave out -O.")
        install()
        from grader.course import Course  # only now: its packages may be new, and take a second

        return arguments.function(Course(arguments.course, arguments.database), arguments)
    except GraderError as error:
        print(f"grader: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"grader: {where}{error.strerror or error}.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("grader: stopped. What is marked is kept; run the same command to continue.")
        return 130


if __name__ == "__main__":
    sys.exit(main())
