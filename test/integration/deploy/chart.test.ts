import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import { allValues, allValuesOfOldest } from '../../support/deploy/all-values.ts';
import { assertConsistent, driver } from '../../support/deploy/driver-objects.ts';
import { helms, needsHelm, renderChart, runHelm, type RenderOptions, type Values } from '../../support/deploy/helm.ts';
import {
  chartFolder,
  deployFolder,
  only,
  readManifests,
  rendered,
  repository,
  type Manifest,
} from '../../support/deploy/manifests.ts';
import { renderedFiles } from '../../support/deploy/rendered-files.ts';

const [oldest, newest] = ['1.29', '1.38'];

/** The values of a YAML text without what is in them, by path, such as `image.tag`. */
function pathsOf(values: unknown, before = ''): readonly string[] {
  if (typeof values !== 'object' || values === null || Array.isArray(values)) return [before];
  const paths = Object.entries(values).flatMap(([name, value]) => pathsOf(value, `${before}.${name}`));
  // Those of Kubernetes, whose fields are not the chart's.
  const kubernetes = /\.(?:resources|labels|nodeSelector|affinity|annotations|pod[A-Z][A-Za-z]+s|podSecurityContext)$/;
  return kubernetes.test(before) ? [before] : paths;
}

function valueAt(values: unknown, place: string): unknown {
  return place
    .split('.')
    .slice(1)
    .reduce((value, name) => (value as Record<string, unknown>)[name], values);
}

const csiDriver = (objects: readonly Manifest[]): Readonly<Record<string, unknown>> =>
  only(objects, 'CSIDriver')['spec'] as Readonly<Record<string, unknown>>;
const kindsOf = (objects: readonly Manifest[]): readonly string[] => [...new Set(objects.map(({ kind }) => kind))];

describe('the chart', () => {
  const text = readFileSync(path.join(chartFolder, 'values.yaml'), 'utf8');

  it('has the version of package.json', () => {
    const { version } = JSON.parse(readFileSync(path.join(repository, 'package.json'), 'utf8')) as { version: string };
    const chart = parse(readFileSync(path.join(chartFolder, 'Chart.yaml'), 'utf8')) as Record<string, unknown>;
    assert.deepEqual(
      [chart['version'], chart['appVersion'], chart['kubeVersion']],
      [version, version, `>=${oldest}.0-0`],
    );
  });

  it('has values that are tested as something else than they are by default', () => {
    const values = { ...(parse(text) as object), crds: { enabled: undefined }, classes: { enabled: undefined } };
    assert.deepEqual(pathsOf(values).toSorted(), pathsOf(allValues).toSorted());
    for (const place of pathsOf(values)) {
      assert.notDeepEqual(valueAt(values, place), valueAt(allValues, place), place);
    }
  });

  it('has a comment before each value, but for groups and what names itself', () => {
    const lines = text.split('\n');
    const bare = lines.flatMap((line, at) => {
      const [, name] = /^ *(\w+): \S/.exec(line) ?? [];
      const group = lines.slice(0, at).findLast((other) => /^\w+:|^ {2}\w+:$/.test(other)) ?? '';
      const isIn = /^ {2}(?:resources|podSecurityContext):$/.test(group);
      return name === undefined || isIn || /^ *# /.test(lines[at - 1] ?? '') ? [] : [line.trim()];
    });
    assert.deepEqual(bare, []);
  });
});

for (const [index, helm] of helms.entries()) {
  describe(`the chart with the ${index === helms.length - 1 ? 'newest' : 'older'} Helm`, () => {
    const render = (values: Values, options: RenderOptions = {}): Promise<readonly Manifest[]> =>
      renderChart(values, { helm, ...options });

    it('passes the linter', async () => {
      await runHelm(helm, ['lint', '--strict', chartFolder]);
    });

    it('is what deploy/manifests have: `npm run generate:manifests` writes them', async () => {
      for (const [file, whole] of await renderedFiles(helm)) {
        assert.equal(readFileSync(path.join(repository, file), 'utf8'), whole, file);
      }
    });

    for (const kubeVersion of [oldest, newest]) {
      it(`is consistent for Kubernetes ${kubeVersion} by default, with a proxy, and with all values`, async () => {
        const all = kubeVersion === oldest ? allValuesOfOldest : allValues;
        for (const values of [{}, { proxy: { enabled: true } }, all]) {
          assertConsistent(await render(values, { kubeVersion }));
        }
      });
    }

    it('has what the API server knows', async () => {
      for (const [kubeVersion, hasPolicies, inSecrets, prevents] of [
        ['1.29', false, undefined, undefined],
        ['1.30', true, undefined, undefined],
        ['1.36', true, false, undefined],
        ['1.37', true, false, true],
        ['1.38', true, true, true],
      ] as const) {
        const objects = await render({}, { kubeVersion });
        assert.equal(kindsOf(objects).includes('ValidatingAdmissionPolicy'), hasPolicies, kubeVersion);
        const spec = csiDriver(objects);
        assert.equal(spec['serviceAccountTokenInSecrets'], inSecrets, kubeVersion);
        assert.equal(spec['preventPodSchedulingIfMissing'], prevents, kubeVersion);
      }
      const chosen = { driver: { tokensInSecrets: true, preventPodScheduling: false } };
      const spec = csiDriver(await render(chosen, { kubeVersion: '1.37' }));
      assert.deepEqual(
        [spec['serviceAccountTokenInSecrets'], spec['preventPodSchedulingIfMissing']],
        [true, undefined],
      );
    });

    it('has CRDs and classes where it has a proxy, unless something else is chosen', async () => {
      const kinds = ['CustomResourceDefinition', 'ConnectorClass'];
      for (const [values, expected] of [
        [{}, []],
        [{ proxy: { enabled: true } }, kinds],
        [{ proxy: { enabled: true }, crds: { enabled: false } }, ['ConnectorClass']],
        [{ crds: { enabled: true } }, ['CustomResourceDefinition']],
      ] as const) {
        const found = kindsOf(await render(values));
        assert.deepEqual(
          kinds.filter((kind) => found.includes(kind)),
          expected,
          JSON.stringify(values),
        );
      }
    });

    it('keeps CRDs and classes when it is uninstalled, and recognizes the CRDs that Helm made before', async () => {
      const kept = (await render({ proxy: { enabled: true } })).filter(({ kind }) =>
        /^C.*(?:Definition|Class)$/.test(kind),
      );
      assert.equal(kept.length, 3 + rendered('classes').length);
      for (const { kind, metadata } of kept) {
        const { annotations = {} } = metadata as { annotations?: Readonly<Record<string, string>> };
        assert.equal(annotations['helm.sh/resource-policy'], 'keep', metadata.name);
        if (kind !== 'CustomResourceDefinition') continue;
        assert.equal(annotations['meta.helm.sh/release-name'], 'connectors-csi');
        assert.equal(annotations['meta.helm.sh/release-namespace'], 'connectors-system');
        assert.equal(metadata.labels?.['app.kubernetes.io/managed-by'], 'Helm');
      }
    });

    it('names the image by its version, tag or digest', async () => {
      const { version } = JSON.parse(readFileSync(path.join(repository, 'package.json'), 'utf8')) as {
        version: string;
      };
      const image = { repository: 'r/connectors-csi' };
      assert.equal(driver(await render({ image })).image, `r/connectors-csi:${version}`);
      assert.equal(driver(await render({ image: { ...image, tag: '7' } })).image, 'r/connectors-csi:7');
      const { digest } = allValues.image;
      assert.equal(driver(await render({ image: { ...image, digest } })).image, `r/connectors-csi@${digest}`);
    });

    it('places its pods, and gives them what they have besides', async () => {
      const objects = await render(allValues, { kubeVersion: newest });
      for (const [kind, name] of [
        ['DaemonSet', 'connectors-csi'],
        ['DaemonSet', 'connectors-image-pulls'],
        ['Deployment', 'connectors-proxy'],
      ] as const) {
        const { template } = only(objects, kind, name)['spec'] as { readonly template: Manifest };
        const { metadata, spec } = template as unknown as Record<'metadata' | 'spec', Record<string, object>>;
        const { priorityClassName, nodeSelector, tolerations, affinity, podSecurityContext, env } = allValues.proxy;
        assert.equal(spec['priorityClassName'], priorityClassName);
        assert.deepEqual(spec['nodeSelector'], { 'kubernetes.io/os': 'linux', ...nodeSelector });
        assert.deepEqual(spec['tolerations'], tolerations);
        assert.deepEqual({ ...spec['affinity'], ...affinity }, spec['affinity']);
        assert.deepEqual({ ...spec['securityContext'], ...podSecurityContext }, spec['securityContext']);
        assert.match(JSON.stringify(metadata['labels']), /"team":"build"/);
        assert.match(JSON.stringify(metadata['annotations']), /"example.com\/scrape":"yes"/);
        const [container] = spec['containers'] as unknown as readonly [{ readonly env: readonly object[] }];
        assert.deepEqual(
          container.env.filter((variable) => JSON.stringify(variable) === JSON.stringify(env[0])),
          env,
        );
      }
      const { template } = only(objects, 'Deployment', 'connectors-proxy')['spec'] as { readonly template: Manifest };
      const { topologySpreadConstraints, service } = allValues.proxy;
      assert.deepEqual((template['spec'] as Manifest)['topologySpreadConstraints'], topologySpreadConstraints);
      const { metadata } = only(objects, 'Service', 'connectors-proxy-service') as unknown as { metadata: object };
      assert.deepEqual((metadata as { readonly annotations: object }).annotations, service.annotations);
    });

    it('takes part in another chart', async () => {
      assertConsistent(await render({ global: { registry: 'x' } }));
    });

    for (const [problem, values, options, message] of [
      ['no image', { image: { repository: '' } }, {}, /: image\.repository is empty: build the image, push it to /],
      ['a misspelt value', { proxy: { replica: 3 } }, {}, /replica/],
      ['a value that is none of the choices', { admission: 'of' }, {}, /admission.*(?:one of)/s],
      // Without one, no volume of a node has a limit.
      ['no memory limit of the driver', { driver: { resources: { limits: { memory: null } } } }, {}, /memory/],
      ['an old API server', {}, { kubeVersion: '1.28' }, /requires kubeVersion: >=1\.29\.0-0 /],
      [
        'an option that needs a later one',
        { imageConnector: true },
        { kubeVersion: '1.35' },
        /: imageConnector needs Kubernetes 1\.36, and this API server has v1\.35(?:\.0)?: /,
      ],
      [
        'a field that the API server does not know',
        { driver: { preventPodScheduling: true } },
        { kubeVersion: '1.36' },
        /: driver\.preventPodScheduling needs Kubernetes 1\.37, /,
      ],
      ...[
        { monitoring: { prometheusNamespace: 'a\n      b: c' } },
        { proxy: { credentialNamespaces: ['a # b'] } },
        { proxy: { identities: [{ namespace: 'a # b' }] } },
        { imagePulls: { registry: 'a\n            - --b' } },
        { imagePulls: { directories: { crio: '/a # b' } } },
        { driver: { kubeletDir: '/a: b' } },
        { monitoring: { docsUrl: 'https://a/ #/' } },
      ].map(
        (values) =>
          [
            `a value that leaves its field: ${JSON.stringify(values)}`,
            values,
            {},
            /[Dd]oes not match pattern/,
          ] as const,
      ),
      ...[
        { url: 'proxy.example.com:3128' },
        { url: 'http://proxy.example.com' },
        { url: 'http://user:password@proxy.example.com:3128' },
        { url: 'http://a:1', noProxy: ['http://b'] },
        { url: 'http://a:1', noProxy: ['b,c'] },
        { url: 'http://a:1', credentialsSecret: 'Login' },
        { url: 'https://a:1', caSecret: 'a/b' },
      ].map(
        (egress) =>
          [
            `a wrong egress proxy: ${JSON.stringify(egress)}`,
            { proxy: { enabled: true, egress } },
            {},
            /proxy[./]egress[./][\s\S]*[Dd]oes not match pattern/,
          ] as const,
      ),
      [
        'a Secret for no egress proxy',
        { proxy: { egress: { credentialsSecret: 'egress-login' } } },
        {},
        /: proxy\.egress\.noProxy, \.credentialsSecret and \.caSecret need proxy\.egress\.url: /,
      ],
      [
        'a CA for an egress proxy without TLS',
        { proxy: { egress: { url: 'http://a:1', caSecret: 'egress-ca' } } },
        {},
        /: proxy\.egress\.caSecret needs proxy\.egress\.url with https: /,
      ],
      [
        'image pulls without a proxy',
        { imagePulls: { enabled: true } },
        {},
        /: imagePulls\.enabled needs proxy\.enabled: /,
      ],
      [
        'CRDs of another release',
        { crds: { enabled: true } },
        { release: 'mine' },
        /: the CRDs belong to the release connectors-csi in namespace connectors-system: /,
      ],
      [
        'CRDs of another namespace',
        { crds: { enabled: true } },
        { namespace: 'mine' },
        /: the CRDs belong to the release /,
      ],
      [
        'classes for another namespace',
        { classes: { enabled: true } },
        { namespace: 'mine' },
        /: the classes name the proxy in namespace connectors-system: /,
      ],
    ] as const) {
      it(`rejects ${problem} with a sentence`, async () => {
        await assert.rejects(render(values, options), message);
      });
    }
  });
}

describe('the chart', () => {
  before(needsHelm);

  it('renders with the values of the examples for Argo CD and Flux, which name its release', async () => {
    const [argo, flux] = ['argo-cd', 'flux'].map((name) =>
      readManifests(path.join(deployFolder, 'examples', `${name}.yaml`)),
    );
    const { source, destination } = only(argo!, 'Application')['spec'] as {
      readonly source: { readonly helm: { readonly releaseName: string; readonly valuesObject: Values } };
      readonly destination: { readonly namespace: string };
    };
    const release = only(flux!, 'HelmRelease')['spec'] as {
      readonly releaseName: string;
      readonly targetNamespace: string;
      readonly values: Values;
    };
    for (const [values, name, namespace] of [
      [source.helm.valuesObject, source.helm.releaseName, destination.namespace],
      [release.values, release.releaseName, release.targetNamespace],
    ] as const) {
      const objects = await renderChart(values, { release: name, namespace });
      assertConsistent(objects);
      only(objects, 'Deployment', 'connectors-proxy');
    }
  });

  it('is rendered by two Helms in CI', () => {
    // The packages of Helm are for this architecture.
    assert.ok(helms.length === 2 || process.env['CI'] === undefined || process.arch !== 'x64');
  });
});
