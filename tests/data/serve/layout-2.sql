PRAGMA user_version = 2;
BEGIN TRANSACTION;
CREATE TABLE alarms (
        id INTEGER PRIMARY KEY,
        job TEXT NOT NULL,
        kind TEXT NOT NULL,
        text TEXT NOT NULL,
        raised_ms INTEGER NOT NULL,
        recovered_ms INTEGER
    , subject TEXT NOT NULL DEFAULT '');
CREATE TABLE deliveries (
        id INTEGER PRIMARY KEY,
        alarms TEXT NOT NULL,
        target TEXT NOT NULL,
        body TEXT NOT NULL,
        tries INTEGER NOT NULL DEFAULT 0,
        next_ms INTEGER NOT NULL,
        error TEXT,
        state TEXT NOT NULL DEFAULT 'waiting'
    );
CREATE TABLE followed (job TEXT PRIMARY KEY, places TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE history (
        job TEXT NOT NULL,
        step_s INTEGER NOT NULL,
        at_s INTEGER NOT NULL,
        point TEXT NOT NULL,
        PRIMARY KEY (job, step_s, at_s)
    ) WITHOUT ROWID;
CREATE TABLE jobs (
        name TEXT PRIMARY KEY,
        description TEXT NOT NULL,
        source TEXT,
        begin TEXT NOT NULL,
        life TEXT NOT NULL,
        created_ms INTEGER NOT NULL
    ) WITHOUT ROWID;
INSERT INTO "jobs" VALUES('coast','{"text":"name = ''coast''\nsink = [''csv:rows'']\nidle_timeout = ''0''\nstore = ''sqlite:output/coast.db''\n[alarms]\nwebhook = ''http://127.0.0.1:1/hook''\nno_data_s = 1\n","file":"jobs/coast.toml","variables":{},"server":{},"defaults":{"text":"","file":""},"connections":{},"rerun":0}',NULL,'{"from_checkpoint":null,"of_store":null,"from":null}','{"intent":"stop","standing":{"state":"stopped","since_ms":1795956261562,"why":"the server ends","last_error":null},"restarts":[],"in_a_row":0,"restarts_total":0,"restart_at_ms":null,"has_worker":false,"started_ms":1795956252512,"stop_asked_ms":1795956261562,"overdue":null,"pauses_in_place":false}',1795956252504);
CREATE TABLE transitions (
        id INTEGER PRIMARY KEY,
        job TEXT NOT NULL,
        at_ms INTEGER NOT NULL,
        state TEXT NOT NULL,
        why TEXT NOT NULL,
        error TEXT
    );
INSERT INTO "transitions" VALUES(1,'coast',1795956252504,'created','it was submitted',NULL);
INSERT INTO "transitions" VALUES(2,'coast',1795956252512,'starting','somebody started it',NULL);
INSERT INTO "transitions" VALUES(3,'coast',1795956252631,'running','it reads and commits',NULL);
INSERT INTO "transitions" VALUES(4,'coast',1795956261562,'draining','the server ends',NULL);
CREATE INDEX transitions_of_job ON transitions (job, id);
COMMIT;
