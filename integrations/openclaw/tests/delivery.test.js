import assert from "node:assert/strict";
import { test } from "node:test";

import { Delivery, PATH } from "../lib/delivery.js";
import { readSettings } from "../lib/settings.js";
import { Spool } from "../lib/spool.js";
import { collectingLogger, receiving, temporaryDirectory, until } from "./support.js";

/** A delivery that runs, of the numbers 1 to `count`. */
function delivering(t, url, count = 3, token = undefined) {
  const spool = new Spool(temporaryDirectory(t));
  for (let n = 1; n <= count; n += 1) spool.add({ events: [{ n }] });
  const logger = collectingLogger();
  const delivery = new Delivery(spool, { url, token }, logger, "1.2.3", { first: 10, last: 20 });
  delivery.start();
  t.after(() => delivery.stop());
  return { spool, delivery, logger };
}

const numbers = (requests) => requests.map(({ body }) => body.events[0].n);
const accepted = (requests) => numbers(requests.filter(({ status }) => status === 204));

test("what waits is sent in order, with the version and the token, and what comes later at once", async (t) => {
  const { url, requests } = await receiving(t);
  const { spool, delivery } = delivering(t, url, 3, "s3cret");
  await until(() => requests.length === 3);
  spool.add({ events: [{ n: 4 }] });
  delivery.notify();
  await until(() => spool.size === 0);
  assert.deepEqual(numbers(requests), [1, 2, 3, 4]);
  const [{ path, headers, body }] = requests;
  assert.equal(path, PATH);
  assert.equal(headers.authorization, "Bearer s3cret");
  assert.deepEqual([body.source, body.version], ["plugin", "1.2.3"]);
});

for (const status of [401, 404, 408, 429, 500, 503]) {
  test(`after ${status} the same event is sent again until it is accepted`, async (t) => {
    const { url, requests } = await receiving(t, (_, n) => ({ status: n % 3 === 2 ? 204 : status }));
    const { spool, logger } = delivering(t, url);
    await until(() => spool.size === 0);
    assert.deepEqual(accepted(requests), [1, 2, 3]);
    assert.match(logger.lines[0], new RegExp(`status ${status}`));
  });
}

test("a receiver that is away is asked again, and said to be so once", async (t) => {
  const { url, requests, server } = await receiving(t);
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  const { spool, logger } = delivering(t, url);
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.deepEqual([spool.size, logger.lines.length], [3, 1]);
  assert.match(logger.lines[0], /ECONNREFUSED/);
  server.listen(port, "127.0.0.1");
  await until(() => spool.size === 0);
  assert.deepEqual(numbers(requests), [1, 2, 3]);
  assert.match(logger.lines.at(-1), /delivered again/);
});

test("a redirect is no answer, and is not followed", async (t) => {
  const { url, requests } = await receiving(t, ({ path }, n) =>
    n === 0 ? { status: 302, headers: { location: "/elsewhere" } } : { status: path === PATH ? 204 : 500 },
  );
  const { spool } = delivering(t, url, 1);
  await until(() => spool.size === 0);
  assert.deepEqual(requests.map(({ path }) => path), [PATH, PATH]);
});

test("an event that can never be accepted is set aside, and blocks none", async (t) => {
  const { url, requests } = await receiving(t, ({ body }) => ({ status: body.events[0].n === 2 ? 422 : 204 }));
  const { spool, logger } = delivering(t, url);
  await until(() => spool.size === 0);
  assert.deepEqual(numbers(requests), [1, 2, 3]);
  assert.match(logger.lines[0], /refused with 422/);
});

test("stopping does not wait for an answer, and keeps the event", async (t) => {
  const { url, requests } = await receiving(t, () => "none");
  const { spool, delivery } = delivering(t, url);
  await until(() => requests.length === 1);
  await delivery.stop();
  assert.equal(spool.size, 3);
});

test("settings: the configuration, else the environment, else this machine", () => {
  assert.equal(readSettings({}, {}).url, "http://127.0.0.1:8000");
  const environment = { RUNLOG_URL: "https://log.example/base/", RUNLOG_TOKEN: "t" };
  assert.deepEqual(readSettings({}, environment), {
    url: "https://log.example/base",
    token: "t",
    agents: {},
    storePrompts: false,
  });
  const set = readSettings({ url: "http://own:9", token: "o", agents: { a: "b" }, storePrompts: true }, environment);
  assert.deepEqual(set, { url: "http://own:9", token: "o", agents: { a: "b" }, storePrompts: true });
  for (const url of ["nonsense", "ftp://a", "http://u:p@a", "http://a/?q"]) assert.throws(() => readSettings({ url }, {}));
});
