import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { runRenderJob } from '../../../../src/driver/content/render-job.ts';
import { TemplateRenderer } from '../../../../src/driver/content/template-renderer.ts';
import { threadTimeMs } from '../../../../src/shared/clock.ts';
import type { TemplateRendererParts } from '../../../../src/driver/content/template-renderer.ts';
import type { ConfigurationRequest } from '../../../../src/driver/content/template-renderer.ts';
import { Secret } from '../../../../src/shared/secret.ts';
import type { Configuration, ConnectorClass } from '../../../../src/shared/connectors/model.ts';
import type { VolumeFile } from '../../../../src/driver/publish/ports.ts';
import { call, classOf, configurationOf, connectorOf } from '../../../support/domain.ts';

const token = 'eyJhbGciOiJSUzI1NiJ9.s3cr3t.c2lnbmF0dXJl';

/** Renders everything in place, by the two ways that there are. */
function newRenderer(parts: Partial<TemplateRendererParts> = {}): TemplateRenderer {
  return new TemplateRenderer({
    clock: () => 0,
    cpuMs: () => 0,
    renderInThread: (job) => Promise.resolve(runRenderJob(structuredClone(job))),
    ...parts,
  });
}

/** A class whose object has its templates, as it does in a cluster. */
function classWith(configurations: readonly Configuration[]): ConnectorClass {
  const inObject = configurations.map(({ name, files }) => ({ name, data: Object.fromEntries(files) }));
  return classOf('oci', { configurations, object: { spec: { configurations: inObject } } });
}

async function render(
  configurations: readonly Configuration[],
  names: readonly string[],
  renderer = newRenderer(),
): Promise<readonly string[]> {
  const request = {
    resolved: [{ connector: connectorOf('ci/harbor'), connectorClass: classWith(configurations) }],
    tokenOf: () => new Secret(token),
    caBundle: undefined,
    includedConfigurations: names,
    configurationParams: {},
  };
  const { files } = await renderer.render(request, call);
  return files.map(({ name, content }: VolumeFile) => `${name}: ${Buffer.from(content).toString()}`);
}

describe('the renderer of configurations', () => {
  it('names class, configuration, file and line of a failure, and shows a placeholder for the token', async () => {
    const configuration = configurationOf('a', { conf: 'x\n{{ fail (print "not " .context.token) }}' });
    await assert.rejects(render([configuration], ['a']), {
      code: 'FAILED_PRECONDITION',
      message:
        'connectorclass oci, configuration a, file conf: template: conf:2:3: executing "conf" at ' +
        '<fail (print "not " .context.token)>: error calling fail: not [REDACTED]',
    });
  });

  for (const template of ['{{ index .connector.none "x" }}', '{{ len .connector.none }}']) {
    it(`says that the value is missing where Go says only nil: ${template}`, async () => {
      await assert.rejects(render([configurationOf('a', { conf: template })], ['a']), {
        code: 'FAILED_PRECONDITION',
        message:
          /(?:untyped nil|nil pointer|zero Value) \(the value is missing: check it with "if", or set a "default"\)$/,
      });
    });
  }

  it('has no file whose name leads elsewhere', async () => {
    for (const name of ['../x', '..data', 'a/b']) {
      const message = new RegExp(`^connectorclass oci, configuration bad: file name "${name}": `);
      await assert.rejects(render([configurationOf('bad', { [name]: '' })], ['bad']), {
        ...{ code: 'FAILED_PRECONDITION', message },
      });
    }
  });

  it('checks the params of all configurations before it renders the first', async () => {
    const params = [{ name: 'p', type: 'string' }] as const;
    const configurations = [configurationOf('a', { conf: '{{ fail "a" }}' }), configurationOf('b', {}, params)];
    await assert.rejects(render(configurations, ['a', 'b']), { code: 'INVALID_ARGUMENT' });
  });

  it('renders as much as a volume may hold', async () => {
    const text = (index: number): string => `${index.toString()}: ${'größe '.repeat(1000)}`;
    const files = Object.fromEntries(
      Array.from({ length: 128 }, (_, index) => [`file${index.toString()}`, text(index)]),
    );
    const rendered = await render([configurationOf('a', files)], ['a']);
    assert.deepEqual(
      rendered,
      Object.entries(files).map(([name, content]) => `${name}: ${content}`),
    );
  });

  it('stops at what a volume may take, however many files it is spread over', async () => {
    const megabyte = `{{ range 250 }}${'x'.repeat(4000)}{{ end }}`;
    const files = Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`file${index.toString()}`, megabyte]));
    await assert.rejects(render([configurationOf('a', files)], ['a']), {
      code: 'RESOURCE_EXHAUSTED',
      message: /^connectorclass oci, configuration a, file file\d: .* needs more than \d+ bytes of memory$/,
    });
  });

  it('stops at what a volume may take to parse', async () => {
    const large = `{{ if 0 }}${'{{ . }}'.repeat(7000)}{{ end }}`;
    const files = Object.fromEntries(Array.from({ length: 30 }, (_, index) => [`file${index.toString()}`, large]));
    await assert.rejects(render([configurationOf('a', files)], ['a']), {
      code: 'RESOURCE_EXHAUSTED',
      message: /^connectorclass oci, configuration a, file file\d+: .* takes more than \d+ steps$/,
    });
  });

  it('sends elsewhere what takes long here, for which it counts steps', async () => {
    let sent = 0;
    const renderer = newRenderer({
      renderInThread: (job) => {
        sent += 1;
        return Promise.resolve(runRenderJob(structuredClone(job)));
      },
    });
    const configurations = [
      configurationOf('short', { file: '{{ range 10 }}{{ . }}{{ end }}' }),
      configurationOf('long', { file: '{{ range 50000 }}{{ end }}{{ .context.token }}' }),
      configurationOf('slow', { file: '{{ bcrypt "x" | len }}' }),
      configurationOf('wrong', { file: '{{ range 50000 }}{{ end }}{{ fail .context.token }}' }),
    ];
    assert.deepEqual(await render(configurations, ['short'], renderer), ['file: 0123456789']);
    assert.equal(sent, 0);
    assert.deepEqual(await render(configurations, ['long'], renderer), [`file: ${token}`]);
    assert.deepEqual(await render(configurations, ['slow'], renderer), ['file: 60']);
    assert.equal(sent, 2);
    await assert.rejects(render(configurations, ['wrong'], renderer), {
      code: 'FAILED_PRECONDITION',
      message: /^connectorclass oci, configuration wrong, file file: template: file:1:.*calling fail: \[REDACTED\]$/,
    });
  });

  it('sends elsewhere what takes too much processor time here, whatever its steps say, as a job of the pod', async () => {
    const owners: unknown[] = [];
    let usedMs = 0;
    const renderer = newRenderer({
      cpuMs: () => (usedMs += 30),
      renderInThread: (job, owner) => {
        owners.push(owner);
        return Promise.resolve(runRenderJob(structuredClone(job)));
      },
    });
    assert.deepEqual(await render([configurationOf('a', { file: 'x' })], ['a'], renderer), ['file: x']);
    assert.deepEqual(owners, [{ namespace: call.owner.namespace, group: 'oci' }]);
  });

  /** Volumes that differ in nothing but their pods. */
  const alike = (template: string): ConfigurationRequest => ({
    resolved: [
      { connector: connectorOf('ci/harbor'), connectorClass: classWith([configurationOf('a', { file: template })]) },
    ],
    tokenOf: () => new Secret(token),
    caBundle: undefined,
    includedConfigurations: ['a'],
    configurationParams: {},
  });
  const renderAlike = async (template: string): Promise<readonly string[]> => {
    let nowMs = 0;
    const renderer = newRenderer({ clock: () => (nowMs += 1000) });
    const request = alike(template);
    const texts: string[] = [];
    for (const namespace of ['team-a', 'team-b']) {
      const { files } = await renderer.render(request, { ...call, owner: { namespace, podUid: `uid-${namespace}` } });
      texts.push(...files.map(({ content }) => Buffer.from(content).toString()));
    }
    return texts;
  };

  for (const kind of ['rsa', 'dsa', 'ecdsa', 'ed25519']) {
    it(`makes a private key of its own for each volume, also of pods that are alike (${kind})`, async () => {
      const keys = await renderAlike(`{{ genPrivateKey "${kind}" }}`);
      for (const key of keys) assert.match(key, /^-----BEGIN (\w+ )?PRIVATE KEY-----/);
      assert.equal(new Set(keys).size, 2);
    });
  }

  for (const template of ['{{ now | unixEpoch }}', '{{ randAlphaNum 20 }}', '{{ uuidv4 }}', '{{ randBytes 9 }}']) {
    it(`renders ${template} for each volume`, async () => {
      assert.equal(new Set(await renderAlike(template)).size, 2);
    });
  }

  it('measures the CPU time of its own thread, whatever renders in others take', async () => {
    const burn = `
      let used = 0;
      while (used < 400_000) used = process.threadCpuUsage().user;
      require('node:worker_threads').parentPort.postMessage(used / 1000);`;
    const startMs = threadTimeMs();
    const [othersMs] = (await once(new Worker(burn, { eval: true }), 'message')) as [number];
    assert.ok(othersMs >= 400);
    assert.ok(threadTimeMs() - startMs < othersMs / 2);
  });
});
