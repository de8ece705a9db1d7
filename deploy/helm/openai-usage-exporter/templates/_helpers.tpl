{{- define "openai-usage-exporter.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* A StatefulSet adds a number and a hash to it. */}}
{{- define "openai-usage-exporter.fullname" -}}
{{- $name := include "openai-usage-exporter.name" . }}
{{- $whole := contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name) }}
{{- .Values.fullnameOverride | default $whole | trunc 50 | trimSuffix "-" }}
{{- end }}

{{- define "openai-usage-exporter.selectorLabels" -}}
app.kubernetes.io/name: {{ include "openai-usage-exporter.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "openai-usage-exporter.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "openai-usage-exporter.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "openai-usage-exporter.serviceAccountName" -}}
{{- .Values.serviceAccount.name | default (.Values.serviceAccount.create | ternary (include "openai-usage-exporter.fullname" .) "default") }}
{{- end }}

{{- define "openai-usage-exporter.image" -}}
{{- with .Values.image.registry }}{{ . }}/{{ end }}{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- with .Values.image.digest }}@{{ . }}{{ end }}
{{- end }}

{{/* How a flag is written in a variable. A number would otherwise become 1e+06. */}}
{{- define "openai-usage-exporter.text" -}}
{{- if kindIs "slice" . }}
{{- $items := list }}
{{- range . }}{{ $items = append $items (include "openai-usage-exporter.text" .) }}{{ end }}
{{- join "," $items }}
{{- else if kindIs "string" . }}
{{- . }}
{{- else }}
{{- toJson . }}
{{- end }}
{{- end }}

{{/* The flags that other values than `config` stand for, as a map. */}}
{{- define "openai-usage-exporter.ownFlags" -}}
{{- $flags := dict }}
{{- if ne (toString .Values.budget.monthly) "" }}
{{- $_ := set $flags "budget.monthly" .Values.budget.monthly }}
{{- end }}
{{- if .Values.budget.projects }}
{{- $projects := list }}
{{- range $id, $amount := .Values.budget.projects }}{{ $projects = append $projects (printf "%s=%s" $id (include "openai-usage-exporter.text" $amount)) }}{{ end }}
{{- $_ := set $flags "budget.monthly-project" $projects }}
{{- end }}
{{- if .Values.organizations }}
{{- $_ := set $flags "organizations.file" "/etc/organizations/organizations.yaml" }}
{{- if gt (int .Values.shards) 1 }}{{ $_ := set $flags "organizations.total-shards" (int .Values.shards) }}{{ end }}
{{- end }}
{{- if .Values.webConfig.existingSecret }}
{{- $_ := set $flags "web.config.file" (printf "/etc/web/%s" .Values.webConfig.key) }}
{{- end }}
{{- if .Values.live.enabled }}
{{- $_ := set $flags "live" true }}
{{- if .Values.live.existingSecret }}{{ $_ := set $flags "live.token-file" (printf "/etc/live/%s" .Values.live.key) }}{{ end }}
{{- if .Values.live.labels }}{{ $_ := set $flags "live.labels" .Values.live.labels }}{{ end }}
{{- if .Values.live.maxGroups }}{{ $_ := set $flags "live.max-groups" .Values.live.maxGroups }}{{ end }}
{{- end }}
{{- if and (not .Values.persistence.enabled) (not .Values.demo) (not (hasKey .Values.config "state.file")) }}
{{- $_ := set $flags "state.file" "none" }}
{{- end }}
{{- toJson $flags }}
{{- end }}

{{- define "openai-usage-exporter.flags" -}}
{{- merge (include "openai-usage-exporter.ownFlags" . | fromJson) .Values.config | toJson }}
{{- end }}

{{- define "openai-usage-exporter.port" -}}
{{- get .Values.config "web.listen-address" | default ":9185" | regexFind "[0-9]+$" }}
{{- end }}

{{/* True if each pod has a name of its own in DNS. */}}
{{- define "openai-usage-exporter.headless" -}}
{{- if and (eq .Values.service.type "ClusterIP") (eq .Values.service.clusterIP "None") }}true{{ end }}
{{- end }}

{{/* Where a pod is reached. Takes the root and the pod's number; without a name of its own it is the Service. */}}
{{- define "openai-usage-exporter.address" -}}
{{- $root := index . 0 }}
{{- $fullname := include "openai-usage-exporter.fullname" $root }}
{{- $service := printf "%s.%s.svc" $fullname $root.Release.Namespace }}
{{- if include "openai-usage-exporter.headless" $root }}
{{- printf "%s-%d.%s:%s" $fullname (int (index . 1)) $service (include "openai-usage-exporter.port" $root) }}
{{- else }}
{{- printf "%s:%v" $service $root.Values.service.port }}
{{- end }}
{{- end }}

{{- define "openai-usage-exporter.metricsPath" -}}
{{- get .Values.config "web.telemetry-path" | default "/metrics" }}
{{- end }}

{{- define "openai-usage-exporter.scheme" -}}
{{- if and .Values.webConfig.existingSecret .Values.webConfig.tls }}https{{ else }}http{{ end }}
{{- end }}

{{/* The entry of its Secret that is an organization's key. Takes the organization. */}}
{{- define "openai-usage-exporter.keyEntry" -}}
{{- .key | default (empty .existingSecret | ternary .name "key") }}
{{- end }}

{{/* What the schema cannot see: values that do not fit each other. */}}
{{- define "openai-usage-exporter.check" -}}
{{- $mistakes := list }}
{{- if .Values.demo }}
{{- if or .Values.organizations .Values.adminKey.existingSecret }}
{{- $mistakes = append $mistakes "demo runs a simulated organization, so it must not be given a key: leave out adminKey.existingSecret and organizations, or demo" }}
{{- end }}
{{- else if .Values.organizations }}
{{- $names := dict }}
{{- range .Values.organizations }}
{{- if hasKey $names .name }}
{{- $mistakes = append $mistakes (printf "organizations: two are called %q; give each a name of its own" .name) }}
{{- end }}
{{- $_ := set $names .name true }}
{{- if not (or .existingSecret $.Values.adminKey.existingSecret) }}
{{- $mistakes = append $mistakes (printf "organizations: %q has no Secret with its admin key; set its existingSecret, or adminKey.existingSecret to a Secret that has an entry %q" .name .name) }}
{{- end }}
{{- end }}
{{- if gt (int .Values.replicas) 1 }}
{{- $mistakes = append $mistakes "replicas: pods would each read all organizations; set shards, which shares them out" }}
{{- end }}
{{- if and (gt (int .Values.shards) 1) (semverCompare "<1.28.0-0" .Capabilities.KubeVersion.Version) }}
{{- $mistakes = append $mistakes (printf "shards: pods know their number since Kubernetes 1.28, and this is %s; make a release for each part of the organizations" .Capabilities.KubeVersion.Version) }}
{{- end }}
{{- else if not .Values.adminKey.existingSecret }}
{{- $mistakes = append $mistakes (printf "adminKey.existingSecret: there is no key. Make a Secret, kubectl --namespace %s create secret generic openai-admin-key --from-file=key=/path/to/key, and set adminKey.existingSecret=openai-admin-key. To look without a key set demo=true" .Release.Namespace) }}
{{- end }}
{{- if and (gt (int (max .Values.shards .Values.replicas)) 1) (not (include "openai-usage-exporter.headless" .)) }}
{{- $mistakes = append $mistakes "service: several pods are scraped one by one, so each needs a name in DNS; leave service.type at ClusterIP and service.clusterIP at None" }}
{{- end }}
{{- if and (gt (int .Values.shards) 1) (not .Values.organizations) }}
{{- $mistakes = append $mistakes "shards: one organization cannot be shared out; set organizations, or leave shards at 1" }}
{{- end }}
{{- $state := get .Values.config "state.file" }}
{{- if and $state (ne $state "none") }}
{{- $mounted := .Values.persistence.enabled | ternary (list "/var/lib/openai-usage-exporter") list }}
{{- range .Values.extraVolumeMounts }}{{ $mounted = append $mounted .mountPath }}{{ end }}
{{- $lasts := false }}
{{- range $mounted }}{{ if hasPrefix (printf "%s/" (trimSuffix "/" .)) $state }}{{ $lasts = true }}{{ end }}{{ end }}
{{- if not $lasts }}
{{- $mistakes = append $mistakes (printf "config: state.file is %s, where no volume is, so nothing can be written there; %s" $state (.Values.persistence.enabled | ternary "leave it out, or put it under /var/lib/openai-usage-exporter" "set persistence.enabled=true and leave state.file out, or mount a volume there by extraVolumes and extraVolumeMounts")) }}
{{- end }}
{{- end }}
{{- range $flag, $_ := include "openai-usage-exporter.ownFlags" . | fromJson }}
{{- if hasKey $.Values.config $flag }}
{{- $mistakes = append $mistakes (printf "config: %s follows from a value of its own, which is set, too; leave one of them out" $flag) }}
{{- end }}
{{- end }}
{{- if and .Values.ingress.enabled (not .Values.ingress.hosts) }}
{{- $mistakes = append $mistakes "ingress.hosts: an ingress needs at least one, like {host: openai.example.org}" }}
{{- end }}
{{- if $mistakes }}
{{- fail (printf "\n\n  - %s\n" (join "\n  - " $mistakes)) }}
{{- end }}
{{- end }}
