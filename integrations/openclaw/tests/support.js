import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const JOB = {
  id: "9b0cb394-7a90-45d7-95fc-3df75aa7c8d9",
  name: "nightly feeds",
  enabled: true,
  schedule: { kind: "cron", expr: "0 3 * * *", tz: "Europe/Berlin", staggerMs: 300000 },
  sessionTarget: "isolated",
  wakeMode: "now",
  payload: { kind: "agentTurn", message: "the secret prompt", timeoutSeconds: 12, toolsAllow: ["*"] },
  delivery: { mode: "webhook", to: "http://192.0.2.1/secret-path" },
  state: { nextRunAtMs: 1795354258846, lastRunStatus: "ok" },
  createdAtMs: 1795332658846,
  updatedAtMs: 1795332662896,
};
export const HEARTBEAT = { ...JOB, id: "beat", declarationKey: "heartbeat:main", payload: { kind: "heartbeat" } };
export const DREAMING = { ...JOB, id: "dream", declarationKey: "memory-core:memory-dreaming-promotion" };

/** Jobs in events lack their declaration key, as OpenClaw sends them. */
export function event(action, job = JOB, more = {}) {
  const { declarationKey: _, delivery: __, ...shown } = job;
  return { action, jobId: job.id, job: shown, sessionTarget: job.sessionTarget, ...more };
}

export function finished(runAtMs, more = {}, job = JOB) {
  const session = `agent:main:cron:${job.id}:run:s${runAtMs}`;
  return event("finished", job, { runAtMs, durationMs: 2303, status: "ok", sessionKey: session, ...more });
}

/** The context of the gateway's hooks. */
export function gatewayContext(jobs) {
  return { config: {}, getCron: () => ({ list: async () => jobs }) };
}

export function temporaryDirectory(test) {
  const directory = mkdtempSync(join(tmpdir(), "openclaw-plugin-"));
  test.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** Collects what would be logged. */
export function collectingLogger() {
  const lines = [];
  const write = (line) => lines.push(line);
  return { lines, debug: write, info: write, warn: write, error: write };
}

/**
 * A receiver on a free port; `answer` gets each request and says `{status, headers}` or "none", to answer nothing.
 *
 * @returns {Promise<{url: string, requests: {path: string, headers: object, body: any}[], server: object}>}
 */
export async function receiving(test, answer = () => ({ status: 204 })) {
  const requests = [];
  const server = createServer(async (request, response) => {
    const parts = await request.toArray();
    const received = { path: request.url, headers: request.headers, body: JSON.parse(Buffer.concat(parts)) };
    const said = answer(received, requests.length);
    requests.push({ ...received, status: said.status });
    if (said !== "none") response.writeHead(said.status, said.headers).end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  test.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${server.address().port}`, requests, server };
}

/** Wait until `condition` holds, for up to two minutes. */
export async function until(condition) {
  const deadline = Date.now() + 120_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`never: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
