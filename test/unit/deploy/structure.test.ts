import assert from 'node:assert/strict';
import { customKinds, objectProblems } from '../../support/deploy/object-problems.js';
import { crdsFolder, manifestFiles, parseManifests, readManifests } from '../../support/deploy/manifests.js';
import { structuralSchemaProblems, type Structure } from '../../support/deploy/structure.js';

const configMap = 'apiVersion: v1\nkind: ConfigMap\nmetadata: { namespace: a, name: b }\ndata: { flag: "true" }\n';

/** Of a definition the fields without a sentence about them, but for those that the API server describes itself. */
function undescribed(structure: Structure, path = ''): readonly string[] {
  const { description = '', properties = {}, items, additionalProperties } = structure;
  const ofServer = path === '' ? ['apiVersion', 'kind', 'metadata'] : [];
  const children = Object.entries(properties).filter(([name]) => !ofServer.includes(name));
  return [
    ...(/^[A-Z].*\.$/s.test(description) ? [] : [path]),
    ...children.flatMap(([name, child]) => undescribed(child, `${path}.${name}`)),
    ...(items === undefined ? [] : undescribed(items, `${path}[]`)),
    ...(additionalProperties === undefined ? [] : undescribed(additionalProperties, `${path}{}`)),
  ];
}

function problemsOf(text: string): string[] {
  return parseManifests(text, 'test').flatMap(objectProblems);
}

describe('the check of deployed objects', () => {
  it('accepts a right object', () => assert.deepEqual(problemsOf(configMap), []));

  for (const [what, from, to, problem] of [
    ['an unknown field', '\ndata:', '\ndate:', /\$\.date: unknown field/],
    ['a missing field', 'data: { flag: "true" }', '', /\$\.data: missing/],
    ['a wrong type', '"true"', 'true', /\$\.data\.flag: boolean instead of string/],
    ['a name that is no DNS name', 'name: b', 'name: B_', /\$\.metadata\.name: not /],
    ['an unknown kind', 'ConfigMap', 'ConfigMop', /nobody knows the kind v1 ConfigMop/],
  ] as const) {
    it(`finds ${what}`, () => assert.match(problemsOf(configMap.replace(from, to)).join('\n'), problem));
  }
});

describe('the custom resource definitions', () => {
  it('describe the three kinds', () => {
    assert.deepEqual([...customKinds().keys()].sort(), [
      'connectors.alauda.io/v1alpha1 AccessRequest',
      'connectors.alauda.io/v1alpha1 Connector',
      'connectors.alauda.io/v1alpha1 ConnectorClass',
    ]);
  });

  for (const [kind, structure] of customKinds()) {
    it(`are structural: ${kind}`, () => assert.deepEqual(structuralSchemaProblems(structure), []));
  }

  for (const [kind, structure] of customKinds()) {
    it(`describe every field: ${kind}`, () => assert.deepEqual(undescribed(structure), []));
  }

  it('keep what controllers write apart from what users write', () => {
    const objects = manifestFiles(crdsFolder).flatMap(readManifests);
    const definitions = objects.filter(({ kind }) => kind === 'CustomResourceDefinition');
    assert.equal(definitions.length, 3);
    for (const { metadata, spec } of definitions) {
      const { versions } = spec as { versions: readonly { subresources?: unknown }[] };
      for (const { subresources } of versions) assert.deepEqual(subresources, { status: {} }, metadata.name);
    }
  });

  it('would be found wrong without a type, without items, and with a map key that may be missing', () => {
    const structure: Structure = {
      type: 'object',
      required: ['gone'],
      properties: { a: {}, b: { type: 'array' }, c: { ...list, 'x-kubernetes-list-map-keys': ['name'] } },
    };
    assert.deepEqual(structuralSchemaProblems(structure), [
      '$: requires gone, which it does not describe',
      '$.a: no type',
      '$.b: an array without items',
      '$.c: map key name is not required in items',
    ]);
  });

  const list: Structure = { type: 'array', items: { type: 'object', properties: { name: { type: 'string' } } } };
});
