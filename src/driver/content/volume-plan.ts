import { CodedError } from '../../shared/errors.ts';
import { quote } from '../../shared/message-text.ts';
import type { ResolvedConnector } from '../../shared/connectors/model.ts';
import { groupByClass } from './configuration-selection.ts';
import { audienceOf, chooseProxyEndpoint } from './proxy-endpoint.ts';
import type { ProxyDefaults, ProxyEndpoint } from './proxy-endpoint.ts';
import { objectKey } from '../../shared/names.ts';

/** The proxies and token audiences of a volume's content, before there are tokens. */
export interface VolumePlan {
  /** With the default proxy for connectors without one. */
  readonly resolved: readonly ResolvedConnector[];
  /** Proxy of the built-in files. */
  readonly endpoint: ProxyEndpoint | undefined;
  /** Audience of the token in the built-in files. */
  readonly audience: string;
  /** Audience of the token for each class's templates, by class name. Only classes whose templates are rendered. */
  readonly classAudiences: ReadonlyMap<string, string>;
}

/**
 * Determines the proxies and audiences of a volume.
 * @param included names of configurations.
 * @throws {CodedError} see chooseProxyEndpoint; FAILED_PRECONDITION if one file would need two tokens.
 */
export function planVolume(
  connectors: readonly ResolvedConnector[],
  included: readonly string[],
  defaults: ProxyDefaults,
): VolumePlan {
  const resolved = withDefaultProxy(connectors, defaults.proxyUrl);
  const endpoint = chooseProxyEndpoint(resolved, defaults.audience);
  return {
    resolved,
    endpoint,
    audience: endpoint?.audience ?? defaults.audience,
    classAudiences: classAudiences(resolved, new Set(included), defaults.audience),
  };
}

export function audiencesOf({ audience, classAudiences: ofClasses }: VolumePlan): readonly string[] {
  return [...new Set([audience, ...ofClasses.values()])];
}

/** Adds the default proxy to classes that reference none. */
function withDefaultProxy(
  resolved: readonly ResolvedConnector[],
  url: string | undefined,
): readonly ResolvedConnector[] {
  if (url === undefined) return resolved;
  return resolved.map((entry) => {
    const { connector, connectorClass } = entry;
    if (connectorClass.proxy?.hasRef === true) return entry;
    return {
      connector: { proxyAddress: { url }, ...connector },
      connectorClass: { ...connectorClass, proxy: connectorClass.proxy ?? { hasRef: false } },
    };
  });
}

function classAudiences(
  resolved: readonly ResolvedConnector[],
  included: ReadonlySet<string>,
  fallback: string,
): ReadonlyMap<string, string> {
  const audiences = new Map<string, string>();
  for (const { connectorClass, connectors } of groupByClass(resolved)) {
    if (!connectorClass.configurations.some(({ name }) => included.has(name))) continue;
    for (const { ref, proxyAddress } of connectors) {
      const audience = audienceOf(proxyAddress, connectorClass, fallback);
      const other = audiences.get(connectorClass.name) ?? audience;
      if (other !== audience) {
        const message = `connectorclass ${connectorClass.name}: the proxy of connector ${objectKey(ref)} expects a token for audience ${quote(audience)}, that of another connector of the class one for ${quote(other)}, and its templates have one token: mount them in volumes of their own`;
        throw new CodedError('FAILED_PRECONDITION', message);
      }
      audiences.set(connectorClass.name, audience);
    }
  }
  return audiences;
}
