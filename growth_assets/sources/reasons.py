"""Why a line is rejected: a closed list, so that counts by reason can be compared from day to day."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """A reason, as it stands in raw.rejected_lines."""

    BLANK_LINE = "blank_line"
    LINE_TOO_LONG = "line_too_long"
    DAMAGED_FILE = "damaged_file"
    NOT_UTF8 = "not_utf8"
    NOT_JSON = "not_json"
    NOT_AN_OBJECT = "not_an_object"
    NOT_A_LOG_LINE = "not_a_log_line"
    NO_HEADER = "no_header"
    WRONG_FIELD_COUNT = "wrong_field_count"
    BAD_QUOTES = "bad_quotes"
    NO_TIME = "no_time"
    BAD_TIME = "bad_time"
    TIME_WITHOUT_OFFSET = "time_without_offset"


MEANING: dict[Reason, str] = {
    Reason.BLANK_LINE: "the line is empty or only white space",
    Reason.LINE_TOO_LONG: "the line is longer than 1 MiB",
    Reason.DAMAGED_FILE: "here the compressed file is corrupt or ends early; nothing after it could be read",
    Reason.NOT_UTF8: "the line's bytes are not valid in the source's encoding (utf-8 unless set)",
    Reason.NOT_JSON: "the line is not valid JSON",
    Reason.NOT_AN_OBJECT: "the line is valid JSON, but not one object",
    Reason.NOT_A_LOG_LINE: "the line has not the fields of the access-log format, or is all of a file and in no format",
    Reason.NO_HEADER: "no #Fields line before it says what its fields are",
    Reason.WRONG_FIELD_COUNT: "the record has more or fewer fields than the header",
    Reason.BAD_QUOTES: "a quoted field is never closed, or text follows its closing quote",
    Reason.NO_TIME: "the event has no time",
    Reason.BAD_TIME: "the time is not a date and time that exists, in the form the format asks for",
    Reason.TIME_WITHOUT_OFFSET: "the time has no UTC offset and the source sets no utc_offset",
}
"""One line a reason, for people."""
