import type { ResourceRule } from './policy-and-binding.js';

/** A kind of object in which volumes stand. */
export interface AdmissionTarget {
  readonly name: string;
  readonly rules: readonly ResourceRule[];
  readonly kinds: readonly string[];
  /** Paths of the lists of volumes, or of Tekton's tasks where `holdsTasks`. */
  readonly places: readonly (readonly string[])[];
  readonly holdsTasks: boolean;
  /** Whether all volumes of the object are of the same pod. */
  readonly isOnePod: boolean;
  /** What an entry is called in messages. */
  readonly noun: 'volume' | 'volume or workspace';
  /** Tekton puts in values later: what still holds a variable cannot be judged. */
  readonly hasVariables: boolean;
  /** Whether the pods will be in the object's namespace, which a connector's name without one refers to. */
  readonly isNamespaceKnown: boolean;
}

const always = ['CREATE', 'UPDATE'] as const;
const built = {
  holdsTasks: false,
  isOnePod: true,
  noun: 'volume',
  hasVariables: false,
  isNamespaceKnown: true,
} as const;
const tekton = {
  holdsTasks: false,
  isOnePod: true,
  noun: 'volume or workspace',
  hasVariables: true,
  isNamespaceKnown: true,
} as const;

function ofTekton(...resources: readonly string[]): AdmissionTarget['rules'] {
  return [{ apiGroups: ['tekton.dev'], apiVersions: ['v1', 'v1beta1'], operations: always, resources }];
}

export const admissionTargets: readonly AdmissionTarget[] = [
  {
    ...built,
    name: 'pods',
    kinds: ['Pod'],
    // Their volumes cannot be changed.
    rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] }],
    places: [['spec', 'volumes']],
  },
  {
    ...built,
    name: 'templates',
    kinds: ['Deployment', 'StatefulSet', 'DaemonSet', 'Job'],
    rules: [
      {
        apiGroups: ['apps'],
        apiVersions: ['v1'],
        operations: always,
        resources: ['deployments', 'statefulsets', 'daemonsets'],
      },
      { apiGroups: ['batch'], apiVersions: ['v1'], operations: always, resources: ['jobs'] },
    ],
    places: [['spec', 'template', 'spec', 'volumes']],
  },
  {
    ...built,
    name: 'cronjobs',
    kinds: ['CronJob'],
    rules: [{ apiGroups: ['batch'], apiVersions: ['v1'], operations: always, resources: ['cronjobs'] }],
    places: [['spec', 'jobTemplate', 'spec', 'template', 'spec', 'volumes']],
  },
  {
    ...tekton,
    name: 'tasks',
    kinds: ['Task'],
    noun: 'volume',
    rules: ofTekton('tasks'),
    places: [['spec', 'volumes']],
    // A run of another namespace may fetch it.
    isNamespaceKnown: false,
  },
  {
    ...tekton,
    name: 'taskruns',
    kinds: ['TaskRun'],
    rules: ofTekton('taskruns'),
    places: [
      ['spec', 'workspaces'],
      ['spec', 'taskSpec', 'volumes'],
      ['spec', 'podTemplate', 'volumes'],
    ],
  },
  {
    ...tekton,
    name: 'pipelineruns',
    kinds: ['PipelineRun'],
    // Each Task takes the workspaces that it names.
    isOnePod: false,
    rules: ofTekton('pipelineruns'),
    places: [
      ['spec', 'workspaces'],
      ['spec', 'taskRunTemplate', 'podTemplate', 'volumes'],
      ['spec', 'podTemplate', 'volumes'],
    ],
  },
  {
    ...tekton,
    name: 'pipelines',
    kinds: ['Pipeline', 'PipelineRun'],
    holdsTasks: true,
    isOnePod: false,
    noun: 'volume',
    rules: ofTekton('pipelines', 'pipelineruns'),
    places: [
      ['spec', 'tasks'],
      ['spec', 'finally'],
      ['spec', 'pipelineSpec', 'tasks'],
      ['spec', 'pipelineSpec', 'finally'],
    ],
    isNamespaceKnown: false,
  },
];
