-- Reports of 50 agents in turn, or of as many as the argument says, for wrk.
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
local sent, agents = 0, 50
function init(args)
  agents = tonumber(args[1]) or agents
end
function request()
  sent = sent + 1
  local body = '{"agent_id":"agent-' .. (sent * 7919 % agents + 1) .. '","status":"success","actions_taken":{'
    .. '"summary":"Fixed database connection pool leak in session.py",'
    .. '"files_changed":["src/backend/app/db/session.py"],"tests_run":14,"tests_passed":14,"pr_created":"#3456"}}'
  return wrk.format(nil, "/api/v1/internal/agent-run-log", nil, body)
end
function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"rate": %.1f, "sent": %d, "errors": %d, "p50_ms": %.3f, "p99_ms": %.3f, "max_ms": %.3f}',
    summary.requests / summary.duration * 1e6, summary.requests,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000, latency.max / 1000))
end
