import assert from 'node:assert/strict';
import { TemplateRenderer } from '../../../src/content/template-renderer.js';
import { parseJson, isJsonObject } from '../../../src/json.js';
import { Secret } from '../../../src/secret.js';
import type { Configuration, VolumeFile } from '../../../src/volume/ports.js';
import { classOf, configurationOf, connectorOf } from '../../support/domain.js';

const token = 'eyJhbGciOiJSUzI1NiJ9.s3cr3t.c2lnbmF0dXJl';

function render(configurations: readonly Configuration[], names: readonly string[], params = '{}'): string[] {
  const configurationParams = parseJson(params);
  assert.ok(isJsonObject(configurationParams));
  const renderer = new TemplateRenderer(
    () => 0,
    () => undefined,
  );
  const { files } = renderer.render({
    resolved: [{ connector: connectorOf('ci/harbor'), connectorClass: classOf('oci', { configurations }) }],
    token: new Secret(token),
    caBundle: undefined,
    includedConfigurations: names,
    configurationParams,
  });
  return files.map(({ name, content }: VolumeFile) => `${name}: ${Buffer.from(content).toString()}`);
}

describe('the renderer of configurations', () => {
  it('gives the files of the configurations in the order asked for', () => {
    const configurations = [
      configurationOf('a', { one: 'a1', two: '{{ .connector.name }}' }),
      configurationOf('b', { one: '{{ .context.token }}' }),
    ];
    assert.deepEqual(render(configurations, ['b', 'a']), [`one: ${token}`, 'one: a1', 'two: harbor']);
  });

  it('names class, configuration, file and line of a failure, and shows a placeholder for the token', () => {
    const configuration = configurationOf('a', { conf: 'x\n{{ fail (print "not " .context.token) }}' });
    assert.throws(() => render([configuration], ['a']), {
      code: 'FAILED_PRECONDITION',
      message:
        'connectorclass oci, configuration a, file conf: template: conf:2:3: executing "conf" at ' +
        '<fail (print "not " .context.token)>: error calling fail: not [REDACTED]',
    });
  });

  it('checks the params of all configurations before it renders the first', () => {
    const params = [{ name: 'p', type: 'string' }] as const;
    const configurations = [configurationOf('a', { conf: '{{ fail "a" }}' }), configurationOf('b', {}, params)];
    assert.throws(() => render(configurations, ['a', 'b']), { code: 'INVALID_ARGUMENT' });
  });

  it('stops at what a volume may take, however many files it is spread over', () => {
    const megabyte = `{{ range 250 }}${'x'.repeat(4000)}{{ end }}`;
    const files = Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`file${index.toString()}`, megabyte]));
    assert.throws(() => render([configurationOf('a', files)], ['a']), {
      code: 'RESOURCE_EXHAUSTED',
      message: /^connectorclass oci, configuration a, file file\d: .* needs more than \d+ bytes of memory$/,
    });
  });
});
