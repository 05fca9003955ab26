-- The INSERT of the peers alone, without HTTP and without a signature: the baseline.
\set nonce random(1000000000, 9999999999)
INSERT INTO attempt (recorded_at, account, is_accepted, signature, timestamp, nonce, echostr, client_ip) VALUES (now(), 'sample-0', true, '096abd439b41f9610aeabe2d7534084fd8dafa20', '1714036504', (:nonce)::bigint::text, '4375120948345356249', '127.0.0.1');
