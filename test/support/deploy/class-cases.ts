import path from 'node:path';
import type { JsonObject } from '../../../src/json.js';
import { deployFolder, manifestFiles, readManifests } from './manifests.js';

/** A file of an example ConnectorClass with data to render it with. */
export interface ClassCase {
  /** `class/configuration/file: what is special`. */
  readonly name: string;
  readonly file: string;
  readonly template: string;
  readonly data: JsonObject;
}

interface Param {
  readonly name: string;
  readonly default: string | readonly string[] | Readonly<Record<string, string>>;
  readonly enum?: readonly string[];
}

const proxy = 'http://connectors-proxy.connectors-system.svc.cluster.local';
const pem = '-----BEGIN CERTIFICATE-----\nbm90IGEgY2VydGlmaWNhdGU=\n-----END CERTIFICATE-----\n';
/** What breaks a format whose quoting was forgotten. */
export const hostileText = '/a "b" <&>\'\\ c]]>\n#d;é';

function connector(name: string, address: string, proxyAddress: string): JsonObject {
  const metadata = { namespace: 'ci', name };
  return { metadata, name, namespace: 'ci', spec: { address }, status: { proxyAddress } };
}

const one = connector('one', 'https://one.example.com', `${proxy}/namespaces/ci/connectors/one`);
const two = connector('two', 'http://two.example.com:5000/x/', 'https://proxy.example.com:8443');

/** Of the type of its default; an enumeration takes its last value. */
function hostileValue(param: Param): string | string[] | Record<string, string> {
  if (Array.isArray(param.default)) return ['a"b\\c<&>.example', hostileText];
  if (typeof param.default === 'object') return { name: hostileText, email: 'm@example.com' };
  return param.enum?.at(-1) ?? hostileText;
}

/** Each file of each class: as it comes, with two connectors and no CA, and with hostile params. */
export function classCases(): ClassCase[] {
  const classes = manifestFiles(path.join(deployFolder, 'examples', 'connectorclasses'))
    .flatMap(readManifests)
    .filter(({ kind }) => kind === 'ConnectorClass');
  return classes.flatMap(({ metadata, spec }) => {
    const { configurations } = spec as {
      configurations: readonly { name: string; data: Record<string, string>; params?: readonly Param[] }[];
    };
    return configurations.flatMap(({ name, data, params = [] }) =>
      Object.entries(data).flatMap(([file, template]) =>
        dataFor(metadata.name!, params).map(([what, given]) => ({
          name: `${metadata.name!}/${name}/${file}: ${what}`,
          file,
          template,
          data: given,
        })),
      ),
    );
  });
}

function dataFor(className: string, params: readonly Param[]): [string, JsonObject][] {
  const connectorclass = { name: className, metadata: { name: className } };
  const context = { token: 'eyJ.claims.sig-_', proxy: { caCert: pem } };
  const defaults = Object.fromEntries(params.map((param) => [param.name, param.default])) as JsonObject;
  const hostile = Object.fromEntries(params.map((param) => [param.name, hostileValue(param)])) as JsonObject;
  const withProxy = { ...connectorclass, proxyAddress: proxy };
  return [
    [
      'one connector, default params',
      { context, connectorclass: withProxy, connector: one, connectors: [one], configurations: defaults },
    ],
    [
      'two connectors, no CA',
      {
        context: { ...context, proxy: { caCert: '' } },
        connectorclass,
        connector: two,
        connectors: [two, one],
        configurations: defaults,
      },
    ],
    [
      'two connectors, hostile params',
      { context, connectorclass: withProxy, connector: one, connectors: [one, two], configurations: hostile },
    ],
  ];
}
