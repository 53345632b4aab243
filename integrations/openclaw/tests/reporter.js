/** A gateway's process for the test that kills it: records runs without pause, and prints each that is kept. */

import { Delivery } from "../lib/delivery.js";
import { LastRuns } from "../lib/last_runs.js";
import { Recorder } from "../lib/recorder.js";
import { Spool } from "../lib/spool.js";
import { finished, gatewayContext, JOB } from "./support.js";

const [directory, url, first] = process.argv.slice(2);
const quiet = { info() {}, warn() {}, error: (line) => process.stderr.write(`${line}\n`) };
const spool = new Spool(`${directory}/spool`);
const recorder = new Recorder(spool, new LastRuns(`${directory}/last-runs.json`), quiet);
const delivery = new Delivery(spool, { url }, quiet, "0", { first: 5, last: 20 });
recorder.onKept = () => delivery.notify();
delivery.start();

for (let runAtMs = Number(first); ; runAtMs += 1) {
  await recorder.changed(finished(runAtMs), gatewayContext([JOB]));
  process.stdout.write(`${runAtMs}\n`);
  await new Promise((resolve) => setTimeout(resolve, Math.random() * 4));
}
