"""The tables of a label store: the labels, and which of them count, kept up to date by SQLite."""

import sqlite3

FORM = 2  # in the file's user_version
LABELS = (
    "CREATE TABLE labels (id INTEGER PRIMARY KEY, item TEXT NOT NULL, label TEXT, who TEXT NOT NULL"
    ", confidence REAL, round INTEGER NOT NULL, model TEXT, time TEXT NOT NULL, withdrawn TEXT)",
    "CREATE INDEX by_item ON labels (item)",
)
NEWEST = "who = 'model', time DESC, id DESC"  # people before models, then the latest
# For each item: its oldest row, by which it is known; the oldest that was not taken back, which
# gives its place among the items; and the one that counts.
_COUNTING = (
    "min(id) AS origin, min(CASE WHEN withdrawn IS NULL THEN id END) AS first, (SELECT id FROM "
    "labels AS same WHERE same.item = labels.item AND withdrawn IS NULL "
    f"ORDER BY {NEWEST} LIMIT 1) AS counts"
)
_ALL = f"SELECT {_COUNTING}, {{}} AS change FROM labels GROUP BY item"
_TALLY = (
    "SELECT label, round, count(*) AS items FROM counting JOIN labels ON id = counts "
    "WHERE label IS NOT NULL GROUP BY label, round"
)
# What `counting` and `tally` hold, for a file that lacks them: a scan of all labels.
SCAN = f"WITH counting AS ({_ALL.format(-1)}), tally AS ({_TALLY}) "
# Of each item that changed after another change; of all where the file does not count changes.
CHANGES = (
    "SELECT change, oldest.item, latest.label, latest.who, coalesce(latest.round, -1), "
    "coalesce(first, -1) FROM counting JOIN labels AS oldest ON oldest.id = origin "
    "LEFT JOIN labels AS latest ON latest.id = counts WHERE change > ? OR change < 0"
)
_ORIGIN = "(SELECT min(id) FROM labels WHERE item = new.item)"
_COUNTS = f"(SELECT counts FROM counting WHERE origin = {_ORIGIN})"
_FOLLOW = (
    "BEGIN UPDATE tally SET items = items - 1 WHERE (label, round) = "
    f"(SELECT label, round FROM labels WHERE id = {_COUNTS}); "
    f"REPLACE INTO counting SELECT {_COUNTING}, "
    "(SELECT coalesce(max(change), 0) + 1 FROM counting) "
    "FROM labels WHERE item = new.item; "
    f"INSERT INTO tally SELECT label, round, 1 FROM labels WHERE id = {_COUNTS} "
    "AND label IS NOT NULL ON CONFLICT (label, round) DO UPDATE SET items = items + 1; END"
)
# Made of the labels alone, and kept by SQLite itself: also where an older tlhelpers writes.
_DERIVED = {
    "counting": "CREATE TABLE counting (origin INTEGER PRIMARY KEY, first INTEGER, counts INTEGER, "
    "change INTEGER NOT NULL)",
    "by_change": "CREATE INDEX by_change ON counting (change)",
    "tally": "CREATE TABLE tally (label TEXT, round INTEGER, items INTEGER NOT NULL, "
    "PRIMARY KEY (label, round))",
    "on_added": f"CREATE TRIGGER on_added AFTER INSERT ON labels {_FOLLOW}",
    "on_withdrawn": "CREATE TRIGGER on_withdrawn AFTER UPDATE OF withdrawn ON labels "
    f"WHEN new.withdrawn IS NOT old.withdrawn {_FOLLOW}",
}


def has_derived(connection: sqlite3.Connection) -> bool:
    """Whether the tables `counting` and `tally` are in the file, and follow the labels."""
    found = dict(connection.execute("SELECT name, sql FROM sqlite_master"))
    return all(found.get(name) == statement for name, statement in _DERIVED.items())


def derive(connection: sqlite3.Connection) -> None:
    """Make the tables `counting` and `tally` from the labels; to be called in a transaction."""
    for statement in _DERIVED.values():
        connection.execute(statement)
    connection.execute(f"INSERT INTO counting {_ALL.format(0)}")
    connection.execute(f"INSERT INTO tally {_TALLY}")
