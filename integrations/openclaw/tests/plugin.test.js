import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { collectingLogger, DREAMING, event, finished, gatewayContext, HEARTBEAT, JOB, receiving, temporaryDirectory, until } from "./support.js";

let loads = 0;

/** A gateway, as far as the plugin sees one: it is loaded twice, and tools' hooks come to the second of these. */
async function gateway(t, { config, jobs = [HEARTBEAT, JOB, DREAMING], directory = temporaryDirectory(t), pluginConfig }) {
  delete globalThis[Symbol.for("agent-run-log/openclaw")]; // as in a new process
  const logger = collectingLogger();
  const context = { ...gatewayContext(jobs), config };
  async function load() {
    const hooks = {};
    const { register } = await import(`../lib/plugin.js?${(loads += 1)}`);
    register({
      pluginConfig,
      config,
      logger,
      runtime: { state: { resolveStateDir: () => directory } },
      on: (name, handler) => Object.assign(hooks, { [name]: handler }),
    });
    return hooks;
  }
  const [own, tools] = [await load(), await load()];
  await own.gateway_start({ port: 1 }, context);
  t.after(() => own.gateway_stop());
  return {
    directory,
    logger,
    changed: (sent) => own.cron_changed(sent, context),
    reconciled: (reason = "startup", more = {}) =>
      own.cron_reconciled({ reason, enabled: true }, { ...context, ...more }),
    stop: () => own.gateway_stop(),
    tool: (details, session) => tools.after_tool_call({ toolName: "exec", result: { details } }, session),
    environment: (session) => tools.resolve_exec_env({ toolName: "exec", host: "gateway" }, session),
  };
}

const session = (job = JOB) => ({ sessionKey: `agent:main:cron:${job.id}:run:s1`, agentId: "main", sessionId: "s1" });
const runsOf = (requests) => requests.flatMap(({ body }) => body.events).filter(({ action }) => action === "finished");

test("the end of every run is handed over, and nothing of jobs of OpenClaw itself", async (t) => {
  const { url, requests } = await receiving(t);
  const { changed } = await gateway(t, { pluginConfig: { url } });
  await changed(finished(1, { status: "error", error: "timed out" }, HEARTBEAT));
  await changed(finished(2, {}, DREAMING));
  await changed(finished(3, { status: "error", error: "timed out" }));
  await changed(finished(4, { status: "skipped" }));
  await until(() => runsOf(requests).length === 2);
  assert.deepEqual(runsOf(requests).map(({ runAtMs, status }) => [runAtMs, status]), [[3, "error"], [4, "skipped"]]);
});

test("the agent's shell knows the run's key, the agent and the address, and no token", async (t) => {
  const { url } = await receiving(t);
  const pluginConfig = { url, token: "s3cret", agents: { main: "sage" } };
  const { changed, environment } = await gateway(t, { pluginConfig });
  await changed(event("started", JOB, { runAtMs: 5 }));
  assert.deepEqual(environment(session()), {
    RUNLOG_URL: url,
    RUNLOG_AGENT_ID: "sage",
    RUNLOG_RUN_KEY: `openclaw:${JOB.id}:5`,
  });
  assert.deepEqual(environment({ agentId: "main", sessionKey: "agent:main:main" }), {
    RUNLOG_URL: url,
    RUNLOG_AGENT_ID: "sage",
  });
  await changed(finished(5));
  assert.equal(environment(session()).RUNLOG_RUN_KEY, undefined);
});

test("failed tools go with their run, in one delivery, before its end", async (t) => {
  const { url, requests } = await receiving(t);
  const { changed, tool } = await gateway(t, { pluginConfig: { url } });
  await changed(event("started", JOB, { runAtMs: 6 }));
  tool({ exitCode: 0 }, session());
  for (let n = 0; n < 30; n += 1) tool({ exitCode: 3 }, session());
  tool({ exitCode: 9 }, { sessionKey: "agent:main:main" });
  await changed(finished(6));
  await changed(finished(7));
  await until(() => runsOf(requests).length === 2);
  const [first, second] = requests.map(({ body }) => body.events).filter((events) => events.at(-1).action === "finished");
  assert.equal(first.length, 21);
  assert.deepEqual(first[0].event.result.details, { exitCode: 3 });
  assert.equal(first[0].ctx.sessionKey, first.at(-1).sessionKey.replace(/s6$/, "s1"));
  assert.equal(second.length, 1);
});

test("a run that ended on a tool that failed says so, and one that went on does not", async (t) => {
  const { url, requests } = await receiving(t);
  const { changed, tool } = await gateway(t, { pluginConfig: { url } });
  const endings = [
    [[{ exitCode: 3 }], true],
    [[{ exitCode: 3 }, { exitCode: 0 }], undefined],
    [[{ exitCode: 1, aggregated: "(no output)\n\n(Command exited with code 1)" }], undefined],
    [[{ exitCode: 1, aggregated: "no such table\n\n(Command exited with code 1)" }], true],
    [[{ exitSignal: "SIGKILL" }], true],
    [[], undefined],
  ];
  for (const [n, [calls]] of endings.entries()) {
    await changed(event("started", JOB, { runAtMs: 20 + n }));
    for (const details of calls) tool(details, session());
    await changed(finished(20 + n));
  }
  await until(() => runsOf(requests).length === endings.length);
  assert.deepEqual(runsOf(requests).map(({ lastToolFailed }) => lastToolFailed), endings.map(([, failed]) => failed));
});

test("an interrupted run, which names no session, counts for the default agent", async (t) => {
  const { url, requests } = await receiving(t);
  const config = { agents: { entries: { ops: {}, boss: { default: true } } } };
  const { changed } = await gateway(t, { config, pluginConfig: { url, agents: { boss: "nova" } } });
  await changed(finished(8, { status: "error", error: "interrupted", sessionKey: undefined }));
  await until(() => runsOf(requests).length === 1);
  assert.equal(runsOf(requests)[0].agentId, "nova");
});

test("the jobs are handed over once, with their schedules, and when they change", async (t) => {
  const { url, requests } = await receiving(t);
  const { changed, reconciled } = await gateway(t, { pluginConfig: { url } });
  await reconciled();
  await changed(event("added", HEARTBEAT));
  await changed(event("updated", { ...JOB, enabled: false }));
  await changed(event("scheduled"));
  await changed(event("removed"));
  await until(() => requests.length === 3);
  const [list, ...changes] = requests.map(({ body }) => body.events[0]);
  assert.deepEqual(list.jobs.map(({ id, schedule }) => [id, schedule]), [[JOB.id, JOB.schedule]]);
  assert.deepEqual(changes.map(({ action }) => action), ["updated", "removed"]);
  assert.equal(changes[0].job.enabled, false);
  assert.doesNotMatch(JSON.stringify(requests.map(({ body }) => body)), /secret/);
});

test("a run whose event never came is read from the list of jobs when the gateway starts again", async (t) => {
  const { url, requests } = await receiving(t);
  const first = await gateway(t, { pluginConfig: { url } });
  await first.reconciled();
  await first.changed(finished(100));
  await until(() => runsOf(requests).length === 1);
  await first.stop();
  const state = { lastRunAtMs: 200, lastRunStatus: "error", lastError: "boom", lastDurationMs: 5 };
  const other = { ...JOB, id: "never-seen", state: { ...state } };
  for (const _ of [1, 2]) {
    const again = await gateway(t, {
      pluginConfig: { url },
      directory: first.directory,
      jobs: [{ ...JOB, state }, other],
    });
    await again.reconciled();
    await again.changed(finished(200, { status: "error" }, { ...JOB, state }));
    await again.changed(finished(300 + requests.length));
    await again.stop();
  }
  const last = await gateway(t, { pluginConfig: { url }, directory: first.directory });
  await until(() => runsOf(requests).filter(({ runAtMs }) => runAtMs > 300).length === 2);
  const missed = runsOf(requests).filter(({ runAtMs }) => runAtMs === 200);
  assert.deepEqual(missed[0], { ...missed[0], jobId: JOB.id, status: "error", error: "boom", durationMs: 5 });
  assert.equal(runsOf(requests).filter(({ jobId }) => jobId === "never-seen").length, 0);
  await last.stop();
});

test("what was not delivered when the gateway stopped is delivered when it starts", async (t) => {
  let away = true;
  const { url, requests } = await receiving(t, () => ({ status: away ? 503 : 204 }));
  const first = await gateway(t, { pluginConfig: { url } });
  for (const runAtMs of [1, 2, 3]) await first.changed(finished(runAtMs));
  await first.stop();
  away = false;
  await gateway(t, { pluginConfig: { url }, directory: first.directory });
  const delivered = () => runsOf(requests.filter(({ status }) => status === 204)).map(({ runAtMs }) => runAtMs);
  await until(() => delivered().length === 3);
  assert.deepEqual(delivered(), [1, 2, 3]);
});

test("a list that takes long keeps no run from being kept, and brings back no job that is gone", async (t) => {
  const { url, requests } = await receiving(t);
  const jobs = [JOB, { ...JOB, id: "gone" }];
  let answer;
  const slow = new Promise((resolve) => (answer = () => resolve(jobs)));
  const { changed, reconciled } = await gateway(t, { pluginConfig: { url }, jobs });
  await until(() => requests.length === 1);
  const listed = reconciled("reload", { getCron: () => ({ list: () => slow }) });
  await changed(finished(1));
  await changed(event("removed", jobs[1]));
  await until(() => requests.length === 3);
  answer();
  await listed;
  await until(() => requests.length === 4);
  assert.deepEqual(requests.at(-1).body.events[0].jobs.map(({ id }) => id), [JOB.id]);
});

test("a gateway that does not list its jobs loses no run", async (t) => {
  const { url, requests } = await receiving(t);
  const { changed, logger } = await gateway(t, { pluginConfig: { url }, jobs: null });
  await changed(finished(1));
  await until(() => runsOf(requests).length === 1);
  assert.match(logger.lines.join(), /does not list its jobs/);
});

test("loading alone writes and sends nothing, and wrong settings are said", async (t) => {
  const hooks = [];
  const logger = collectingLogger();
  const { register } = await import("../lib/plugin.js");
  register({ pluginConfig: { url: "nonsense" }, logger, on: (name) => hooks.push(name) });
  assert.deepEqual(hooks, []);
  assert.match(logger.lines[0], /url must be/);
  delete globalThis[Symbol.for("agent-run-log/openclaw")];
  register({ pluginConfig: {}, logger, on: (name) => hooks.push(name) });
  assert.ok(hooks.includes("cron_changed"));
  assert.equal(logger.lines.length, 1);
});

test("the package, its manifest and the entry name the same plugin and version", () => {
  const read = (name) => readFileSync(join(import.meta.dirname ?? new URL(".", import.meta.url).pathname, "..", name), "utf8");
  const [manifest, described] = [JSON.parse(read("openclaw.plugin.json")), JSON.parse(read("package.json"))];
  assert.equal(manifest.version, described.version);
  assert.match(read("index.js"), new RegExp(`id: "${manifest.id}"`));
  assert.equal(described.dependencies, undefined);
});
