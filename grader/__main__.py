"""The grader's commands: ``python -m grader --help``."""

import argparse
import os
import sys
from pathlib import Path

from grader.assignment import AssignmentError
from grader.course import Course, CourseError
from grader.sandbox import NoSandbox


def release(course: Course, arguments) -> int:
    """Make the students' version."""
    from grader.release import release as make

    for name in arguments.assignment or course.assignments():
        print(f"{name}: {make(course, name)}")
    return 0


def grade(course: Course, arguments) -> int:
    """Mark what is handed in and not marked yet."""
    from grader.grade import grade as mark

    for name in arguments.assignment:
        options = (arguments.student, arguments.again, arguments.workers)
        unsafe, scheduler = arguments.unsafe_own_files, arguments.scheduler
        done = mark(course, name, *options, unsafe=unsafe, scheduler=scheduler)
        everyone = course.records(name)
        print(f"{name}: {len(done)} marked now, {len(everyone)} in all.")
        if not course.submissions(name):
            print(f"Nobody handed it in: {course.root}/submitted/STUDENT/{name}/{name}.ipynb")
    return 0


def prove(course: Course, arguments) -> int:
    """Show that assignments and their tests are right."""
    from grader.prove import prove as check

    wrong = 0
    for name in arguments.assignment or course.assignments():
        problems = check(course.assignment(name), course, arguments.workers)
        wrong += len(problems)
        for problem in problems:
            print(f"{name}: ✗ {problem}")
        if not problems:
            print(f"{name}: ✓ proved")
    return min(wrong, 1)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    top = argparse.ArgumentParser(prog="python -m grader", description=__doc__)
    top.add_argument("--course", type=Path, default=Path("homework"), help="its folder (homework)")
    top.add_argument("--database", help="the grade book's URL (sqlite: gradebook.db in the course)")
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    def command(function, some: str = "+") -> argparse.ArgumentParser:
        text = function.__doc__
        one = commands.add_parser(function.__name__, help=text, description=text)
        one.set_defaults(function=function)
        one.add_argument("assignment", nargs=some, help="hw1, say" + " (all)" * (some == "*"))
        return one

    def workers(one: argparse.ArgumentParser) -> None:
        cores = max(1, (os.cpu_count() or 2) // 2)
        text = f"submissions marked at the same time ({cores})"
        one.add_argument("--workers", type=int, default=cores, metavar="N", help=text)

    command(release, "*")
    one = command(grade)
    workers(one)
    one.add_argument("--student", action="append", default=[], help="only this one (repeatable)")
    one.add_argument("--again", action="store_true", help="mark anew what is marked already")
    one.add_argument("--scheduler", metavar="ADDRESS", help="spread the work over Dask's workers")
    text = "without a sandbox: for files you wrote yourself, never a student's"
    one.add_argument("--unsafe-own-files", action="store_true", help=text)
    workers(command(prove, "*"))
    return top


def main() -> int:
    """Run a command; return the exit status."""
    arguments = parser().parse_args()
    try:
        return arguments.function(Course(arguments.course, arguments.database), arguments)
    except (AssignmentError, CourseError, NoSandbox) as error:
        print(f"grader: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("grader: stopped. What is marked stays marked; the same command goes on.")
        return 130


if __name__ == "__main__":
    sys.exit(main())
