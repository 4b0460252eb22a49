import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parseFeatureFlags } from '../../../src/shared/connectors/feature-flags.ts';
import { parseManifestFile } from '../../../src/shared/connectors/manifest-file.ts';
import { parseConnectorClass } from '../../../src/shared/connectors/parse-connector-class.ts';
import { parseConnector } from '../../../src/shared/connectors/parse-connector.ts';
import { CodedError } from '../../../src/shared/errors.ts';
import { isJsonObject, jsonTexts, parseJson } from '../../../src/shared/json.ts';
import type { JsonObject } from '../../../src/shared/json.ts';
import { parseText } from '../../../src/shared/kube/response-body.ts';
import { KubeError } from '../../../src/shared/kube/kube-error.ts';
import { parseIfAdmitted, parseRawObject } from '../../../src/shared/kube/object-admission.ts';
import { connector, connectorClass, flagsConfigMap } from '../driver/manifests.ts';
import { connectors } from '../kube-client/test-client.ts';
import { allows } from './allowed.ts';
import { target } from './fuzz-run.ts';
import type { FuzzTarget } from './fuzz-run.ts';
import { mutatedBytes, mutatedText, mutatedTree } from './mutations.ts';

const className = 'oci';
const oneClass = connectorClass(className, {
  proxyUrl: 'http://proxy.example:8080',
  configurations: [
    {
      name: 'docker',
      data: { 'config.json': '{{ .connector.spec.address }}' },
      params: [{ name: 'map', type: 'object', default: { a: 'x' }, properties: { a: { default: 'x', enum: ['x'] } } }],
    },
  ],
});
const flags = flagsConfigMap({ 'enable-multi-connector': 'true', 'enable-connectors-approval': 'false' });

function withVersion(object: JsonObject): JsonObject {
  const metadata = isJsonObject(object['metadata']) ? object['metadata'] : {};
  return { ...object, metadata: { ...metadata, resourceVersion: '7', managedFields: [{ manager: 'x' }] } };
}

const items = [connector('harbor'), connector('git', { className: 'git' })].map(withVersion);
const admission = { maxObjectBytes: 4096 };
const outcomes = new Set(['object', 'rejected']);

const documents = (seeds: readonly unknown[]): fc.Arbitrary<Buffer> =>
  fc.oneof(
    mutatedBytes(seeds.map((seed) => Buffer.from(JSON.stringify(seed)))),
    mutatedTree(seeds).map((tree) => Buffer.from(JSON.stringify(tree))),
  );

const lists = target('lists of the API server', 6, documents([items]), (bytes) =>
  allows([KubeError], () =>
    parseText(bytes, 200, 'GET /x', (text) => {
      for (const item of jsonTexts(text)) {
        const raw = parseRawObject(item, connectors.kind, 'GET /x');
        const [outcome] = Object.keys(parseIfAdmitted(raw, connectors, admission));
        assert.ok(outcomes.has(String(outcome)));
      }
    }),
  ),
);

const manifests = [connector('harbor'), oneClass, flags];
const objects = target('objects', 8, mutatedTree(manifests), (tree) => {
  let object;
  try {
    object = parseJson(JSON.stringify(tree));
  } catch (error) {
    if (error instanceof SyntaxError) return;
    throw error;
  }
  if (!isJsonObject(object)) return;
  for (const parse of [parseConnector, parseConnectorClass, parseFeatureFlags]) {
    allows([CodedError], () => parse(object));
  }
});

const yaml = `apiVersion: connectors.alauda.io/v1alpha1
kind: ConnectorClass
metadata: &m {name: oci}
spec:
  configurations:
    - name: docker
      data:
        config.json: |
          {{ .connector.spec.address }}
        other: *m
--- # a comment
kind: List
items: [{kind: Connector, apiVersion: connectors.alauda.io/v1alpha1, metadata: {name: "a\\u00e9", namespace: ci}}]
`;
const files = target(
  'manifests',
  3,
  mutatedText([yaml, manifests.map((object) => JSON.stringify(object)).join('\n---\n')]),
  (text) => allows([CodedError], () => parseManifestFile(text, 'connectors-system')),
);

export const answerTargets: readonly FuzzTarget[] = [lists, objects, files];
