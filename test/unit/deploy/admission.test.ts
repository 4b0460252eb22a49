import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Ajv } from 'ajv';
import fc from 'fast-check';
import { parseServeConfig } from '../../../src/driver/config.ts';
import { driverLimits } from '../../../src/driver/limits.ts';
import { attributeNames, attributeTable } from '../../../src/driver/publish/attribute-table.ts';
import { admissionKinds, volumeOf } from '../../support/deploy/admission-objects.ts';
import { anyBlock, isForTekton, parserRefuses, problemsOf } from '../../support/attributes/blocks.ts';
import { acceptedBlocks, refusedBlocks } from '../../support/attributes/corpus.ts';
import { chartFile, deployFolder, manifestFiles, readManifests } from '../../support/deploy/manifests.ts';

const objects = chartFile('policies/admission').filter(({ metadata }) => metadata.name === 'connectors-csi-volumes');
const [policy] = objects;
assert.ok(policy !== undefined);
const maxVolumesPerPod = 16;

const ajv = new Ajv({ allErrors: true, strict: true, strictTypes: false, strictRequired: false });
ajv.addVocabulary(['patternErrorMessage', 'deprecationMessage']);
const schema = JSON.parse(readFileSync(path.join(deployFolder, 'schemas/manifest.json'), 'utf8')) as {
  readonly definitions: {
    readonly volumeAttributes: { readonly properties: Readonly<Record<string, { readonly maxLength: number }>> };
  };
};
const isManifestSchemaMet = ajv.compile({ $id: 'manifest', ...schema });
const isSchemaMet = ajv.compile({ $ref: 'manifest#/definitions/volumeAttributes' });

describe('the policy of volumes, as text', () => {
  it('is small enough to be applied', () => {
    // kubectl keeps what it applied in an annotation; all annotations together may have 256 KiB.
    for (const object of objects) assert.ok(JSON.stringify(object).length < 100_000, object.metadata.name);
  });

  it('has the attributes and bounds that the driver has by default', () => {
    const { 'max-token-expiration': maxMs } = parseServeConfig(['--node-name=x'], {});
    const { variables } = policy['spec'] as { variables: readonly { name: string; expression: string }[] };
    const expressionOf = (name: string): string => variables.find((variable) => variable.name === name)!.expression;
    assert.deepEqual(JSON.parse(expressionOf('known').replaceAll("'", '"')), attributeNames);
    assert.equal(expressionOf('maxExpiration'), `duration('${maxMs / 3_600_000}h')`);
    assert.equal(expressionOf('minExpiration'), `duration('${attributeTable['token.expiration'].minMs / 1000}s')`);
    assert.equal(expressionOf('maxVolumes'), String(maxVolumesPerPod));
    const { attributeBytes } = driverLimits.volume;
    assert.ok(expressionOf('tooLong').includes(`> ${attributeBytes})`));
    const { properties } = schema.definitions.volumeAttributes;
    assert.deepEqual(
      attributeNames.map((name) => properties[name]?.maxLength),
      attributeNames.map(() => attributeBytes),
    );
  });
});

// The policies are tried with the same blocks in an API server, where they run.
describe('parser and schema', () => {
  for (const { what, block } of acceptedBlocks) {
    it(`accept ${what}`, () => {
      assert.equal(parserRefuses(block), false);
      assert.ok(isSchemaMet(block), ajv.errorsText(isSchemaMet.errors));
    });
  }

  for (const refused of refusedBlocks) {
    const { what, block, needsCluster = false, needsComparison = false } = refused;
    it(`${needsCluster ? 'leave to the driver' : 'refuse'} ${what}`, () => {
      assert.equal(parserRefuses(block), !needsCluster);
      const message = problemsOf(block).join('; ');
      for (const words of needsCluster ? [] : refused.says) assert.match(message, words);
      assert.ok(message.length < 2000, message);
      assert.equal(isSchemaMet(block), !isForTekton(refused) || needsComparison);
    });
  }

  it('were tried with at least a hundred blocks', () => assert.ok(acceptedBlocks.length + refusedBlocks.length >= 100));

  it('agree that what the parser accepts is right, whatever the block', () => {
    let accepted = 0;
    fc.assert(
      fc.property(anyBlock, (given) => {
        if (parserRefuses(given)) return;
        accepted += 1;
        assert.ok(isSchemaMet(given), ajv.errorsText(isSchemaMet.errors));
      }),
      { numRuns: 600 },
    );
    assert.ok(accepted > 10, `${accepted} accepted`);
  });
});

describe('the schema of manifests', () => {
  for (const kind of admissionKinds) {
    it(`judges the volumes of a ${kind.kind} as the schema of their attributes does`, () => {
      for (const csi of [{ readOnly: false }, { readOnly: undefined }]) {
        const volume = JSON.parse(JSON.stringify(volumeOf({ connectors: 'oci' }, csi))) as object;
        for (const object of kind.objects(volume)) assert.equal(isManifestSchemaMet(object), false);
      }
      const other = { name: 'x', csi: { driver: 'secrets-store.csi.k8s.io' } };
      for (const object of kind.objects(other)) assert.ok(isManifestSchemaMet(object));
      for (const { block } of [...acceptedBlocks, ...refusedBlocks]) {
        for (const object of kind.objects(volumeOf(block))) {
          assert.equal(isManifestSchemaMet(object), isSchemaMet(block), JSON.stringify(object));
        }
      }
    });
  }

  it('accepts the examples', () => {
    for (const file of manifestFiles(path.join(deployFolder, 'examples'))) {
      for (const manifest of readManifests(file)) {
        assert.ok(isManifestSchemaMet(manifest), `${file}: ${ajv.errorsText(isManifestSchemaMet.errors)}`);
      }
    }
  });
});
