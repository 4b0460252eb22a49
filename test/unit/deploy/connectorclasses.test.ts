import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { XMLParser } from 'fast-xml-parser';
import { parse as parseToml } from 'smol-toml';
import { parse as parseYaml } from 'yaml';
import { compileTemplate } from '../../../src/gotemplate/template.js';
import { classCases, hostileText, type ClassCase } from '../../support/deploy/class-cases.js';
import { repository } from '../../support/deploy/manifests.js';

const fixture = path.join(repository, 'test/fixtures/connectorclasses/recorded.jsonl');
const recorded = new Map(
  readFileSync(fixture, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as ClassCase & { output: string })
    .map((recording) => [recording.name, recording]),
);
const cases = classCases();

function render({ name, template, data }: ClassCase): string {
  return compileTemplate(name, template)
    .render(data, { clock: () => 0 })
    .toString();
}

function only(name: string): string {
  const found = cases.filter((candidate) => candidate.name === name);
  assert.equal(found.length, 1, name);
  return render(found[0]!);
}

const parsers: readonly [RegExp, (text: string) => unknown][] = [
  [/\.json$/, (text) => JSON.parse(text) as unknown],
  [/(\.toml|registries\.conf)$/, (text) => parseToml(text)],
  [/(\.yml|kubeconfig)$/, (text) => parseYaml(text) as unknown],
  // true: refuses what is not well-formed.
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- what replaces it is a second package for the same check
  [/\.xml$/, (text) => new XMLParser().parse(text, true) as unknown],
];

describe('the example ConnectorClasses, rendered', () => {
  it('are recorded as they are now', () => {
    assert.equal(cases.length, 30);
    const current = cases.map(({ name, template, data }) => ({ name, template, data }));
    const known = [...recorded.values()].map(({ name, template, data }) => ({ name, template, data }));
    assert.deepEqual(
      known,
      JSON.parse(JSON.stringify(current)),
      'record them again: see record.go beside the recordings',
    );
  });

  for (const testCase of cases) {
    it(`give what Go gives: ${testCase.name}`, () => {
      assert.equal(render(testCase), recorded.get(testCase.name)?.output);
    });

    const parse = parsers.find(([pattern]) => pattern.test(testCase.file))?.[1];
    if (parse) it(`can be read back: ${testCase.name}`, () => assert.ok(parse(render(testCase))));

    it(`leave nothing out and nothing unset: ${testCase.name}`, () => {
      assert.doesNotMatch(render(testCase), /<no value>|<nil>|%!|\n\n\n/);
    });
  }

  it('keep hostile params values, whatever the format', () => {
    const yarn = parseYaml(only('npm/yarnrc/.yarnrc.yml: two connectors, hostile params')) as Record<string, unknown>;
    assert.equal(yarn['httpsCaFilePath'], `${hostileText}/ca.crt`);
    const kubeconfig = parseYaml(only('k8s/kubeconfig/kubeconfig: two connectors, hostile params')) as {
      contexts: readonly [{ context: { namespace: string } }];
    };
    assert.equal(kubeconfig.contexts[0].context.namespace, hostileText);
    const registries = parseToml(
      only('oci/registry-config/registries.conf: two connectors, hostile params'),
    ) as unknown as {
      registry: readonly { location: string; insecure: boolean }[];
    };
    assert.ok(registries.registry.some(({ location, insecure }) => location === hostileText && insecure));
    const settings = new XMLParser({ trimValues: false }).parse(
      only('maven/settings/settings.xml: two connectors, hostile params'),
    ) as { settings: { mirrors: { mirror: { mirrorOf: string } } } };
    assert.equal(unescapeNumeric(settings.settings.mirrors.mirror.mirrorOf), hostileText);
  });

  it('log in at the proxy with the connector and its token', () => {
    const { auths } = JSON.parse(only('oci/registry-config/config.json: one connector, default params')) as {
      auths: Record<string, { auth: string }>;
    };
    const host = 'connectors-proxy.connectors-system.svc.cluster.local';
    assert.deepEqual(Object.keys(auths), [host, `${host}/namespaces/ci/connectors/one`]);
    for (const { auth } of Object.values(auths)) {
      assert.equal(Buffer.from(auth, 'base64').toString(), 'ci/one:eyJ.claims.sig-_');
    }
  });
});

/** fast-xml-parser leaves numeric references as they are by default. */
function unescapeNumeric(text: string): string {
  return text.replaceAll(/&#(\d+);/g, (_whole, code: string) => String.fromCodePoint(Number(code)));
}
