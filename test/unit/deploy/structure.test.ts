import assert from 'node:assert/strict';
import { crdsFolder, manifestFiles, readManifests } from '../../support/deploy/manifests.ts';

interface Schema {
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly additionalProperties?: Schema;
}
interface DefinitionSpec {
  readonly names: { readonly kind: string };
  readonly versions: readonly [
    { readonly name: string; readonly subresources?: unknown; readonly schema: { readonly openAPIV3Schema: Schema } },
  ];
}

const definitions = manifestFiles(crdsFolder)
  .flatMap(readManifests)
  .filter(({ kind }) => kind === 'CustomResourceDefinition')
  .map(({ spec }) => spec as DefinitionSpec);

/** Of a definition the fields without a sentence about them, but for those that the API server describes itself. */
function undescribed(schema: Schema, path = ''): readonly string[] {
  const { description = '', properties = {}, items, additionalProperties } = schema;
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
  it('are of the three kinds, in one version', () => {
    assert.deepEqual(
      definitions.map(({ names, versions }) => [names.kind, ...versions.map(({ name }) => name)].join(' ')).toSorted(),
      ['AccessRequest v1alpha1', 'Connector v1alpha1', 'ConnectorClass v1alpha1'],
    );
  });

  for (const { names, versions } of definitions) {
    it(`describe every field: ${names.kind}`, () => {
      assert.deepEqual(undescribed(versions[0].schema.openAPIV3Schema), []);
    });

    it(`keep what controllers write apart from what users write: ${names.kind}`, () => {
      assert.deepEqual(versions[0].subresources, { status: {} });
    });
  }
});
