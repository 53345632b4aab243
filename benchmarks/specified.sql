CREATE TABLE agent_run_log (
  id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
  agent_id VARCHAR(255) NOT NULL,
  run_at TIMESTAMPTZ NOT NULL DEFAULT NOW(),
  action_summary TEXT,
  actions_taken JSONB DEFAULT '{}',
  status VARCHAR(32) NOT NULL DEFAULT 'success',
  consecutive_silence_count INT NOT NULL DEFAULT 0,
  rlhf_scores JSONB DEFAULT NULL,
  created_at TIMESTAMPTZ DEFAULT NOW()
);
CREATE INDEX idx_agent_run_log_agent_id ON agent_run_log(agent_id);
CREATE INDEX idx_agent_run_log_created_at ON agent_run_log(created_at DESC);
CREATE INDEX idx_agent_run_log_status ON agent_run_log(status);
CREATE INDEX idx_agent_run_log_agent_created ON agent_run_log(agent_id, created_at DESC);
