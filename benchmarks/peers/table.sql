-- Where the peers record: eight columns, and a key. What one would write down without thinking of
-- proof: no seal, no counts, no index but the key's.
CREATE TABLE account (id serial PRIMARY KEY, slug text UNIQUE NOT NULL, token text NOT NULL);
INSERT INTO account (slug, token) VALUES ('sample-0', 'TokenOfTheBenchmark0');

CREATE TABLE attempt (
    id bigserial PRIMARY KEY,
    recorded_at timestamptz NOT NULL,
    account text NOT NULL,
    is_accepted boolean NOT NULL,
    signature text NOT NULL,
    timestamp text NOT NULL,
    nonce text NOT NULL,
    echostr text NOT NULL,
    client_ip inet NOT NULL
);
