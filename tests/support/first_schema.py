"""A history as it was before there were migrations: tables and rows, word for word."""

from sqlalchemy import create_engine, text

TABLES = """
CREATE TABLE activities (
    number {number} NOT NULL, id VARCHAR NOT NULL, project VARCHAR NOT NULL, build VARCHAR NOT NULL,
    kind VARCHAR NOT NULL, payload {bytes} NOT NULL, PRIMARY KEY (number), UNIQUE (id)
);
CREATE INDEX activities_of_a_build ON activities (project, build, number);
CREATE TABLE builds (
    project VARCHAR NOT NULL, build VARCHAR NOT NULL, status VARCHAR NOT NULL,
    ended BOOLEAN NOT NULL, newest {bytes} NOT NULL, stop {bytes}, changed BIGINT NOT NULL,
    PRIMARY KEY (project, build)
);
CREATE INDEX builds_by_age ON builds (build, project);
CREATE INDEX builds_by_end ON builds (ended, build, project);
CREATE INDEX builds_by_status ON builds (status, build, project);
CREATE INDEX ix_builds_changed ON builds (changed);
CREATE TABLE counter (n BIGINT NOT NULL);
CREATE TABLE starts (
    project VARCHAR NOT NULL, key VARCHAR NOT NULL, build VARCHAR NOT NULL,
    body_hash VARCHAR NOT NULL, created {time} NOT NULL, PRIMARY KEY (project, key)
);
CREATE INDEX ix_starts_created ON starts (created);
"""
TYPES = {
    "sqlite": {"number": "INTEGER", "bytes": "BLOB", "time": "DATETIME"},
    "postgresql": {"number": "BIGSERIAL", "bytes": "BYTEA", "time": "TIMESTAMP WITH TIME ZONE"},
}
CONTEXT = '"@context":["https://www.w3.org/ns/activitystreams",{"@vocab":"urn:buildfeed:ns#"}]'
STARTED = (
    "{" + CONTEXT + ',"id":"urn:buildfeed:acme:b1:0.0","type":"Offer",'
    '"published":"2026-11-21T10:15:00Z","summary":"acme b1 is queued",'
    '"actor":{"type":"Person","name":"ada"},"object":{"type":"Build",'
    '"id":"urn:buildfeed:acme:b1","project":"acme","build":"b1","status":"queued","progress":0,'
    '"errors":0,"attempt":0,"seq":0,"priority":"normal"}}'
)
ENDED = (
    "{" + CONTEXT + ',"id":"urn:buildfeed:acme:b1:1.1","type":"Update",'
    '"published":"2026-11-21T10:15:09Z","summary":"acme b1 is succeeded",'
    '"actor":{"type":"Service","name":"w1","id":"urn:buildfeed:worker:w1"},"object":{'
    '"type":"Build","id":"urn:buildfeed:acme:b1","project":"acme","build":"b1",'
    '"status":"succeeded","progress":100,"errors":0,"attempt":1,"seq":1,"priority":"normal"}}'
)
ACTIVITY = (
    "INSERT INTO activities (id, project, build, kind, payload) VALUES (:i, 'acme', 'b1', :k, :p)"
)
BUILD = "INSERT INTO builds VALUES ('acme', 'b1', 'succeeded', true, :p, NULL, 7)"
START = "INSERT INTO starts VALUES ('acme', 'k', 'b1', 'h', '2026-11-21 10:15:00.000000')"


def fill(url: str) -> None:
    """Make the tables, with one ended build and the key of its start."""
    engine = create_engine(url)
    with engine.begin() as connection:
        for statement in TABLES.format(**TYPES[engine.dialect.name]).split(";"):
            if statement.strip():
                connection.execute(text(statement))
        for kind, payload, id_ in (("start", STARTED, "0.0"), ("status", ENDED, "1.1")):
            values = {"i": f"urn:buildfeed:acme:b1:{id_}", "k": kind, "p": payload.encode()}
            connection.execute(text(ACTIVITY), values)
        connection.execute(text(BUILD), {"p": ENDED.encode()})
        connection.execute(text("INSERT INTO counter VALUES (7)"))
        connection.execute(text(START))
    engine.dispose()
