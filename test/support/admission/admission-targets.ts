import type { ResourceRule } from './policy-and-binding.js';

/** A kind of object in which volumes stand. */
export interface AdmissionTarget {
  readonly name: string;
  readonly rules: readonly ResourceRule[];
  /** Paths of the lists of volumes. */
  readonly places: readonly (readonly string[])[];
  /** Whether all volumes of the object are of the same pod. */
  readonly isOnePod: boolean;
  /** What an entry is called in messages. */
  readonly noun: 'volume' | 'volume or workspace';
  /** Tekton puts in values later: what still holds a variable cannot be judged. */
  readonly hasVariables: boolean;
}

function ofTekton(resource: string): AdmissionTarget['rules'] {
  const apiVersions = ['v1', 'v1beta1'];
  return [{ apiGroups: ['tekton.dev'], apiVersions, operations: ['CREATE', 'UPDATE'], resources: [resource] }];
}

/** What runs: all other objects with volumes become pods. */
export const admissionTargets: readonly AdmissionTarget[] = [
  {
    name: 'pods',
    // Their volumes cannot be changed.
    rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] }],
    places: [['spec', 'volumes']],
    isOnePod: true,
    noun: 'volume',
    hasVariables: false,
  },
  {
    name: 'taskruns',
    rules: ofTekton('taskruns'),
    places: [
      ['spec', 'workspaces'],
      ['spec', 'taskSpec', 'volumes'],
      ['spec', 'podTemplate', 'volumes'],
    ],
    isOnePod: true,
    noun: 'volume or workspace',
    hasVariables: true,
  },
  {
    name: 'pipelineruns',
    rules: ofTekton('pipelineruns'),
    places: [
      ['spec', 'workspaces'],
      ['spec', 'taskRunTemplate', 'podTemplate', 'volumes'],
      ['spec', 'podTemplate', 'volumes'],
    ],
    // Each Task takes the workspaces that it names.
    isOnePod: false,
    noun: 'volume or workspace',
    hasVariables: true,
  },
];
