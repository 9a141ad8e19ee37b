PRAGMA user_version = 5;
BEGIN TRANSACTION;
CREATE TABLE alarms (
        id INTEGER PRIMARY KEY,
        job TEXT NOT NULL,
        kind TEXT NOT NULL,
        text TEXT NOT NULL,
        raised_ms INTEGER NOT NULL,
        recovered_ms INTEGER,
        subject TEXT NOT NULL DEFAULT ''
    );
CREATE TABLE audit (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        at_ms INTEGER NOT NULL,
        who TEXT NOT NULL,
        action TEXT NOT NULL,
        job TEXT,
        version INTEGER,
        result TEXT NOT NULL,
        detail TEXT NOT NULL
    , by_guard INTEGER NOT NULL DEFAULT 0, place INTEGER NOT NULL DEFAULT 0, is_proved INTEGER NOT NULL DEFAULT 0);
INSERT INTO "audit" VALUES(1,1796001728209,'seismic token','create token',NULL,NULL,'done','token: root, roles: admin, jobs: *',0,1,1);
INSERT INTO "audit" VALUES(2,1796001731260,'root','submit','coast',1,'done','comment: first light',0,2,1);
INSERT INTO "audit" VALUES(3,1796001731300,'root','submit','coast',2,'done','comment: the same',0,3,1);
INSERT INTO "audit" VALUES(4,1796001731356,'local','save draft','coast',2,'done','',0,4,0);
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
CREATE TABLE drafts (
        job TEXT PRIMARY KEY,
        revision INTEGER NOT NULL,
        at_ms INTEGER NOT NULL,
        author TEXT NOT NULL,
        comment TEXT NOT NULL,
        base INTEGER NOT NULL,
        description TEXT
    ) WITHOUT ROWID;
INSERT INTO "drafts" VALUES('coast',1,1796001731344,'local','',2,'{"text":"name = ''coast''\nsink = [''csv:rows'']\nidle_timeout = ''0ms''\nstore = ''sqlite:output/coast.db''\n","file":"coast.toml","variables":{},"server":{},"defaults":{"text":"","file":""},"connections":{},"rerun":0}');
CREATE TABLE followed (
        job TEXT PRIMARY KEY,
        places TEXT NOT NULL
    ) WITHOUT ROWID;
CREATE TABLE hash_key (key BLOB NOT NULL);
INSERT INTO "hash_key" VALUES(X'D89891F83557B15058A49B4427C0630579C7D55F72386BBB93E8C0174D2D86AC');
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
INSERT INTO "jobs" VALUES('coast','{"text":"name = ''coast''\nsink = [''csv:rows'']\nidle_timeout = ''0ms''\nstore = ''sqlite:output/coast.db''\n","file":"coast.toml","variables":{},"server":{},"defaults":{"text":"","file":""},"connections":{},"rerun":0}',NULL,'{"from_checkpoint":null,"of_store":null,"from":null}','{"intent":"stop","standing":{"state":"created","since_ms":1796001731237,"why":"it was submitted","last_error":null},"restarts":[],"in_a_row":0,"restarts_total":0,"restart_at_ms":null,"has_worker":false,"started_ms":0,"stop_asked_ms":null,"overdue":null,"pauses_in_place":false,"yields":null}',1796001731237);
CREATE TABLE tokens (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT NOT NULL UNIQUE,
        hash BLOB NOT NULL,
        roles TEXT NOT NULL,
        jobs TEXT NOT NULL,
        created_ms INTEGER NOT NULL,
        created_by TEXT NOT NULL,
        rotated_ms INTEGER,
        last_used_ms INTEGER,
        expires_ms INTEGER,
        revoked_ms INTEGER
    );
INSERT INTO "tokens" VALUES(1,'root',X'51BE39EA23305041B79E554AAB3CF839C8BEBEFCD944909A376292B759A0EA65','admin','*',1796001728208,'seismic token',NULL,NULL,NULL,NULL);
CREATE TABLE transitions (
        id INTEGER PRIMARY KEY,
        job TEXT NOT NULL,
        at_ms INTEGER NOT NULL,
        state TEXT NOT NULL,
        why TEXT NOT NULL,
        error TEXT
    );
INSERT INTO "transitions" VALUES(1,'coast',1796001731237,'created','it was submitted',NULL);
INSERT INTO "transitions" VALUES(2,'coast',1796001731237,'created','it was submitted',NULL);
CREATE TABLE version_numbers (job TEXT PRIMARY KEY, last INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO "version_numbers" VALUES('coast',2);
CREATE TABLE versions (
        job TEXT NOT NULL,
        number INTEGER NOT NULL,
        at_ms INTEGER NOT NULL,
        author TEXT NOT NULL,
        comment TEXT NOT NULL,
        hash TEXT NOT NULL,
        description TEXT NOT NULL,
        PRIMARY KEY (job, number)
    ) WITHOUT ROWID;
INSERT INTO "versions" VALUES('coast',1,1796001731237,'root','first light','d7b04c61f9537e3887e8236ea4cc3b31f90c6966dead1149b9d68e92e8d1aa25','{"text":"name = ''coast''\nsink = [''csv:rows'']\nidle_timeout = ''0''\nstore = ''sqlite:output/coast.db''\n","file":"coast.toml","variables":{},"server":{},"defaults":{"text":"","file":""},"connections":{},"rerun":0}');
INSERT INTO "versions" VALUES('coast',2,1796001731294,'root','the same','0adecb807d319a7c4dbbb2860139d21392cd0f158b0e1389be08cd2324f2cada','{"text":"name = ''coast''\nsink = [''csv:rows'']\nidle_timeout = ''0ms''\nstore = ''sqlite:output/coast.db''\n","file":"coast.toml","variables":{},"server":{},"defaults":{"text":"","file":""},"connections":{},"rerun":0}');
CREATE INDEX transitions_of_job ON transitions (job, id);
CREATE INDEX audit_of_job ON audit (job, id);
CREATE INDEX audit_of_kind ON audit (by_guard, place);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('tokens',1);
INSERT INTO "sqlite_sequence" VALUES('audit',4);
COMMIT;
