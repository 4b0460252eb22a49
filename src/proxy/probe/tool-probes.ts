import type { Connector, ConnectorClass } from '../../shared/connectors/model.ts';
import { jsonMember, jsonText } from '../../shared/json.ts';
import { authTypeOf } from '../credentials/tool-credentials.ts';
import type { ThreadShares } from '../thread-shares.ts';
import { addressesOf } from '../connectors/tool-address.ts';
import type { SecretObject } from '../secrets/secret-source.ts';
import { ownerOfConnector } from '../tool/resolver.ts';
import type { ToolClient } from '../tool/tool-client.ts';
import type { RawHeaders } from '../tool/headers.ts';
import type { ToolCredential } from '../tool/tool-credential.ts';
import { authorityOf, nameOf } from '../tool/tool-origin.ts';
import type { ToolOrigin } from '../tool/tool-origin.ts';
import type { Trust } from '../tool/trust.ts';
import { authProbeOf, livenessProbeOf, probeData, probeRequest, templatesOf } from './probe-request.ts';
import type { HttpProbe, ProbeRequest } from './probe-request.ts';
import { sendProbe, useOf } from './probe-exchange.ts';
import type { ProbeExchangeOptions, ProbeResponse } from './probe-exchange.ts';
import { authVerdict, livenessVerdict, toVerdict, unusable } from './probe-verdict.ts';
import type { ProbeVerdict, VerdictOf } from './probe-verdict.ts';

/** The tool to probe, with its credential if the Connector has one. */
export interface ProbedTool {
  readonly connector: Connector;
  readonly connectorClass: ConnectorClass;
  readonly origin: ToolOrigin;
  readonly trust: Trust;
  readonly secret: SecretObject | undefined;
  readonly credential: ToolCredential;
}

interface ToolProbesOptions {
  readonly client: ToolClient;
  /** Limit of one probe. */
  readonly timeoutMs: number;
  /** A tool chooses its response, and an owner how often it is probed. */
  readonly threads: ThreadShares;
}

/** Probes whether tools respond, and whether they accept the credential, as the class declares. */
export class ToolProbes {
  readonly #options: ToolProbesOptions;
  constructor(options: ToolProbesOptions) {
    this.#options = options;
  }

  /**
   * Runs the liveness probe.
   * @returns undefined if the class has none.
   * @throws {CodedError} the signal's reason.
   */
  async liveness(tool: ProbedTool, signal: AbortSignal): Promise<ProbeVerdict | undefined> {
    return toVerdict(signal, async () => {
      const probe = livenessProbeOf(tool.connectorClass);
      return probe && this.#run(probe, tool, signal, livenessVerdict);
    });
  }

  /**
   * Runs the class's probe for the authentication type. Without one, the authentication endpoint of a registry is used. A
   * credential with a token that is requested has to get one first. Other credentials are not checked.
   * @param unreachable failure of the liveness probe, which is then the result.
   * @returns undefined if there is no credential.
   * @throws {CodedError} the signal's reason.
   */
  async auth(
    tool: ProbedTool,
    unreachable: ProbeVerdict | undefined,
    signal: AbortSignal,
  ): Promise<ProbeVerdict | undefined> {
    return toVerdict(signal, async () => {
      const { connector, connectorClass, secret, credential } = tool;
      if (secret === undefined) return undefined;
      const authName = jsonText(authTypeOf(jsonMember(connector.object['spec'], 'auth'), connectorClass), 'name');
      const probe = authName === undefined ? undefined : authProbeOf(connectorClass, authName);
      const { authenticationPath } = credential;
      const isRequested = credential.obtain !== undefined;
      // Templates cannot know these. Others see the Secret.
      const isOfRequests = isRequested || credential.isGenerated === true;
      const isChecked = probe !== undefined || authenticationPath !== undefined || isRequested;
      if (!isChecked) return { verdict: 'success', reason: 'NonAuthProbe', message: '' };
      if (unreachable !== undefined) return unreachable;
      await credential.obtain?.(signal);
      if (probe !== undefined) {
        return this.#run(probe, tool, signal, authVerdict, isOfRequests ? credential : undefined);
      }
      if (authenticationPath !== undefined) return this.#authenticate(authenticationPath, tool, signal);
      return { verdict: 'success', reason: 'Accepted', message: '' };
    });
  }

  async #run(
    probe: HttpProbe,
    tool: ProbedTool,
    signal: AbortSignal,
    verdictOf: VerdictOf,
    credential?: ToolCredential,
  ): Promise<ProbeVerdict> {
    const { connector, secret } = tool;
    const origin = originOf(probe, tool);
    // The engines use 19 MB of memory, so they are loaded with the first probe.
    const { isResponseGood, renderTexts } = await import('./probe-expressions.ts');
    const render = (): ReturnType<typeof renderTexts> =>
      renderTexts(
        probe.source,
        templatesOf(probe),
        probeData(connector, secret, (value) => value.expose()),
        probeData(connector, secret, String),
      );
    const texts = this.#evaluate(connector, render);
    const request = probeRequest(probe, origin, texts);
    const { cel, isRedirectDisabled } = probe;
    const redirectTo = isRedirectDisabled ? undefined : addressesOf(connector);
    // The credential is for the main address.
    const isMain = nameOf(origin) === nameOf(tool.origin);
    const response = await this.#send(request, tool, signal, {
      wantsBody: cel !== undefined,
      redirectTo,
      credential: isMain ? credential : undefined,
    });
    const isMet =
      cel === undefined ? undefined : this.#evaluate(connector, () => isResponseGood(probe.source, cel, response));
    return verdictOf(response, isMet, probe, secret, request);
  }

  /** Charges the namespace of the Connector, whose next check waits. */
  #evaluate<T>({ ref }: Connector, run: () => T): T {
    return this.#options.threads.measure(ref.namespace, run);
  }

  /** Sends the credential to the endpoint of the tool that requires it: `/v2/` of a registry. */
  async #authenticate(path: string, tool: ProbedTool, signal: AbortSignal): Promise<ProbeVerdict> {
    const { credential, origin, secret } = tool;
    const request: ProbeRequest = { origin, method: 'GET', path, headers: [] };
    const use = useOf(request);
    const send = (headers: RawHeaders): Promise<ProbeResponse> => this.#send({ ...request, headers }, tool, signal);
    let response = await send(await credential.headersFor(use, signal));
    if (response.status === 401) {
      const better = await credential.headersAfter?.(response.challenges, use, signal);
      if (better !== undefined) response = await send(better);
    }
    return authVerdict(response, undefined, undefined, secret, request);
  }

  #send(
    request: ProbeRequest,
    { connector, trust }: ProbedTool,
    signal: AbortSignal,
    options: Partial<Pick<ProbeExchangeOptions, 'wantsBody' | 'redirectTo' | 'credential'>> = {},
  ): Promise<ProbeResponse> {
    const { client, timeoutMs } = this.#options;
    const { wantsBody = false, redirectTo, credential } = options;
    const owner = ownerOfConnector(connector.ref);
    return sendProbe(client, request, trust, { owner, wantsBody, redirectTo, credential, timeoutMs, signal });
  }
}

/**
 * Returns the destination of a probe: the Connector's address or one of its extensions. A probe can carry the
 * credential, and the author of a class must not be able to send it anywhere else.
 */
function originOf({ scheme, host, port, source }: HttpProbe, { connector, origin }: ProbedTool): ToolOrigin {
  if (scheme === undefined && host === undefined && port === undefined) return origin;
  const wanted = (scheme ?? origin.scheme) as ToolOrigin['scheme'];
  const found = addressesOf(connector).find(
    (address) =>
      address.scheme === wanted &&
      address.host === (host ?? origin.host).toLowerCase() &&
      address.port === (port ?? (host === undefined && wanted === origin.scheme ? origin.port : defaultPort(wanted))),
  );
  if (found !== undefined) return found;
  const named = authorityOf({ scheme: wanted, host: host ?? origin.host, port: port ?? defaultPort(wanted) });
  throw unusable(
    `${source} asks ${wanted}://${named}, which is no address of the Connector, so that it is not given the credential: add it to spec.addressExtensions`,
  );
}

function defaultPort(scheme: ToolOrigin['scheme']): number {
  return scheme === 'https' ? 443 : 80;
}
