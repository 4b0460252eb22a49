import type { Connector, ConnectorClass } from '../../connectors/model.js';
import { jsonMember } from '../../json.js';
import { DriverError } from '../../errors.js';
import type { AuthoritySource } from '../certificates/certificate-authority.js';
import { addressesOf, mainAddressOf } from '../credential/tool-address.js';
import type { ToolAddress } from '../credential/tool-address.js';
import type { SecretSource } from '../credential/secret-source.js';
import type { ToolCredentials } from '../credential/tool-credentials.js';
import { textAt } from '../credential/tool-credentials.js';
import type { ProbeVerdict, ProbedTool, ToolProbes } from '../probe/tool-probes.js';
import type { ToolTrust } from '../credential/tool-trust.js';
import { Refusal } from '../refusal.js';
import { addressHint } from './address-hint.js';
import type { ConditionType, Finding } from './conditions.js';
import { isFalse, isTrue, isUnknown, readiness } from './conditions.js';

export interface ConnectorCheckOptions {
  readonly credentials: ToolCredentials;
  readonly trust: ToolTrust;
  readonly authority: AuthoritySource;
  readonly secrets: SecretSource;
  readonly probes: ToolProbes;
  readonly observer: ProbeObserver;
  /** Whether an address is the proxy itself, as far as can be told without a lookup. */
  readonly isOwnAddress: (address: ToolAddress) => boolean;
}

export interface Checked {
  readonly findings: readonly Finding[];
  /** The credential, if the tool does not take it. */
  readonly rejected: RejectedCredential | undefined;
}

/** What a tool has answered to a credential. */
export interface RejectedCredential {
  /** Of the Secret, see SecretVersion. */
  readonly version: string;
  readonly finding: Finding;
}

/** Finds out whether a Connector can be used, with the same eyes as a request that uses it. */
export class ConnectorCheck {
  readonly #options: ConnectorCheckOptions;

  constructor(options: ConnectorCheckOptions) {
    this.#options = options;
  }

  /**
   * @param connectorClass what is wrong with it, when it is there and cannot be read.
   * @param known a credential that the tool is not asked about again.
   * @throws {DriverError} the signal's reason.
   */
  async check(
    connector: Connector,
    connectorClass: ConnectorClass | DriverError,
    known: RejectedCredential | undefined,
    signal: AbortSignal,
  ): Promise<Checked> {
    const usable = connectorClass instanceof DriverError ? undefined : connectorClass;
    const { finding, tool } = await this.#toolOf(connector, usable, signal);
    const probed = tool === undefined ? [] : await this.#probe(tool, known, signal);
    const findings = [classFinding(connectorClass), finding, this.#serviceFinding(), ...probed];
    return {
      findings: [...findings, readiness(findings, addressHint(connector))],
      rejected: rejectedIn(probed, tool, known),
    };
  }

  /** The proxy can be used once it has a CA; whether it runs needs no saying by itself. */
  #serviceFinding(): Finding {
    try {
      this.#options.authority.current();
      return isTrue('ProxyServiceReady', 'Ready');
    } catch (error) {
      if (!(error instanceof DriverError)) throw error;
      return isFalse('ProxyServiceReady', 'NoCA', error.message);
    }
  }

  /** What its probes say; where the tool is not there, nothing can be known of the credential. */
  async #probe(
    tool: ProbedTool,
    known: RejectedCredential | undefined,
    signal: AbortSignal,
  ): Promise<readonly Finding[]> {
    const { probes, observer } = this.#options;
    const liveness = await probes.liveness(tool, signal);
    if (liveness !== undefined) observer.probed('liveness', liveness.verdict);
    const ofLiveness = liveness === undefined ? [] : [livenessFinding(liveness)];
    if (known !== undefined && known.version === tool.secret?.version) return [...ofLiveness, known.finding];
    const unreachable = liveness?.reason === 'Unreachable' ? liveness : undefined;
    const auth = await probes.auth(tool, unreachable, signal);
    if (auth !== undefined && auth !== unreachable) observer.probed('auth', auth.verdict);
    return [...ofLiveness, ...(auth === undefined ? [] : [asFinding('AuthReady', auth)])];
  }

  /** The Connector's credential and CA, and what can be probed with them: undefined where they cannot be used. */
  async #toolOf(
    connector: Connector,
    connectorClass: ConnectorClass | undefined,
    signal: AbortSignal,
  ): Promise<{ readonly finding: Finding; readonly tool?: ProbedTool }> {
    const origin = mainAddressOf(connector);
    if ('reason' in origin) return { finding: isFalse('SecretReady', origin.reason, origin.message) };
    const own = addressesOf(connector).find(this.#options.isOwnAddress);
    if (own !== undefined) {
      const message = `the address ${own.host}:${own.port} is this proxy itself: set it to the address of the tool`;
      return { finding: isFalse('SecretReady', 'AddressOfProxy', message) };
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
      const finding = isTrue('SecretReady', name === undefined ? 'NotNeeded' : 'Ready');
      if (connectorClass === undefined) return { finding };
      return { finding, tool: { connector, connectorClass, origin, trust, secret, credential } };
    } catch (error) {
      if (signal.aborted) throw error;
      return { finding: failureFinding(error) };
    }
  }
}

/** Told of every probe; for metrics. */
export interface ProbeObserver {
  probed(probe: 'liveness' | 'auth', verdict: ProbeVerdict['verdict']): void;
}

/** The same object for the same answer, so that it can be told whether the tool was asked. */
function rejectedIn(
  probed: readonly Finding[],
  tool: ProbedTool | undefined,
  known: RejectedCredential | undefined,
): RejectedCredential | undefined {
  const finding = probed.find(({ type, reason }) => type === 'AuthReady' && reason === 'Rejected');
  if (finding === undefined || tool?.secret === undefined) return undefined;
  return finding === known?.finding ? known : { version: tool.secret.version, finding };
}

/** A tool that is not there is not ready, and not merely unknown. */
function livenessFinding(verdict: ProbeVerdict): Finding {
  const finding = asFinding('LivenessReady', verdict);
  return verdict.reason === 'Unreachable' ? { ...finding, status: 'False' } : finding;
}

function asFinding(type: ConditionType, { verdict, reason, message }: ProbeVerdict): Finding {
  if (verdict === 'success') return isTrue(type, reason);
  return verdict === 'failure' ? isFalse(type, reason, message) : isUnknown(type, reason, message);
}

function failureFinding(error: unknown): Finding {
  if (error instanceof Refusal) {
    const { kind, message } = error;
    return kind === 'rate_limited'
      ? isUnknown('SecretReady', 'NotChecked', message)
      : isFalse('SecretReady', 'Unusable', message);
  }
  if (!(error instanceof DriverError)) throw error;
  return error.code === 'FAILED_PRECONDITION'
    ? isFalse('SecretReady', 'Unreadable', error.message)
    : isUnknown('SecretReady', 'NotChecked', error.message);
}

function classFinding(found: ConnectorClass | DriverError): Finding {
  const type = 'ConnectorClassReady';
  return found instanceof DriverError ? isFalse(type, 'Unusable', found.message) : isTrue(type, 'Ready');
}
