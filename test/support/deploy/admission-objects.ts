/** The kinds that the schema of manifests covers, around what is in question. */
export interface AdmissionKind {
  readonly kind: string;
  readonly group: string;
  readonly resource: string;
  readonly isOfTekton: boolean;
  /** Whether an admission policy judges it. */
  readonly isJudged: boolean;
  /** The object, with the volume at each place where one may stand. */
  readonly objects: (volume: object) => readonly object[];
}

const template = (volume: object): object => ({ template: { spec: { volumes: [volume] } } });
const task = (volume: object): object => ({ volumes: [{ name: 'scratch', emptyDir: {} }, volume], steps: [] });
const tasks = (volume: object): readonly object[] => [
  { name: 'first', taskRef: { name: 'other' } },
  { name: 'build', taskSpec: task(volume) },
];

function builtIn(kind: string, group: string, resource: string, spec: (volume: object) => object): AdmissionKind {
  const objects = (volume: object): readonly object[] => [{ kind, metadata: { name: 'x' }, spec: spec(volume) }];
  return { kind, group, resource, objects, isOfTekton: false, isJudged: kind === 'Pod' };
}

function ofTekton(kind: string, ...specs: readonly ((volume: object) => object)[]): AdmissionKind {
  return {
    kind,
    group: 'tekton.dev',
    resource: `${kind.toLowerCase()}s`,
    isOfTekton: true,
    isJudged: ['TaskRun', 'PipelineRun'].includes(kind),
    objects: (volume) => specs.map((spec) => ({ kind, metadata: { name: 'x' }, spec: spec(volume) })),
  };
}

export const admissionKinds: readonly AdmissionKind[] = [
  builtIn('Pod', '', 'pods', (volume) => ({ volumes: [volume] })),
  builtIn('Deployment', 'apps', 'deployments', template),
  builtIn('StatefulSet', 'apps', 'statefulsets', template),
  builtIn('DaemonSet', 'apps', 'daemonsets', template),
  builtIn('Job', 'batch', 'jobs', template),
  builtIn('CronJob', 'batch', 'cronjobs', (volume) => ({ jobTemplate: { spec: template(volume) } })),
  ofTekton('Task', task),
  ofTekton(
    'TaskRun',
    (volume) => ({ workspaces: [{ name: 'source', emptyDir: {} }, volume] }),
    (volume) => ({ taskSpec: task(volume), workspaces: [] }),
    (volume) => ({ podTemplate: { volumes: [volume] } }),
  ),
  ofTekton(
    'PipelineRun',
    (volume) => ({ workspaces: [volume] }),
    (volume) => ({ taskRunTemplate: { podTemplate: { volumes: [volume] } } }),
    (volume) => ({ podTemplate: { volumes: [volume] } }),
  ),
  ofTekton(
    'Pipeline',
    (volume) => ({ tasks: tasks(volume) }),
    (volume) => ({ tasks: [], finally: tasks(volume) }),
  ),
  // A PipelineRun that brings its own Pipeline, whose TaskRuns are judged.
  {
    ...ofTekton('PipelineRun', (volume) => ({ pipelineSpec: { tasks: tasks(volume) } })),
    isJudged: false,
  },
];

/** A volume of the driver with these attributes. @param csi more of its fields; undefined takes one out. */
export const volumeOf = (volumeAttributes: object, csi: object = {}, name = 'connectors'): object => ({
  name,
  csi: { driver: 'connectors-csi', readOnly: true, volumeAttributes, ...csi },
});
