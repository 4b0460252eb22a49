/** Where pods run, and what they have besides. */
const pods = {
  priorityClassName: 'system-cluster-critical',
  nodeSelector: { pool: 'build' },
  tolerations: [{ key: 'dedicated', operator: 'Exists' }],
  affinity: {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [{ matchExpressions: [{ key: 'pool', operator: 'In', values: ['build'] }] }],
      },
    },
  },
  podLabels: { team: 'build' },
  podAnnotations: { 'example.com/scrape': 'yes' },
  env: [{ name: 'EXTRA', value: '1' }],
  podSecurityContext: { fsGroup: 1000 },
};

/** Values with which the chart has all its objects, none of them as it is by default. */
export const allValues = {
  image: {
    repository: 'registry.example.com/connectors-csi',
    tag: '7',
    digest: `sha256:${'0'.repeat(64)}`,
    pullPolicy: 'Always',
    pullSecrets: [{ name: 'registry-login' }],
  },
  namespace: { create: true },
  driver: {
    kubeletDir: '/var/lib/k0s/kubelet',
    tokensInSecrets: true,
    preventPodScheduling: true,
    tokenMinting: true,
    resources: { limits: { memory: '1Gi' } },
    extraArgs: ['--log-level=debug'],
    ...pods,
  },
  proxy: {
    enabled: true,
    replicas: 3,
    autoscaling: { enabled: true, minReplicas: 3, maxReplicas: 20 },
    credentialNamespaces: ['*'],
    egress: {
      url: 'https://proxy.example.com:3128',
      noProxy: ['.intra.example.com', '10.0.0.0/8', '[fd00::1]:8443'],
      credentialsSecret: 'egress-login',
      caSecret: 'egress-ca',
    },
    identities: [{ namespace: 'ci', serviceAccounts: ['registry'] }],
    resources: { limits: { memory: '1Gi' } },
    extraArgs: ['--log-level=debug'],
    ...pods,
    topologySpreadConstraints: [
      {
        maxSkew: 1,
        topologyKey: 'rack',
        whenUnsatisfiable: 'DoNotSchedule',
        labelSelector: { matchLabels: { app: 'x' } },
      },
    ],
    service: { annotations: { 'example.com/internal': 'true' } },
  },
  crds: { enabled: true },
  classes: { enabled: true },
  networkPolicy: false,
  admission: 'deny',
  volumeLimit: 32,
  approval: { enabled: true },
  imagePulls: {
    enabled: true,
    installer: 'uninstall',
    registry: 'images.local',
    directories: { providers: '/etc/eks/image-credential-provider', containerd: '/etc/c', crio: '/etc/d' },
    extraArgs: ['--interval=1m'],
    resources: { limits: { memory: '256Mi' } },
    ...pods,
  },
  imageConnector: true,
  openshift: true,
  flowSchema: true,
  monitoring: {
    podMonitors: true,
    alerts: true,
    dashboards: true,
    labels: { release: 'prometheus' },
    docsUrl: 'https://git.example.com/connectors-csi/blob/main/',
    prometheusNamespace: 'prometheus',
  },
};

/** The same for the oldest version that the chart supports, without all that needs a later one. */
export const allValuesOfOldest = {
  ...allValues,
  driver: { ...allValues.driver, tokensInSecrets: false, preventPodScheduling: false, tokenMinting: false },
  proxy: { ...allValues.proxy, identities: [] },
  admission: 'warn',
  approval: { enabled: false },
  imagePulls: { ...allValues.imagePulls, enabled: false },
  imageConnector: false,
};
