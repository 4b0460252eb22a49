import assert from 'node:assert/strict';
import type { ConfigurationRequest } from '../../../../src/driver/content/configuration-renderer.js';
import { TemplateRenderer } from '../../../../src/driver/content/template-renderer.js';
import type { VolumeFile } from '../../../../src/driver/volume/ports.js';
import { parseConnectorClass } from '../../../../src/connectors/parse-connector-class.js';
import type { JsonObject } from '../../../../src/json.js';
import { Secret } from '../../../../src/secret.js';
import { call, classOf, configurationOf, connectorOf } from '../../../support/domain.js';
import { classManifests, type ClassSpec, requiredValue } from '../../../support/deploy/class-cases.js';

const tokens = ['first.to.come', 'second.one'] as const;

/** Ways to come by the token, directly and on the way to something else. */
const ownTemplates = [
  '{{ .context.token }}',
  '{{ index . "context" "token" }}',
  '{{ $all := . }}{{ with $all.context }}{{ .token | b64enc }}{{ end }}',
  '{{ define "inner" }}{{ .token }}{{ end }}{{ template "inner" .context }}',
  '{{ range $key, $value := . }}{{ $value }}{{ end }}',
  '{{ range $key, $value := .context }}{{ $key }}{{ $value }}{{ end }}',
  '{{ . }}',
  '{{ printf "%v" .context }}',
  '{{ printf "%#v" (list 1 (dict "a" .)) }}',
  '{{ . | toJson | sha256sum }}',
  '{{ (deepCopy .).context.token }}',
  '{{ (merge (dict) .).context.token }}',
  '{{ (mergeOverwrite (dict "context" (dict)) .).context.token }}',
  '{{ dig "context" "token" "none" . }}',
  '{{ get (get . "context") "token" }}',
  '{{ pluck "token" .context | first }}',
  '{{ values .context | join "," }}',
  '{{ (pick . "context").context.token }}',
  '{{ (omit . "connector").context.token }}',
  '{{ $kept := .context }}{{ $_ := set . "context" 1 }}{{ $kept.token }}',
  '{{ $kept := list .context }}{{ (first $kept).token }}',
  '{{ if eq .context.token "first.to.come" }}one{{ else }}other{{ end }}',
  '{{ len .context.token }}',
] as const;

/** What says nothing of the token, though some of it passes close by. */
const sharedTemplates = [
  '',
  'plain',
  '{{ .connector.name }} {{ .connectorclass.name }} {{ .configurations.extra }}',
  '{{ range .connectors }}{{ .namespace }}/{{ .name }}{{ end }}',
  '{{ .connector | toJson }}',
  '{{ kindOf .context }} {{ hasKey . "context" }}',
  '{{ $_ := set .connector "name" "changed" }}{{ .connector.name }}',
  '{{ keys . | sortAlpha | join "," }}',
] as const;

function newRenderer(clock: () => number = () => 0): TemplateRenderer {
  return new TemplateRenderer({
    clock,
    observer: () => undefined,
    briefly: (work) => work(),
    elsewhere: () => assert.fail('renders here what is short'),
  });
}

function requestOf(files: Readonly<Record<string, string>>, more: Partial<ConfigurationRequest> = {}) {
  return {
    resolved: [
      {
        connector: connectorOf('ci/harbor'),
        connectorClass: classOf('oci', { configurations: [configurationOf('a', files)] }),
      },
    ],
    tokenOf: () => new Secret(tokens[0]),
    caBundle: 'PEM',
    includedConfigurations: ['a'],
    configurationParams: {},
    ...more,
  } satisfies ConfigurationRequest;
}

async function filesOf(renderer: TemplateRenderer, request: ConfigurationRequest): Promise<readonly VolumeFile[]> {
  return (await renderer.render(request, call)).files;
}

function textsOf(files: readonly VolumeFile[]): readonly string[] {
  return files.map(({ name, content }) => `${name}: ${Buffer.from(content).toString()}`);
}

/** What the renderer gives for the request, which is what one gives that has never rendered anything. */
async function sameAsAnew(renderer: TemplateRenderer, request: ConfigurationRequest): Promise<readonly string[]> {
  const texts = textsOf(await filesOf(renderer, request));
  assert.deepEqual(texts, textsOf(await filesOf(newRenderer(), request)));
  return texts;
}

const named = (templates: readonly string[]): Record<string, string> =>
  Object.fromEntries(templates.map((template, index) => [`file${index.toString()}`, template]));

describe('files that volumes have alike', () => {
  it('are those of templates that had no look at the token, whatever way they took', async () => {
    const files = {
      ...named(ownTemplates),
      ...Object.fromEntries(sharedTemplates.map((text, at) => [`shared${at.toString()}`, text])),
    };
    const request = requestOf(files);
    const renderer = newRenderer();
    const first = await sameAsAnew(renderer, request);
    const second = await sameAsAnew(renderer, { ...request, tokenOf: () => new Secret(tokens[1]) });
    const differs = first.map((text, index) => text !== second[index]);
    assert.deepEqual(differs, [...ownTemplates.map(() => true), ...sharedTemplates.map(() => false)]);
    assert.deepEqual(await sameAsAnew(renderer, request), first);
  });

  it('are rendered once, and are the same bytes from then on', async () => {
    const request = requestOf({ own: '{{ .context.token }}', shared: '{{ .connector.name }}' });
    const renderer = newRenderer();
    await filesOf(renderer, request);
    const [[ownOne, sharedOne], [ownOther, sharedOther]] = [
      await filesOf(renderer, request),
      await filesOf(renderer, request),
    ];
    assert.equal(sharedOne?.content, sharedOther?.content);
    assert.notEqual(ownOne?.content, ownOther?.content);
  });

  it('are other ones where anything but the token is another', async () => {
    const request = requestOf({ a: '{{ .connector.name }}{{ .configurations.x }}', b: '{{ .context.proxy.caCert }}' });
    const [resolved] = request.resolved;
    assert.ok(resolved);
    const others: Partial<ConfigurationRequest>[] = [
      {},
      { configurationParams: { a: { x: 'y' } } },
      { configurationParams: { a: { x: 'z' } } },
      { caBundle: 'another' },
      { resolved: [{ ...resolved, connector: connectorOf('ci/another') }] },
      { resolved: [resolved, { ...resolved, connector: connectorOf('ci/another') }] },
      requestOf({ a: 'another class' }),
    ];
    const renderer = newRenderer();
    const seen = new Set<string>();
    for (let round = 0; round < 3; round += 1) {
      for (const other of others) seen.add((await sameAsAnew(renderer, { ...request, ...other })).join());
    }
    assert.equal(seen.size, others.length - 1, 'the second connector alone changes nothing here');
  });

  it('are never those of a volume that asks the time or for random numbers', async () => {
    let nowMs = 0;
    const renderer = newRenderer(() => (nowMs += 1000));
    for (const template of [
      '{{ now | unixEpoch }}',
      '{{ randAlphaNum 20 }}',
      '{{ uuidv4 }}',
      '{{ list 1 2 3 4 5 6 7 8 9 | join "" | shuffle }}{{ randAlpha 9 }}',
    ]) {
      const request = requestOf({ shared: 'plain', moving: template });
      const seen = new Set<string>();
      for (let round = 0; round < 4; round += 1) seen.add(textsOf(await filesOf(renderer, request)).join());
      assert.equal(seen.size, 4, template);
    }
  });

  it('take no more memory than a bound: many are forgotten, and large ones never kept', async () => {
    const isKept = async (renderer: TemplateRenderer, request: ConfigurationRequest): Promise<boolean> => {
      const [one, other] = [await filesOf(renderer, request), await filesOf(renderer, request)];
      return one[0]?.content === other[0]?.content;
    };
    const renderer = newRenderer();
    const small = requestOf({ shared: 'x'.repeat(60_000) });
    await filesOf(renderer, small);
    assert.equal(await isKept(renderer, small), true);
    const [before] = await filesOf(renderer, small);
    for (let index = 0; index < 20; index += 1) await filesOf(renderer, requestOf({ shared: 'y'.repeat(60_000) }));
    const [after] = await filesOf(renderer, small);
    assert.notEqual(before?.content, after?.content);
    const large = requestOf({ shared: 'x'.repeat(70_000) });
    await filesOf(renderer, large);
    assert.equal(await isKept(renderer, large), false);
  });

  for (const manifest of classManifests()) {
    it(`make no difference to the files of class ${manifest.metadata.name}`, async () => {
      const connectorClass = parseConnectorClass(manifest as unknown as JsonObject);
      const { configurations } = manifest['spec'] as ClassSpec;
      const configurationParams = Object.fromEntries(
        configurations.map(({ name, params = [] }) => [
          name,
          Object.fromEntries(
            params.filter((param) => param.default === undefined).map((param) => [param.name, requiredValue]),
          ),
        ]),
      );
      const spec = { address: 'https://one.example.com', params: [] };
      const connector = connectorOf('ci/one', { url: 'http://proxy/namespaces/ci/connectors/one' }, { spec });
      const renderer = newRenderer();
      for (const { name } of configurations) {
        const request = requestOf(
          {},
          {
            resolved: [{ connector, connectorClass }],
            includedConfigurations: [name],
            configurationParams: { [name]: configurationParams[name] ?? {} },
          },
        );
        for (const token of [...tokens, tokens[0]]) {
          await sameAsAnew(renderer, { ...request, tokenOf: () => new Secret(token) });
        }
      }
    });
  }
});
