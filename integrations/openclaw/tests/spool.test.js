import assert from "node:assert/strict";
import { readdirSync, rmSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { MAX_ASIDE, MAX_UNSAVED, Spool } from "../lib/spool.js";
import { temporaryDirectory } from "./support.js";

function drained(spool) {
  const events = [];
  for (let entry = spool.oldest(); entry !== undefined; entry = spool.oldest()) {
    events.push(entry.event);
    spool.remove(entry.name);
  }
  return events;
}

const files = (directory) => readdirSync(directory).filter((name) => name.endsWith(".json"));

test("events come back in their order, by another spool of the same directory too", (t) => {
  const directory = temporaryDirectory(t);
  const spool = new Spool(directory);
  for (let n = 0; n < 50; n += 1) spool.add({ n });
  const [first] = [spool.oldest()];
  spool.remove(first.name);
  const again = new Spool(directory);
  again.add({ n: 50 });
  assert.deepEqual(drained(again), Array.from({ length: 50 }, (_, index) => ({ n: index + 1 })));
  assert.deepEqual(files(directory), []);
});

test("a clock that is set back changes no order", (t) => {
  const directory = temporaryDirectory(t);
  new Spool(directory).add({ n: 1 });
  t.mock.timers.enable({ apis: ["Date"], now: 1_000 });
  const spool = new Spool(directory);
  spool.add({ n: 2 });
  assert.deepEqual(drained(new Spool(directory)), [{ n: 1 }, { n: 2 }]);
});

test("only the gateway's user can read what waits", (t) => {
  const directory = join(temporaryDirectory(t), "deep", "spool");
  new Spool(directory).add({ n: 1 });
  assert.equal(statSync(directory).mode & 0o777, 0o700);
  assert.equal(statSync(join(directory, files(directory)[0])).mode & 0o777, 0o600);
});

test("what is no event is set aside, and blocks none", (t) => {
  const directory = temporaryDirectory(t);
  const spool = new Spool(directory);
  const damage = ["", "{", "[]", "null", "7"];
  for (const n of damage.keys()) spool.add({ n });
  for (const [n, name] of files(directory).entries()) writeFileSync(join(directory, name), damage[n]);
  spool.add({ n: "whole" });
  assert.deepEqual(drained(new Spool(directory)), [{ n: "whole" }]);
  assert.equal(files(join(directory, "aside")).length, damage.length);
});

test("what is set aside is bounded, and the newest stays", (t) => {
  const directory = temporaryDirectory(t);
  const spool = new Spool(directory);
  let last;
  for (let n = 0; n <= MAX_ASIDE; n += 1) {
    spool.add({ n });
    last = spool.oldest().name;
    spool.setAside(last);
  }
  assert.equal(files(join(directory, "aside")).length, MAX_ASIDE);
  assert.ok(files(join(directory, "aside")).includes(last));
});

test("beyond its bounds the oldest go", (t) => {
  const byNumber = new Spool(join(temporaryDirectory(t), "a"), { events: 2, bytes: 1_000 });
  assert.deepEqual([1, 2, 3].map((n) => byNumber.add({ n }).dropped), [0, 0, 1]);
  assert.deepEqual(drained(byNumber), [{ n: 2 }, { n: 3 }]);
  const byBytes = new Spool(join(temporaryDirectory(t), "b"), { events: 9, bytes: 100 });
  assert.deepEqual([1, 2].map((n) => byBytes.add({ n, text: "x".repeat(60) }).dropped), [0, 1]);
  assert.equal(byBytes.add({ text: "x".repeat(500) }).dropped, 1);
  assert.equal(byBytes.size, 1);
});

test("a file that was being written when the process died is no event", (t) => {
  const directory = temporaryDirectory(t);
  new Spool(directory).add({ n: 1 });
  writeFileSync(join(directory, "000000000000001-00000000.json.part"), '{"n"');
  assert.deepEqual(drained(new Spool(directory)), [{ n: 1 }]);
  assert.deepEqual(readdirSync(directory), ["aside"]);
});

test("while the disk takes nothing, events wait in memory, are delivered from there, and saved when it does", (t) => {
  const directory = temporaryDirectory(t);
  const spool = new Spool(directory);
  rmSync(directory, { recursive: true });
  assert.equal(spool.add({ n: 1 }).problem.code, "ENOENT");
  spool.add({ n: 2 });
  const { name, event } = spool.oldest();
  assert.deepEqual(event, { n: 1 });
  spool.remove(name);
  mkdirSync(join(directory, "aside"), { recursive: true });
  assert.equal(spool.add({ n: 3 }).problem, undefined);
  assert.deepEqual(drained(new Spool(directory)), [{ n: 2 }, { n: 3 }]);
});

test("what waits in memory is bounded", (t) => {
  const directory = temporaryDirectory(t);
  const spool = new Spool(directory);
  rmSync(directory, { recursive: true });
  for (let n = 0; n < MAX_UNSAVED; n += 1) assert.equal(spool.add({ n }).dropped, 0);
  assert.equal(spool.add({}).dropped, 1);
  assert.equal(spool.size, MAX_UNSAVED);
});
