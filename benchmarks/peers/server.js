"use strict";
// The callback in Express, as WeChat's tutorials show it. With RECORDS, one INSERT records each
// attempt before the response is sent. Message pushes go to BACKEND after that, if there is one.
// WORKERS processes share the port.

const cluster = require("node:cluster");
const crypto = require("node:crypto");
const http = require("node:http");
const express = require("express");

const { TOKEN, DATABASE_URL, RECORDS, PORT, BACKEND } = process.env;
const workers = Number(process.env.WORKERS);
// Connections to PostgreSQL, of all processes together. With 16 the rate is a little lower, with 64
// much lower.
const MAX_CONNECTIONS = 32;
const INSERT = {
  name: "insert-attempt", // prepared once for each connection
  text: `INSERT INTO attempt
    (recorded_at, account, is_accepted, signature, timestamp, nonce, echostr, client_ip)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
};

function isSigned({ signature, timestamp, nonce }) {
  const joined = [TOKEN, timestamp, nonce].sort().join("");
  return crypto.createHash("sha1").update(joined).digest("hex") === signature;
}

function makeApp() {
  const app = express();
  app.disable("etag"); // neither header is needed, and both cost time
  app.disable("x-powered-by");
  const pool = RECORDS && makePool();

  async function check(request) {
    const { signature, timestamp, nonce, echostr = "" } = request.query;
    const isAccepted = isSigned(request.query);
    if (pool) {
      const { slug } = request.params;
      const ip = request.ip;
      const values = [new Date(), slug, isAccepted, signature, timestamp, nonce, echostr, ip];
      await pool.query({ ...INSERT, values });
    }
    return isAccepted;
  }

  app.get("/wechat/:slug", async (request, response) => {
    if (await check(request)) response.type("text/plain").send(request.query.echostr);
    else response.status(403).send("bad token");
  });
  app.post("/wechat/:slug", express.raw({ type: () => true }), async (request, response) => {
    if (await check(request)) response.type("text/plain").send(await forward(request));
    else response.status(403).send("bad token");
  });
  return app;
}

const agent = new http.Agent({ keepAlive: true });

function forward(request) {
  return new Promise((resolve, reject) => {
    const headers = {
      "content-type": request.headers["content-type"],
      "content-length": request.body.length,
    };
    const options = { agent, method: "POST", headers };
    const sent = http.request(BACKEND + request.originalUrl, options, (answer) => {
      const pieces = [];
      answer.on("data", (piece) => pieces.push(piece));
      answer.on("end", () => resolve(Buffer.concat(pieces)));
    });
    sent.on("error", reject);
    sent.end(request.body);
  });
}

function makePool() {
  const { Pool } = require("pg");
  return new Pool({ connectionString: DATABASE_URL, max: MAX_CONNECTIONS / workers });
}

if (cluster.isPrimary && workers > 1) {
  for (let number = 0; number < workers; number += 1) cluster.fork();
  process.on("SIGTERM", () => cluster.disconnect(() => process.exit(0)));
} else {
  makeApp().listen(Number(PORT), "127.0.0.1");
}
