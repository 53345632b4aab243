import { definePluginEntry } from "openclaw/plugin-sdk/plugin-entry";

import { register } from "./lib/plugin.js";

export default definePluginEntry({
  id: "agent-run-log",
  name: "Agent Run Log",
  description: "Records every run of every cron job, however it ended.",
  register,
});
