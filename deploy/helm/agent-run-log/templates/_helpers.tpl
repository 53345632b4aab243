{{- define "agent-run-log.fullname" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Takes the root and the component: (list . "api"). */}}
{{- define "agent-run-log.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ $root.Chart.Name }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{- define "agent-run-log.labels" -}}
{{- $root := index . 0 -}}
{{ include "agent-run-log.selector" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version }}
{{- end -}}

{{/* Takes the root and the component: its name, and labels. */}}
{{- define "agent-run-log.metadata" -}}
{{- $root := index . 0 -}}
name: {{ printf "%s-%s" (include "agent-run-log.fullname" $root) (index . 1) }}
labels:
  {{- include "agent-run-log.labels" . | nindent 2 }}
{{- end -}}

{{/*
A pod of one process of the product. Takes a dict: root, component, args (of `runlog`), secrets (names),
container (what its container has besides, as YAML), grace (seconds until it is killed), restartPolicy,
signingKeys (whether it signs checkpoints).
*/}}
{{- define "agent-run-log.pod" -}}
{{- $root := .root -}}
{{- $values := $root.Values -}}
metadata:
  labels:
    {{- include "agent-run-log.labels" (list $root .component) | nindent 4 }}
spec:
  automountServiceAccountToken: false
  enableServiceLinks: false
  restartPolicy: {{ .restartPolicy | default "Always" }}
  terminationGracePeriodSeconds: {{ .grace }}
  {{- with $values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 10001
    runAsGroup: 10001
    fsGroup: 10001
    seccompProfile:
      type: RuntimeDefault
  containers:
    - name: {{ .component }}
      image: "{{ required "image.repository is where the image of deploy/container is" $values.image.repository }}:{{ $values.image.tag | default $root.Chart.AppVersion }}"
      imagePullPolicy: {{ $values.image.pullPolicy }}
      args: {{ .args | toJson }}
      envFrom:
        {{- range .secrets }}
        - secretRef:
            name: {{ . }}
        {{- end }}
      env:
        - name: RUNLOG_DATA_DIR
          value: /var/lib/runlog
        {{- if .signingKeys }}
        - name: RUNLOG_SIGNING_KEY_FILE
          value: /etc/runlog/log-signing-keys
        {{- end }}
        {{- range $name, $value := $values.settings }}
        - name: {{ $name }}
          value: {{ $value | quote }}
        {{- end }}
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities:
          drop: [ALL]
      volumeMounts:
        - name: data
          mountPath: /var/lib/runlog
        - name: tmp
          mountPath: /tmp
        {{- if .signingKeys }}
        - name: signing-keys
          mountPath: /etc/runlog
          readOnly: true
        {{- end }}
      {{- .container | nindent 6 }}
  volumes:
    - name: data
      emptyDir: {}
    - name: tmp
      emptyDir: {}
    {{- if .signingKeys }}
    - name: signing-keys
      secret:
        secretName: {{ required "signingKeysSecret has the keys that sign checkpoints" $values.signingKeysSecret }}
        items:
          - key: log-signing-keys
            path: log-signing-keys
        defaultMode: 0440
    {{- end }}
{{- end -}}

{{/* The Secret with the settings of all processes. */}}
{{- define "agent-run-log.secret" -}}
{{- required "existingSecret has DATABASE_URL, CELERY_BROKER_URL and RUNLOG_TOKEN" .Values.existingSecret -}}
{{- end -}}

{{/* A Deployment. Takes the dict of its pod, with replicas and recreate besides. */}}
{{- define "agent-run-log.deployment" -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  {{- include "agent-run-log.metadata" (list .root .component) | nindent 2 }}
spec:
  replicas: {{ .replicas }}
  {{- if .recreate }}
  strategy:
    type: Recreate
  {{- end }}
  selector:
    matchLabels:
      {{- include "agent-run-log.selector" (list .root .component) | nindent 6 }}
  template:
    {{- include "agent-run-log.pod" . | nindent 4 }}
{{- end -}}

{{/*
A face of the API and its Service. Takes a dict: root, component, expose, values, secret, ready (path), metrics
(whether Prometheus asks another port).
*/}}
{{- define "agent-run-log.face" -}}
{{- $metrics := .metrics | ternary `
  - name: metrics
    containerPort: 9103` "" -}}
{{- $container := printf `
ports:
  - name: http
    containerPort: 8000%s
startupProbe:
  httpGet: {path: /healthz, port: http}
  failureThreshold: 60
  periodSeconds: 2
livenessProbe:
  httpGet: {path: /healthz, port: http}
  failureThreshold: 6
  periodSeconds: 10
  timeoutSeconds: 5
readinessProbe:
  httpGet: {path: %s, port: http}
  periodSeconds: 5
  timeoutSeconds: 5
lifecycle:
  # Until no Service sends requests here any more.
  preStop:
    exec:
      command: [sleep, "5"]
resources: %s
` $metrics .ready (toJson .values.resources) | trim -}}
{{- $args := list "serve" "--host" "0.0.0.0" "--port" "8000" "--workers" (toString .values.workers) "--expose" .expose -}}
{{- if .metrics -}}
{{- $args = concat $args (list "--metrics-host" "0.0.0.0" "--metrics-port" "9103") -}}
{{- end -}}
{{- $pod := dict "root" .root "component" .component "args" $args "secrets" (list .secret) "container" $container -}}
{{ include "agent-run-log.deployment" (merge $pod (dict "replicas" .values.replicas "grace" 40)) }}
---
apiVersion: v1
kind: Service
metadata:
  {{- include "agent-run-log.metadata" (list .root .component) | nindent 2 }}
spec:
  selector:
    {{- include "agent-run-log.selector" (list .root .component) | nindent 4 }}
  ports:
    - name: http
      port: 8000
      targetPort: http
{{- end -}}

{{/* What a container that has no API answers Prometheus by. Takes the port and its resources. */}}
{{- define "agent-run-log.background" -}}
ports:
  - name: metrics
    containerPort: {{ index . 0 }}
startupProbe:
  httpGet: {path: /metrics, port: metrics}
  failureThreshold: 60
  periodSeconds: 2
livenessProbe:
  httpGet: {path: /metrics, port: metrics}
  failureThreshold: 6
  periodSeconds: 10
  timeoutSeconds: 5
resources: {{ toJson (index . 1) }}
{{- end -}}
