import assert from 'node:assert/strict';
import type { ConfigurationRenderer } from '../../../../src/driver/content/template-renderer.ts';
import type { RenderedFiles } from '../../../../src/driver/content/render-job.ts';
import type { ContentRequest } from '../../../../src/driver/content/volume-content.ts';
import { rejectionContent, renderVolumeContent } from '../../../../src/driver/content/volume-content.ts';
import { planVolume } from '../../../../src/driver/content/volume-plan.ts';
import type { ResolvedConnector } from '../../../../src/shared/connectors/model.ts';
import { Secret } from '../../../../src/shared/secret.ts';
import type { VolumeFile } from '../../../../src/driver/publish/ports.ts';
import { call, classOf, connectorOf, resolvedOf } from '../../../support/domain.ts';

const defaults = { noProxy: 'localhost', caBundle: undefined, audience: 'connectors-proxy', proxyUrl: undefined };
const harbor = [resolvedOf('ci/harbor', 'http://proxy')];

function rendererOf(...files: readonly (readonly [name: string, text: string])[]): ConfigurationRenderer {
  const rendered = files.map(([name, text]): VolumeFile => ({ name, content: Buffer.from(text) }));
  return { render: () => Promise.resolve({ files: rendered, warnings: ['a warning'] }) };
}

function render(
  { resolved = harbor, ...change }: Partial<ContentRequest> & { readonly resolved?: readonly ResolvedConnector[] } = {},
  renderer = rendererOf(),
  contentDefaults: Parameters<typeof renderVolumeContent>[1] = defaults,
): Promise<RenderedFiles> {
  const request = {
    volumeId: 'csi-1',
    plan: planVolume(resolved, change.includedConfigurations ?? [], contentDefaults),
    tokenFor: (audience: string) => new Secret(`token-for-${audience}`),
    includedConfigurations: [],
    excludedFiles: [],
    configurationParams: {},
    ...change,
  };
  return renderVolumeContent(request, contentDefaults, renderer, call);
}

function textOf({ files }: RenderedFiles, wanted: string): string | undefined {
  const file = files.find(({ name }) => name === wanted);
  return file && Buffer.from(file.content).toString();
}

describe('the content of a volume', () => {
  it('leaves out what is excluded, and warns of what is not there', async () => {
    const excludedFiles = ['http.proxy', 'settings.xml', 'nothing'];
    const content = await render({ excludedFiles }, rendererOf(['settings.xml', '']));
    assert.deepEqual(
      content.files.map(({ name }) => name),
      ['.env', 'activate', 'connector.status.proxyAddress', 'context.token', 'https.proxy'],
    );
    assert.deepEqual(content.warnings.slice(1), [
      'attribute "configuration.names" excludes "nothing", which is not in the mount',
    ]);
  });

  it('warns once of all that is excluded and not there', async () => {
    const { warnings } = await render({ excludedFiles: ['one', '.env', 'two'] }, rendererOf());
    assert.deepEqual(
      warnings.filter((warning) => warning.includes('excludes')),
      ['attribute "configuration.names" excludes "one", "two", which are not in the mount'],
    );
  });

  it('takes the CA of the address that is used, else the driver-wide one, else none', async () => {
    const withCa = {
      connector: connectorOf('ci/a', { url: 'http://proxy', caCerts: 'OWN' }),
      connectorClass: classOf('oci'),
    };
    const driverWide = { ...defaults, caBundle: 'WIDE' };
    assert.equal(textOf(await render({ resolved: [withCa] }, undefined, driverWide), 'ca.crt'), 'OWN');
    assert.equal(textOf(await render({}, undefined, driverWide), 'ca.crt'), 'WIDE');
    assert.equal(textOf(await render(), 'ca.crt'), undefined);
  });

  it('adds the CA of the class to that of the address', async () => {
    const pem = (body: string): string => `-----BEGIN CERTIFICATE-----\n${body}\n-----END CERTIFICATE-----\n`;
    const connectorClass = classOf('oci', { proxy: { hasRef: true, caCerts: pem('MIIBclass') } });
    const [withCa, without] = [{ caCerts: pem('MIIBown') }, {}].map((address) => ({
      connector: connectorOf('ci/a', { url: 'http://proxy', ...address }),
      connectorClass,
    }));
    assert.equal(textOf(await render({ resolved: [withCa!] }), 'ca.crt'), `${pem('MIIBown')}${pem('MIIBclass')}`);
    assert.equal(textOf(await render({ resolved: [without!] }), 'ca.crt'), connectorClass.proxy?.caCerts);
  });

  it('has the token for the audience of the proxy', async () => {
    const connector = connectorOf('ci/a', { url: 'http://proxy', audience: 'own' });
    const content = await render({ resolved: [{ connector, connectorClass: classOf('oci') }] });
    assert.equal(textOf(content, 'context.token'), 'token-for-own');
    assert.match(textOf(content, '.env') ?? '', /:token-for-own@/);
  });

  it('shows templates the same CA', async () => {
    let seen: string | undefined;
    const renderer: ConfigurationRenderer = {
      render: ({ caBundle }) => {
        seen = caBundle;
        return Promise.resolve({ files: [], warnings: [] });
      },
    };
    await render({}, renderer, { ...defaults, caBundle: 'WIDE' });
    assert.equal(seen, 'WIDE');
  });

  it('may hold 128 files and 1 MiB, counted after the exclusions', async () => {
    const builtIn = 6;
    const many = (count: number): ConfigurationRenderer =>
      rendererOf(...Array.from({ length: count }, (_, index) => [`f${index}`, ''] as const));
    assert.equal((await render({}, many(128 - builtIn))).files.length, 128);
    await assert.rejects(render({}, many(129 - builtIn)), {
      code: 'RESOURCE_EXHAUSTED',
      message: /^the volume would hold 129 files of \d+ bytes/,
    });
    assert.equal((await render({ excludedFiles: ['.env'] }, many(129 - builtIn))).files.length, 128);

    const rest = (await render()).files.reduce((sum, { content }) => sum + content.byteLength, 0);
    const filling = (bytes: number): ConfigurationRenderer => rendererOf(['big', 'x'.repeat(bytes)]);
    await render({}, filling(1024 * 1024 - rest));
    await assert.rejects(render({}, filling(1024 * 1024 - rest + 1)), { code: 'RESOURCE_EXHAUSTED' });
  });

  it('of a rejected approval is the reason alone', () => {
    const { files, warnings } = rejectionContent('rejected by "security"', [{ reason: 'NO' }]);
    assert.deepEqual(
      files.map(({ name, content }) => [name, Buffer.from(content).toString()]),
      [['.error.json', '{"code":7,"message":"rejected by \\"security\\"","details":[{"reason":"NO"}]}\n']],
    );
    assert.deepEqual(warnings, []);
  });
});
