{{- define "connectors.image" -}}
{{- $image := .Values.image -}}
{{- $repository := required "image.repository is empty: build the image, push it to your registry, and add --set image.repository=REGISTRY/connectors-csi" $image.repository -}}
{{- if $image.digest }}{{ $repository }}@{{ $image.digest }}{{ else }}{{ $repository }}:{{ $image.tag | default .Chart.AppVersion }}{{ end -}}
{{- end -}}

{{- define "connectors.pullSecrets" -}}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- /* Fields of the pods of driver, proxy or image pulls, of these values. */ -}}
{{- define "connectors.podFields" -}}
{{- $values := . -}}
{{- $fields := dict -}}
{{- range $name := list "priorityClassName" "nodeSelector" "tolerations" "affinity" "topologySpreadConstraints" }}
{{- with index $values $name }}{{ $_ := set $fields $name . }}{{ end }}
{{- end }}
{{- with .podSecurityContext }}{{ $_ := set $fields "securityContext" . }}{{ end }}
{{- toYaml $fields }}
{{- end -}}

{{- define "connectors.csiLabels" -}}
app.kubernetes.io/name: connectors-csi
app.kubernetes.io/part-of: connectors
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end -}}

{{- define "connectors.proxyLabels" -}}
app.kubernetes.io/name: connectors-proxy
app.kubernetes.io/part-of: connectors
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end -}}

{{- /* Prints a file that names connectors-system, for the release's namespace. */ -}}
{{- define "connectors.file" -}}
{{- $root := index . 0 -}}
{{- $root.Files.Get (index . 1) | replace "namespace: connectors-system" (printf "namespace: %s" $root.Release.Namespace) -}}
{{- end -}}

{{- /* "true" if the API server has at least this version: (list . "1.30"). */ -}}
{{- define "connectors.isFrom" -}}
{{- if semverCompare (printf ">=%s-0" (index . 1)) (index . 0).Capabilities.KubeVersion.Version }}true{{ end -}}
{{- end -}}

{{- define "connectors.tokensInSecrets" -}}
{{- $chosen := .Values.driver.tokensInSecrets -}}
{{- if ne (toString $chosen) "auto" -}}
{{- if $chosen }}true{{ end -}}
{{- else if include "connectors.isFrom" (list . "1.38") -}}
true
{{- else if include "connectors.isFrom" (list . "1.35") -}}
{{- $nodes := (lookup "v1" "Node" "" "").items -}}
{{- $state := dict "isOld" (not $nodes) -}}
{{- range $nodes -}}
{{- if not (semverCompare ">=1.35-0" .status.nodeInfo.kubeletVersion) }}{{ $_ := set $state "isOld" true }}{{ end -}}
{{- end -}}
{{- if not $state.isOld }}true{{ end -}}
{{- end -}}
{{- end -}}

{{- define "connectors.preventPodScheduling" -}}
{{- $chosen := .Values.driver.preventPodScheduling -}}
{{- if eq (toString $chosen) "auto" -}}
{{- include "connectors.isFrom" (list . "1.37") -}}
{{- else if $chosen -}}
true
{{- end -}}
{{- end -}}

{{- define "connectors.hasCrds" -}}
{{- if kindIs "bool" .Values.crds.enabled | ternary .Values.crds.enabled .Values.proxy.enabled }}true{{ end -}}
{{- end -}}

{{- define "connectors.hasClasses" -}}
{{- if kindIs "bool" .Values.classes.enabled | ternary .Values.classes.enabled .Values.proxy.enabled }}true{{ end -}}
{{- end -}}

{{- /* Fails for values that the cluster or the release cannot have. */ -}}
{{- define "connectors.check" -}}
{{- $values := .Values -}}
{{- if and (include "connectors.hasCrds" .) (or (ne .Release.Name "connectors-csi") (ne .Release.Namespace "connectors-system")) -}}
{{- fail "the CRDs belong to the release connectors-csi in namespace connectors-system: use these names, or apply deploy/manifests/crds.yaml and add --set crds.enabled=false" -}}
{{- end -}}
{{- if and (include "connectors.hasClasses" .) (ne .Release.Namespace "connectors-system") -}}
{{- fail "the classes name the proxy in namespace connectors-system: use this namespace, or create classes of your own and add --set classes.enabled=false" -}}
{{- end -}}
{{- $hasApi := .Capabilities.APIVersions.Has "connectors.alauda.io/v1alpha1" -}}
{{- if and .Release.IsUpgrade (include "connectors.hasClasses" .) (not $hasApi) -}}
{{- fail "the CRDs of the classes are not there, and Helm creates them at an installation only: kubectl apply --server-side -f deploy/manifests/crds.yaml, then upgrade again with --take-ownership" -}}
{{- end -}}
{{- if and $values.imagePulls.enabled (not $values.proxy.enabled) -}}
{{- fail "imagePulls.enabled needs proxy.enabled: nodes pull images through the proxy of this chart" -}}
{{- end -}}
{{- $egress := $values.proxy.egress -}}
{{- if and (not $egress.url) (or $egress.noProxy $egress.credentialsSecret $egress.caSecret) -}}
{{- fail "proxy.egress.noProxy, .credentialsSecret and .caSecret need proxy.egress.url: set it to http://HOST:PORT or https://HOST:PORT" -}}
{{- end -}}
{{- if and $egress.caSecret (hasPrefix "http:" $egress.url) -}}
{{- fail "proxy.egress.caSecret needs proxy.egress.url with https: change the URL, or leave the Secret out" -}}
{{- end -}}
{{- range $need := list
  (list (eq (toString $values.driver.tokensInSecrets) "true") "driver.tokensInSecrets" "1.35")
  (list (eq (toString $values.driver.preventPodScheduling) "true") "driver.preventPodScheduling" "1.37")
  (list $values.driver.tokenMinting "driver.tokenMinting" "1.30")
  (list (not (empty $values.proxy.identities)) "proxy.identities" "1.30")
  (list (eq $values.admission "deny") "admission=deny" "1.30")
  (list $values.approval.enabled "approval.enabled" "1.30")
  (list $values.imagePulls.enabled "imagePulls.enabled" "1.34")
  (list $values.imageConnector "imageConnector" "1.36") -}}
{{- if and (index $need 0) (not (include "connectors.isFrom" (list $ (index $need 2)))) -}}
{{- fail (printf "%s needs Kubernetes %s, and this API server has %s: leave it off, or upgrade the cluster first (helm template: --kube-version)" (index $need 1) (index $need 2) $.Capabilities.KubeVersion.Version) -}}
{{- end -}}
{{- end -}}
{{- end -}}
