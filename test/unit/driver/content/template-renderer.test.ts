import assert from 'node:assert/strict';
import { TemplateRenderer } from '../../../../src/driver/content/template-renderer.js';
import { runSlowTask } from '../../../../src/gotemplate/slow-work.js';
import { Secret } from '../../../../src/secret.js';
import type { Configuration, ConnectorClass } from '../../../../src/connectors/model.js';
import type { VolumeFile } from '../../../../src/driver/volume/ports.js';
import { call, classOf, configurationOf, connectorOf } from '../../../support/domain.js';

const token = 'eyJhbGciOiJSUzI1NiJ9.s3cr3t.c2lnbmF0dXJl';

function newRenderer(): TemplateRenderer {
  return new TemplateRenderer(
    () => 0,
    () => undefined,
    { run: (task) => Promise.resolve(runSlowTask(task)) },
  );
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
    token: new Secret(token),
    caBundle: undefined,
    includedConfigurations: names,
    configurationParams: {},
  };
  const { files } = await renderer.render(request, call);
  return files.map(({ name, content }: VolumeFile) => `${name}: ${Buffer.from(content).toString()}`);
}

describe('the renderer of configurations', () => {
  it('gives the files of the configurations in the order asked for', async () => {
    const configurations = [
      configurationOf('a', { one: 'a1', two: '{{ .connector.name }}' }),
      configurationOf('b', { one: '{{ .context.token }}' }),
    ];
    assert.deepEqual(await render(configurations, ['b', 'a']), [`one: ${token}`, 'one: a1', 'two: harbor']);
  });

  it('names class, configuration, file and line of a failure, and shows a placeholder for the token', async () => {
    const configuration = configurationOf('a', { conf: 'x\n{{ fail (print "not " .context.token) }}' });
    await assert.rejects(render([configuration], ['a']), {
      code: 'FAILED_PRECONDITION',
      message:
        'connectorclass oci, configuration a, file conf: template: conf:2:3: executing "conf" at ' +
        '<fail (print "not " .context.token)>: error calling fail: not [REDACTED]',
    });
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

  it('renders more templates, one volume after the other, than it keeps compiled', async () => {
    const renderer = newRenderer();
    for (let round = 0; round < 2; round++) {
      for (let index = 0; index < 20; index++) {
        const large = `${index.toString()}{{ if 0 }}${'{{ . }}'.repeat(2000)}{{ end }}`;
        const rendered = await render([configurationOf('a', { one: large })], ['a'], renderer);
        assert.deepEqual(rendered, [`one: ${index.toString()}`]);
      }
    }
  });

  it('stops at what a volume may take to parse, also when it is parsed already', async () => {
    const large = `{{ if 0 }}${'{{ . }}'.repeat(7000)}{{ end }}`;
    const configurations = [configurationOf('a', { one: large, two: '', three: large })];
    const renderer = newRenderer();
    for (let round = 0; round < 2; round++) {
      await assert.rejects(render(configurations, ['a'], renderer), {
        code: 'RESOURCE_EXHAUSTED',
        message: /^connectorclass oci, configuration a, file three: .* takes more than \d+ steps$/,
      });
    }
  });

  it('lets calls be answered between the slices of a long template', async () => {
    let rounds = 0;
    const count = (): void => {
      rounds += 1;
      counting = setImmediate(count);
    };
    let counting = setImmediate(count);
    const endless = configurationOf('a', { file: '{{ range 1000000 }}{{ end }}' });
    await assert.rejects(render([endless], ['a']), { code: 'RESOURCE_EXHAUSTED' });
    clearImmediate(counting);
    assert.ok(rounds >= 9, rounds.toString());
  });
});
