/** The address of `runlog up` where no other is set. */
const DEFAULT_URL = "http://127.0.0.1:8000";

/**
 * What the operator set: the plugin's configuration first, then the environment of the gateway.
 *
 * @param {Record<string, any>} [config] `plugins.entries.agent-run-log.config`.
 * @param {Record<string, string | undefined>} [environment]
 * @returns {{url: string, token: string | undefined, agents: Record<string, string>, storePrompts: boolean}}
 *   `url` has no slash at its end.
 * @throws {Error} when the address is not one of HTTP.
 */
export function readSettings(config = {}, environment = process.env) {
  const url = config.url || environment.RUNLOG_URL || DEFAULT_URL;
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (!["http:", "https:"].includes(parsed?.protocol)) {
    throw new Error(`url must be the http or https address of Agent Run Log`);
  }
  if (parsed.username || parsed.password || parsed.search || parsed.hash) {
    throw new Error("url must be an address alone; a password goes into token");
  }
  return {
    url: url.trim().replace(/\/+$/, ""),
    token: config.token || environment.RUNLOG_TOKEN || undefined,
    agents: config.agents ?? {},
    storePrompts: config.storePrompts === true,
  };
}
