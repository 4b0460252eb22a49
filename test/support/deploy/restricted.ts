/** What the Pod Security Standard `restricted` looks at, as far as deploy/ uses it. */
export interface SecuredPod {
  readonly hostNetwork?: boolean;
  readonly hostPID?: boolean;
  readonly hostIPC?: boolean;
  readonly securityContext?: SecurityContext;
  readonly volumes?: readonly Readonly<Record<string, unknown>>[];
  readonly initContainers?: readonly SecuredContainer[];
  readonly containers: readonly SecuredContainer[];
}

export interface SecuredContainer {
  readonly name: string;
  readonly ports?: readonly { readonly hostPort?: number }[];
  readonly securityContext?: SecurityContext & {
    readonly privileged?: boolean;
    readonly allowPrivilegeEscalation?: boolean;
    readonly capabilities?: { readonly drop?: readonly string[]; readonly add?: readonly string[] };
  };
}

interface SecurityContext {
  readonly runAsNonRoot?: boolean;
  readonly runAsUser?: number;
  readonly seccompProfile?: { readonly type: string };
}

const volumeKinds = new Set(['configMap', 'csi', 'downwardAPI', 'emptyDir', 'ephemeral', 'projected', 'secret']);

/** Why a namespace that enforces `restricted` would not admit the pod; empty when it would. */
export function restrictedProblems(pod: SecuredPod): string[] {
  const problems: string[] = [];
  for (const field of ['hostNetwork', 'hostPID', 'hostIPC'] as const) if (pod[field]) problems.push(field);
  for (const volume of pod.volumes ?? []) {
    const kind = Object.keys(volume).find((key) => key !== 'name') ?? 'emptyDir';
    if (!volumeKinds.has(kind)) problems.push(`volume ${String(volume['name'])}: ${kind}`);
  }
  for (const container of [...(pod.initContainers ?? []), ...pod.containers]) {
    problems.push(
      ...containerProblems(container, pod.securityContext).map((problem) => `${container.name}: ${problem}`),
    );
  }
  return problems;
}

function containerProblems(
  { ports, securityContext: own = {} }: SecuredContainer,
  ofPod: SecurityContext = {},
): string[] {
  // What the container says counts before what the pod says.
  const effective = { ...ofPod, ...own };
  const { capabilities } = own;
  const added = (capabilities?.add ?? []).filter((name) => name !== 'NET_BIND_SERVICE');
  const checks: readonly (readonly [problem: string, holds: boolean])[] = [
    ['privileged', own.privileged === true],
    ['may gain privileges', own.allowPrivilegeEscalation !== false],
    ['does not drop all capabilities', capabilities?.drop?.includes('ALL') !== true],
    [`adds capabilities ${added.join(', ')}`, added.length > 0],
    ['may run as root', effective.runAsNonRoot !== true || effective.runAsUser === 0],
    ['no seccomp profile', !['RuntimeDefault', 'Localhost'].includes(effective.seccompProfile?.type ?? '')],
    ['a port of the host', ports?.some(({ hostPort }) => hostPort !== undefined) === true],
  ];
  return checks.filter(([, holds]) => holds).map(([problem]) => problem);
}
