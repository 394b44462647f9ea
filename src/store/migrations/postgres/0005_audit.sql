CREATE TABLE audit (
    seq      BIGINT NOT NULL PRIMARY KEY,
    at       BIGINT NOT NULL,
    actor    TEXT   NOT NULL,
    action   TEXT   NOT NULL,
    subject  TEXT   NOT NULL,
    stack    TEXT,
    details  TEXT   NOT NULL,
    previous TEXT   NOT NULL,
    hash     TEXT   NOT NULL
);

CREATE FUNCTION audit_is_only_appended_to() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'the audit log is only appended to'; END $$;
CREATE FUNCTION audit_takes_the_next() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.seq IS DISTINCT FROM (SELECT COALESCE(MAX(seq), 0) + 1 FROM audit) THEN
        RAISE EXCEPTION 'the audit log is only appended to';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER audit_is_appended_to BEFORE INSERT ON audit
FOR EACH ROW EXECUTE FUNCTION audit_takes_the_next();
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
FOR EACH STATEMENT EXECUTE FUNCTION audit_is_only_appended_to();
CREATE TRIGGER audit_is_not_cut BEFORE DELETE ON audit
FOR EACH STATEMENT EXECUTE FUNCTION audit_is_only_appended_to();
CREATE TRIGGER audit_is_not_emptied BEFORE TRUNCATE ON audit
FOR EACH STATEMENT EXECUTE FUNCTION audit_is_only_appended_to();

CREATE TABLE tokens (
    id           TEXT   NOT NULL PRIMARY KEY,
    hash         TEXT   NOT NULL UNIQUE,
    permit       TEXT   NOT NULL,
    created_at   BIGINT NOT NULL,
    last_used_at BIGINT,
    revoked_at   BIGINT
);
