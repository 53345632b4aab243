import { agentOf, handedEvent, handedJob, isFault, isSystemJob, parseSessionKey, runKey, toolFailure } from "./events.js";

/** Failed calls of tools that are handed over with a run; of a loop of failures the first ones tell as much. */
export const MAX_FAILURES = 20;
/** Runs whose start and failures are remembered; OpenClaw runs some at a time. */
const MAX_RUNS = 1_000;
/** How long an event waits for the list of jobs, in milliseconds; without it, a job counts as one of the operator. */
const LIST_MS = 10_000;
/** How long the list may take when it is wanted itself: a busy gateway that starts took 20 s. */
const WHOLE_LIST_MS = 300_000;
/** Changes of jobs that are handed over; runs that start or are scheduled say nothing that the end does not. */
const CHANGES = new Set(["added", "updated", "removed"]);

/**
 * Turns the gateway's events into what is handed over, and keeps it in a spool before OpenClaw goes on.
 */
export class Recorder {
  /** Called when something was kept. */
  onKept = () => {};

  #logger;
  #lastRuns;
  #settings = { agents: {}, storePrompts: false, url: "" };
  #defaultAgent = "main";
  /** @type {Map<string, {runAtMs: number, jobName?: string, agentId?: string, failures: object[],
   *   lastToolFailed?: boolean}>} by job */
  #runs = new Map();
  /** Jobs that were seen in a list, and whether OpenClaw made them. */
  #jobs = new Map();
  /** Events are kept in the order in which they came, though some wait for a list of jobs. */
  #last = Promise.resolve();
  #lastList;
  /** Jobs that are gone, though a list that was asked for before may have them. */
  #removed = new Set();
  /** Runs that were handed over by the list of jobs; word of these that comes late says nothing more. */
  #missed = new Set();

  /**
   * @param {import("./spool.js").Spool} spool
   * @param {import("./last_runs.js").LastRuns} lastRuns
   * @param {{info: Function, warn: Function, error: Function}} logger
   */
  constructor(spool, lastRuns, logger) {
    this.spool = spool;
    this.#lastRuns = lastRuns;
    this.#logger = logger;
  }

  /** Use other settings from now on. */
  configure(settings, defaultAgentId) {
    this.#settings = settings;
    this.#defaultAgent = defaultAgentId;
  }

  /** A job was changed, or a run of it began or ended. */
  changed(event, context) {
    if (event.action === "started") this.#started(event);
    if (event.action !== "finished" && !CHANGES.has(event.action)) return undefined;
    if (event.action === "removed") this.#removed.add(event.jobId);
    const run = event.action === "finished" ? this.#finished(event) : undefined;
    return this.#inOrder(async () => {
      if (await this.#isSystem(event, context)) return;
      if (event.action === "finished" && this.#missed.has(runKey(event.jobId, event.runAtMs))) return;
      this.#keepEvent(event, run);
      if (event.action === "added") this.#lastRuns.note(event.jobId, 0);
      if (event.action === "removed") this.#lastRuns.forget(event.jobId);
    });
  }

  /**
   * All jobs are known: hand them over with their schedules, unless they are as before.
   *
   * At the start of a gateway, the last run of each job is handed over too where its own event did not come.
   */
  async listed(context, { reason, enabled }) {
    const all = await this.#list(context, WHOLE_LIST_MS); // meanwhile events are kept
    if (all === undefined) return;
    await this.#inOrder(async () => {
      const jobs = all.filter((job) => !isSystemJob(job) && !this.#removed.has(job.id));
      const { storePrompts } = this.#settings;
      const handed = jobs.map((job) =>
        handedJob(job, { agent: this.#agent({ jobId: job.id, jobName: job.name, agentId: job.agentId }), storePrompts }),
      );
      const text = JSON.stringify(handed);
      if (text !== this.#lastList) this.#keep({ events: [{ event: { reason, enabled }, jobs: handed }] });
      this.#lastList = text;
      if (reason !== "startup") return;
      for (const job of jobs) {
        const event = this.#lastRuns.missed(job);
        if (event === undefined) continue;
        this.#missed.add(runKey(event.jobId, event.runAtMs));
        this.#keepEvent(event);
      }
    });
  }

  /** A tool has returned: remember it with its run where it failed. */
  toolCalled(event, context) {
    const { jobId, agentId } = this.#job(context);
    const run = this.#runs.get(jobId);
    const failure = run && toolFailure(event, context);
    if (run === undefined) return;
    run.agentId ??= agentId;
    run.lastToolFailed = failure !== undefined && isFault(failure);
    if (failure && run.failures.length < MAX_FAILURES) run.failures.push(failure);
  }

  /** What the shell of an agent needs to report its run itself, into the row that the gateway's word goes to. */
  environment(context) {
    const { jobId, agentId } = this.#job(context);
    const run = this.#runs.get(jobId);
    if (run) run.agentId ??= agentId;
    const agent = this.#agent({ jobId, jobName: run?.jobName, agentId });
    const key = run && { RUNLOG_RUN_KEY: runKey(jobId, run.runAtMs) };
    return { RUNLOG_URL: this.#settings.url, RUNLOG_AGENT_ID: agent, ...key };
  }

  #job(context) {
    const session = parseSessionKey(context.sessionKey);
    return { jobId: session.jobId ?? context.jobId, agentId: context.agentId ?? session.agentId };
  }

  #agent(of) {
    return agentOf(of, this.#settings.agents, this.#defaultAgent);
  }

  #started({ jobId, runAtMs, job, agentId }) {
    this.#runs.delete(jobId);
    this.#runs.set(jobId, { runAtMs, jobName: job?.name, agentId: agentId ?? job?.agentId, failures: [] });
    if (this.#runs.size > MAX_RUNS) this.#runs.delete(this.#runs.keys().next().value);
  }

  #keepEvent(event, run) {
    const session = parseSessionKey(event.sessionKey);
    const agent = this.#agent({
      jobId: event.jobId,
      jobName: event.job?.name,
      agentId: event.agentId ?? event.job?.agentId ?? session.agentId ?? run?.agentId,
    });
    const handed = handedEvent(event, { agent, storePrompts: this.#settings.storePrompts });
    if (run?.lastToolFailed) handed.lastToolFailed = true;
    this.#keep({ events: [...(run?.failures ?? []), handed] });
    if (event.action === "finished") this.#lastRuns.note(event.jobId, event.runAtMs);
  }

  /** What is remembered of the run, which is forgotten. */
  #finished({ jobId, runAtMs }) {
    const run = this.#runs.get(jobId);
    if (run?.runAtMs !== runAtMs) return undefined;
    this.#runs.delete(jobId);
    return run;
  }

  async #isSystem({ jobId, job }, context) {
    if (job?.payload?.kind === "heartbeat") return true;
    if (!this.#jobs.has(jobId)) await this.#list(context, LIST_MS);
    return this.#jobs.get(jobId) ?? false;
  }

  /** All jobs, or undefined where the gateway does not say; which are OpenClaw's own is remembered. */
  async #list(context, milliseconds) {
    const cron = context.getCron?.();
    if (cron === undefined) return undefined;
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(reject, milliseconds, new Error("it takes too long"));
      timer.unref();
    });
    try {
      const jobs = await Promise.race([cron.list({ includeDisabled: true }), late]);
      this.#jobs = new Map(jobs.map((job) => [job.id, isSystemJob(job)]));
      return jobs;
    } catch (error) {
      this.#logger.warn(`agent-run-log: OpenClaw does not list its jobs: ${error.message}`);
      return undefined;
    } finally {
      clearTimeout(timer);
    }
  }

  #inOrder(step) {
    this.#last = this.#last.then(step).catch((error) => {
      this.#logger.error(`agent-run-log: an event was not handled to its end: ${error.stack ?? error}`);
    });
    return this.#last;
  }

  #keep(entry) {
    const { dropped, problem } = this.spool.add(entry);
    if (dropped > 0) this.#logger.error(`agent-run-log: too much waits, the oldest ${dropped} are lost`);
    if (problem) this.#logger.error(`agent-run-log: an event is in memory alone: ${problem.message}`);
    this.onKept();
  }
}
