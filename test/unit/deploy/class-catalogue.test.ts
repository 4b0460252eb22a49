import assert from 'node:assert/strict';
import path from 'node:path';
import { compileTemplate } from '../../../src/shared/gotemplate/template.ts';
import { classManifests, type ClassSpec } from '../../support/classes/class-cases.ts';
import { deployFolder, readManifests, rendered, type Manifest } from '../../support/deploy/manifests.ts';
import { proxyService } from '../../support/proxy/manifests.ts';

const gitFiles = ['.git-credentials', '.gitconfig', 'git.environment'];
const registryFiles = ['config.json', 'registries.conf', 'registry.environment'];

/** By class and configuration, as workloads name them in `configuration.names` and find them in the volume. */
const catalogue: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  anthropic: { sdk: ['anthropic.environment'] },
  git: { gitconfig: gitFiles },
  github: { githubconfig: ['config.yml', 'gh.environment', 'hosts.yml'], gitconfig: gitFiles },
  gitlab: { gitlabconfig: ['config.yml', 'glab.environment'], gitconfig: gitFiles },
  harbor: {
    'registry-config': registryFiles,
    buildkitd: ['buildkitd.toml'],
    'harbor-cli-config': ['HARBOR_ENCRYPTION_KEY', 'config.yaml', 'harbor-cli.environment'],
    config: registryFiles,
  },
  http: {},
  jfrog: packageServer(),
  k8s: { kubeconfig: ['kubeconfig', 'config', 'kubectl.environment'] },
  maven: { settings: ['maven.environment', 'settings.xml'] },
  nexus: packageServer(),
  npm: { npmrc: ['.npmrc', 'npm.environment'], yarnrc: ['.yarnrc.yml'] },
  oci: {
    'registry-config': registryFiles,
    buildkitd: ['buildkitd.toml'],
    'docker-config': registryFiles,
  },
  openai: { sdk: ['openai.environment'] },
  pypi: { pipconf: ['pip.conf', 'pip.environment'], pypirc: ['.pypirc'] },
  sonarqube: { 'sonar-scanner': ['sonar-project.properties'], scanner: ['sonar-scanner.properties'] },
};

function packageServer(): Record<string, string[]> {
  return {
    settings: ['maven.environment', 'settings.xml'],
    npmrc: ['.npmrc', 'npm.environment'],
    yarnrc: ['.yarnrc.yml'],
    pipconf: ['pip.conf', 'pip.environment'],
    pypirc: ['.pypirc'],
  };
}

interface HttpProbe {
  readonly path: string;
  readonly httpHeaders?: readonly { readonly value: string }[];
}
interface CatalogueSpec extends ClassSpec {
  readonly address: { readonly name: string; readonly type: string };
  readonly auth: { readonly types: readonly { readonly name: string; readonly secretType: string }[] };
  readonly livenessProbe: { readonly http: HttpProbe };
  readonly authProbes?: readonly { readonly authName: string; readonly probe: { readonly http: HttpProbe } }[];
  readonly proxy: { readonly ref: Readonly<Record<string, string>> };
}

const classes = classManifests();
// A real API server takes these shapes in another test.
const specOf = (name: string): CatalogueSpec =>
  classes.find(({ metadata }) => metadata.name === name)!['spec'] as CatalogueSpec;
const template = (className: string, configuration: string, file: string): string =>
  specOf(className).configurations.find(({ name }) => name === configuration)!.data[file]!;

describe('the catalogue of the chart', () => {
  it('has one class per kind of tool, each with its configurations and files', () => {
    const found = classes.map(({ metadata }) => [
      metadata.name,
      Object.fromEntries(
        specOf(metadata.name!).configurations.map(({ name, data }) => [name, Object.keys(data).sort()]),
      ),
    ]);
    const sorted = Object.entries(catalogue).map(([name, configurations]) => [
      name,
      Object.fromEntries(Object.entries(configurations).map(([key, files]) => [key, [...files].sort()])),
    ]);
    assert.deepEqual(found, sorted);
  });

  it('is installed as a whole', () => {
    assert.deepEqual(
      rendered('classes').map(({ metadata }) => metadata.name),
      Object.keys(catalogue),
    );
  });

  it('has a Connector in the examples for each class, with a credential of the class and without a status', () => {
    const connectors = readManifests(path.join(deployFolder, 'examples', 'connectors.yaml'));
    const used = connectors.map(({ spec, status }) => {
      const { connectorClassName, auth } = spec as {
        readonly connectorClassName: string;
        readonly auth: { readonly name: string; readonly secretRef: { readonly name: string } };
      };
      assert.ok(
        specOf(connectorClassName).auth.types.some(({ name }) => name === auth.name),
        auth.name,
      );
      assert.ok(auth.secretRef.name, connectorClassName);
      assert.equal(status, undefined);
      return connectorClassName;
    });
    assert.deepEqual(used.sort(), Object.keys(catalogue));
  });

  for (const { metadata } of classes) {
    const name = metadata.name!;
    const spec = specOf(name);

    it(`${name} is served by the proxy's Service, at a path for each connector`, () => {
      const { annotations } = metadata as Manifest['metadata'] & { annotations: Record<string, string> };
      assert.equal(annotations['connectors.cpaas.io/proxy-resolver'], 'path');
      assert.equal(metadata.labels?.[`connectors.cpaas.io/${name}`], 'true');
      const ref = proxyService;
      assert.deepEqual(spec.proxy.ref, ref);
      assert.equal(spec.address.type, 'string');
    });

    it(`${name} has a description for every param, and a default of the right type where it may be left out`, () => {
      for (const { params = [], data } of spec.configurations) {
        for (const file of Object.keys(data)) assert.match(file, /^(?!\.\.)[-._a-zA-Z0-9]+$/);
        for (const param of params) {
          assert.ok(param.description, param.name);
          if (param.default === undefined) assert.equal(param.type ?? 'string', 'string', param.name);
          else {
            const type = Array.isArray(param.default) ? 'array' : typeof param.default;
            assert.equal(type, param.type ?? 'string', param.name);
          }
          if (param.enum) assert.ok(param.enum.includes(param.default as string), param.name);
        }
      }
    });

    it(`${name} probes with templates that can be read, for its own ways to log in`, () => {
      const connector = {
        Spec: {
          Address: 'https://x.example/a/',
          Auth: { Params: [{ Name: 'repository', Value: { StringVal: 'r.git' } }] },
        },
      };
      const probe = (text: string, secret: object): string =>
        compileTemplate('probe', text)
          .render({ Connector: connector, ...secret }, { clock: () => 0 })
          .toString();
      const secret = { Secret: { StringData: { username: 'u', password: 'p', token: 't' } } };
      assert.match(probe(spec.livenessProbe.http.path, secret), /^\/[-./a-z0-9]*$/);
      for (const { authName, probe: given } of spec.authProbes ?? []) {
        assert.ok(
          spec.auth.types.some((type) => type.name === authName),
          authName,
        );
        assert.match(probe(given.http.path, secret), /^\/(?!\/)[-./?=a-z0-9]*$/);
        for (const { value } of given.http.httpHeaders ?? []) {
          assert.match(probe(value, secret), /^(Basic dTpw|Bearer t|t|2023-06-01)$/);
          if (value.includes('{{')) assert.equal(probe(value, {}), '');
        }
      }
    });
  }
});

describe('files that several classes of the chart have', () => {
  const marker = /\{\{- \/\* From here on as in the class(?:es)? [a-z ]+\. \*\/\}\}\n/;
  const tail = (text: string): string => {
    const parts = text.split(marker);
    assert.equal(parts.length, 2);
    return parts[1]!;
  };

  it('are the same: .gitconfig', () => {
    for (const other of ['github', 'gitlab']) {
      assert.deepEqual(specOf(other).configurations.at(-1), specOf('git').configurations[0], other);
    }
  });

  it('are the same: those for image registries', () => {
    const [registryConfig, buildkitd, older] = specOf('oci').configurations;
    const harbor = specOf('harbor').configurations;
    assert.deepEqual(harbor.slice(0, 2), [registryConfig, buildkitd]);
    for (const { data, params } of [older!, harbor.at(-1)!]) {
      assert.deepEqual({ data, params }, { data: registryConfig!.data, params: registryConfig!.params });
    }
  });

  for (const [className, configuration, file] of [
    ['maven', 'settings', 'settings.xml'],
    ['npm', 'npmrc', '.npmrc'],
    ['npm', 'yarnrc', '.yarnrc.yml'],
    ['pypi', 'pipconf', 'pip.conf'],
    ['pypi', 'pypirc', '.pypirc'],
  ] as const) {
    it(`differ in where the packages are only: ${file}`, () => {
      const expected = tail(template(className, configuration, file));
      for (const other of ['nexus', 'jfrog']) assert.equal(tail(template(other, configuration, file)), expected, other);
    });
  }
});
