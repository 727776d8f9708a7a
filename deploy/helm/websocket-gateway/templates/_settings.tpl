{{/* The settings file, and what follows from it. */}}

{{/* A value as TOML. Helm has whole numbers as floats, and toToml writes them so. */}}
{{- define "gateway.toml" -}}
{{- if kindIs "slice" . -}}
[{{- range $i, $item := . }}{{ if $i }}, {{ end }}{{ include "gateway.toml" $item }}{{ end -}}]
{{- else if kindIs "bool" . -}}
{{ . }}
{{- else if kindIs "string" . -}}
{{ toJson . }}
{{- else -}}
{{ int64 . }}
{{- end -}}
{{- end -}}

{{- define "gateway.settings" -}}
listen = [{{ printf "%s:8000" .Values.listenAddress | quote }}]
ops_listen = [{{ printf "%s:9000" .Values.listenAddress | quote }}]
{{- range $name, $value := omit .Values.settings "redis_url" }}
{{ $name }} = {{ include "gateway.toml" $value }}
{{- end }}
{{- if and .Values.settings.redis_url (not .Values.secrets.redisUrl.name) }}
redis_url = {{ toJson .Values.settings.redis_url }}
{{- end }}
{{- range .Values.apiKeys }}

[[api_keys]]
{{- range $name, $value := . }}
{{ $name }} = {{ include "gateway.toml" $value }}
{{- end }}
{{- end }}
{{- end -}}

{{/* The whole seconds of a duration as the settings have it: 20, "20s", "500ms", "5m", "2h". */}}
{{- define "gateway.seconds" -}}
{{- $text := toString . -}}
{{- $number := regexFind "^[0-9]+" $text | int64 -}}
{{- if hasSuffix "ms" $text -}}{{ div (add $number 999) 1000 }}
{{- else if hasSuffix "m" $text -}}{{ mul $number 60 }}
{{- else if hasSuffix "h" $text -}}{{ mul $number 3600 }}
{{- else -}}{{ $number }}
{{- end -}}
{{- end -}}

{{/* docs/operations/shutdown.md, "Grace periods of what stops it": five seconds for answers, two for telemetry, ten for a
Redis that is away, and one so that it is longer. */}}
{{- define "gateway.graceSeconds" -}}
{{- $drain := include "gateway.seconds" (.Values.settings.drain_timeout | default "10s") | int64 -}}
{{- $redis := ternary 10 0 (eq (.Values.settings.engine | default "memory") "redis") -}}
{{- add .Values.termination.preStopSeconds $drain 5 2 $redis 1 -}}
{{- end -}}

{{/* What would start and not do what was meant, or not start. */}}
{{- define "gateway.checks" -}}
{{- $settings := .Values.settings -}}
{{- $many := or .Values.autoscaling.enabled (gt (int64 .Values.replicas) 1) -}}
{{- if and $many (ne ($settings.engine | default "memory") "redis") -}}
{{- fail "gateways on the memory engine know nothing of each other: settings.engine redis, or replicas 1 without autoscaling" -}}
{{- end -}}
{{- if not (or .Values.secrets.apiKey.name .Values.apiKeys) -}}
{{- fail "the gateway does not start without a key: secrets.apiKey.name, or apiKeys" -}}
{{- end -}}
{{- if contains "@" ($settings.redis_url | default "") -}}
{{- fail "settings.redis_url has a user or a password, which a ConfigMap is no place for: put it into a Secret, and name that as secrets.redisUrl" -}}
{{- end -}}
{{- with .Values.autoscaling -}}
{{- if and .enabled (not (or .connections .cpuPercent)) -}}
{{- fail "autoscaling by nothing: autoscaling.connections, autoscaling.cpuPercent or both" -}}
{{- end -}}
{{- end -}}
{{- end -}}
