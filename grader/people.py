"""Who is who in a course: one identity for the term, whatever an LMS calls a person.

``collected/ASSIGNMENT/ID.json`` says under which name and number a person handed in. It is ours:
``submitted`` holds what students sent.
"""

import contextlib
import csv
import functools
import io
import json
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from grader.course import MOST_BYTES, Course, CourseError, is_id
from grader.files import digest, read_plain, write
from grader.layouts import Owner

# Windows' devices
_RESERVED = re.compile(r"(con|prn|aux|nul|(?:com|lpt)[\d¹²³])(\..*)?", re.IGNORECASE)
ROSTER_BYTES = 10 << 20


class Unknown(CourseError):
    """It can't be told who this is; the message says why and what to do."""


def folded(text: str) -> str:
    """Return what a text is where case, Unicode's forms and what can't be seen do not count."""
    text = unicodedata.normalize("NFKC", _seen(text)).casefold()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFKC", text))


def _seen(text: str) -> str:
    """Return a text without what has no width: joiners, marks of order and of direction."""
    return "".join(c for c in text if unicodedata.category(c) != "Cf")


@functools.lru_cache(100_000)
def name_key(name: str) -> str:
    """Return a name without what an LMS changes: case, forms, spaces, all but letters."""
    last, comma, first = folded(name).partition(",")
    text = f"{first} {last}" if comma else last
    letters = (c if c.isalnum() or unicodedata.category(c)[0] == "M" else " " for c in text)
    # Moodle leaves out ' and the like, Canvas spaces too
    return "".join("".join(letters).split())


def sortable_key(name: str) -> str:
    """Return a name as Canvas writes it, the family's first."""
    family, comma, first = name.partition(",")
    if not comma:
        first, _, family = name.strip().rpartition(" ")
    return name_key(f"{family} {first}")


def clean(raw: str) -> str:
    """Return an id that every file system takes, as like the text as can be."""
    text = unicodedata.normalize("NFC", raw)
    text = "".join(c if is_id(f"a{c}") else "-" for c in text)
    text = re.sub("-{2,}", "-", text) if text != raw else text
    text = text.strip(".- ")
    while len(text.encode()) > MOST_BYTES - 8 or len(text) > 92:  # room for a suffix
        text = text[:-1]
    text = text.rstrip(".- ")
    return f"_{text}" if _RESERVED.fullmatch(text) else text or "nobody"


def named_by_people(owner: Owner) -> bool:
    """Return whether no LMS says who it is."""
    return owner.layout in ("folders", "files")


class Roster:
    """The course's own list of its people.

    Parameters
    ----------
    path : pathlib.Path
        CSV with the columns ``id`` and ``name`` or ``lms``, as any spreadsheet writes it.
    assignment : str, optional
        Its own column, ``lms-hw1`` say, comes before ``lms``: Moodle's numbers are new for each.

    Raises
    ------
    grader.course.CourseError
        It can't be read, or does not tell people apart.
    """

    def __init__(self, path: Path, assignment: str = "") -> None:
        self.path, self.ids, self.notes, self.more = path, {}, [], {}
        own = f"lms-{assignment}".casefold()
        self.by_lms, self.by_number, self.by_name, self.by_sortable, self.by_login = (
            defaultdict(set) for _ in range(5)
        )
        self.names, self.guessed = {}, False
        text = self._text(path)
        first, _, rest = text.partition("\n")
        if set_by_excel := re.fullmatch(r"\s*sep=(.)\s*", first):
            separator, text = set_by_excel[1], rest
        else:
            separator = max(",;\t|", key=re.sub('"[^"]*"', "", first).count)
        rows = self._rows(path, text, separator)
        self.rows = rows
        head = [_seen(cell).strip().strip('"').casefold() for cell in rows[0]] if rows else []
        if "id" not in head or not {"name", "lms", own} & {*head}:
            found = ", ".join(filter(None, head))[:100] or "nothing"
            raise CourseError(
                f"{path} needs the columns id and name, or id and lms; its first line has: {found}."
            )
        if twice := [name for name in ("id", "name", "lms", own) if head.count(name) > 1]:
            raise CourseError(f"{path} has more than one column {twice[0]}. Leave one.")
        lines, seen = defaultdict(list), {}
        for number, row in enumerate(rows[1:], 2):
            # Excel's ="007" keeps the zeros of a number
            plain = (re.sub('^="(.*)"$', r"\1", " ".join(_seen(cell).split())) for cell in row)
            cells = dict(zip(head, plain, strict=False))
            if not any(cells.values()):
                continue
            raw = unicodedata.normalize("NFC", cells.get("id", ""))
            if not raw:
                raise CourseError(f"{path}, line {number}: the id is missing.")
            student = clean(raw)
            if seen.setdefault(folded(student), raw) != raw:
                other = seen[folded(student)]
                raise CourseError(
                    f"{path}, line {number}: {raw!r} and {other!r} would be one id. Change one."
                )
            lines[student].append(number)
            self.ids[folded(raw)] = student
            self.more[student] = {key: cells.get(key, "") for key in ("name", "email", "login")}
            if login := cells.get("login"):
                self.by_login[folded(login)].add(student)
            if lms := cells.get(own) or cells.get("lms"):
                self.by_lms[folded(lms)].add(student)
                # Moodle's "Participant 7", in any language; a table's 7.0
                number = re.fullmatch(r"(?:\D*\s)?(\d+)(?:\.0+)?", lms)
                self.by_number[number[1] if number else folded(lms)].add(student)
            if name := cells.get("name"):
                self.names[student] = name
                self.by_name[name_key(name)].add(student)
                self.by_sortable[sortable_key(name)].add(student)
        for student, where in lines.items():
            if len(where) > 1:
                at = " and ".join(map(str, where))
                self.notes.append(f"twice in the roster: {student}, lines {at}")
        for lms, students in self.by_lms.items():
            if len(students) > 1:
                who = " and ".join(sorted(students))
                raise CourseError(f"{path}: the LMS's {lms} is {who}. Whose is it?")

    @staticmethod
    def _rows(path: Path, text: str, separator: str) -> list[list[str]]:
        # not DictReader: a cell may be missing, or too many
        for strict in (True, False):
            try:
                return list(csv.reader(io.StringIO(text), delimiter=separator, strict=strict))
            except csv.Error as error:
                if "unexpected end" in str(error):  # the last people would be part of a cell
                    error = "a quotation mark is never closed"
                elif strict:
                    continue
                raise CourseError(f"{path} can't be read as CSV ({error}).") from None
        return []

    def _text(self, path: Path) -> str:
        """Return a table's text: Excel writes UTF-8, UTF-16 or Windows' own."""
        content = read_plain(path.resolve(), ROSTER_BYTES)
        if content is None:
            what = "is not a file that can be read" if path.exists() else "does not exist"
            raise CourseError(f"{path} {what}. --roster names a CSV with the columns id and name.")
        if content[:4] in (b"PK\3\4", b"\xd0\xcf\x11\xe0"):
            raise CourseError(f"{path} is a spreadsheet's own file. Save it as CSV.")
        encoding = "utf-8-sig"
        if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
            encoding = "utf-16"
        elif b"\0" in content[:4]:
            encoding = "utf-16-be" if content[:1] == b"\0" else "utf-16-le"
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            text, self.guessed = content.decode("cp1252", "replace"), True
        return re.sub("\r\n?", "\n", text.replace("\0", "")).lstrip("\ufeff\n")

    def find(self, owner: Owner) -> set[str]:
        """Return whom an export may mean."""
        named = named_by_people(owner)
        if by_own := self._by_own(owner):
            return by_own
        keys = [name_key(name) for name in ([owner.lms] if named else owner.names)]
        order = (self.by_name, self.by_sortable)[:: -1 if owner.layout == "canvas" else 1]
        by_name = next((t[key] for key in keys for t in order if key in t), set())
        by_lms = self._by_lms(owner)
        if by_lms and owner.layout == "moodle" and keys and not by_lms & by_name:
            # its numbers change from assignment to assignment
            known = {name_key(self.names[student]) for student in by_lms & {*self.names}}
            return by_name if known and not known & {*keys} else set(by_lms)
        return set(by_lms or by_name)

    def without(self, student: str) -> list[list[str]]:
        """Return the table's rows, the head first, without a person's."""
        head, *rows = self.rows
        place = [_seen(cell).strip().strip('"').casefold() for cell in head].index("id")

        def whose(row: list[str]) -> str:
            cell = " ".join(_seen(row[place]).split()) if len(row) > place else ""
            return clean(unicodedata.normalize("NFC", re.sub('^="(.*)"$', r"\1", cell)))

        return [head, *(row for row in rows if whose(row) != student)]

    def about(self, student: str) -> dict[str, str]:
        """Return a person's name, email and login, as far as they are listed."""
        return self.more.get(student, {})

    def _by_lms(self, owner: Owner) -> set[str]:
        found = self.by_lms.get(folded(owner.lms))
        return found or (not named_by_people(owner) and self.by_number.get(owner.lms)) or set()

    def _by_own(self, owner: Owner) -> set[str]:
        """Return whom the institution's own number or login means."""
        key = folded(owner.lms)
        if key in self.ids and (owner.own or named_by_people(owner)):
            return {self.ids[key]}
        return set(self.by_login.get(key, ())) if owner.own else set()

    def tells(self, owner: Owner) -> bool:
        """Return whether someone is in the roster under what the export calls them by."""
        return bool(self._by_lms(owner) or (owner.own and self._by_own(owner)))


class People:
    """Whom a course knows.

    Parameters
    ----------
    course : grader.course.Course
    """

    def __init__(self, course: Course) -> None:
        self.course = course
        self.known = defaultdict(dict)  # by id, by assignment
        for path in sorted((course.root / "collected").glob("*/*.json")):
            with contextlib.suppress(ValueError, TypeError, RecursionError):
                about = json.loads(read_plain(path, ROSTER_BYTES) or b"")
                if isinstance(about, dict):
                    self.known[path.stem][path.parent.name] = about
        there = {path.parent.name for path in (course.root / "submitted").glob("*/*")}
        self.used = {folded(student): student for student in {*there, *self.known}}

    def identify(self, assignment: str, owners: Iterable[Owner], roster: Roster | None) -> dict:
        """Say who each is: an id, or :class:`Unknown`.

        Parameters
        ----------
        assignment : str
        owners : iterable of grader.layouts.Owner
        roster : Roster or None

        Returns
        -------
        dict of grader.layouts.Owner to str or Unknown
        """
        owners = sorted(set(owners), key=lambda o: (clean(o.lms) != o.lms, o.lms, o.name))
        count = defaultdict(set)
        for owner in owners:
            count[name_key(owner.name)].add(owner.lms)
        found = {}
        for owner in owners:
            try:
                found[owner] = self._who(assignment, owner, count, roster)
            except Unknown as error:
                found[owner] = error
        self._new(assignment, found)
        return found

    def _who(self, assignment: str, owner: Owner, count: dict, roster: Roster | None) -> str | None:
        earlier = self._earlier(assignment, owner)
        namesakes = len(count[name_key(owner.name)]) if owner.name else 1
        listed = roster.find(owner) if roster else set()
        if roster and namesakes > 1 and not roster.tells(owner):
            # the name may mean either, whatever the roster knows of it
            if listed and len(earlier) != 1:
                raise self._ambiguous(owner, listed)
            listed = set()
        if len(listed) > 1 and len(earlier & listed) == 1:
            listed &= earlier
        if len(listed) > 1:
            raise self._ambiguous(owner, listed)
        if listed and not self._contradicts(owner, listed):
            return next(iter(listed))
        if not earlier:
            earlier = self._by_name(owner)
            if earlier and (namesakes > 1 or len(earlier) > 1):
                raise self._ambiguous(owner, earlier)
        return next(iter(earlier), None)

    def _contradicts(self, owner: Owner, listed: set[str]) -> bool:
        """Return whether a roster's number is another assignment's, and somebody else's there."""
        if owner.layout != "moodle" or not owner.name:
            return False
        names = {about.get("name") for s in listed for about in self.known.get(s, {}).values()}
        names -= {"", None}
        # Canvas, too, may have named them
        keys = {key(name) for name in owner.names for key in (name_key, sortable_key)}
        return bool(names) and not {*map(name_key, names)} & keys

    def _earlier(self, assignment: str, owner: Owner) -> set[str]:
        """Return who had this number in this assignment, or in any if it lasts."""
        if named_by_people(owner) and owner.lms in self.known:
            layouts = {about.get("layout") for about in self.known[owner.lms].values()}
            if not layouts & {"folders", "files"}:  # called by the id that we gave
                return {owner.lms}
        return {
            student
            for student, assignments in self.known.items()
            for name, about in assignments.items()
            if (name == assignment or owner.lasting)
            and (about.get("layout"), about.get("lms")) == (owner.layout, owner.lms)
        }

    def _by_name(self, owner: Owner) -> set[str]:
        if owner.layout != "moodle" or not owner.name:
            return set()
        for name in owner.names:
            found = {
                student
                for student, assignments in self.known.items()
                for about in assignments.values()
                if about.get("name") and name_key(about["name"]) == name_key(name)
            }
            if found:
                return found
        return set()

    def _ambiguous(self, owner: Owner, students: set[str]) -> Unknown:
        who = ", ".join(sorted(students))
        return Unknown(
            f"more than one person is called {owner.name or owner.lms} (known: {who}); say who "
            f"{owner.lms} is: --roster, with the columns id and lms"
        )

    def _new(self, assignment: str, found: dict) -> None:
        """Give those whom nobody knows an id that nobody has."""
        ids = {folded(student): None for student in found.values() if isinstance(student, str)}
        for owner, student in found.items():
            if student is not None:
                continue
            student = clean(owner.lms)
            # from nbgrader's collect, say, or from before this was written down
            theirs = student == owner.lms == self.used.get(folded(student))
            theirs = theirs and student not in self.known
            if folded(student) in ids or (folded(student) in self.used and not theirs):
                more = f"{owner.layout}/{owner.lms}/{owner.name}"
                more += "" if owner.lasting else f"/{assignment}"
                student = f"{student}-{digest(more.encode(errors='replace'))[:7]}"
            ids[folded(student)] = None
            found[owner] = student

    def settle(
        self, student: str, owner: Owner, assignment: str, roster: Roster
    ) -> tuple[str, str]:
        """Keep one identity where a roster names another than the one collected before.

        Returns
        -------
        student : str
        note : str
            What is worth saying; may be empty.
        """
        known = self._earlier(assignment, owner)
        if not known and roster.by_name.get(name_key(owner.name)) == {student}:
            known = self._by_name(owner)
        if student in known or len(known) != 1 or student in self.known:
            return student, ""
        (old,) = known
        root = self.course.root
        if any((root / "records").glob(f"*/{_escape(old)}.json")):
            return old, f"stays {old}, under which marks stand; the roster's id is {student}"
        for path in (root / "collected").glob(f"*/{_escape(old)}.json"):
            path.replace(path.with_name(f"{student}.json"))
        if (root / "submitted" / old).is_dir():
            (root / "submitted" / old).rename(root / "submitted" / student)
        for path in (root / "earlier").glob(f"*/{_escape(old)}"):
            path.rename(path.with_name(student))
        self.known[student] = self.known.pop(old)
        return student, f"was {old}"

    def listed(self, student: str, roster: Roster) -> set[str]:
        """Return under which ids a roster has someone who was collected before it was there."""
        names = {about.get("name") or "" for about in self.known.get(student, {}).values()}
        return {student}.union(*(roster.by_name.get(name_key(name), ()) for name in names if name))

    def note(self, assignment: str, student: str, about: dict) -> None:
        """Write down how a person handed in."""
        if self.known[student].get(assignment) != about:
            self.known[student][assignment] = about
            path = self.course.collected_path(assignment, student)
            write(path, json.dumps(about, ensure_ascii=False, indent=1))


def _escape(text: str) -> str:
    return re.sub(r"([*?\[])", r"[\1]", text)
