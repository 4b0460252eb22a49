import { attributeNames, attributeTable, kubeletPrefix } from '../../../src/driver/publish/attribute-table.js';
import type { AttributeName } from '../../../src/driver/publish/attribute-table.js';
import { ruleOf, saysSomething } from './attribute-patterns.js';
import { numberBelow, numberFrom } from './number-pattern.js';

/** JSON Schema, draft 7, with `patternErrorMessage`, which editors show and others pass over. */
export type Schema = Readonly<Record<string, unknown>>;

const dialect = 'http://json-schema.org/draft-07/schema#';
/** What still holds a variable of Tekton's cannot be judged. */
const variable = '\\$\\(';
const defaultMaxExpirationMinutes = 24 * 60;

/** Of a block of `volumeAttributes`. */
export function volumeAttributesSchema(): Schema {
  return { $schema: dialect, title: 'volumeAttributes of connectors-csi', ...block() };
}

/** Of whole manifests: it says nothing but of the volumes of this driver in them. */
export function manifestSchema(): Schema {
  return {
    $schema: dialect,
    title: 'volumes of connectors-csi in Kubernetes manifests',
    allOf: Object.entries(places).map(([kind, place]) => ({
      if: { type: 'object', required: ['kind'], properties: { kind: { const: kind } } },
      then: { allOf: schemasOf(place) },
    })),
    definitions: {
      volume: {
        if: { type: 'object', required: ['csi'], properties: { csi: isOurs() } },
        then: {
          properties: {
            csi: {
              required: ['readOnly', 'volumeAttributes'],
              properties: { readOnly: { const: true }, volumeAttributes: { $ref: '#/definitions/volumeAttributes' } },
            },
          },
        },
      },
      volumeAttributes: block(),
    },
  };
}

/** What nothing meets, since editors have words of their own for `not`. */
function never(message: string): Schema {
  return { pattern: 'a^', patternErrorMessage: message };
}

function isOurs(): Schema {
  return { type: 'object', required: ['driver'], properties: { driver: { const: 'connectors-csi' } } };
}

/** Paths of the lists of volumes in a kind of object, and of the lists of Tekton's tasks. */
interface Places {
  readonly volumes?: readonly string[];
  readonly tasks?: readonly string[];
}

const template: Places = { volumes: ['spec.template.spec.volumes'] };
const places: Readonly<Record<string, Places>> = {
  Pod: { volumes: ['spec.volumes'] },
  ...{ Deployment: template, StatefulSet: template, DaemonSet: template, Job: template },
  CronJob: { volumes: ['spec.jobTemplate.spec.template.spec.volumes'] },
  Task: { volumes: ['spec.volumes'] },
  TaskRun: { volumes: ['spec.workspaces', 'spec.taskSpec.volumes', 'spec.podTemplate.volumes'] },
  PipelineRun: {
    volumes: ['spec.workspaces', 'spec.taskRunTemplate.podTemplate.volumes', 'spec.podTemplate.volumes'],
    tasks: ['spec.pipelineSpec.tasks', 'spec.pipelineSpec.finally'],
  },
  Pipeline: { tasks: ['spec.tasks', 'spec.finally'] },
};

function schemasOf({ volumes = [], tasks = [] }: Places): readonly Schema[] {
  const volume = { $ref: '#/definitions/volume' };
  const task = within(['taskSpec', 'volumes'], { items: volume });
  return [
    ...volumes.map((steps) => within(steps.split('.'), { items: volume })),
    ...tasks.map((steps) => within(steps.split('.'), { items: task })),
  ];
}

function within(steps: readonly string[], schema: Schema): Schema {
  return steps.reduceRight((inner, step) => ({ properties: { [step]: inner } }), schema);
}

function block(): Schema {
  const both = {
    required: ['connectors'],
    properties: { connectors: settledAndGiven },
    anyOf: ['connector.name', 'connector.namespace'].map((name) => ({
      required: [name],
      properties: { [name]: settledAndGiven },
    })),
  };
  return {
    type: 'object',
    description: 'A list of connectors is needed: NAME or NAMESPACE/NAME, with commas between.',
    properties: Object.fromEntries(attributeNames.map((name) => [name, attributeSchema(name)])),
    patternProperties: {
      [`^${kubeletPrefix.replaceAll('.', '\\.')}`]: { type: 'string' },
      [variable]: { type: 'string' },
    },
    additionalProperties: false,
    anyOf: (['connectors', 'connector.name'] as const).map((name) => ({
      required: [name],
      properties: { [name]: { pattern: saysSomething } },
    })),
    if: both,
    then: {
      properties: {
        connectors: never('names the same thing as "connector.name": keep "connectors" and drop the other'),
      },
    },
  };
}

const settledAndGiven = { type: 'string', pattern: saysSomething, not: { pattern: variable } };

function attributeSchema(name: AttributeName): Schema {
  const row: { readonly deprecatedBy?: string; readonly meaning: string; readonly maxBytes: number } =
    attributeTable[name];
  const { pattern, excesses, message, maxJudged } = ruleOf(name);
  const wrong = [...excesses, ...(name === 'token.expiration' ? outOfBounds() : [])];
  const rule = {
    pattern,
    patternErrorMessage: message,
    ...(wrong.length === 0
      ? {}
      : { if: { anyOf: wrong.map((excess) => ({ pattern: excess })) }, then: never(excessMessage(name)) }),
  };
  const unjudged = {
    anyOf: [{ pattern: variable }, ...(maxJudged === undefined ? [] : [{ minLength: maxJudged + 1 }])],
  };
  return {
    type: 'string',
    description: row.meaning,
    ...(row.deprecatedBy === undefined ? {} : { deprecationMessage: `use "${row.deprecatedBy}"` }),
    maxLength: row.maxBytes,
    if: unjudged,
    then: true,
    else: rule,
  };
}

function excessMessage(name: AttributeName): string {
  return name === 'token.expiration' ? 'must be from 10m to 24h' : ruleOf(name).message;
}

/** Lifetimes of one unit, of hours and minutes, and of minutes and seconds; others are left to the driver. */
function outOfBounds(): readonly string[] {
  const minMinutes = attributeTable['token.expiration'].minMs / 60_000;
  const maxHours = defaultMaxExpirationMinutes / 60;
  const least = (units: number): string => `^[^0-9]*0*${numberBelow(units)}`;
  const most = (units: number): string => `(?:^|[^0-9.])0*${numberFrom(units + 1)}(?:\\.[0-9]*)?`;
  return [
    '^[^0-9]*-',
    '^[^0-9]*0+[^0-9a-z.]*$',
    `${least(minMinutes)}(?:\\.[0-9]*)?m(?:0*[1-5]?[0-9]s)?[^0-9a-z]*$`,
    `${least(minMinutes * 60)}(?:\\.[0-9]*)?s[^0-9a-z]*$`,
    `${least(minMinutes * 60_000)}(?:\\.[0-9]*)?ms[^0-9a-z]*$`,
    `${most(maxHours)}h`,
    `^[^0-9]*0*${maxHours}(?:\\.0*)?h.*[1-9]`,
    `${most(maxHours * 60)}m(?:[^s]|$)`,
    `${most(maxHours * 3600)}s`,
  ];
}
