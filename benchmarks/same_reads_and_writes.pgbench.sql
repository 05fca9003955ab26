-- The reads and writes of one callback to an idle gateway, in the same two round trips. There is no
-- HTTP and no verdict, and the seals are made up, so verify_audit reports the log that it writes as
-- broken.
\set nonce random(1000000000, 9999999999)
SELECT last_attempt_id + 1 AS attempt, last_seal_id + 1 AS seal, encode(last_digest, 'hex') AS digest FROM verification_read(ARRAY['sample-0'], 0, false, NULL) LIMIT 1 \gset
CALL verification_record(decode(:digest::text, 'hex'), true, concat_ws(E'\t', (:attempt)::bigint, clock_timestamp(), (:seal)::bigint, 1, 1, 1500, 0, 1, 1, 1, 1, '\N', 200, 0, gen_random_uuid(), '\\x096abd439b41f9610aeabe2d7534084fd8dafa20', '127.0.0.1', '', 'sample-0', '1714036504', (:nonce)::bigint, '4375120948345356249', 'Mozilla/4.0', '127.0.0.1:8000'), concat_ws(E'\t', 1, 1, 1, 1, 0), (:seal)::bigint, (:attempt)::bigint, 1, 1, '5a5a5a5a', sha256((:nonce)::bigint::text::bytea), sha256('mac'), clock_timestamp(), NULL);
