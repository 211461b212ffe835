{{- define "signoff.name" -}}
{{- if contains "signoff" .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{ else }}{{ printf "%s-signoff" .Release.Name | trunc 50 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "signoff.selector" -}}
app.kubernetes.io/name: signoff
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "signoff.labels" -}}
{{ include "signoff.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "signoff.serviceAccount" -}}
{{- if .Values.serviceAccount.name }}{{ .Values.serviceAccount.name }}{{ else if .Values.serviceAccount.create }}{{ include "signoff.name" . }}{{ else }}default{{ end }}
{{- end }}

{{- define "signoff.image" -}}
{{- if .Values.image.digest }}{{ .Values.image.repository }}@{{ .Values.image.digest }}{{ else }}{{ .Values.image.repository }}:{{ .Values.image.tag }}{{ end }}
{{- end }}

{{- /* What no schema can say, because it is about two values. */ -}}
{{- define "signoff.check" -}}
{{- if and (not .Values.bucket.name) (not .Values.home.claim) }}
{{- fail "bucket.name or home.claim is needed: servers and workers have to share the content of runs" }}
{{- end }}
{{- if and .Values.bucket.name .Values.home.claim }}
{{- fail "bucket.name and home.claim are two answers to one question: leave one of them out" }}
{{- end }}
{{- if and .Values.networkPolicy.enabled (not .Values.networkPolicy.egress) }}
{{- fail "networkPolicy.egress has to name the database at least (and the cluster's API for sandbox.kind kubernetes): everything else is denied" }}
{{- end }}
{{- if gt (int .Values.workers.autoscaling.min) (int .Values.workers.autoscaling.max) }}
{{- fail "workers.autoscaling.min is more than workers.autoscaling.max" }}
{{- end }}
{{- if and (eq .Values.sandbox.kind "docker") (not .Values.sandbox.dockerHost) (not .Values.sandbox.dockerSocket) }}
{{- fail "sandbox.kind docker needs sandbox.dockerHost or sandbox.dockerSocket" }}
{{- end }}
{{- if and (eq .Values.sandbox.kind "kubernetes") (or .Values.sandbox.dockerHost .Values.sandbox.dockerSocket) }}
{{- fail "sandbox.dockerHost and sandbox.dockerSocket mean nothing to sandbox.kind kubernetes" }}
{{- end }}
{{- range $name, $_ := .Values.settings }}
{{- if hasKey $.Values.secretSettings $name }}{{ fail (printf "%s stands in settings and in secretSettings" $name) }}{{ end }}
{{- end }}
{{- range $name := list "SIGNOFF_DATABASE_URL" "SIGNOFF_HOME" "SIGNOFF_BUCKET" "SIGNOFF_BUCKET_ENDPOINT" "SIGNOFF_BUCKET_REGION" "SIGNOFF_BUCKET_PREFIX" "SIGNOFF_BUCKET_CREDENTIALS" "SIGNOFF_WORKERS" "SIGNOFF_HOST" "SIGNOFF_PORT" "SIGNOFF_METRICS_HOST" "SIGNOFF_METRICS_PORT" "SIGNOFF_DRAIN_S" "SIGNOFF_CA" "SIGNOFF_SANDBOX" }}
{{- if or (hasKey $.Values.settings $name) (hasKey $.Values.secretSettings $name) }}{{ fail (printf "%s is set by the chart: use the value that is made for it" $name) }}{{ end }}
{{- end }}
{{- end }}

{{- define "signoff.env" -}}
- name: SIGNOFF_DATABASE_URL
  valueFrom: {secretKeyRef: {name: {{ .Values.database.secret }}, key: {{ .Values.database.key }}}}
- {name: SIGNOFF_HOME, value: /var/lib/signoff}
- {name: SIGNOFF_LOG_JSON, value: "true"}
- {name: SIGNOFF_METRICS_HOST, value: "0.0.0.0"}
- {name: SIGNOFF_METRICS_PORT, value: "9464"}
- {name: SIGNOFF_DRAIN_S, value: {{ .Values.drainSeconds | quote }}}
{{- if .Values.bucket.name }}
- {name: SIGNOFF_BUCKET, value: {{ .Values.bucket.name | quote }}}
- {name: SIGNOFF_BUCKET_REGION, value: {{ .Values.bucket.region | quote }}}
- {name: SIGNOFF_BUCKET_PREFIX, value: {{ .Values.bucket.prefix | quote }}}
{{- with .Values.bucket.endpoint }}
- {name: SIGNOFF_BUCKET_ENDPOINT, value: {{ . | quote }}}
{{- end }}
{{- if .Values.bucket.secret }}
- {name: SIGNOFF_BUCKET_CREDENTIALS, value: "file:/run/secrets/bucket/{{ .Values.bucket.key }}"}
{{- end }}
{{- end }}
{{- with .Values.ca.configMap }}
- {name: SIGNOFF_CA, value: /etc/signoff-ca/ca.pem}
{{- end }}
{{- range $name, $text := dict "HTTPS_PROXY" .Values.proxy.https "HTTP_PROXY" .Values.proxy.http "NO_PROXY" .Values.proxy.none }}
{{- if $text }}
- {name: {{ $name }}, value: {{ $text | quote }}}
{{- end }}
{{- end }}
{{- range $name, $text := .Values.settings }}
- {name: {{ $name }}, value: {{ $text | toString | quote }}}
{{- end }}
{{- range $name, $from := .Values.secretSettings }}
- name: {{ $name }}
  valueFrom: {secretKeyRef: {name: {{ $from.secret }}, key: {{ $from.key }}}}
{{- end }}
{{- end }}

{{- define "signoff.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "signoff.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{- define "signoff.mounts" -}}
- {name: home, mountPath: /var/lib/signoff}
- {name: tmp, mountPath: /tmp}
{{- if and .Values.bucket.name .Values.bucket.secret }}
- {name: bucket, mountPath: /run/secrets/bucket, readOnly: true}
{{- end }}
{{- if .Values.files.secret }}
- {name: files, mountPath: /etc/signoff, readOnly: true}
{{- end }}
{{- if .Values.ca.configMap }}
- {name: ca, mountPath: /etc/signoff-ca, readOnly: true}
{{- end }}
{{- end }}

{{- define "signoff.volumes" -}}
{{- if .Values.home.claim }}
- {name: home, persistentVolumeClaim: {claimName: {{ .Values.home.claim }}}}
{{- else }}
- {name: home, emptyDir: {sizeLimit: {{ .Values.home.size }}}}
{{- end }}
- {name: tmp, emptyDir: {sizeLimit: 1Gi}}
- {name: keys, secret: {secretName: {{ .Values.keys.secret }}, defaultMode: 288}}
{{- if and .Values.bucket.name .Values.bucket.secret }}
- {name: bucket, secret: {secretName: {{ .Values.bucket.secret }}, defaultMode: 288}}
{{- end }}
{{- with .Values.files.secret }}
- {name: files, secret: {secretName: {{ . }}, defaultMode: 288}}
{{- end }}
{{- with .Values.ca.configMap }}
- {name: ca, configMap: {name: {{ . }}, items: [{key: {{ $.Values.ca.key }}, path: ca.pem}]}}
{{- end }}
{{- end }}

{{- /* Keys are files that only their owner reads, and a mounted secret has none: they are copied into the home folder. */ -}}
{{- define "signoff.keys" -}}
- name: keys
  image: {{ include "signoff.image" . }}
  imagePullPolicy: {{ .Values.image.pullPolicy }}
  command: [sh, -euc, "umask 077; mkdir -p /var/lib/signoff/keys; for key in /run/secrets/keys/*.key; do install -m 0600 \"$key\" /var/lib/signoff/keys/; done"]
  securityContext: {{- include "signoff.containerSecurity" . | nindent 4 }}
  resources: {requests: {cpu: 10m, memory: 32Mi}, limits: {memory: 64Mi}}
  volumeMounts:
    - {name: home, mountPath: /var/lib/signoff}
    - {name: keys, mountPath: /run/secrets/keys, readOnly: true}
{{- end }}

{{- define "signoff.placing" -}}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
{{- range . }}
  - name: {{ . }}
{{- end }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
