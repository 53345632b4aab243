import assert from "node:assert/strict";
import { test } from "node:test";

import { agentOf, defaultAgent, handedEvent, handedJob, isSystemJob, MAX_TEXT, parseSessionKey, toolFailure } from "../lib/events.js";
import { DREAMING, finished, HEARTBEAT, JOB } from "./support.js";

const PLAIN = { agent: "sage", storePrompts: false };

test("a run is handed over with all its texts and numbers, and without what was asked", () => {
  const handed = handedEvent(finished(7, { summary: "Did 3 things", model: "stub-1", delivered: false }), PLAIN);
  assert.equal(handed.summary, "Did 3 things");
  assert.equal(handed.delivered, false);
  assert.equal(handed.sessionTarget, "isolated");
  assert.deepEqual([handed.agentId, handed.job.agentId], ["sage", "sage"]);
  assert.deepEqual(handed.job.schedule, JOB.schedule);
  assert.deepEqual(handed.job.payload, { kind: "agentTurn", timeoutSeconds: 12 });
  assert.doesNotMatch(JSON.stringify(handed), /secret/);
});

test("commands, scripts and what starts a job are not handed over", () => {
  const job = {
    ...JOB,
    description: "secret",
    payload: { kind: "command", argv: ["sh", "-c", "secret"], env: { A: "secret" }, input: "secret", cwd: "/secret" },
    schedule: { kind: "on-exit", command: "secret", cwd: "/secret" },
    trigger: { script: "secret" },
  };
  const handed = handedJob(job, PLAIN);
  assert.doesNotMatch(JSON.stringify(handed), /secret/);
  assert.equal(handed.trigger, true);
  assert.deepEqual(handed.schedule, { kind: "on-exit" });
});

test("a summary that repeats what was asked is no output", () => {
  const job = { ...JOB, payload: { kind: "systemEvent", text: "the secret prompt" } };
  const event = finished(7, { summary: "the secret prompt" }, job);
  assert.doesNotMatch(JSON.stringify(handedEvent(event, PLAIN)), /secret/);
  assert.equal(handedEvent(event, { ...PLAIN, storePrompts: true }).summary, "the secret prompt");
});

test("everything is handed over where the operator wants it", () => {
  const handed = handedEvent(finished(7), { agent: "sage", storePrompts: true });
  assert.equal(handed.job.payload.message, "the secret prompt");
  assert.equal(handed.job.agentId, "sage");
});

test("a text without end is cut, between characters", () => {
  const { error } = handedEvent(finished(7, { error: "x".repeat(MAX_TEXT - 1) + "😀".repeat(9) }), PLAIN);
  assert.equal(error.length, MAX_TEXT + 1);
  assert.ok(error.isWellFormed());
});

test("jobs of OpenClaw itself are known by their key, heartbeats by their payload too", () => {
  assert.deepEqual([JOB, HEARTBEAT, DREAMING].map(isSystemJob), [false, true, true]);
  assert.equal(isSystemJob({ payload: { kind: "heartbeat" } }), true);
  assert.equal(isSystemJob({ declarationKey: "mine:heartbeat:" }), false);
});

test("the agent is the operator's for the job's id, its name or OpenClaw's agent, in this order", () => {
  const of = { jobId: "j", jobName: "n", agentId: "ops" };
  assert.equal(agentOf(of, { j: "a", n: "b", ops: "c" }, "main"), "a");
  assert.equal(agentOf(of, { n: "b", ops: "c" }, "main"), "b");
  assert.equal(agentOf(of, { ops: "c", main: "d" }, "main"), "c");
  assert.equal(agentOf({ jobId: "j" }, { main: "d" }, "main"), "d");
  assert.equal(agentOf({ jobId: "constructor" }, {}, "main"), "main");
});

test("the default agent is the system's, else the one marked so, else the only one, else main", () => {
  const entries = { a: {}, b: { default: true } };
  assert.equal(defaultAgent({ agents: { entries, defaults: { systemAgent: { agentId: "c" } } } }), "c");
  assert.equal(defaultAgent({ agents: { entries } }), "b");
  assert.equal(defaultAgent({ agents: { entries: { a: {} } } }), "a");
  assert.equal(defaultAgent({ agents: { entries: { a: {}, b: {} } } }), "main");
  assert.equal(defaultAgent({}), "main");
});

test("a session's key names the agent and the job", () => {
  assert.deepEqual(parseSessionKey("agent:ops:cron:j1:run:s1"), { agentId: "ops", jobId: "j1" });
  assert.deepEqual(parseSessionKey("agent:main:main"), {});
  assert.deepEqual(parseSessionKey(undefined), {});
});

test("a tool has failed by its exit code, its signal, its silence or its error", () => {
  const call = (details, more) =>
    toolFailure({ toolName: "exec", params: { command: "secret" }, result: { details }, ...more }, { sessionKey: "k" });
  assert.equal(call({ exitCode: 0, exitSignal: null, noOutputTimedOut: false, aggregated: "fine" }), undefined);
  assert.equal(call(undefined), undefined);
  const failure = call({ exitCode: 3, exitSignal: null, aggregated: `${"x".repeat(600)}the end`, cwd: "/secret" });
  assert.equal(failure.event.result.details.exitCode, 3);
  assert.match(failure.event.result.details.aggregated, /^x{493}the end$/);
  assert.deepEqual(failure.ctx, { sessionKey: "k" });
  assert.doesNotMatch(JSON.stringify(failure), /secret/);
  for (const details of [{ exitSignal: "SIGKILL" }, { noOutputTimedOut: true }]) assert.ok(call(details));
  assert.equal(call({}, { error: "no such tool" }).event.error, "no such tool");
});
