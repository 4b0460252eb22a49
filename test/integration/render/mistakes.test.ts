import assert from 'node:assert/strict';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { render } from '../../../src/cli/render.ts';
import { runCheck } from '../../support/check/ask.ts';

const connectorsVersion = 'apiVersion: connectors.alauda.io/v1alpha1';
const harbor = `${connectorsVersion}
kind: Connector
metadata: { namespace: ci, name: harbor }
spec: { connectorClassName: oci, address: 'https://harbor.example', auth: { name: basicAuth } }
status: { proxy: { httpAddress: { url: 'http://proxy.example' } } }
`;
const oci = `${connectorsVersion}
kind: ConnectorClass
metadata: { name: oci }
spec:
  auth: { types: [{ name: basicAuth, secretType: kubernetes.io/basic-auth }] }
  proxy: { ref: { kind: Service, namespace: connectors-system, name: connectors-proxy-service } }
  configurations: [{ name: x, data: { f: text } }]
`;
const correct = { 'harbor.yaml': harbor, 'oci.yaml': oci };

/** Files, by name, in addition to the correct ones or in their place; flags; and the text that is printed. */
type Mistake = readonly [
  what: string,
  files: Readonly<Record<string, string | undefined>>,
  flags: readonly string[],
  text: RegExp,
];

const warned: readonly Mistake[] = [
  [
    'a misspelt field of a class',
    { 'oci.yaml': oci.replace(' data: { f', ' dataa: { f') },
    [],
    /^warning: oci\.yaml: connectorclass oci: unknown field spec\.configurations\[0\]\.dataa\n/,
  ],
  [
    'a misspelt field of a Connector',
    { 'harbor.yaml': harbor.replace('address:', 'adress:') },
    [],
    /^warning: harbor\.yaml: connector ci\/harbor: unknown field spec\.adress\n/,
  ],
  [
    'a misspelt kind',
    { 'b.yaml': oci.replace('ConnectorClass', 'Connectorclass').replace('oci }', 'new }') },
    [],
    /^warning: b\.yaml: unknown kind "Connectorclass" of new: did you mean "ConnectorClass"\?\n/,
  ],
  [
    'a misspelt API group',
    { 'b.yaml': oci.replace('alauda.io', 'alauda.ioo').replace('oci }', 'new }') },
    [],
    /^warning: b\.yaml: unknown apiVersion "connectors\.alauda\.ioo\/v1alpha1" of connectorclass new: did you mean "connectors\.alauda\.io\/v1alpha1"\?\n/,
  ],
  [
    'a Connector without an apiVersion',
    { 'b.yaml': harbor.replace(/^apiVersion: .*\n/, '').replace('name: harbor', 'name: new') },
    [],
    /^warning: b\.yaml: connector ci\/new has no apiVersion: write connectors\.alauda\.io\/v1alpha1\n/,
  ],
  [
    'a misspelt field of the data',
    { 'oci.yaml': oci.replace('f: text', "f: 'a {{ .connector.spec.adress }} b'") },
    ['--configuration-names', 'x'],
    /^warning: connectorclass oci, configuration x, file f, line 1: \{\{\.connector\.spec\.adress\}\} has no value\n$/,
  ],
  ['an excluded file that is not there', {}, ['--configuration-names', 'x,!y'], /^warning: .*excludes "y"/],
  [
    'one of two configurations',
    {},
    ['--configuration-names', 'x,z'],
    /^warning: .*no configuration z in connectorclass oci \(available: x\)\n/,
  ],
];

const rejected: readonly Mistake[] = [
  [
    'a misspelt Connector',
    {},
    ['--connectors', 'ci/harbr'],
    /^connector ci\/harbr does not exist; --manifests has ci\/harbor$/,
  ],
  [
    'a Connector of another namespace',
    {},
    ['--connectors', 'harbor'],
    /^connector default\/harbor does not exist; --manifests has ci\/harbor$/,
  ],
  [
    'a misspelt class',
    { 'harbor.yaml': harbor.replace('oci', 'ocj') },
    [],
    /^connectorclass ocj of connector ci\/harbor does not exist; --manifests has ci\/harbor$/,
  ],
  [
    'an empty directory',
    { 'harbor.yaml': undefined, 'oci.yaml': undefined },
    [],
    /^connector ci\/harbor does not exist; --manifests has no Connector$/,
  ],
  [
    'broken YAML, before anything else',
    { 'a.yaml': 'kind: [' },
    ['--connectors', 'ci/harbr'],
    /^a\.yaml: not YAML at line 1, /,
  ],
  [
    'a Connector without a status',
    { 'harbor.yaml': harbor.replace(/status.*/, '') },
    [],
    /^connector ci\/harbor is not reconciled yet: status\.proxy\.httpAddress is not set; the proxy of connectorclass oci, Service "connectors-system\/connectors-proxy-service", writes it$/,
  ],
  [
    'a missing directory',
    {},
    ['--manifests', '/nowhere'],
    /^the directory \/nowhere of --manifests cannot be read \(ENOENT\)$/,
  ],
  ['an output that cannot be created', {}, ['--out', '/dev/null/y'], /^--out \/dev\/null\/y cannot be written$/],
  [
    'a configuration that no class has',
    {},
    ['--configuration-names', 'y'],
    /no configuration y in connectorclass oci \(available: x\)/,
  ],
  [
    'params that are no JSON',
    {},
    ['--configuration-params', '{'],
    /^attribute "configuration\.params" is not valid JSON/,
  ],
  [
    'several mistakes of flags',
    {},
    ['--manifest', 'x', '--outt', '--no-proxy'],
    /^unknown flag "--manifest": did you mean "--manifests"\?; unknown flag "--outt": did you mean "--out"\?; --no-proxy has no value: write --no-proxy LIST$/,
  ],
];

const rejectedByCheck: readonly Mistake[] = [
  [
    'each malformed line of a table',
    {},
    ['--file', 'LINES'],
    /^\S+:1: must begin with allow or deny; \S+:3: request "" /,
  ],
  [
    'a broken file, before anything else',
    { 'a.yaml': 'kind: [', 'b.yaml': '{' },
    ['--connector', 'ci/harbor', '--as', '-', '--request', 'GET /'],
    /^a\.yaml: not YAML .*; b\.yaml: not YAML /,
  ],
];

describe('a mistake in manifests or flags', () => {
  let folder: string;
  beforeEach(() => (folder = fs.mkdtempSync(path.join(tmpdir(), 'connectors-csi-mistakes-'))));
  afterEach(() => fs.rmSync(folder, { recursive: true }));

  const write = (files: Readonly<Record<string, string | undefined>>): void => {
    for (const [name, text] of Object.entries<string | undefined>({ ...correct, ...files })) {
      if (text !== undefined) fs.writeFileSync(path.join(folder, name), text);
    }
  };
  let err = '';
  const run = async (...flags: readonly string[]): Promise<{ status: number; err: string }> => {
    err = '';
    const args = ['--manifests', folder, '--connectors', 'ci/harbor', ...flags];
    const context = { args, env: {}, stdout: () => undefined, stderr: (text: string) => (err += text) };
    const rest = {
      logOutput: { write: () => undefined, droppedLines: 0, onResumed: () => undefined },
      ...{ self: [process.execPath] as const, stopped: new AbortController().signal, uid: 0 },
    };
    return { status: await render.run({ ...context, ...rest }), err };
  };

  it('is a warning for an empty directory, also of check', async () => {
    const warning = 'warning: --manifests has no manifest: no file ends with .yaml, .yml or .json\n';
    await assert.rejects(run());
    assert.equal(err, warning);
    const request = ['--connector', 'ci/harbor', '--as', '-', '--request', 'GET /'];
    assert.equal((await runCheck('--manifests', folder, ...request)).err, warning);
  });

  it('is a warning of check, for a misspelt kind, and a misspelt or missing API group', async () => {
    const other = oci.replace('oci }', 'new }');
    write({
      'a.yaml': other.replace('ConnectorClass', 'Connectorclass'),
      'b.yaml': other.replace('.io', '.ioo'),
      'c.yaml': other.replace(/^apiVersion: .*\n/, ''),
    });
    const { err: text } = await runCheck(
      ...['--manifests', folder, '--connector', 'ci/harbor', '--as', '-', '--request', 'GET /'],
    );
    assert.match(
      text,
      /^warning: a\.yaml: unknown kind "Connectorclass" of new: .*\nwarning: b\.yaml: unknown apiVersion .*\nwarning: c\.yaml: connectorclass new has no apiVersion: /,
    );
  });

  it('is no missing status with a proxy for a trial', async () => {
    write({ 'harbor.yaml': harbor.replace(/status.*/, '') });
    const names = ['--configuration-names', 'x', '--strict'];
    assert.deepEqual(await run(...names, '--proxy-url', 'http://proxy.example'), { status: 0, err: '' });
  });

  it('is not seen in correct manifests', async () => {
    write({});
    assert.deepEqual(await run('--configuration-names', 'x', '--strict'), { status: 0, err: '' });
  });

  for (const [what, files, flags, text] of warned) {
    it(`is a warning for ${what}, and an error with --strict`, async () => {
      write(files);
      const names = flags.length > 0 ? flags : ['--configuration-names', '!z.y'];
      const outcome = await run(...names, '--default-proxy-url', 'http://proxy.example');
      assert.match(outcome.err, text);
      assert.equal(outcome.status, 0);
      assert.equal((await run(...names, '--default-proxy-url', 'http://proxy.example', '--strict')).status, 1);
    });
  }

  for (const [what, files, flags, message] of rejected) {
    it(`is an error for ${what}`, async () => {
      write(files);
      await assert.rejects(run(...flags), { message });
    });
  }

  for (const [what, files, flags, message] of rejectedByCheck) {
    it(`is an error of check for ${what}`, async () => {
      write(files);
      const lines = path.join(folder, 'lines.txt');
      fs.writeFileSync(lines, 'permit ci/harbor - GET /\nallow ci/harbor - GET /\nallow ci/harbor -\n');
      await assert.rejects(runCheck('--manifests', folder, ...flags.map((flag) => flag.replace('LINES', lines))), {
        message,
      });
    });
  }
});
