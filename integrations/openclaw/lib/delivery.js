import { setTimeout as sleep } from "node:timers/promises";

export const PATH = "/api/v1/internal/openclaw/cron";

/** Pauses between tries, in milliseconds: doubled from the first to the last, and half of it at random. */
export const FIRST_PAUSE_MS = 1_000;
export const LAST_PAUSE_MS = 60_000;
/** A receiver that accepts connections and answers nothing is given up after this. */
const ANSWER_MS = 30_000;
/** Answers that say the event itself can never be accepted; any other may change. */
const REFUSALS = new Set([400, 413, 415, 422]);

/**
 * Sends what waits in a spool, in order, until it is stopped. An event is removed once it was answered with 2xx.
 */
export class Delivery {
  #spool;
  #settings;
  #logger;
  #version;
  #pauses;
  #stopping = new AbortController();
  #wake = new AbortController();
  #running = Promise.resolve();
  #failures = 0;
  #reason;

  /**
   * @param {import("./spool.js").Spool} spool Of `{events: […]}`.
   * @param {{url: string, token?: string}} settings
   * @param {{info: Function, warn: Function, error: Function}} logger
   * @param {string} version Of this plugin, which the receiver records.
   * @param {{first: number, last: number}} [pauses] In milliseconds.
   */
  constructor(spool, settings, logger, version, pauses = { first: FIRST_PAUSE_MS, last: LAST_PAUSE_MS }) {
    this.#spool = spool;
    this.#settings = settings;
    this.#logger = logger;
    this.#version = version;
    this.#pauses = pauses;
  }

  /** Begin to send. */
  start() {
    this.#running = this.#run();
  }

  /** Have it look at the spool now, unless it waits for a receiver that was away. */
  notify() {
    if (this.#failures === 0) this.#wake.abort();
  }

  /** Give up what is under way; it stays in the spool. */
  async stop() {
    this.#stopping.abort();
    this.#wake.abort();
    await this.#running;
  }

  async #run() {
    while (!this.#stopping.signal.aborted) {
      this.#wake = new AbortController();
      let pause = this.#pauses.last;
      try {
        await this.#sendAll();
      } catch (error) {
        if (this.#stopping.signal.aborted) return;
        pause = this.#failed(error);
      }
      await sleep(pause, undefined, { signal: this.#wake.signal, ref: false }).catch(() => {});
    }
  }

  async #sendAll() {
    for (let entry = this.#spool.oldest(); entry !== undefined; entry = this.#spool.oldest()) {
      const status = await this.#post(entry.event);
      if (REFUSALS.has(status)) {
        this.#logger.error(`agent-run-log: an event was refused with ${status} and set aside as ${entry.name}`);
        this.#spool.setAside(entry.name);
      } else {
        this.#spool.remove(entry.name);
      }
      this.#recovered();
      if (this.#stopping.signal.aborted) return;
    }
  }

  async #post(event) {
    const headers = { "content-type": "application/json" };
    if (this.#settings.token) headers.authorization = `Bearer ${this.#settings.token}`;
    const answer = await fetch(this.#settings.url + PATH, {
      method: "POST",
      headers,
      body: JSON.stringify({ source: "plugin", version: this.#version, ...event }),
      redirect: "manual",
      signal: AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(ANSWER_MS)]),
    });
    await answer.body?.cancel();
    if (answer.ok || REFUSALS.has(answer.status)) return answer.status;
    throw new NotAccepted(answer.status, Number(answer.headers.get("retry-after")));
  }

  #recovered() {
    if (this.#reason !== undefined) this.#logger.info("agent-run-log: runs are delivered again");
    this.#failures = 0;
    this.#reason = undefined;
  }

  /** Log a failure once for each reason, and say how long to wait. */
  #failed(error) {
    const reason = error instanceof NotAccepted ? error.message : (error.cause?.code ?? error.code ?? error.name);
    if (reason !== this.#reason) {
      this.#logger.warn(
        `agent-run-log: ${this.#settings.url} did not accept runs (${reason}); ${this.#spool.size} wait on disk`,
      );
    }
    this.#reason = reason;
    const whole = Math.min(this.#pauses.first * 2 ** this.#failures, this.#pauses.last);
    this.#failures += 1;
    const asked = Math.min((error.retryAfter || 0) * 1_000, this.#pauses.last);
    return Math.max(asked, whole / 2 + (Math.random() * whole) / 2);
  }
}

class NotAccepted extends Error {
  /** @param {number} status @param {number} retryAfter In seconds; NaN where it is a date. */
  constructor(status, retryAfter) {
    super(`status ${status}`);
    this.retryAfter = Number.isFinite(retryAfter) ? retryAfter : 0;
  }
}
