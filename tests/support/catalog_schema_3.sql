-- catalog.db of schema 3, as it was dumped: a run's two products, then a write with an
-- Idempotency-Key and one product written and deleted.
PRAGMA user_version=3;
BEGIN TRANSACTION;
CREATE TABLE bundles (number INTEGER PRIMARY KEY, digest TEXT NOT NULL UNIQUE);
INSERT INTO "bundles" VALUES(1,'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb');
CREATE TABLE changes (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    product_id TEXT NOT NULL,
    operation TEXT NOT NULL,
    at TEXT NOT NULL
, origin TEXT NOT NULL DEFAULT 'run');
INSERT INTO "changes" VALUES(1,'shoe','put','2026-11-25T19:58:00.048+00:00','run');
INSERT INTO "changes" VALUES(2,'bag','put','2026-11-25T19:58:00.048+00:00','run');
INSERT INTO "changes" VALUES(3,'shoe','put','2026-11-25T19:58:00.066+00:00','live');
INSERT INTO "changes" VALUES(4,'hat','put','2026-11-25T19:58:00.066+00:00','live');
INSERT INTO "changes" VALUES(5,'hat','delete','2026-11-25T19:58:00.066+00:00','live');
CREATE TABLE downloads (
    url TEXT NOT NULL UNIQUE,
    image_id BLOB NOT NULL,
    etag TEXT NOT NULL,
    last_modified TEXT NOT NULL
);
CREATE TABLE embeddings (
    bundle INTEGER NOT NULL,
    image_id BLOB NOT NULL,
    vector BLOB NOT NULL,
    UNIQUE (bundle, image_id)
);
INSERT INTO "embeddings" VALUES(1,X'2D711642B726B04401627CA9FBAC32F5C8530FB1903CC4DB02258717921A4881',X'7F9221BFF5DB6D3F17810A3DE44D37BF5EAEE03F2AEA72BF3D8FD6BE0626B93F');
INSERT INTO "embeddings" VALUES(1,X'A1FCE4363854FF888CFF4B8E7875D600C2682390412A8CF79B37D0B11148B0FA',X'FF647ABE88F813BF7A14853E66C789BF6605BC3F3A71173F8E97773F232583BE');
CREATE TABLE product_images (
    number INTEGER PRIMARY KEY,
    product_id TEXT NOT NULL,
    image_id BLOB NOT NULL,
    position INTEGER NOT NULL,
    UNIQUE (product_id, image_id)
);
INSERT INTO "product_images" VALUES(1,'shoe',X'A1FCE4363854FF888CFF4B8E7875D600C2682390412A8CF79B37D0B11148B0FA',0);
INSERT INTO "product_images" VALUES(2,'shoe',X'2D711642B726B04401627CA9FBAC32F5C8530FB1903CC4DB02258717921A4881',1);
INSERT INTO "product_images" VALUES(3,'bag',X'2D711642B726B04401627CA9FBAC32F5C8530FB1903CC4DB02258717921A4881',0);
CREATE TABLE products (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    title TEXT NOT NULL, category TEXT NOT NULL, brand TEXT NOT NULL, price REAL,
    currency TEXT NOT NULL, availability TEXT NOT NULL, url TEXT NOT NULL,
    attributes TEXT NOT NULL,
    updated_at TEXT NOT NULL, revision INTEGER NOT NULL DEFAULT 1);
INSERT INTO "products" VALUES(1,'shoe','Runner','Shoes','Ada',12.5,'EUR','','','{"sizes": ["S", "M"]}','2026-11-25T19:58:00.066+00:00',3);
INSERT INTO "products" VALUES(2,'bag','','','',NULL,'','','','{}','2026-11-25T19:58:00.048+00:00',2);
CREATE TABLE requests (
    key TEXT NOT NULL PRIMARY KEY,
    digest TEXT NOT NULL,
    at TEXT NOT NULL,
    revision INTEGER NOT NULL,
    created INTEGER NOT NULL,
    stored TEXT NOT NULL
);
INSERT INTO "requests" VALUES('us:1','dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd','2026-11-25T19:58:00.066+00:00',3,0,'[["shoe", "Runner", "Shoes", "Ada", 12.5, "EUR", "", "", "{\"sizes\": [\"S\", \"M\"]}"], ["a1fce4363854ff888cff4b8e7875d600c2682390412a8cf79b37d0b11148b0fa", "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"], "2026-11-25T19:58:00.066+00:00"]');
CREATE INDEX requests_by_time ON requests (at);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('changes',5);
COMMIT;
