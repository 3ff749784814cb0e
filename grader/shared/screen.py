"""What stands on a screen after a program has printed to it."""

import itertools
import re
from collections import deque
from typing import NamedTuple

_TOKEN = re.compile(
    r"(?P<plain>[^\n\r\x08\x1b]+)|(?P<end>\n)|(?P<home>\r)|(?P<back>\x08+)"
    r"|(?P<code>\x1b\[[0-?]{0,200}[ -/]{0,4}[@-~])"
    r"|(?P<title>\x1b\][^\x07\x1b\n]{0,2000}(?:\x07|\x1b\\))"
    r"|(?P<begun>\x1b(?:\[[0-?]{0,200}[ -/]{0,4}|\][^\x07\x1b\n]{0,2000}\x1b?)?\Z)|(?P<other>\x1b)"
)
_SPECIAL = re.compile(r"[\r\x08\x1b]")
STYLES = 2000  # changes of colour in a text; what follows has none


class Style(NamedTuple):
    """How characters look; colours are codes of the terminal's that every reader knows."""

    ink: str = ""
    paper: str = ""
    bold: bool = False
    underline: bool = False
    inverse: bool = False

    def then(self, numbers: list[int]) -> "Style":
        """Return the style after a colour code with these numbers; what means nothing is left."""
        style, numbers = self, deque(numbers)
        while numbers:
            match numbers.popleft():
                case 0:
                    style = Style()
                case 1 | 5:
                    style = style._replace(bold=True)
                case 4:
                    style = style._replace(underline=True)
                case 7:
                    style = style._replace(inverse=True)
                case 21 | 22:
                    style = style._replace(bold=False)
                case 24:
                    style = style._replace(underline=False)
                case 27:
                    style = style._replace(inverse=False)
                case 39:
                    style = style._replace(ink="")
                case 49:
                    style = style._replace(paper="")
                case 38 | 48 as which:
                    colour = _colour(numbers)
                    if colour is None:
                        return style
                    where = "ink" if which == 38 else "paper"
                    style = style._replace(**{where: f"{which};{colour}"})
                case n if 30 <= n <= 37 or 90 <= n <= 97:
                    style = style._replace(ink=str(n))
                case n if 40 <= n <= 47 or 100 <= n <= 107:
                    style = style._replace(paper=str(n))
        return style

    def code(self) -> str:
        """Return the one code that leads from any style to this one."""
        flags = {"1": self.bold, "4": self.underline, "7": self.inverse}
        numbers = ["0", *(n for n, on in flags.items() if on), self.ink, self.paper]
        return f"\x1b[{';'.join(filter(None, numbers))}m"


def _colour(numbers: deque) -> str | None:
    """Take a colour of a table or of three parts from a code's numbers; None if it is none."""
    parts = {5: 1, 2: 3}.get(numbers.popleft() if numbers else 0, 4)
    taken = [numbers.popleft() for _ in range(min(parts, len(numbers)))]
    if len(taken) != parts or parts == 4 or max(taken) > 255:
        return None
    return ";".join(map(str, ([5] if parts == 1 else [2]) + taken))


class Screen:
    """Applies backspaces, carriage returns and colours; keeps the start and the end of the text.

    Parameters
    ----------
    limit : int
        Characters of the start, and of the end, that are kept. A line longer than that is
        treated as several.
    """

    def __init__(self, limit: int) -> None:
        self.limit, self.style, self.changes, self.begun = limit, Style(), 0, ""
        self.line, self.styles, self.at = [], [], 0
        self.first, self.last, self.size, self.end, self.lost = [], deque(), 0, 0, 0

    def write(self, text: str) -> None:
        """Print a text, which may stop in the middle of a code.

        Parameters
        ----------
        text : str
        """
        text, self.begun = self.begun + text, ""
        if self.style == Style() and not _SPECIAL.search(text):  # as most of it is
            begun, newline, rest = text.partition("\n")
            lines, last, left = rest.rpartition("\n")
            self._put_all(begun)
            if newline:
                self._keep("\n")
                self._keep_lines(lines + last)
                self._put_all(left)
            return
        for token in _TOKEN.finditer(text):
            match token.lastgroup:
                case "plain":
                    self._put_all(token[0])
                case "end":
                    self._keep("\n")
                case "home":
                    self.at = 0
                case "back":
                    self.at = max(0, self.at - len(token[0]))
                case "code":
                    self._obey(token[0][2:-1], token[0][-1])
                case "begun":
                    self.begun = token[0]

    def text(self) -> str:
        """Return what stands there; a line says how much is left out in the middle."""
        start, end = "".join(self.first), "".join(self.last) + self._drawn()
        if not self.lost:
            return start + end
        gap = "" if not start or start.endswith("\n") else "\n"
        return f"{start}{gap}… {self.lost:,} characters are left out here …\n{end}"

    def _put_all(self, text: str) -> None:
        for start in range(0, len(text), self.limit):
            self._put(text[start : start + self.limit])

    def _put(self, run: str) -> None:
        end = self.at + len(run)
        self.line[self.at : end] = run
        self.styles[self.at : end] = [self.style] * len(run)
        self.at = end
        if len(self.line) >= self.limit:
            self._keep("")

    def _obey(self, parameters: str, letter: str) -> None:
        """Follow a code: a colour, or to erase in this line; others move what no page can."""
        numbers = [n[-4:] or "0" for n in parameters.split(";")]
        if not all(n.isascii() and n.isdigit() for n in numbers):
            return
        if letter == "m":
            self.style = self.style.then([int(n) for n in numbers])
        elif letter == "K" and numbers[0] in "012":
            if numbers[0] != "1":
                del self.line[self.at :], self.styles[self.at :]
            if numbers[0] != "0":
                end = min(self.at, len(self.line))
                self.line[:end], self.styles[:end] = " " * end, [Style()] * end

    def _drawn(self) -> str:
        """Return the line that is being written, with codes where its looks change."""
        text = "".join(self.line)
        if not any(map(any, set(self.styles))):
            return text
        parts, start, before = [], 0, Style()
        for style, run in itertools.groupby(self.styles):
            end = start + len(list(run))
            if style != before and self.changes < STYLES:
                self.changes += 1
                parts.append(style.code())
                before = style
            parts.append(text[start:end])
            start = end
        return "".join(parts) + Style().code() * (before != Style())

    def _keep(self, end: str) -> None:
        """Put the line away."""
        drawn = self._drawn() + end
        self.line, self.styles, self.at = [], [], 0
        self._store(drawn)

    def _keep_lines(self, lines: str) -> None:
        """Put whole lines away that have no codes, without looking at each."""
        if not self.last:
            room = lines.rfind("\n", 0, max(0, self.limit - self.size)) + 1
            self._store(lines[:room])
            lines = lines[room:]
        for start in range(0, len(lines), self.limit):
            self._store(lines[start : start + self.limit])

    def _store(self, text: str) -> None:
        """Put a text away: at the start or, once that is full, at the end."""
        if not self.last and self.size + len(text) <= self.limit:
            self.first.append(text)
            self.size += len(text)
            return
        self.last.append(text)
        self.end += len(text)
        while self.end - len(self.last[0]) >= self.limit:
            dropped = len(self.last.popleft())
            self.end -= dropped
            self.lost += dropped


def cut(text: str, limit: int) -> str:
    """Return the start and the end of a text that is too long, and a line about the rest.

    Parameters
    ----------
    text : str
    limit : int
        Characters that are kept.
    """
    if len(text) <= limit:
        return text
    half = limit // 2
    lost = f"\n… {len(text) - 2 * half:,} characters are left out here …\n"
    return f"{text[:half]}{lost}{text[-half:]}"
