-- The reads and writes of one callback to an idle gateway, in three round trips, the fewest that
-- pgbench can make. There is no HTTP and no verdict, and the seals are made up, so verify_audit
-- reports the log that it writes as broken.
\set nonce random(1000000000, 9999999999)
\startpipeline
BEGIN;
SET LOCAL lock_timeout = '1500ms';
SET LOCAL statement_timeout = '2000ms';
SET LOCAL idle_in_transaction_session_timeout = '3000ms';
SELECT account.id, account.slug, account.is_paused, account.answers_at_root, token.id, token.secret, token.first_used_at IS NULL FROM verification_officialaccount account LEFT JOIN verification_token token ON token.account_id = account.id AND token.secret IS NOT NULL AND (token.expires_at IS NULL OR token.expires_at > clock_timestamp()) WHERE account.slug IN ('sample-0') ORDER BY account.id, token.id DESC;
\endpipeline
SELECT last_attempt_id + 1 AS attempt, last_seal_id + 1 AS seal FROM verification_chainhead FOR UPDATE \gset
\startpipeline
INSERT INTO verification_verificationattempt (id, recorded_at, seal_id, account_id, token_id, duration, clock_skew, occurrences, kind, method, outcome, reason, status, marks, request_id, signature, client_ip, detail, path_slug, timestamp, nonce, echostr, user_agent, host) VALUES (:attempt, clock_timestamp(), :seal, 1, 1, 1500, 0, 1, 1, 1, 1, NULL, 200, 0, gen_random_uuid(), '\x096abd439b41f9610aeabe2d7534084fd8dafa20', '127.0.0.1', '', 'sample-0', '1714036504', (:nonce)::bigint::text, '4375120948345356249', 'Mozilla/4.0', '127.0.0.1:8000');
INSERT INTO verification_tally AS tally (account_id, hour, kind, outcome, count, noise, last_at) VALUES (1, date_trunc('hour', now()), 1, 1, 1, 0, now()) ON CONFLICT (COALESCE(account_id, 0), hour, kind, outcome) DO UPDATE SET count = tally.count + excluded.count, noise = tally.noise + excluded.noise, last_at = excluded.last_at;
INSERT INTO verification_seal (id, first_id, count, version, key_id, digest, mac) VALUES (:seal, :attempt, 1, 1, '5a5a5a5a', sha256((:nonce)::bigint::text::bytea), sha256('mac'));
UPDATE verification_chainhead SET last_attempt_id = :attempt, last_seal_id = :seal, last_digest = sha256('head'), last_recorded_at = now();
COMMIT;
\endpipeline
