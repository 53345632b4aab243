import { randomUUID } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";

import { writeDurably } from "./files.js";

/** At most this much waits; a gateway with a run a minute fills it in a week. */
export const MAX_EVENTS = 10_000;
export const MAX_BYTES = 64 * 1024 * 1024;
/** At most this many wait in memory while the disk takes none. */
export const MAX_UNSAVED = 1_000;
/** At most this many files are kept aside, for a person to look at. */
export const MAX_ASIDE = 100;

const NAME = /^\d{15}-[0-9a-f]{8}\.json$/;
const ASIDE = "aside";

/**
 * Events on disk that wait for their delivery, oldest first: a file each, on disk before `add` returns.
 *
 * Only the gateway's user can read them. One process writes; a second one that reads them delivers some twice,
 * which the receiver takes for one.
 */
export class Spool {
  #directory;
  #limits;
  /** @type {{name: string, bytes: number, unsaved?: object}[]} in the order of their names */
  #entries;
  #bytes = 0;
  #lastNumber;

  /**
   * @param {string} directory Made where it is missing.
   * @param {{events: number, bytes: number}} [limits]
   * @throws {Error} of the file system.
   */
  constructor(directory, limits = { events: MAX_EVENTS, bytes: MAX_BYTES }) {
    this.#directory = directory;
    this.#limits = limits;
    mkdirSync(join(directory, ASIDE), { recursive: true, mode: 0o700 });
    const names = readdirSync(directory).sort();
    for (const name of names.filter((name) => name.endsWith(".part"))) rmSync(join(directory, name));
    this.#entries = names
      .filter((name) => NAME.test(name))
      .map((name) => ({ name, bytes: statSync(join(directory, name)).size }));
    this.#bytes = this.#entries.reduce((sum, entry) => sum + entry.bytes, 0);
    this.#lastNumber = Number(this.#entries.at(-1)?.name.split("-")[0] ?? 0);
  }

  /** How many wait. */
  get size() {
    return this.#entries.length;
  }

  /**
   * Keep an event, in memory where the disk does not take it; the next `add` tries again.
   *
   * @param {object} event What JSON can say.
   * @returns {{dropped: number, problem?: Error}} how many older ones were dropped for it, and why it is in memory.
   */
  add(event) {
    // A clock that is set back must not bring new events before older ones.
    this.#lastNumber = Math.max(this.#lastNumber + 1, Date.now() * 100);
    const name = `${String(this.#lastNumber).padStart(15, "0")}-${randomUUID().slice(0, 8)}.json`;
    this.#entries.push({ name, bytes: 0, unsaved: event });
    const problem = this.#save();
    return { dropped: this.#dropOldest(), problem };
  }

  /**
   * The oldest event, or undefined where none waits. Files that hold none are set aside.
   *
   * @returns {{name: string, event: object} | undefined}
   */
  oldest() {
    while (this.#entries.length > 0) {
      const { name, unsaved } = this.#entries[0];
      const event = unsaved ?? readEvent(join(this.#directory, name));
      if (event !== undefined) return { name, event };
      this.setAside(name);
    }
    return undefined;
  }

  /** Forget an event that was delivered. */
  remove(name) {
    this.#forget(name);
    rmSync(join(this.#directory, name), { force: true });
  }

  /** Keep an event that cannot be delivered apart, where it blocks no other. */
  setAside(name) {
    this.#forget(name);
    const aside = join(this.#directory, ASIDE);
    try {
      renameSync(join(this.#directory, name), join(aside, name));
    } catch (error) {
      if (error.code !== "ENOENT") throw error;
    }
    const kept = readdirSync(aside).sort();
    for (const old of kept.slice(0, -MAX_ASIDE)) rmSync(join(aside, old), { force: true });
  }

  #forget(name) {
    const index = this.#entries.findIndex((entry) => entry.name === name);
    if (index >= 0) this.#bytes -= this.#entries.splice(index, 1)[0].bytes;
  }

  /** Have all that is in memory on disk. @returns {Error | undefined} why the disk does not take it. */
  #save() {
    for (const entry of this.#entries.filter(({ unsaved }) => unsaved !== undefined)) {
      const text = Buffer.from(JSON.stringify(entry.unsaved));
      try {
        writeDurably(join(this.#directory, entry.name), text);
      } catch (error) {
        return error;
      }
      entry.bytes = text.length;
      entry.unsaved = undefined;
      this.#bytes += text.length;
    }
    return undefined;
  }

  #dropOldest() {
    let dropped = 0;
    for (; this.#isOverfull(); dropped += 1) this.remove(this.#entries[0].name);
    return dropped;
  }

  #isOverfull() {
    const unsaved = this.#entries.filter((entry) => entry.unsaved !== undefined).length;
    return (
      this.size > this.#limits.events || unsaved > MAX_UNSAVED || (this.#bytes > this.#limits.bytes && this.size > 1)
    );
  }
}

/** The event of a file, or undefined where it holds no object. */
function readEvent(path) {
  try {
    const event = JSON.parse(readFileSync(path, "utf8"));
    return event !== null && typeof event === "object" && !Array.isArray(event) ? event : undefined;
  } catch (error) {
    if (error instanceof SyntaxError || error.code === "ENOENT") return undefined;
    throw error;
  }
}
