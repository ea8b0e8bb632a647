# SPDX-License-Identifier: Apache-2.0
"""Records as tables: aligned text for the terminal, Markdown between two marks of a page. A record's common fields
are columns; what only some cases have, and their notes, are in the last one. It never changes a number."""
BEGIN = "<!-- bench: begin (scripts/bench --markdown writes up to the end mark) -->"
END = "<!-- bench: end -->"
COLUMNS = [("case", "case"), ("mode", "mode"), ("family", "family"), ("flows", "flows"),
           ("cycles", "cycles_per_packet"), ("ceiling", "ceiling_cycles"), ("app", "app_cycles"),
           ("ratio", "ratio"), ("ns", "ns_per_packet"), ("instr.", "instructions_per_packet"),
           ("B/flow", "bytes_per_flow"), ("Mpps", "mpps")]
COMMON = {field for _, field in COLUMNS} | {"engine", "note"}


def number(value):
    if value is None or value == "":
        return ""
    if isinstance(value, str):
        return value
    if float(value).is_integer() and abs(value) >= 1000:
        return f"{int(value):,}"
    if float(value).is_integer():
        return str(int(value))
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"


def rest(record, columns):
    shown = {field for _, field in columns} | COMMON
    own = [f"{key} {number(value)}" for key, value in record.items() if key not in shown and value is not None]
    return ", ".join(own + ([record["note"]] if record.get("note") else []))


def columns_of(records):
    """The common fields that are filled; where no packet was timed, what all records have of their own as well."""
    used = [(title, field) for title, field in COLUMNS
            if any(record.get(field) not in (None, "") for record in records)]
    if all(record.get("ns_per_packet") is None and record.get("instructions_per_packet") is None
           for record in records):
        used += [(key.replace("_", " "), key) for key in records[0]
                 if key not in COMMON and all(key in record for record in records)]
    return used


def tables(records):
    """(engine, header, rows) for each engine, with the columns that its records fill."""
    for engine in dict.fromkeys(record["engine"] for record in records):
        own = [record for record in records if record["engine"] == engine]
        used = columns_of(own)
        rows = [[number(record.get(field)) for _, field in used] + [rest(record, used)] for record in own]
        yield engine, [title for title, _ in used] + ["also"], rows


def text(records):
    parts = []
    for engine, header, rows in tables(records):
        widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header) - 1)] + [0]
        parts.append(f"\n== {engine}")
        parts += ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()
                  for row in [header, *rows]]
    return "\n".join(parts)


def markdown(records):
    parts = []
    for engine, header, rows in tables(records):
        parts += [f"\n### {engine}\n", "| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
        parts += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(parts) + "\n"


def into_page(page, records):
    before, _, old = page.read_text().partition(BEGIN)
    _, mark, after = old.partition(END)
    if not mark:
        raise RuntimeError(f"{page}: the marks \"{BEGIN}\" and \"{END}\" are missing")
    page.write_text(before + BEGIN + "\n" + markdown(records) + "\n" + END + after)
