"""When something was handed in, however a hub or an LMS writes it."""

import datetime
import re
import time
import warnings
import zoneinfo

from dateutil import parser
from dateutil.relativedelta import relativedelta

# hours from UTC of the names that programs write for zones; one that is several places' is left
# out (IST is India's, Israel's and Ireland's), unless it is this machine's
_HOURS = {
    **{"UTC": 0, "GMT": 0, "Z": 0, "UT": 0, "WET": 0, "WEST": 1, "BST": 1, "CET": 1, "MEZ": 1},
    **{"CEST": 2, "MESZ": 2, "EET": 2, "SAST": 2, "EEST": 3, "MSK": 3, "PKT": 5, "WIB": 7},
    **{"SGT": 8, "HKT": 8, "AWST": 8, "JST": 9, "KST": 9, "AEST": 10, "AEDT": 11, "ACST": 9.5},
    **{"ACDT": 10.5, "NZST": 12, "NZDT": 13, "NST": -3.5, "NDT": -2.5, "BRT": -3, "EDT": -4},
    **{"EST": -5, "CDT": -5, "CST": -6, "MDT": -6, "MST": -7, "PDT": -7, "PST": -8, "AKDT": -8},
    **{"AKST": -9, "HST": -10},
}
# what programs write after an offset or a zone: JavaScript its name, Java its place
_REMARK = re.compile(r"([+-]\d\d:?\d\d|\dZ) ?(?:\([^)]*\)|\[[^\]]*\])$")
# UTC+2 is two hours ahead, which dateutil takes for two behind, as POSIX has it for names
_AHEAD = re.compile(r"(?<![\w/])(?:UTC|GMT) ?(?=[+-]\d)", re.IGNORECASE)
_BEFORE_YEAR = re.compile(r"(?<=:\d\d) ([A-Z]{1,5}) (\d{4})$")  # as the command date has it
_ZONE = re.compile(r"(?<=[\d\sM])\s*\(?([A-Za-z]+(?:/[A-Za-z_+\-\d]+)+|[A-Za-z]{1,5})\)?$")


def read_time(text: str) -> datetime.datetime | None:
    """Return a time in UTC, None if it can't be told for sure.

    Parameters
    ----------
    text : str
        With an offset, a zone's name or its letters; UTC if none stands there, as nbgrader has it.

    Examples
    --------
    >>> str(read_time("2030-03-02 09:00:00.000000 CET"))
    '2030-03-02 08:00:00+00:00'
    >>> str(read_time("Saturday, 2 March 2030, 11:59 PM"))
    '2030-03-02 23:59:00+00:00'
    >>> str(read_time("Sat Mar 02 2030 09:00:00 GMT+0100 (CET)"))
    '2030-03-02 08:00:00+00:00'
    >>> read_time("yesterday")
    """
    text = " ".join(text.replace("\N{MINUS SIGN}", "-").split())
    text = _AHEAD.sub(" ", _BEFORE_YEAR.sub(r" \2 \1", _REMARK.sub(r"\1", text)))
    if re.search(r":\d\d[\d.,]* ?(?![AP]M\b)[A-Z]{2,} ?[+-]\d", text, re.IGNORECASE):
        return None  # EST-5, EST+5: some mean the one, some the other
    zone = datetime.UTC
    if (match := _ZONE.search(text)) and match[1].upper() not in ("AM", "PM", "A", "P"):
        if (zone := _zone(match[1])) is None:
            return None
        text = text[: match.start()].strip()
    if not re.search(r"\d{4}|\d+-\d+-\d+", text):
        return None  # dateutil would take today's date
    day = re.search(r"(?<!\d)(\d\d?)[/.-](\d\d?)[/.-]\d{4}", text)
    if day and day[1] != day[2] and max(int(day[1]), int(day[2])) <= 12:
        return None  # a month and a day, or a day and a month
    start = datetime.datetime(1900, 1, 1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # a zone that it does not know
            when = parser.parse(text, default=start)
            # what is not said would be taken from the default
            if when != parser.parse(text, default=start + relativedelta(months=1, days=1)):
                return None
        when = when if when.tzinfo else when.replace(tzinfo=zone)
        return when.astimezone(datetime.UTC)
    except (ValueError, OverflowError, TypeError, Warning):
        return None


def read_local(text: str) -> datetime.datetime | None:
    """Return a time that a platform wrote into a name, without a zone: this machine's.

    Parameters
    ----------
    text : str
        As Blackboard or Brightspace has it, whose colon a name can't hold.

    Examples
    --------
    >>> read_local("2030-03-02-23-59-00") == read_local("Mar 2, 2030 1159 PM")
    True
    """
    text = re.sub(r"^(\d{4}(?:-\d\d){2})-(\d\d)-(\d\d)-(\d\d)$", r"\1 \2:\3:\4", text.strip())
    text = re.sub(r"(?<=\D)(\d\d?)(\d\d)( ?[AP]M)?$", r"\1:\2\3", text)
    when = read_time(text)
    return when and when.replace(tzinfo=None).astimezone().astimezone(datetime.UTC)


def _zone(name: str) -> datetime.tzinfo | None:
    if "/" in name:
        try:
            return zoneinfo.ZoneInfo(name)
        except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
            return None
    for letters, seconds in zip(time.tzname, (time.timezone, time.altzone), strict=True):
        if name == letters and name != "UTC":
            return datetime.timezone(datetime.timedelta(seconds=-seconds))
    hours = _HOURS.get(name.upper())
    return None if hours is None else datetime.timezone(datetime.timedelta(hours=hours))


def written(when: datetime.datetime) -> str:
    """Return a time as nbgrader reads it."""
    text = when.strftime("%Y-%m-%d %H:%M:%S")
    return f"{text}{f'.{when.microsecond:06}' * bool(when.microsecond)} UTC"
