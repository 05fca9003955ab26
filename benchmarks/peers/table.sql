-- The tables of the peers: what a developer would record who needs no proof. An attempt has eight
-- columns and a key, and no seal, no tallies and no index except the key's.
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
