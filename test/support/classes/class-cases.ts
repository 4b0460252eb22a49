import { createHash } from 'node:crypto';
import path from 'node:path';
import { compileTemplate } from '../../../src/shared/gotemplate/template.ts';
import type { JsonObject } from '../../../src/shared/json.ts';
import { chartFolder, manifestFiles, readManifests, type Manifest } from '../deploy/manifests.ts';

/** A file of a ConnectorClass of the chart with data to render it with. */
interface ClassCase {
  /** `class/configuration/file: what is special`. */
  readonly name: string;
  readonly file: string;
  readonly template: string;
  readonly data: JsonObject;
}

interface ClassParam {
  readonly name: string;
  readonly type?: string;
  readonly default?: string | readonly string[] | Readonly<Record<string, string>>;
  readonly enum?: readonly string[];
  readonly description?: string;
}

export interface ClassSpec {
  readonly configurations: readonly {
    readonly name: string;
    readonly data: Readonly<Record<string, string>>;
    readonly params?: readonly ClassParam[];
  }[];
}

export const classesFolder = path.join(chartFolder, 'files', 'classes');
/** The token that the cases are rendered with. */
export const caseToken = 'eyJ.claims.sig-_';
/** Where the cases' connector `one` has its proxy; without its path, the class's. */
export const caseProxyHost = 'connectors-proxy-service.connectors-system.svc.cluster.local';
/** What a param that has no default is given. */
export const requiredValue = 'team-repo';
/** What breaks a format whose quoting was forgotten. */
export const hostileText =
  '/a "b" <&>\'\\ c]]>--><!--\n#d;é\r\n[x]\n$(id)${HOME}`id`{{ .context.token }}%s%(home)s: - !x';

const proxy = `http://${caseProxyHost}`;
const certificate = (body: string): string =>
  `-----BEGIN CERTIFICATE-----\n${Buffer.from(body).toString('base64')}\n-----END CERTIFICATE-----\n`;
/** A bundle of two. */
const caseCertificates = `${certificate('not a certificate')}${certificate('nor is this')}`;

function connector(
  name: string,
  address: string,
  proxyAddress: string,
  params: Readonly<Record<string, string>> = {},
): JsonObject {
  return {
    metadata: { namespace: 'ci', name },
    name,
    namespace: 'ci',
    spec: { address, params: Object.entries(params).map(([param, value]) => ({ name: param, value })) },
    status: { proxyAddress },
  };
}

const one = connector('one', 'https://one.example.com', `${proxy}/namespaces/ci/connectors/one`);
/** What the classes' own params for Connectors can say, all at once, and another proxy. */
const two = connector('two', 'http://two.example.com:5000/x/', 'https://proxy.example.com:8443', {
  useAsMirror: 'true',
  registryType: 'mirror',
  'strict-ssl': 'false',
});
/** Another login at the server of `one`. */
const again = connector('again', 'https://one.example.com/', `${proxy}/namespaces/ci/connectors/again`);
/** A URL that urlParse takes. */
export const hostileAddress = 'https://odd.example.com/a"b\'<&>]]>${HOME}$(id) c{{x}}\\';
/** One whose owner would have every volume that names it hold more than an address. */
const odd = connector('odd', hostileAddress, `${proxy}/namespaces/ci/connectors/odd`, {
  useAsMirror: 'true',
});

export function classManifests(): Manifest[] {
  return manifestFiles(classesFolder).flatMap(readManifests);
}

/** Each file of each class: with one connector and two, with a CA and without, and with hostile params. */
export function classCases(): ClassCase[] {
  return classManifests().flatMap(({ metadata, spec }) =>
    (spec as ClassSpec).configurations.flatMap(({ name, data, params = [] }) =>
      Object.entries(data).flatMap(([file, template]) =>
        Object.entries(dataFor(metadata.name!, params)).map(([what, given]) => ({
          name: `${metadata.name!}/${name}/${file}: ${what}`,
          file,
          template,
          data: given,
        })),
      ),
    ),
  );
}

export function classCase(name: string): ClassCase {
  const found = classCases().filter((candidate) => candidate.name === name);
  if (found.length !== 1) throw new Error(`${found.length} cases of the name ${name}`);
  return found[0]!;
}

export function renderCase({ name, template, data }: Omit<ClassCase, 'file'>): string {
  return compileTemplate(name, template)
    .render(data, { clock: () => 0 })
    .toString();
}

/** Changes when what is rendered changes. */
export function digestOf({ template, data }: ClassCase): string {
  return createHash('sha256')
    .update(JSON.stringify([template, data]))
    .digest('hex');
}

/** Of the param's type; an enumeration takes its last value. */
function hostileValue(param: ClassParam): string | string[] | Record<string, string> {
  if (Array.isArray(param.default)) return ['a"b\\c<&>.example', hostileText];
  if (typeof param.default === 'object') return { name: hostileText, email: 'm@example.com', 'x=y\nz': ' v' };
  return param.enum?.at(-1) ?? hostileText;
}

function dataFor(className: string, params: readonly ClassParam[]): Record<string, JsonObject> {
  const ofClass = { name: className, metadata: { name: className } };
  const withProxy = { ...ofClass, proxyAddress: proxy };
  const withCa = { token: caseToken, proxy: { caCert: caseCertificates } };
  const withoutCa = { token: caseToken, proxy: { caCert: '' } };
  const values = (value: (param: ClassParam) => unknown): JsonObject =>
    Object.fromEntries(params.map((param) => [param.name, value(param)])) as JsonObject;
  const defaults = values((param) => param.default ?? requiredValue);
  const with1 = { connector: one, connectors: [one] };
  const with2 = { connector: one, connectors: [one, two] };
  return {
    'one connector': { ...with1, context: withCa, connectorclass: withProxy, configurations: defaults },
    'one connector, no CA': { ...with1, context: withoutCa, connectorclass: withProxy, configurations: defaults },
    'two connectors': { ...with2, context: withCa, connectorclass: withProxy, configurations: defaults },
    // Nor with the class's own address, which falls back to the connector's.
    'two connectors, no CA': {
      connector: two,
      connectors: [two, one],
      context: withoutCa,
      connectorclass: ofClass,
      configurations: defaults,
    },
    'two connectors of one server': {
      connector: one,
      connectors: [one, again],
      context: withCa,
      connectorclass: withProxy,
      configurations: defaults,
    },
    'one connector with a hostile address': {
      connector: odd,
      connectors: [odd],
      context: withCa,
      connectorclass: withProxy,
      configurations: defaults,
    },
    'two connectors, hostile params': {
      ...with2,
      context: withCa,
      connectorclass: withProxy,
      configurations: values(hostileValue),
    },
  };
}
