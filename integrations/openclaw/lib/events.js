/** What of OpenClaw's events is handed over, and for which agent. Nothing here reads or writes anything. */

/** Jobs that OpenClaw makes for itself, by the start of their declaration key. */
const SYSTEM_KEYS = ["heartbeat:", "skill-collection-review:", "memory-core:"];
const SESSION = /^agent:([^:]+):cron:([^:]+)/;

const JOB_FIELDS = [
  "id", "name", "displayName", "declarationKey", "enabled", "sessionTarget", "wakeMode", "pacing", "deleteAfterRun",
  "createdAtMs", "updatedAtMs",
];
const SCHEDULE_FIELDS = ["kind", "everyMs", "anchorMs", "expr", "tz", "staggerMs", "at"];
const PAYLOAD_FIELDS = ["kind", "model", "timeoutSeconds"];

/** What OpenClaw itself adds to the output of a command, and says where there is none. */
const NO_OUTPUT = /\(no output\)|\(Command exited with code -?\d+\)/g;

/** Longer texts are cut, in characters: the receiver keeps at most 10,000 of a summary. */
export const MAX_TEXT = 20_000;
/** Of what a failed tool printed the end is handed over, in characters. */
export const MAX_OUTPUT = 500;

/**
 * The parts of a session's key, or an empty object where it is none of a cron job.
 *
 * @param {string} [key] Such as `agent:ops:cron:JOB:run:SESSION`.
 * @returns {{agentId?: string, jobId?: string}}
 */
export function parseSessionKey(key = "") {
  const [, agentId, jobId] = SESSION.exec(key) ?? [];
  return agentId === undefined ? {} : { agentId, jobId };
}

/** Whether OpenClaw made the job for itself. Jobs in events lack the key; a heartbeat is known by its payload alone. */
export function isSystemJob(job) {
  const key = job?.declarationKey ?? "";
  return job?.payload?.kind === "heartbeat" || SYSTEM_KEYS.some((start) => key.startsWith(start));
}

/** The key of a run, equal in whatever speaks of it. */
export function runKey(jobId, runAtMs) {
  return `openclaw:${jobId}:${runAtMs}`;
}

/**
 * The agent whose job it is: as the operator mapped the job's id, its name or OpenClaw's agent, else OpenClaw's agent.
 *
 * @param {{jobId: string, jobName?: string, agentId?: string}} of
 * @param {Record<string, string>} agents Mapped by the operator.
 * @param {string} fallback OpenClaw's default agent, which has the jobs that name none.
 */
export function agentOf({ jobId, jobName, agentId }, agents, fallback) {
  const own = agentId ?? fallback;
  const mapped = [jobId, jobName, own].find((name) => name !== undefined && Object.hasOwn(agents, name));
  return mapped === undefined ? own : agents[mapped];
}

/** The agent that OpenClaw takes where a job names none: the system's, else the default, else the only one. */
export function defaultAgent(config) {
  const { entries = {}, defaults } = config?.agents ?? {};
  const names = Object.keys(entries);
  return (
    defaults?.systemAgent?.agentId ??
    names.find((name) => entries[name]?.default === true) ??
    (names.length === 1 ? names[0] : "main")
  );
}

/**
 * A job as it is handed over: without its prompt, command, script and destination, unless `storePrompts`.
 *
 * @param {object} job
 * @param {{agent: string, storePrompts: boolean}} beside `agent` is the one it counts for.
 */
export function handedJob(job, { agent, storePrompts }) {
  if (storePrompts) return { ...job, agentId: agent };
  return defined({
    ...pick(job, JOB_FIELDS),
    agentId: agent,
    schedule: pick(job.schedule ?? {}, SCHEDULE_FIELDS),
    payload: pick(job.payload ?? {}, PAYLOAD_FIELDS),
    trigger: job.trigger === undefined ? undefined : true,
    state: pick(job.state ?? {}, ["nextRunAtMs"]),
  });
}

/**
 * An event of a job as it is handed over, such as a run that ended; its texts and numbers are all kept.
 *
 * @param {object} event Of `cron_changed`.
 * @param {{agent: string, storePrompts: boolean}} beside
 */
export function handedEvent(event, beside) {
  const kept = Object.entries(event).filter(([, value]) => value !== null && typeof value !== "object");
  const { text, message } = event.job?.payload ?? {};
  // What is said to the main session comes back as the summary.
  const isPrompt = event.summary !== undefined && [text, message].includes(event.summary);
  return defined({
    ...Object.fromEntries(kept.map(([name, value]) => [name, cut(value)])),
    summary: isPrompt && !beside.storePrompts ? undefined : cut(event.summary),
    agentId: beside.agent,
    job: event.job && handedJob(event.job, beside),
  });
}

/**
 * A call of a tool that failed, as it is handed over, or undefined where it did not. Its parameters are left out.
 *
 * @param {object} event Of `after_tool_call`.
 * @param {{sessionKey?: string}} context
 */
export function toolFailure(event, context) {
  const details = event.result?.details ?? {};
  const failed = event.error || details.exitCode || details.exitSignal || details.noOutputTimedOut;
  if (!failed) return undefined;
  const kept = pick(details, ["exitCode", "exitSignal", "exitReason", "durationMs", "noOutputTimedOut"]);
  if (typeof details.aggregated === "string") kept.aggregated = details.aggregated.slice(-MAX_OUTPUT).toWellFormed();
  return {
    event: defined({ ...pick(event, ["toolName", "toolCallId"]), error: cut(event.error), result: { details: kept } }),
    ctx: { sessionKey: context.sessionKey },
  };
}

/**
 * Whether what `toolFailure` made is more than an answer: `grep` and `test` say no by exit code 1, and print nothing.
 */
export function isFault({ event }) {
  const { exitCode = 0, exitSignal, noOutputTimedOut, aggregated = "" } = event.result.details;
  const printed = aggregated.replace(NO_OUTPUT, "").trim() !== "";
  return Boolean(event.error || exitCode > 1 || exitCode < 0 || exitSignal || noOutputTimedOut || printed);
}

function pick(object, names) {
  return Object.fromEntries(names.filter((name) => object[name] !== undefined).map((name) => [name, object[name]]));
}

function defined(object) {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
}

function cut(value) {
  return typeof value === "string" && value.length > MAX_TEXT ? `${value.slice(0, MAX_TEXT).toWellFormed()}…` : value;
}
