import type { Connector, ConnectorClass } from '../../connectors/model.js';
import { jsonMember } from '../../json.js';
import { DriverError } from '../../errors.js';
import type { AuthoritySource } from '../certificates/authority-source.js';
import { addressesOf } from '../credential/tool-address.js';
import type { ToolCredentials } from '../credential/tool-credentials.js';
import type { ToolTrust } from '../credential/tool-trust.js';
import { Refusal } from '../refusal.js';
import type { Finding } from './conditions.js';
import { isFalse, isTrue, isUnknown, readiness } from './conditions.js';

export interface ConnectorCheckOptions {
  readonly credentials: ToolCredentials;
  readonly trust: ToolTrust;
  readonly authority: AuthoritySource;
}

/** Finds out whether a Connector can be used, with the same eyes as a request that uses it. */
export class ConnectorCheck {
  readonly #options: ConnectorCheckOptions;

  constructor(options: ConnectorCheckOptions) {
    this.#options = options;
  }

  /**
   * @param connectorClass what is wrong with it, when it is there and cannot be read; undefined when it is not there.
   * @throws {DriverError} the signal's reason.
   */
  async check(
    connector: Connector,
    connectorClass: ConnectorClass | DriverError | undefined,
    signal: AbortSignal,
  ): Promise<readonly Finding[]> {
    const usable = connectorClass instanceof DriverError ? undefined : connectorClass;
    const findings = [
      classFinding(connector, connectorClass),
      await this.#secretFinding(connector, usable, signal),
      this.serviceFinding(),
    ];
    return [...findings, readiness(findings)];
  }

  /** The proxy can be used once it has a CA; whether it runs needs no saying by itself. */
  serviceFinding(): Finding {
    try {
      this.#options.authority.current();
      return isTrue('ProxyServiceReady', 'Ready');
    } catch (error) {
      if (!(error instanceof DriverError)) throw error;
      return isFalse('ProxyServiceReady', 'NoCA', error.message);
    }
  }

  async #secretFinding(
    connector: Connector,
    connectorClass: ConnectorClass | undefined,
    signal: AbortSignal,
  ): Promise<Finding> {
    const [origin] = addressesOf(connector);
    if (origin === undefined) {
      const message = 'spec.address is no http or https URL: set it to the address of the tool';
      return isFalse('SecretReady', 'NoAddress', message);
    }
    try {
      const trust = await this.#options.trust.of(connector, signal);
      await this.#options.credentials.of(connector, connectorClass, origin, trust, signal);
      const hasSecret = jsonMember(jsonMember(jsonMember(connector.object['spec'], 'auth'), 'secretRef'), 'name');
      return isTrue('SecretReady', hasSecret === undefined ? 'NotNeeded' : 'Ready');
    } catch (error) {
      if (signal.aborted) throw error;
      if (error instanceof Refusal) return isFalse('SecretReady', 'Unusable', error.message);
      if (!(error instanceof DriverError)) throw error;
      return error.code === 'FAILED_PRECONDITION'
        ? isFalse('SecretReady', 'Unreadable', error.message)
        : isUnknown('SecretReady', 'NotAsked', error.message);
    }
  }
}

function classFinding({ className }: Connector, found: ConnectorClass | DriverError | undefined): Finding {
  const type = 'ConnectorClassReady';
  if (found === undefined) {
    const message = `connectorclass ${className} does not exist: create it, or change spec.connectorClassName`;
    return isFalse(type, 'NotFound', message);
  }
  return found instanceof DriverError ? isFalse(type, 'Unusable', found.message) : isTrue(type, 'Ready');
}
