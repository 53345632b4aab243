import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { test } from "node:test";

import { Delivery } from "../lib/delivery.js";
import { Spool } from "../lib/spool.js";
import { collectingLogger, receiving, temporaryDirectory, until } from "./support.js";

const REPORTER = fileURLToPath(new URL("reporter.js", import.meta.url));

/** Record runs in a process of its own, and kill it during these; the runs that were kept. */
async function recordUntilKilled(t, directory, url, first) {
  const process_ = spawn(process.execPath, [REPORTER, directory, url, String(first)], { stdio: ["ignore", "pipe", "inherit"] });
  t.after(() => process_.kill("SIGKILL"));
  let printed = "";
  process_.stdout.setEncoding("utf8").on("data", (text) => (printed += text));
  const enough = 10 + Math.random() * 40;
  await until(() => printed.split("\n").length > enough);
  const closed = once(process_, "close");
  process_.kill("SIGKILL");
  await closed;
  return printed.split("\n").slice(0, -1).map(Number);
}

test("a gateway that is killed again and again while the backend comes and goes loses no run and changes none", async (t) => {
  // A receiver that stores and is away before it has answered has each run sent twice, and takes it for one.
  let away = false;
  const { url, requests } = await receiving(t, () => (away || Math.random() < 0.2 ? { status: 503 } : { status: 204 }));
  const directory = temporaryDirectory(t);
  const kept = [];
  for (let round = 0; round < 8; round += 1) {
    away = round % 3 === 1;
    kept.push(...(await recordUntilKilled(t, directory, url, 1 + round * 1_000_000)));
  }
  away = false;
  const spool = new Spool(`${directory}/spool`);
  const delivery = new Delivery(spool, { url }, collectingLogger(), "0", { first: 5, last: 20 });
  delivery.start();
  t.after(() => delivery.stop());
  await until(() => spool.size === 0);
  const delivered = requests.filter(({ status }) => status === 204).map(({ body }) => body.events[0]);
  const stored = new Map();
  for (const event of delivered) {
    const text = JSON.stringify(event);
    assert.equal(stored.get(event.runAtMs) ?? text, text);
    stored.set(event.runAtMs, text);
  }
  const order = [...stored.keys()];
  assert.deepEqual(order, order.toSorted((a, b) => a - b));
  assert.deepEqual(kept.filter((runAtMs) => !stored.has(runAtMs)), []);
  // At most the run that was being kept at each kill is stored without having been printed.
  assert.ok(order.length - kept.length <= 8);
  assert.ok(delivered.length - stored.size <= 8);
  t.diagnostic(`${kept.length} runs kept, ${stored.size} stored, ${delivered.length - stored.size} sent twice`);
});
