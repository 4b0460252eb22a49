import assert from 'node:assert/strict';
import { createDecipheriv } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { XMLParser } from 'fast-xml-parser';
import { parse as parseToml } from 'smol-toml';
import { parse as parseYaml } from 'yaml';
import {
  caseProxyHost,
  caseToken,
  classCase,
  classCases,
  digestOf,
  hostileAddress,
  hostileText,
  renderCase,
} from '../../support/classes/class-cases.ts';
import { repository } from '../../support/deploy/manifests.ts';

interface Recording {
  readonly name: string;
  readonly digest: string;
  readonly output: string;
}

const fixture = path.join(repository, 'test/fixtures/classes/recorded.jsonl');
const recorded = new Map(
  readFileSync(fixture, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Recording)
    .map((recording) => [recording.name, recording]),
);
const cases = classCases();
const only = (name: string): string => renderCase(classCase(name));

const parsers: readonly [RegExp, (text: string) => unknown][] = [
  [/\.json$/, (text) => JSON.parse(text) as unknown],
  [/(\.toml|registries\.conf)$/, (text) => parseToml(text)],
  [/(\.ya?ml|kubeconfig|kubeconfig\/config)$/, (text) => parseYaml(text) as unknown],
  // true: refuses what is not well-formed.
  // oxlint-disable-next-line typescript/no-deprecated -- what replaces it is a second package for the same check
  [/\.xml$/, (text) => new XMLParser().parse(text, true) as unknown],
];

describe('the ConnectorClasses of the chart, rendered', () => {
  it('are recorded as they are now', () => {
    assert.equal(cases.length, 434);
    const current = cases.map((testCase) => [testCase.name, digestOf(testCase)]);
    const known = [...recorded.values()].map(({ name, digest }) => [name, digest]);
    assert.deepEqual(known, current, 'record them again: see record.go beside the recordings');
  });

  for (const testCase of cases) {
    let text: string | undefined;
    const output = (): string => (text ??= renderCase(testCase));
    it(`give what Go gives: ${testCase.name}`, () => {
      assert.equal(output(), recorded.get(testCase.name)?.output);
    });

    const [place = ''] = testCase.name.split(': ');
    const parse = parsers.find(([pattern]) => pattern.test(place))?.[1];
    if (parse) it(`can be read back: ${testCase.name}`, () => assert.ok(parse(output())));

    it(`leave nothing out and nothing unset: ${testCase.name}`, () => {
      assert.doesNotMatch(output(), /<no value>|<nil>|%!|\n\n\n/);
    });
  }

  it('keep hostile params values, whatever the format', () => {
    const kubeconfig = parseYaml(only('k8s/kubeconfig/kubeconfig: two connectors, hostile params')) as {
      contexts: readonly [{ context: { namespace: string } }];
    };
    assert.equal(kubeconfig.contexts[0].context.namespace, hostileText);
    const glab = parseYaml(only('gitlab/gitlabconfig/config.yml: two connectors, hostile params')) as {
      hosts: Record<string, { ca_cert: string }>;
    };
    assert.equal(glab.hosts['one.example.com']!.ca_cert, `${hostileText}/ca.crt`);
    const buildkitd = parseToml(only('oci/buildkitd/buildkitd.toml: two connectors, hostile params')) as unknown as {
      'insecure-entitlements': readonly string[];
      registry: Record<string, { http?: boolean; ca?: readonly string[] }>;
    };
    assert.equal(buildkitd['insecure-entitlements'][1], hostileText);
    assert.equal(buildkitd.registry[hostileText]!.http, true);
    assert.deepEqual(buildkitd.registry['one.example.com']!.ca, [`${hostileText}/ca.crt`]);
    const registries = parseToml(
      only('oci/registry-config/registries.conf: two connectors, hostile params'),
    ) as unknown as { registry: readonly { location: string; insecure: boolean }[] };
    assert.ok(registries.registry.some(({ location, insecure }) => location === hostileText && insecure));
  });

  it("keep a connector's address, whatever its owner wrote", () => {
    const of = (name: string): string => only(`${name}: one connector with a hostile address`);
    const kubeconfig = parseYaml(of('k8s/kubeconfig/config')) as {
      clusters: readonly [{ cluster: { server: string } }];
    };
    assert.equal(kubeconfig.clusters[0].cluster.server, hostileAddress);
    const harbor = parseYaml(of('harbor/harbor-cli-config/config.yaml')) as {
      credentials: readonly [{ serveraddress: string }];
    };
    assert.equal(harbor.credentials[0].serveraddress, hostileAddress);
    const yarn = parseYaml(of('npm/yarnrc/.yarnrc.yml')) as { npmRegistryServer: string };
    assert.equal(decodeURIComponent(yarn.npmRegistryServer), hostileAddress);
  });

  it('let nothing name a variable of the environment to the programs that fill them in', () => {
    for (const { name, data, template, file } of cases) {
      if (!/npmrc|yarnrc|settings/.test(file)) continue;
      assert.doesNotMatch(renderCase({ name, data, template }), /\$\{/, name);
    }
  });

  it('log in at the proxy with the connector and its token', () => {
    const { auths } = JSON.parse(only('oci/registry-config/config.json: one connector')) as {
      auths: Record<string, { auth: string }>;
    };
    assert.deepEqual(Object.keys(auths), [caseProxyHost, `${caseProxyHost}/namespaces/ci/connectors/one`]);
    for (const { auth } of Object.values(auths)) {
      assert.equal(Buffer.from(auth, 'base64').toString(), `ci/one:${caseToken}`);
    }
  });

  it('give harbor-cli a password that it can decrypt with the key beside it', () => {
    const { credentials } = parseYaml(only('harbor/harbor-cli-config/config.yaml: two connectors')) as {
      credentials: readonly { password: string; serveraddress: string }[];
    };
    const key = Buffer.from(only('harbor/harbor-cli-config/HARBOR_ENCRYPTION_KEY: two connectors'), 'base64');
    assert.deepEqual(
      credentials.map(({ serveraddress }) => serveraddress),
      ['https://one.example.com', 'http://two.example.com:5000/x'],
    );
    for (const { password } of credentials) {
      // Nonce, text, tag.
      const sealed = Buffer.from(password, 'base64');
      const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, 12)).setAuthTag(sealed.subarray(-16));
      const text = Buffer.concat([decipher.update(sealed.subarray(12, -16)), decipher.final()]).toString();
      assert.match(text, /^(?=.*[a-z])(?=.*[A-Z])(?=.*\d).{8,256}$/);
    }
  });

  it('show the token to nobody but the proxy', () => {
    for (const testCase of cases) {
      const text = renderCase(testCase);
      for (const [url] of text.matchAll(/[a-z]+:\/\/[^\s"<]*/g)) {
        if (url.includes(caseToken)) assert.match(new URL(url).hostname, /^(connectors-proxy-service|proxy\.example)/);
      }
    }
  });
});
