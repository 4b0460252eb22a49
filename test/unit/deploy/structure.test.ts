import assert from 'node:assert/strict';
import { customKinds } from '../../support/deploy/object-problems.ts';
import { crdsFolder, manifestFiles, readManifests } from '../../support/deploy/manifests.ts';
import { structuralSchemaProblems, type Structure } from '../../support/deploy/structure.ts';

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
});
