"""The tables of the catalogue, as the migrations that made them.

products -> product_images -> embeddings by (bundle, image)     changes: a number for every write
requests: what was answered to writes that may come again
events: what shoppers did, as shops report it

`number` is the order of insertion. `revision` is the number of a product's last change. The numbers
are never given twice, also where the log of changes was cut short: AUTOINCREMENT sees to it.
"""

_FIRST = """
CREATE TABLE products (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    title TEXT NOT NULL, category TEXT NOT NULL, brand TEXT NOT NULL, price REAL,
    currency TEXT NOT NULL, availability TEXT NOT NULL, url TEXT NOT NULL,
    attributes TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    run INTEGER NOT NULL
);
CREATE TABLE product_images (
    number INTEGER PRIMARY KEY,
    product_id TEXT NOT NULL,
    image_id BLOB NOT NULL,
    position INTEGER NOT NULL,
    run INTEGER NOT NULL,
    UNIQUE (product_id, image_id)
);
CREATE TABLE bundles (number INTEGER PRIMARY KEY, digest TEXT NOT NULL UNIQUE);
CREATE TABLE embeddings (
    bundle INTEGER NOT NULL,
    image_id BLOB NOT NULL,
    vector BLOB NOT NULL,
    UNIQUE (bundle, image_id)
);
CREATE TABLE changes (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    product_id TEXT NOT NULL,
    operation TEXT NOT NULL,
    at TEXT NOT NULL
);
CREATE TABLE runs (number INTEGER PRIMARY KEY AUTOINCREMENT, began_at TEXT NOT NULL);
"""

# A run now keeps what it saw to itself, so that one that finds nothing new writes nothing.
_REVISIONS = """
DROP TABLE runs;
ALTER TABLE product_images DROP COLUMN run;
ALTER TABLE products DROP COLUMN run;
ALTER TABLE products ADD COLUMN revision INTEGER NOT NULL DEFAULT 1;
UPDATE products SET revision = last.sequence
    FROM (SELECT product_id, MAX(sequence) AS sequence FROM changes GROUP BY product_id) AS last
    WHERE last.product_id = products.id;
ALTER TABLE changes ADD COLUMN origin TEXT NOT NULL DEFAULT 'run';
CREATE TABLE downloads (
    url TEXT NOT NULL UNIQUE,
    image_id BLOB NOT NULL,
    etag TEXT NOT NULL,
    last_modified TEXT NOT NULL
);
"""

# What was answered to writes that may be sent again.
_REQUESTS = """
CREATE TABLE requests (
    key TEXT NOT NULL PRIMARY KEY,
    digest TEXT NOT NULL,
    at TEXT NOT NULL,
    revision INTEGER NOT NULL,
    created INTEGER NOT NULL,
    stored TEXT NOT NULL
);
CREATE INDEX requests_by_time ON requests (at);
"""

# What shops reported of what shoppers did; numbers are in order, and have no gaps.
_EVENTS = """
CREATE TABLE events (
    number INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    reporter TEXT NOT NULL,
    id TEXT NOT NULL,
    type TEXT NOT NULL,
    request_id TEXT NOT NULL,
    product_id TEXT NOT NULL,
    position INTEGER,
    image_id BLOB,
    UNIQUE (reporter, id)
);
"""

MIGRATIONS = (_FIRST, _REVISIONS, _REQUESTS, _EVENTS)
