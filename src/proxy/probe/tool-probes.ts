import type { Connector, ConnectorClass } from '../../connectors/model.js';
import { CodedError } from '../../errors.js';
import { jsonMember } from '../../json.js';
import { authTypeOf, textAt } from '../credential/tool-credentials.js';
import { addressesOf } from '../credential/tool-address.js';
import type { SecretObject } from '../credential/secret-source.js';
import { ProxyError } from '../proxy-error.js';
import { ownerOfHost } from '../upstream/resolver.js';
import type { RawHeaders } from '../upstream/headers.js';
import type { ToolClient } from '../upstream/tool-client.js';
import type { ToolCredential } from '../upstream/tool-credential.js';
import { authorityOf, nameOf } from '../upstream/tool-origin.js';
import type { ToolOrigin } from '../upstream/tool-origin.js';
import type { Trust } from '../upstream/trust.js';
import { authProbeOf, livenessProbeOf } from './http-probe.js';
import type { HttpProbe } from './http-probe.js';
import { probeData, shownProbeData } from './probe-data.js';
import { sendProbe } from './probe-exchange.js';
import type { ProbeResponse } from './probe-exchange.js';
import type { ProbeJob, ProbeOutcome } from './probe-job.js';
import { commonHeaders, probeRequest, templatesOf } from './probe-request.js';
import type { ProbeRequest } from './probe-request.js';
import type { ProbeThreads } from './probe-threads.js';

/** The tool to probe, with its credential if the Connector has one. */
export interface ProbedTool {
  readonly connector: Connector;
  readonly connectorClass: ConnectorClass;
  readonly origin: ToolOrigin;
  readonly trust: Trust;
  readonly secret: SecretObject | undefined;
  readonly credential: ToolCredential;
}

/** The result of a probe. The message is one line for the owner of the Connector and contains no secret. */
export interface ProbeVerdict {
  readonly verdict: 'success' | 'failure' | 'unknown';
  readonly reason: 'Answered' | 'Accepted' | 'Rejected' | 'Unreachable' | 'UnexpectedAnswer' | 'ProbeUnusable';
  readonly message: string;
}

export interface ToolProbesOptions {
  readonly client: ToolClient;
  readonly threads: ProbeThreads;
  /** Limit of one probe. */
  readonly timeoutMs: number;
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
   * credential with a token that is requested has to get one first.
   * @param unreachable failure of the liveness probe, which is then the result.
   * @returns undefined if there is neither, or no credential.
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
      const authName = textAt(authTypeOf(jsonMember(connector.object['spec'], 'auth'), connectorClass), 'name');
      const probe = authName === undefined ? undefined : authProbeOf(connectorClass, authName);
      const { authenticationPath } = credential;
      const isKnown = authenticationPath !== undefined || credential.obtain !== undefined;
      if (unreachable !== undefined && (probe !== undefined || isKnown)) return unreachable;
      await credential.obtain?.(signal);
      if (probe !== undefined) return this.#run(probe, tool, signal, authVerdict);
      if (authenticationPath !== undefined) return this.#authenticate(authenticationPath, tool, signal);
      return isKnown ? { verdict: 'success', reason: 'Accepted', message: '' } : undefined;
    });
  }

  async #run(probe: HttpProbe, tool: ProbedTool, signal: AbortSignal, verdictOf: VerdictOf): Promise<ProbeVerdict> {
    const { connector, secret } = tool;
    const origin = originOf(probe, tool);
    const rendered = await this.#work(probe, tool, signal, {
      kind: 'render',
      texts: templatesOf(probe),
      data: probeData(connector, secret),
      shownData: shownProbeData(connector, secret),
    });
    if (rendered.kind === 'malformed') throw unusable(`${probe.source}: ${rendered.message}`);
    const shown = probeRequest(probe, origin, rendered.kind === 'rendered' ? rendered.texts : []);
    const request = verdictOf === authVerdict ? await withToken(shown, tool, signal) : shown;
    const { cel } = probe;
    const response = await this.#send(request, tool, cel !== undefined, signal);
    if (cel === undefined) return verdictOf(response, undefined, probe, tool, request);
    const { status: statusCode, headers, body } = response;
    const outcome = await this.#work(probe, tool, signal, {
      kind: 'judge',
      cel,
      statusCode,
      headers,
      ...(body === undefined ? {} : { body }),
    });
    if (outcome.kind === 'malformed') throw unusable(`${probe.source}.response.cel: ${outcome.message}`);
    const isMet = outcome.kind === 'judged' ? outcome.isMet : 'undecided';
    return verdictOf(response, isMet, probe, tool, request);
  }

  /** Sends the credential to the endpoint of the tool that requires it: `/v2/` of a registry. */
  async #authenticate(path: string, tool: ProbedTool, signal: AbortSignal): Promise<ProbeVerdict> {
    const { credential, origin } = tool;
    const method = 'GET';
    const use = { method, path, isUnrepeatable: false };
    const bare: ProbeRequest = { origin, method, path, headers: commonHeaders(origin) };
    const initial = await credential.headersFor(use, signal);
    let response = await this.#send({ ...bare, headers: [...bare.headers, ...initial] }, tool, false, signal);
    if (response.status === 401) {
      const better = await credential.headersAfter(response.challenges, use, signal);
      if (better !== undefined) {
        response = await this.#send({ ...bare, headers: [...bare.headers, ...better] }, tool, false, signal);
      }
    }
    return authVerdict(response, undefined, undefined, tool, bare);
  }

  #send(
    request: ProbeRequest,
    { connector, trust }: ProbedTool,
    wantsBody: boolean,
    signal: AbortSignal,
  ): Promise<ProbeResponse> {
    const { client, timeoutMs } = this.#options;
    return sendProbe(client, request, trust, { owner: ownerOfHost(connector.ref), wantsBody, timeoutMs, signal });
  }

  async #work(
    { source }: HttpProbe,
    { connector }: ProbedTool,
    signal: AbortSignal,
    job: ProbeJob,
  ): Promise<ProbeOutcome> {
    const { namespace, name } = connector.ref;
    try {
      return await this.#options.threads.run(job, { namespace, group: name }, signal);
    } catch (error) {
      if (signal.aborted || !(error instanceof CodedError) || error.code !== 'RESOURCE_EXHAUSTED') throw error;
      throw unusable(`${source}: ${job.kind === 'render' ? 'its templates take' : 'response.cel takes'} too long`);
    }
  }
}

/** Adds a requested token, which the templates of the class cannot know. */
async function withToken(
  request: ProbeRequest,
  { credential }: ProbedTool,
  signal: AbortSignal,
): Promise<ProbeRequest> {
  if (credential.obtain === undefined) return request;
  const { method, path, headers } = request;
  const added = await credential.headersFor({ method, path, isUnrepeatable: false }, signal);
  return { ...request, headers: [...withoutHeaders(headers, credential.replaces), ...added] };
}

function withoutHeaders(headers: RawHeaders, names: ReadonlySet<string>): RawHeaders {
  return headers.filter((_each, at) => !names.has((headers[at - (at % 2)] ?? '').toLowerCase()));
}

type VerdictOf = (
  response: ProbeResponse,
  isMet: boolean | 'undecided' | undefined,
  probe: HttpProbe | undefined,
  tool: ProbedTool,
  request: ProbeRequest,
) => ProbeVerdict;

const livenessVerdict: VerdictOf = ({ status }, isMet, probe, _tool, { origin, method }) => {
  const isGood = isMet ?? (status >= 200 && status < 400);
  if (isGood === true) return { verdict: 'success', reason: 'Answered', message: '' };
  const doubt = isMet === undefined ? 'not what a tool that is well answers' : celDoubt(isMet, probe);
  return {
    verdict: 'failure',
    reason: 'UnexpectedAnswer',
    message: `${nameOf(origin)} answered ${status} to ${method}: ${doubt}`,
  };
};

const authVerdict: VerdictOf = ({ status }, isMet, probe, { secret }, { origin, method }) => {
  const isGood = isMet ?? (status >= 200 && status < 300);
  if (isGood === true) return { verdict: 'success', reason: 'Accepted', message: '' };
  const answered = `${nameOf(origin)} answered ${status}`;
  const isRejection = status === 401 || status === 403;
  const isToolFailure = status === 429 || status >= 500;
  if (isRejection || (isMet === false && !isToolFailure)) {
    const name = secret === undefined ? '' : ` ${secret.ref.namespace}/${secret.ref.name}`;
    const message = `${answered} to the credential in Secret${name}: see whether it is right, still valid, and may do what it is for`;
    return { verdict: 'failure', reason: 'Rejected', message };
  }
  const doubt = isMet === undefined || isToolFailure ? 'so nothing is known of the credential' : celDoubt(isMet, probe);
  return { verdict: 'unknown', reason: 'UnexpectedAnswer', message: `${answered} to ${method}, ${doubt}` };
};

function celDoubt(isMet: boolean | 'undecided', probe: HttpProbe | undefined): string {
  const source = `${probe?.source ?? ''}.response.cel`;
  return isMet === 'undecided' ? `${source} cannot be decided by that` : `${source} is false`;
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

function unusable(message: string): CodedError {
  return new CodedError('FAILED_PRECONDITION', message);
}

/** Converts failures to verdicts, except for an aborted signal. */
async function toVerdict(
  signal: AbortSignal,
  probe: () => Promise<ProbeVerdict | undefined>,
): Promise<ProbeVerdict | undefined> {
  try {
    return await probe();
  } catch (error) {
    if (signal.aborted) throw error;
    if (error instanceof ProxyError) {
      const isCredential = error.kind === 'misconfigured';
      return {
        verdict: isCredential ? 'failure' : 'unknown',
        reason: isCredential ? 'Rejected' : 'Unreachable',
        message: error.message,
      };
    }
    if (error instanceof CodedError && error.code === 'FAILED_PRECONDITION') {
      return { verdict: 'unknown', reason: 'ProbeUnusable', message: error.message };
    }
    throw error;
  }
}
