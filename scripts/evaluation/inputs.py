"""Inputs that are made by hand here, each with what is right about it; large ones come from `rowmill-gen`."""

from dataclasses import dataclass, field

DEFECT_TYPES = "id=integer,name=text,amount=real,note=text"


@dataclass
class Defects:
    """A file of good records, bad ones and duplicates, and where each of the latter stands."""

    content: bytes = b""
    # The name of every record, which no other record has.
    names: set = field(default_factory=set)
    good: int = 0
    rejected: int = 0
    duplicates: int = 0
    # (line, line_end, code) of every record that cannot be loaded, in input order.
    rejects: list = field(default_factory=list)


def defects(records, line_end=b"\n", multi_line=True, blank_lines=False):
    """Every second record is good; the others are bad in ways that take one line or several."""
    made = Defects()
    parts = [b"id,name,amount,note" + line_end]
    line = 2
    for number in range(1, records + 1):
        if blank_lines and number % 7 == 0:
            parts.append(line_end * (1 + number % 3))
            line += 1 + number % 3
        record, code = defect(number, line_end if multi_line else b" ")
        made.names.add(f"n{number:06}")
        # A fault of quoting costs the line it is on; every record here with such a fault has one line.
        last = line + record.count(b"\n")
        if code:
            made.rejects.append((line, last, code))
        made.good += code == ""
        made.duplicates += code == "duplicate_key"
        made.rejected += code not in ("", "duplicate_key")
        parts.append(record + line_end)
        line = last + 1
    made.content = b"".join(parts)
    return made


def defect(number, line_break):
    """A record without its line end, and the code that it is rejected with; "" for a good one."""
    name = f"n{number:06}".encode()
    several = b'"two' + line_break + b'lines, ""quoted"""'
    kinds = {
        1: (b"%d,%s,1.5,%s" % (number, name, several), ""),
        2: (b"%d,%s,2.5" % (number, name), "missing_columns"),
        3: (b'%d,%s,3.5,"",' % (number, name), "too_many_columns"),
        4: (b"%d,%s,n/a,%s" % (number, name, several), "type_error"),
        5: (b'%d,%s,5.5,"q"z' % (number, name), "invalid_quote"),
        # The key of the record ten before, which is good.
        6: (b"%d,%s,6.5,%s" % (number - 15, name, several), "duplicate_key"),
        7: (b"x%d,%s,7.5,plain" % (number, name), "type_error"),
        8: (b"%d,%s,8.5,%s,%s" % (number, name, several, several), "too_many_columns"),
    }
    # The first twenty are good, so that every duplicate has something to repeat.
    if number <= 20 or number % 20 not in kinds:
        return b"%d,%s,0.5,note %d" % (number, name, number), ""
    return kinds[number % 20]


def fat_rows(records, note_bytes=1_000, first=1):
    """Records of about a kilobyte: many bytes, little work."""
    note = b"x" * note_bytes
    return b"".join(b"%d,%s\n" % (number, note) for number in range(first, first + records))


FAT_HEADER = b"id,note\n"
FAT_TYPES = "id=integer,note=text"


def uneven(content, smallest=1):
    """`content` in pieces of all sizes, which cut fields, line ends and characters."""
    size, start = smallest, 0
    while start < len(content):
        yield content[start : start + size]
        start += size
        size = (size * 3 + 1) % 60_001


# Values that a careless type would change: in each column one is the only value of its kind.
TRAPS = "\n".join(
    [
        "id,zip,plus,exponent,big,under,hex,decimal,mixed,large_mixed,zero,long_decimal,text",
        "1,01234,5,1,9223372036854775807,10,16,1.5,1,9007199254740993,0,0.1,a",
        "2,10001,+5,1e3,9223372036854775808,1_000,0x10,-2.25,2.5,1.5,-0,3.14159265358979323846,",
        "3,,,,,,,,,,,,NaN",
        '4,00501,7,2,1,3,4,0.1,-3,2,5,0.2,"quoted, with ""quotes"" and\na line break"',
        "",
    ]
).encode()
