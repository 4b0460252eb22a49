import type { Connector, ConnectorClass } from '../../shared/connectors/model.ts';
import { jsonMember, jsonText } from '../../shared/json.ts';
import { CodedError } from '../../shared/errors.ts';
import { caProblem } from '../certificates/certificate-authority.ts';
import type { CaSource } from '../certificates/certificate-authority.ts';
import { addressesOf, mainAddressOf } from '../connectors/tool-address.ts';
import type { ToolAddress } from '../connectors/tool-address.ts';
import type { SecretSource } from '../secrets/secret-source.ts';
import type { ToolCredentials } from '../credentials/tool-credentials.ts';
import { authNameProblem, authTypeOf } from '../credentials/tool-credentials.ts';
import type { ProbedTool, ToolProbes } from '../probe/tool-probes.ts';
import type { ProbeVerdict } from '../probe/probe-verdict.ts';
import { caSecretNameOf } from '../credentials/upstream-trust.ts';
import type { UpstreamTrust } from '../credentials/upstream-trust.ts';
import { isIdentityProblem, Misconfiguration, ProxyError } from '../proxy-error.ts';
import { ownerProblem } from '../rules/request-rules.ts';
import type { ThreadShares } from '../thread-shares.ts';
import type { ConditionType, ConditionResult } from './conditions.ts';
import { falseResult, trueResult, unknownResult, readiness } from './conditions.ts';

interface ConnectorCheckOptions {
  readonly credentials: ToolCredentials;
  readonly trust: UpstreamTrust;
  readonly ca: CaSource;
  readonly secrets: SecretSource;
  readonly probes: ToolProbes;
  /** Parsing rules takes up to 50 ms. */
  readonly threads: ThreadShares;
  /** Reports whether an address is the proxy itself, as far as that is known without a DNS lookup. */
  readonly isThisProxy: (address: ToolAddress) => boolean;
}

export interface Checked {
  readonly results: readonly ConditionResult[];
  /** The credential, if the tool rejected it. */
  readonly rejected: RejectedCredential | undefined;
}

/** A credential that the tool rejected. */
export interface RejectedCredential {
  /** Of the Secret; see SecretObject. */
  readonly readId: string;
  readonly result: ConditionResult;
}

/** Checks whether a Connector is usable, through the same code path as a request. */
export class ConnectorCheck {
  readonly #options: ConnectorCheckOptions;

  constructor(options: ConnectorCheckOptions) {
    this.#options = options;
  }

  /**
   * @param connectorClass an error if the class exists but cannot be read.
   * @param knownRejection a rejected credential that is not sent to the tool again.
   * @throws {CodedError} the signal's reason.
   */
  async check(
    connector: Connector,
    connectorClass: ConnectorClass | CodedError,
    knownRejection: RejectedCredential | undefined,
    signal: AbortSignal,
  ): Promise<Checked> {
    const usable = connectorClass instanceof CodedError ? undefined : connectorClass;
    const { results: ofSecrets, tool } = await this.#toolOf(connector, usable, signal);
    const probed = tool === undefined ? [] : await this.#probe(tool, knownRejection, signal);
    const results = withIdentity([classResult(connectorClass), ...ofSecrets, this.#serviceResult(), ...probed]);
    const problem = this.#options.threads.measure(connector.ref.namespace, () => ownerProblem(connector, usable));
    const ofOwner = problem === undefined ? [] : [falseResult('Ready', problem.reason, problem.message)];
    return {
      results: [...results, readiness([...ofOwner, ...results])],
      rejected: rejectedIn(probed, tool, knownRejection),
    };
  }

  /** Reports whether the proxy has a CA, which its clients need. That the proxy runs is implied. */
  #serviceResult(): ConditionResult {
    const problem = caProblem(this.#options.ca);
    return problem === undefined
      ? trueResult('ProxyServiceReady', 'Ready')
      : falseResult('ProxyServiceReady', 'NoCA', problem);
  }

  /** Runs the probes. If the tool is unreachable, the credential cannot be checked. */
  async #probe(
    tool: ProbedTool,
    knownRejection: RejectedCredential | undefined,
    signal: AbortSignal,
  ): Promise<readonly ConditionResult[]> {
    const { probes } = this.#options;
    const liveness = await probes.liveness(tool, signal);
    const ofLiveness = liveness === undefined ? [] : [livenessResult(liveness)];
    if (knownRejection !== undefined && knownRejection.readId === tool.secret?.readId)
      return [...ofLiveness, knownRejection.result];
    const unreachable = liveness?.reason === 'Unreachable' ? liveness : undefined;
    const auth = await probes.auth(tool, unreachable, signal);
    return [...ofLiveness, ...(auth === undefined ? [] : [asResult('AuthReady', auth)])];
  }

  /** Reads the Connector's CA and credential, and returns the tool to probe; no tool if one of them is unusable. */
  async #toolOf(
    connector: Connector,
    connectorClass: ConnectorClass | undefined,
    signal: AbortSignal,
  ): Promise<{ readonly results: readonly ConditionResult[]; readonly tool?: ProbedTool }> {
    const { trust, failure } = await this.#trustOf(connector, signal);
    const ofCa = caSecretNameOf(connector) === undefined ? [] : [failure ?? trueResult('CACertReady', 'Ready')];
    const origin = mainAddressOf(connector);
    if ('reason' in origin) return { results: [...ofCa, falseResult('SecretReady', origin.reason, origin.message)] };
    const own = addressesOf(connector).find(this.#options.isThisProxy);
    if (own !== undefined) {
      const message = `the address ${own.host}:${own.port} is this proxy itself: set it to the address of the tool`;
      return { results: [...ofCa, falseResult('SecretReady', 'AddressOfProxy', message)] };
    }
    const unknownAuth = authNameProblem(connector, connectorClass);
    if (unknownAuth !== undefined)
      return { results: [...ofCa, falseResult('SecretReady', 'UnknownAuth', unknownAuth)] };
    try {
      const { credentials, secrets } = this.#options;
      const { namespace } = connector.ref;
      const auth = jsonMember(connector.object['spec'], 'auth');
      const name = jsonText(jsonMember(auth, 'secretRef'), 'name');
      if (name !== undefined) secrets.expire({ namespace, name });
      const credential = await credentials.of(connector, connectorClass, origin, signal);
      await credential.check?.(signal);
      const secret = name === undefined ? undefined : await secrets.get({ namespace, name }, signal);
      const isOptional = jsonMember(authTypeOf(auth, connectorClass), 'optional') === true;
      const reason = name !== undefined ? 'Ready' : isOptional ? 'SecretOptional' : 'NotNeeded';
      const results = [...ofCa, trueResult('SecretReady', reason)];
      if (connectorClass === undefined) return { results };
      if (trust !== undefined) {
        const tool = { connector, connectorClass, origin, trust: credential.trust ?? trust, secret, credential };
        return { results, tool };
      }
      return { results: ofCa.length === 0 && failure !== undefined ? [failure] : results };
    } catch (error) {
      if (signal.aborted) throw error;
      return { results: [...ofCa, failureResult('SecretReady', error)] };
    }
  }

  /** Reads the Connector's own CA again. Without one, a failure concerns the CAs of all Connectors. */
  async #trustOf(
    connector: Connector,
    signal: AbortSignal,
  ): Promise<{ readonly trust?: ProbedTool['trust']; readonly failure?: ConditionResult }> {
    const { trust: trusts, secrets } = this.#options;
    const name = caSecretNameOf(connector);
    if (name !== undefined) secrets.expire({ namespace: connector.ref.namespace, name });
    try {
      return { trust: await trusts.of(connector, signal) };
    } catch (error) {
      if (signal.aborted) throw error;
      return { failure: failureResult(name === undefined ? 'SecretReady' : 'CACertReady', error) };
    }
  }
}

/** Returns the same object for the same rejection, so that callers can detect whether the credential was sent again. */
function rejectedIn(
  probed: readonly ConditionResult[],
  tool: ProbedTool | undefined,
  knownRejection: RejectedCredential | undefined,
): RejectedCredential | undefined {
  const result = probed.find(({ type, reason }) => type === 'AuthReady' && reason === 'Rejected');
  if (result === undefined || tool?.secret === undefined) return undefined;
  return result === knownRejection?.result ? knownRejection : { readId: tool.secret.readId, result };
}

/** Moves the problem of a service account to the Secret that names it: the tool has not got the credential. */
function withIdentity(results: readonly ConditionResult[]): readonly ConditionResult[] {
  const found = results.find(({ reason }) => isIdentityProblem(reason));
  if (found === undefined) return results;
  const others = results.filter((each) => each !== found);
  return others.map((each) => (each.type === 'SecretReady' ? { ...found, type: each.type } : each));
}

/** Converts a verdict. An unreachable tool is not ready, instead of unknown. */
function livenessResult(verdict: ProbeVerdict): ConditionResult {
  const result = asResult('LivenessReady', verdict);
  return verdict.reason === 'Unreachable' ? { ...result, status: 'False' } : result;
}

function asResult(type: ConditionType, { verdict, reason, message }: ProbeVerdict): ConditionResult {
  const status = ({ success: 'True', failure: 'False', unknown: 'Unknown' } as const)[verdict];
  return { type, status, reason, message };
}

function failureResult(type: ConditionType, error: unknown): ConditionResult {
  if (error instanceof Misconfiguration) return falseResult(type, error.reason, error.message);
  if (error instanceof ProxyError) {
    const { isOverload, message } = error;
    return isOverload ? unknownResult(type, 'NotChecked', message) : falseResult(type, 'Unusable', message);
  }
  if (!(error instanceof CodedError)) throw error;
  return error.code === 'FAILED_PRECONDITION'
    ? falseResult(type, 'Unreadable', error.message)
    : unknownResult(type, 'NotChecked', error.message);
}

function classResult(found: ConnectorClass | CodedError): ConditionResult {
  const type = 'ConnectorClassReady';
  return found instanceof CodedError ? falseResult(type, 'Unusable', found.message) : trueResult(type, 'Ready');
}
