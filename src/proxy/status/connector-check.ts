import type { Connector, ConnectorClass } from '../../connectors/model.js';
import { jsonMember } from '../../json.js';
import { CodedError } from '../../errors.js';
import type { CaSource } from '../certificates/certificate-authority.js';
import { addressesOf, mainAddressOf } from '../credential/tool-address.js';
import type { ToolAddress } from '../credential/tool-address.js';
import type { SecretSource } from '../credential/secret-source.js';
import type { ToolCredentials } from '../credential/tool-credentials.js';
import { textAt } from '../credential/tool-credentials.js';
import type { ProbedTool, ToolProbes } from '../probe/tool-probes.js';
import type { ProbeVerdict } from '../probe/probe-verdict.js';
import type { UpstreamTrust } from '../credential/upstream-trust.js';
import { ProxyError } from '../proxy-error.js';
import { rulesProblem } from '../../rules/request-rules.js';
import { addressHint } from './address-hint.js';
import type { ConditionType, ConditionResult } from './conditions.js';
import { isFalse, isTrue, isUnknown, readiness } from './conditions.js';

export interface ConnectorCheckOptions {
  readonly credentials: ToolCredentials;
  readonly trust: UpstreamTrust;
  readonly ca: CaSource;
  readonly secrets: SecretSource;
  readonly probes: ToolProbes;
  readonly observer: ProbeObserver;
  /** Reports whether an address is the proxy itself, as far as that is known without a DNS lookup. */
  readonly isOwnAddress: (address: ToolAddress) => boolean;
}

export interface Checked {
  readonly results: readonly ConditionResult[];
  /** The credential, if the tool rejected it. */
  readonly rejected: RejectedCredential | undefined;
}

/** A credential that the tool rejected. */
export interface RejectedCredential {
  /** Version of the Secret; see SecretVersion. */
  readonly version: string;
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
    const { result, tool } = await this.#toolOf(connector, usable, signal);
    const probed = tool === undefined ? [] : await this.#probe(tool, knownRejection, signal);
    const results = [classResult(connectorClass), result, this.#serviceResult(), ...probed];
    const problem = rulesProblem(connector, usable);
    const ofRules = problem === undefined ? [] : [isFalse('Ready', 'BrokenRules', problem)];
    return {
      results: [...results, readiness([...ofRules, ...results], addressHint(connector))],
      rejected: rejectedIn(probed, tool, knownRejection),
    };
  }

  /** Reports whether the proxy has a CA, which its clients need. That the proxy runs is implied. */
  #serviceResult(): ConditionResult {
    try {
      this.#options.ca.current();
      return isTrue('ProxyServiceReady', 'Ready');
    } catch (error) {
      if (!(error instanceof CodedError)) throw error;
      return isFalse('ProxyServiceReady', 'NoCA', error.message);
    }
  }

  /** Runs the probes. If the tool is unreachable, the credential cannot be checked. */
  async #probe(
    tool: ProbedTool,
    knownRejection: RejectedCredential | undefined,
    signal: AbortSignal,
  ): Promise<readonly ConditionResult[]> {
    const { probes, observer } = this.#options;
    const liveness = await probes.liveness(tool, signal);
    if (liveness !== undefined) observer.probed('liveness', liveness.verdict);
    const ofLiveness = liveness === undefined ? [] : [livenessResult(liveness)];
    if (knownRejection !== undefined && knownRejection.version === tool.secret?.version)
      return [...ofLiveness, knownRejection.result];
    const unreachable = liveness?.reason === 'Unreachable' ? liveness : undefined;
    const auth = await probes.auth(tool, unreachable, signal);
    if (auth !== undefined && auth !== unreachable && auth.reason !== 'NonAuthProbe')
      observer.probed('auth', auth.verdict);
    return [...ofLiveness, ...(auth === undefined ? [] : [asResult('AuthReady', auth)])];
  }

  /** Reads the Connector's credential and CA, and returns the tool to probe; no tool if they are unusable. */
  async #toolOf(
    connector: Connector,
    connectorClass: ConnectorClass | undefined,
    signal: AbortSignal,
  ): Promise<{ readonly result: ConditionResult; readonly tool?: ProbedTool }> {
    const origin = mainAddressOf(connector);
    if ('reason' in origin) return { result: isFalse('SecretReady', origin.reason, origin.message) };
    const own = addressesOf(connector).find(this.#options.isOwnAddress);
    if (own !== undefined) {
      const message = `the address ${own.host}:${own.port} is this proxy itself: set it to the address of the tool`;
      return { result: isFalse('SecretReady', 'AddressOfProxy', message) };
    }
    try {
      const { credentials, trust: trusts, secrets } = this.#options;
      const { namespace } = connector.ref;
      const spec = connector.object['spec'];
      const name = textAt(jsonMember(jsonMember(spec, 'auth'), 'secretRef'), 'name');
      for (const used of [name, textAt(jsonMember(spec, 'caCertSecretRef'), 'name')]) {
        if (used !== undefined) secrets.expire({ namespace, name: used });
      }
      const trust = await trusts.of(connector, signal);
      const credential = await credentials.of(connector, connectorClass, origin, signal);
      const secret = name === undefined ? undefined : await secrets.get({ namespace, name }, signal);
      const result = isTrue('SecretReady', name === undefined ? 'NotNeeded' : 'Ready');
      if (connectorClass === undefined) return { result };
      return { result, tool: { connector, connectorClass, origin, trust, secret, credential } };
    } catch (error) {
      if (signal.aborted) throw error;
      return { result: failureResult(error) };
    }
  }
}

/** Receives the result of every probe, for metrics. */
export interface ProbeObserver {
  probed(probe: 'liveness' | 'auth', verdict: ProbeVerdict['verdict']): void;
}

/** Returns the same object for the same rejection, so that callers can detect whether the credential was sent again. */
function rejectedIn(
  probed: readonly ConditionResult[],
  tool: ProbedTool | undefined,
  knownRejection: RejectedCredential | undefined,
): RejectedCredential | undefined {
  const result = probed.find(({ type, reason }) => type === 'AuthReady' && reason === 'Rejected');
  if (result === undefined || tool?.secret === undefined) return undefined;
  return result === knownRejection?.result ? knownRejection : { version: tool.secret.version, result };
}

/** Converts a verdict. An unreachable tool is not ready, instead of unknown. */
function livenessResult(verdict: ProbeVerdict): ConditionResult {
  const result = asResult('LivenessReady', verdict);
  return verdict.reason === 'Unreachable' ? { ...result, status: 'False' } : result;
}

function asResult(type: ConditionType, { verdict, reason, message }: ProbeVerdict): ConditionResult {
  if (verdict === 'success') return isTrue(type, reason);
  return verdict === 'failure' ? isFalse(type, reason, message) : isUnknown(type, reason, message);
}

function failureResult(error: unknown): ConditionResult {
  if (error instanceof ProxyError) {
    const { kind, message } = error;
    return kind === 'rate_limited'
      ? isUnknown('SecretReady', 'NotChecked', message)
      : isFalse('SecretReady', 'Unusable', message);
  }
  if (!(error instanceof CodedError)) throw error;
  return error.code === 'FAILED_PRECONDITION'
    ? isFalse('SecretReady', 'Unreadable', error.message)
    : isUnknown('SecretReady', 'NotChecked', error.message);
}

function classResult(found: ConnectorClass | CodedError): ConditionResult {
  const type = 'ConnectorClassReady';
  return found instanceof CodedError ? isFalse(type, 'Unusable', found.message) : isTrue(type, 'Ready');
}
