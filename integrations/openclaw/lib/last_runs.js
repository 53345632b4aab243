import { readFileSync } from "node:fs";

import { writeDurably } from "./files.js";

/**
 * When the last run of each job began that was handed over, on disk. OpenClaw sends no event again: after a gateway was
 * killed between the end of a run and its event, its list of jobs alone still tells of the run.
 */
export class LastRuns {
  #path;
  /** @type {Record<string, number>} milliseconds since 1970, 0 where a job has not run */
  #began;

  /** @param {string} path A file that need not exist; one that cannot be read counts as empty. */
  constructor(path) {
    this.#path = path;
    this.#began = read(path);
  }

  /** A run was handed over, or a job begins to be known. @throws {Error} of the file system. */
  note(jobId, runAtMs) {
    if (runAtMs <= (this.#began[jobId] ?? -1)) return;
    this.#began[jobId] = runAtMs;
    this.#write();
  }

  /** A job is gone. @throws {Error} of the file system. */
  forget(jobId) {
    if (!Object.hasOwn(this.#began, jobId)) return;
    delete this.#began[jobId];
    this.#write();
  }

  /**
   * The last run of a job, as an event, where it was not handed over. A job that is not known yet begins to be.
   *
   * @param {object} job Of OpenClaw's list of jobs.
   * @returns {object | undefined}
   * @throws {Error} of the file system.
   */
  missed(job) {
    const { lastRunAtMs = 0, lastRunStatus, lastDurationMs, lastError } = job.state ?? {};
    const known = this.#began[job.id];
    if (known === undefined) this.note(job.id, lastRunAtMs);
    if (known === undefined || lastRunAtMs <= known || lastRunStatus === undefined) return undefined;
    return {
      action: "finished",
      jobId: job.id,
      job,
      sessionTarget: job.sessionTarget,
      agentId: job.agentId,
      runAtMs: lastRunAtMs,
      durationMs: lastDurationMs,
      status: lastRunStatus,
      error: lastError,
    };
  }

  #write() {
    writeDurably(this.#path, Buffer.from(JSON.stringify(this.#began)));
  }
}

function read(path) {
  try {
    const began = JSON.parse(readFileSync(path, "utf8"));
    return Object.fromEntries(Object.entries(began ?? {}).filter(([, value]) => Number.isFinite(value)));
  } catch (error) {
    if (error instanceof SyntaxError || error.code === "ENOENT") return {};
    throw error;
  }
}
