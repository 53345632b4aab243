CREATE TABLE agent (
  agent_id VARCHAR(255) NOT NULL,
  display_name VARCHAR(255),
  role VARCHAR(255),
  schedule VARCHAR(255),
  timezone VARCHAR(64) DEFAULT 'UTC'::character varying NOT NULL,
  grace_seconds INTEGER,
  paused BOOLEAN DEFAULT false NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT agent_pkey PRIMARY KEY (agent_id)
);

CREATE TABLE agent_cloud_task (
  task_id VARCHAR(255) NOT NULL,
  agent_id VARCHAR(255),
  status VARCHAR(32) NOT NULL,
  details JSONB DEFAULT '{}'::jsonb NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  completed_at TIMESTAMP WITH TIME ZONE,
  CONSTRAINT agent_cloud_task_pkey PRIMARY KEY (task_id)
);

CREATE INDEX idx_agent_cloud_task_completed_at ON agent_cloud_task (completed_at);

CREATE TABLE agent_run_idempotency_key (
  agent_id VARCHAR(255) NOT NULL,
  key VARCHAR(255) NOT NULL,
  run_id UUID NOT NULL,
  payload_digest BYTEA NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT agent_run_idempotency_key_pkey PRIMARY KEY (agent_id, key)
);

CREATE TABLE agent_run_log (
  id UUID DEFAULT gen_random_uuid() NOT NULL,
  agent_id VARCHAR(255) NOT NULL,
  run_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  action_summary TEXT,
  actions_taken JSONB DEFAULT '{}'::jsonb,
  status VARCHAR(32) DEFAULT 'success'::character varying NOT NULL,
  consecutive_silence_count INTEGER DEFAULT 0 NOT NULL,
  rlhf_scores JSONB,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now(),
  CONSTRAINT agent_run_log_pkey PRIMARY KEY (id)
);

CREATE INDEX idx_agent_run_log_agent_created ON agent_run_log (agent_id, created_at DESC);

CREATE INDEX idx_agent_run_log_agent_id ON agent_run_log (agent_id);

CREATE INDEX idx_agent_run_log_created_at ON agent_run_log (created_at DESC);

CREATE INDEX idx_agent_run_log_status ON agent_run_log (status);

CREATE INDEX idx_agent_run_log_unscored ON agent_run_log (created_at) WHERE ((rlhf_scores IS NULL) OR ((rlhf_scores -> 'overall'::text) = 'null'::jsonb));

CREATE TABLE agent_run_state (
  agent_id VARCHAR(255) NOT NULL,
  runs BIGINT DEFAULT 0 NOT NULL,
  silence_count INTEGER DEFAULT 0 NOT NULL,
  silence_count_before INTEGER DEFAULT 0 NOT NULL,
  last_created_at TIMESTAMP WITH TIME ZONE NOT NULL,
  CONSTRAINT agent_run_state_pkey PRIMARY KEY (agent_id)
)
 WITH (fillfactor = 50);

CREATE TABLE audit_finding (
  id UUID DEFAULT gen_random_uuid() NOT NULL,
  rule VARCHAR(64) NOT NULL,
  agent_id VARCHAR(255) NOT NULL,
  message TEXT NOT NULL,
  evidence JSONB DEFAULT '{}'::jsonb NOT NULL,
  opened_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  closed_at TIMESTAMP WITH TIME ZONE,
  closing_evidence JSONB,
  CONSTRAINT audit_finding_pkey PRIMARY KEY (id)
);

CREATE UNIQUE INDEX idx_audit_finding_open ON audit_finding (rule, agent_id) WHERE (closed_at IS NULL);

CREATE INDEX idx_audit_finding_opened_at ON audit_finding (opened_at DESC);

CREATE TABLE peer_swarm_heartbeat (
  agent_id VARCHAR(255) NOT NULL,
  role VARCHAR(255),
  improvement_loops INTEGER DEFAULT 0 NOT NULL,
  status VARCHAR(64),
  details JSONB DEFAULT '{}'::jsonb NOT NULL,
  heartbeat_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT peer_swarm_heartbeat_pkey PRIMARY KEY (agent_id)
);

CREATE TABLE agent_run_feedback (
  run_id UUID NOT NULL,
  rater VARCHAR(255) NOT NULL,
  rating DOUBLE PRECISION NOT NULL,
  comment TEXT,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT agent_run_feedback_pkey PRIMARY KEY (run_id, rater),
  CONSTRAINT agent_run_feedback_run_id_fkey FOREIGN KEY(run_id) REFERENCES agent_run_log (id)
);
