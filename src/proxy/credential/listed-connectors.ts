import { connectorClassType, connectorType } from '../../connectors/kubernetes-connectors.js';
import type { Connector, ConnectorClass, ConnectorRef, ResolvedConnector } from '../../connectors/model.js';
import { parseConnectorClass } from '../../connectors/parse-connector-class.js';
import { parseConnector } from '../../connectors/parse-connector.js';
import { unreadReason, untilRead } from '../../connectors/until-read.js';
import { DriverError } from '../../errors.js';
import type { JsonObject } from '../../json.js';
import type { KubeClient } from '../../kube/kube-client.js';
import { objectKey } from '../../kube/kube-object.js';
import { Reflector } from '../../kube/reflector.js';
import { limits } from '../../load/limits.js';
import type { Log } from '../../log.js';
import type { ConnectorLookup } from './connector-lookup.js';
import type { ObjectKind, KnownObjects } from './known-objects.js';

/** All Connectors and classes of the cluster, listed once and watched: any of them may be named by the next request. */
export class ListedConnectors implements ConnectorLookup, KnownObjects {
  readonly #connectors: Reflector;
  readonly #classes: Reflector;
  readonly #parsed = new WeakMap<JsonObject, Connector | ConnectorClass | DriverError>();

  constructor(client: KubeClient, log: Log) {
    const { connectorBytes, connectorClassBytes } = limits.objects;
    this.#connectors = new Reflector(client, { type: connectorType, screen: { maxObjectBytes: connectorBytes } }, log);
    const screen = { maxObjectBytes: connectorClassBytes };
    this.#classes = new Reflector(client, { type: connectorClassType, screen }, log);
  }

  start(): void {
    this.#connectors.start();
    this.#classes.start();
  }

  stop(): void {
    this.#connectors.stop();
    this.#classes.stop();
  }

  keys(kind: ObjectKind): Iterable<string> {
    return (kind === 'class' ? this.#classes : this.#connectors).state.objects.keys();
  }

  connector(key: string): Connector | DriverError | undefined {
    return this.#known(this.#connectors, key, parseConnector);
  }

  connectorClass(name: string): ConnectorClass | DriverError | undefined {
    return this.#known(this.#classes, name, parseConnectorClass);
  }

  onChange(listener: (kind: ObjectKind, key: string) => void): void {
    this.#connectors.state.onChange((key) => listener('connector', key));
    this.#classes.state.onChange((key) => listener('class', key));
  }

  /** Why nothing can be read; undefined when it can. */
  problem(): string | undefined {
    return (
      unreadReason(this.#connectors.state, 'reading connectors') ??
      unreadReason(this.#classes.state, 'reading connectorclasses')
    );
  }

  async find(ref: ConnectorRef, signal: AbortSignal): Promise<ResolvedConnector | undefined> {
    await untilRead(this.#connectors.state, signal, 'reading connectors');
    await untilRead(this.#classes.state, signal, 'reading connectorclasses');
    const object = objectIn(this.#connectors, objectKey(ref));
    if (object === undefined) return undefined;
    const connector = this.#parse(object, parseConnector);
    const classObject = objectIn(this.#classes, connector.className);
    if (classObject === undefined) {
      const { namespace, name } = ref;
      throw new DriverError(
        'FAILED_PRECONDITION',
        `connectorclass ${connector.className} of connector ${namespace}/${name} does not exist`,
      );
    }
    return { connector, connectorClass: this.#parse(classObject, parseConnectorClass) };
  }

  #known<T extends Connector | ConnectorClass>(
    { state }: Reflector,
    key: string,
    parse: (object: JsonObject) => T,
  ): T | DriverError | undefined {
    const object = state.objects.get(key);
    if (object === undefined) return state.refused.get(key);
    try {
      return this.#parse(object, parse);
    } catch (error) {
      if (error instanceof DriverError) return error;
      throw error;
    }
  }

  /** Parsed once per state of the object. */
  #parse<T extends Connector | ConnectorClass>(object: JsonObject, parse: (object: JsonObject) => T): T {
    let parsed = this.#parsed.get(object);
    if (parsed === undefined) {
      try {
        parsed = parse(object);
      } catch (error) {
        if (!(error instanceof DriverError)) throw error;
        parsed = error;
      }
      this.#parsed.set(object, parsed);
    }
    if (parsed instanceof DriverError) throw parsed;
    // Objects of one kind are only ever parsed as that kind.
    return parsed as T;
  }
}

/** @throws {DriverError} for an object that is there but too large to be taken. */
function objectIn({ state }: Reflector, key: string): JsonObject | undefined {
  const refused = state.refused.get(key);
  if (refused !== undefined) throw refused;
  return state.objects.get(key);
}
