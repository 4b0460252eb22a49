import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import fc from 'fast-check';
import { parseFeatureFlags } from '../../../src/shared/connectors/feature-flags.js';
import { parseManifestFile } from '../../../src/shared/connectors/manifest-file.js';
import { parseConnectorClass } from '../../../src/shared/connectors/parse-connector-class.js';
import { parseConnector } from '../../../src/shared/connectors/parse-connector.js';
import { CodedError } from '../../../src/shared/errors.js';
import { isJsonObject, jsonTexts, parseJson } from '../../../src/shared/json.js';
import type { JsonObject } from '../../../src/shared/json.js';
import { parseText, readResponse } from '../../../src/shared/kube/response-body.js';
import type { CallRunner, CallTarget } from '../../../src/shared/kube/call-runner.js';
import type { HttpResponse } from '../../../src/shared/kube/api-connection.js';
import { KubeError } from '../../../src/shared/kube/kube-error.js';
import { parseIfAdmitted, parseRawObject } from '../../../src/shared/kube/object-admission.js';
import { kubeTimings } from '../../../src/shared/kube/timings.js';
import { watchStream } from '../../../src/shared/kube/watch-stream.js';
import { connector, connectorClass, flagsConfigMap } from '../driver/manifests.js';
import { connectors } from '../kube-client/test-client.js';
import { allows, allowsLater } from './allowed.js';
import { target } from './fuzz-run.js';
import type { FuzzTarget } from './fuzz-run.js';
import { mutatedBytes, mutatedText, mutatedTree } from './mutations.js';

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
const events = ['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK'].map((type) => ({ type, object: items[0] }));
const status = { kind: 'Status', code: 410, reason: 'Expired', message: 'too old', details: { retryAfterSeconds: 1 } };
const failure = { type: 'ERROR', object: status };
const lines = (all: readonly unknown[]): string => all.map((event) => `${JSON.stringify(event)}\n`).join('');

const callTarget: CallTarget = { verb: 'watch', location: { type: connectors, namespace: 'ci' }, query: '' };
const admission = { maxObjectBytes: 4096 };
const outcomes = new Set(['object', 'rejected']);

function answer(bytes: Buffer, chunkBytes: number, options: Partial<HttpResponse> = {}): HttpResponse {
  const chunks: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += chunkBytes) chunks.push(bytes.subarray(at, at + chunkBytes));
  return {
    status: 200,
    contentType: 'application/json',
    retryAfter: undefined,
    body: Readable.from(chunks),
    ...options,
  };
}

const chunkBytes = fc.constantFrom(1 << 20, 4096, 129);
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

const answers = target(
  'other answers of the API server',
  5,
  fc.record({
    bytes: documents([status, items[0], { kind: 'SubjectAccessReview', status: { allowed: true } }]),
    status: fc.constantFrom(200, 201, 401, 404, 409, 410, 429, 500, 503),
    retryAfter: fc.option(mutatedText(['5']), { nil: undefined }),
    contentType: fc.oneof(
      { weight: 5, arbitrary: fc.constant('application/json') },
      { weight: 1, arbitrary: mutatedText(['application/json; charset=utf-8']) },
    ),
  }),
  ({ bytes, ...options }) =>
    allowsLater([KubeError], () => readResponse(answer(bytes, 4096, options), 'GET /x', undefined)),
);

/** As much of a runner as a watch asks for; the answer is there at once. */
function runnerFor(given: HttpResponse): CallRunner {
  const runner = {
    timings: kubeTimings,
    now: () => performance.now(),
    runWithinLimit: <T>(_owner: unknown, _signal: AbortSignal, request: () => Promise<T>) => request(),
    open: () => Promise.resolve(given),
    named: (error: unknown) => error,
  };
  return runner as unknown as CallRunner;
}

const streams = fc.oneof(
  mutatedBytes([lines(events), lines([...events, failure])].map((text) => Buffer.from(text))),
  fc.array(mutatedTree([...events, failure]), { maxLength: 3 }).map((all) => Buffer.from(lines(all))),
);
const watches = target('streams of watches', 6, fc.tuple(streams, chunkBytes), ([bytes, size]) =>
  allowsLater([KubeError], async () => {
    const { signal } = new AbortController();
    const stream = watchStream(runnerFor(answer(bytes, size)), callTarget, admission, {
      signal,
      resourceVersion: '1',
      timeoutSeconds: 300,
      maxEventBytes: 1 << 20,
    });
    let readBytes = 0;
    for await (const event of stream) readBytes += event.readBytes;
    assert.ok(readBytes <= bytes.length);
  }),
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

export const answerTargets: readonly FuzzTarget[] = [lists, answers, watches, objects, files];
