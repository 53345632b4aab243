import { readFileSync } from "node:fs";
import { join } from "node:path";

import { Delivery } from "./delivery.js";
import { defaultAgent } from "./events.js";
import { LastRuns } from "./last_runs.js";
import { Recorder } from "./recorder.js";
import { readSettings } from "./settings.js";
import { Spool } from "./spool.js";

const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));

/**
 * OpenClaw loads the plugin twice in a process, once for the gateway and once for agents' tools, and again when its
 * configuration changes. All of them share what is here.
 *
 * @type {{recorder?: Recorder, delivery?: Delivery}}
 */
const shared = (globalThis[Symbol.for("agent-run-log/openclaw")] ??= {});

/**
 * Take part in the gateway: what OpenClaw calls when it has loaded the plugin.
 *
 * Nothing is written or sent before the gateway has started: commands of `openclaw` load the plugin, too.
 */
export function register(api) {
  let settings;
  try {
    settings = readSettings(api.pluginConfig);
  } catch (error) {
    api.logger.error(`agent-run-log: no run is recorded, ${error.message}`);
    return;
  }

  /** The recorder of this process, made where there is none, with the settings of this gateway. */
  function recorder(config) {
    if (shared.recorder === undefined) {
      const directory = join(api.runtime.state.resolveStateDir(process.env), "agent-run-log");
      const spool = new Spool(join(directory, "spool"));
      shared.recorder = new Recorder(spool, new LastRuns(join(directory, "last-runs.json")), api.logger);
    }
    shared.recorder.configure(settings, defaultAgent(config ?? api.config));
    return shared.recorder;
  }

  async function start(context) {
    const { spool } = recorder(context.config);
    await shared.delivery?.stop();
    shared.delivery = new Delivery(spool, settings, api.logger, version);
    shared.recorder.onKept = () => shared.delivery?.notify();
    shared.delivery.start();
  }

  api.on("gateway_start", async (_event, context) => {
    await start(context);
    // A plugin that is loaded into a running gateway hears of the jobs by no other event.
    await shared.recorder.listed(context, { reason: "reload", enabled: true });
  });
  api.on("gateway_stop", async () => {
    await shared.delivery?.stop();
    shared.delivery = undefined;
  });
  api.on("cron_reconciled", (event, context) => recorder(context.config).listed(context, event));
  api.on("cron_changed", (event, context) => recorder(context.config).changed(event, context));
  api.on("after_tool_call", (event, context) => shared.recorder?.toolCalled(event, context));
  api.on("resolve_exec_env", (_event, context) => shared.recorder?.environment(context));
}
