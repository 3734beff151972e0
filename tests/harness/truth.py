"""What a table must hold, computed from what the source shows: docs/types.md in Python.

Written from the documents, not from the C, so that the two check each other. A cell's expected
value is a plain Python value: str, int, float, bool, None, dict, list; a timestamp is an int
(microseconds since 1970), a date its ISO text.
"""

import datetime as dt
import json
import math
import unicodedata
from dataclasses import dataclass, field
from decimal import Decimal

# -- types ----------------------------------------------------------------------------------------

PERSON = "struct<id:string,email:string,name:string>"
THUMBNAIL = "struct<url:string,width:bigint,height:bigint>"
FILE = ("struct<id:string,url:string,filename:string,size:bigint,type:string,width:bigint,"
        f"height:bigint,thumbnails:struct<small:{THUMBNAIL},large:{THUMBNAIL},full:{THUMBNAIL}>>")

SCALARS = {
    "string": "singleLineText multilineText richText simpleText email url phoneNumber singleSelect "
              "externalSyncSource manualSort",
    "double": "number percent currency duration",
    "bigint": "rating count autoNumber",
    "boolean": "checkbox",
    "date": "date",
    "timestamp": "dateTime",
    "array<string>": "multipleSelects multipleRecordLinks",
    PERSON: "singleCollaborator createdBy lastModifiedBy",
    f"array<{PERSON}>": "multipleCollaborators",
    f"array<{FILE}>": "multipleAttachments",
    "struct<text:string,type:string>": "barcode",
    "struct<label:string,url:string>": "button",
    "struct<state:string,isStale:boolean,value:string,errorType:string>": "aiText",
}
PLAIN = {word: type_ for type_, words in SCALARS.items() for word in words.split()}
LOOKUPS = ("multipleLookupValues", "lookup")
JSON_TEXT = "json"  # a string column that holds JSON text of whatever comes


def column_type(config: dict, depth: int = 0) -> str:
    """The type of a field's column, from its configuration."""
    kind, options = config["type"], config.get("options") or {}
    result = options.get("result")
    if kind in ("createdTime", "lastModifiedTime"):
        return "date" if (result or {}).get("type") == "date" else "timestamp"
    if kind in LOOKUPS or kind in ("formula", "rollup"):
        if options.get("isValid") is False or not isinstance(result, dict) or depth >= 5:
            return JSON_TEXT
        inner = column_type(result, depth + 1)
        if kind in LOOKUPS and not inner.startswith("array<") and inner != JSON_TEXT:
            return f"array<{inner}>"
        return inner
    return PLAIN.get(kind, JSON_TEXT)


def split_members(text: str) -> dict:
    """struct<a:x,b:y<..>>'s inside as {a: x, b: y<..>}"""
    members, depth, start = {}, 0, 0
    for at, char in enumerate(text + ","):
        depth += (char == "<") - (char == ">")
        if char == "," and depth == 0:
            name, _, type_ = text[start:at].partition(":")
            members[name] = type_
            start = at + 1
    return members


# -- cells ----------------------------------------------------------------------------------------

@dataclass
class Cell:
    """A decoded cell: its value, and why its raw value is kept in _rescued_data, if it is."""
    value: object = None
    reasons: list = field(default_factory=list)


INT64 = 1 << 63
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)


class Number(str):
    """A JSON number by its text, so that none of its digits is lost."""


def load_json(text):
    """JSON with numbers as their text (class Number)."""
    return json.loads(text, parse_int=Number, parse_float=Number)


def json_text(value) -> str:
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{json_text(k)}:{json_text(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(json_text, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def special(raw):
    """('error', text), ('specialValue', text) or None."""
    if isinstance(raw, dict) and len(raw) == 1:
        (key, value), = raw.items()
        if key in ("error", "specialValue") and isinstance(value, str) \
                and not isinstance(value, Number):
            return key, value
    return None


SPECIAL = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def is_text(raw):
    return isinstance(raw, str) and not isinstance(raw, Number)


def decode_text(raw):
    if is_text(raw):
        clean = "".join("\ufffd" if 0xD800 <= ord(c) <= 0xDFFF else c for c in raw)
        return Cell(clean, [] if clean == raw else ["bad_unicode"])
    if isinstance(raw, (bool, Number)):
        return Cell(json_text(raw))
    return Cell(None, ["wrong_type"])


def decode_double(raw):
    if not isinstance(raw, Number):
        return Cell(None, ["wrong_type"])
    value = float(raw)
    if math.isinf(value):
        return Cell(None, ["out_of_range"])
    exact = Decimal(repr(value)) == Decimal(raw) or Decimal(value) == Decimal(raw)
    return Cell(value, [] if exact else ["precision"])


def decode_bigint(raw):
    if not isinstance(raw, Number):
        return Cell(None, ["wrong_type"])
    if raw.lstrip("-").isdigit():
        value = int(raw)
    else:
        value = float(raw)
        if not value.is_integer():
            return Cell(None, ["wrong_type"])
        value = int(value)
    return Cell(value) if -INT64 <= value < INT64 else Cell(None, ["out_of_range"])


def decode_boolean(raw):
    if isinstance(raw, bool):
        return Cell(raw)
    if isinstance(raw, Number) and raw in ("0", "1"):
        return Cell(raw == "1")
    return Cell(None, ["wrong_type"])


def decode_date(raw):
    """A date, or a time at midnight."""
    if is_text(raw) and (len(raw) == 10 or raw[10:19] == "T00:00:00"):
        try:
            return Cell(dt.date.fromisoformat(raw[:10]).isoformat())
        except ValueError:
            pass
    return Cell(None, ["wrong_type"])


def decode_timestamp(raw):
    if is_text(raw):
        try:
            when = dt.datetime.fromisoformat(raw)
            return Cell((when - EPOCH) // dt.timedelta(microseconds=1))
        except (ValueError, TypeError):
            pass
    return Cell(None, ["wrong_type"])


def raw_text(text):
    """A string with lone surrogates as the source wrote it: no reader of JSON takes them as they
    are, so the escapes are kept as text."""
    return "".join(f"\\u{ord(c):04x}" if 0xD800 <= ord(c) <= 0xDFFF else c for c in text)


DECODERS = {"string": decode_text, "double": decode_double, "bigint": decode_bigint,
            "boolean": decode_boolean, "date": decode_date, "timestamp": decode_timestamp}


def decode(type_: str, raw, computed: bool = False) -> Cell:
    """One cell. computed: arrays within an array are flattened, as lookups of arrays are."""
    if raw is None:
        return Cell(None)
    mark = special(raw)
    if type_.startswith("array<") and not mark:
        return decode_array(type_[6:-1], raw, computed)
    if mark and type_ == "double" and mark[0] == "specialValue" and mark[1] in SPECIAL:
        return Cell(SPECIAL[mark[1]])
    if mark:
        return Cell(None, ["source_error" if mark[0] == "error" else "special_value"])
    if type_ == JSON_TEXT:
        return decode_text(raw if is_text(raw) else json_text(raw))
    if isinstance(raw, list):  # one element counts as that element
        return decode(type_, raw[0]) if len(raw) == 1 else Cell(None, ["wrong_type"])
    if type_.startswith("struct<"):
        return decode_struct(split_members(type_[7:-1]), raw)
    return DECODERS[type_](raw)


def decode_array(inner, raw, computed):
    values, reasons = [], []
    for element in raw if isinstance(raw, list) else [raw]:
        for one in element if computed and isinstance(element, list) else [element]:
            cell = decode(inner, one)
            values.append(cell.value)
            reasons += cell.reasons
    return Cell(values, reasons)


def decode_struct(members, raw):
    if not isinstance(raw, dict):
        return Cell(None, ["wrong_type"])
    value, reasons = {}, []
    for name in raw:
        reasons += [] if name in members else ["unknown_field"]
    for name, type_ in members.items():
        cell = decode(type_, raw.get(name))
        value[name] = cell.value
        reasons += cell.reasons
    return Cell(value, reasons)


# -- names ----------------------------------------------------------------------------------------

EXTRA_LETTERS = {"ß": "ss", "æ": "ae", "ø": "o", "ð": "d", "þ": "th", "đ": "d", "ł": "l",
                 "œ": "oe", "ı": "i", "ħ": "h", "ŧ": "t", "ŋ": "n", "ĳ": "ij", "ſ": "s",
                 "ŀ": "l", "ŉ": "n", "ĸ": "k"}


def snake_case(name: str) -> str:
    """Latin letters without their marks, '_' for everything else, never a '_' or digit first."""
    out, gap, before = "", False, ""
    for char in unicodedata.normalize("NFC", name):
        if unicodedata.combining(char):
            continue
        plain = EXTRA_LETTERS.get(char.lower()) or \
            unicodedata.normalize("NFD", char)[0].lower() if ord(char) < 0x180 else ""
        if not (plain.isascii() and plain.isalnum()):
            gap, before = True, char
            continue
        hump = "a" <= before <= "z" and "A" <= char <= "Z"
        if not out:
            out = "f_" if plain[0].isdigit() else ""
        elif gap or hump:
            out += "_"
        out += plain
        gap, before = False, char
    return out or "column"


def column_names(fields: list) -> list:
    """Visible names of the fields, in their order. All that clash get the end of their id."""
    names = [snake_case(f["name"] or f["id"]) for f in fields]
    for last in (6, 10, 64):
        clashing = {n for n in names if names.count(n) > 1}
        if not clashing:
            return names
        names = [f"{snake_case(f['name'])}_{f['id'][-last:].lower()}" if n in clashing else n
                 for n, f in zip(names, fields)]
    return names


# -- tables ---------------------------------------------------------------------------------------

@dataclass
class Table:
    columns: dict   # name -> type
    rows: dict      # key -> {column: value}
    fields: dict    # column -> the field's configuration, for messages
    fleeting: set   # columns with links that are new in every listing


def expected_table(truth: dict, names: list = None) -> Table:
    """truth: {"table": the table as the meta API shows it, "records": as listed by field id}.
    names: what the fields' columns are called where that does not follow from the fields alone."""
    schema, records = truth["table"], truth["records"]
    fields = schema["fields"]
    names = names or column_names(fields)
    types = [column_type(f) for f in fields]
    columns = {"_airtable_id": "string", "_airtable_created_time": "timestamp"}
    columns |= {n: "string" if t == JSON_TEXT else t for n, t in zip(names, types)}
    columns |= {"_rescued_data": "string", "_ingested_at": "timestamp"}
    known = {f["id"] for f in fields}
    rows = {}
    for record in records:
        row = {"_airtable_id": record["id"],
               "_airtable_created_time": decode_timestamp(record["createdTime"]).value}
        rescued = {}
        for f, name, type_ in zip(fields, names, types):
            raw = record["fields"].get(f["id"])
            computed = f["type"] in LOOKUPS or f["type"] in ("formula", "rollup")
            cell = decode(type_, raw, computed)
            row[name] = False if raw is None and type_ == "boolean" else cell.value
            if cell.reasons == ["bad_unicode"] and is_text(raw):
                raw = raw_text(raw)
            if cell.reasons:
                rescued[f["id"]] = {"reason": cell.reasons[0], "value": raw}
        for extra in record["fields"].keys() - known:
            rescued[extra] = {"reason": "unknown_field", "value": record["fields"][extra]}
        row["_rescued_data"] = rescued or None
        assert record["id"] not in rows, f"the truth holds {record['id']} twice"
        rows[record["id"]] = row
    return Table(columns, rows, dict(zip(names, fields)),
                 {n for n, t in zip(names, types) if "url:string,filename" in t})
