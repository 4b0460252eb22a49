import type { JsonObject, JsonValue } from '../json.js';

/** Names one Connector; two references are the same when both names are equal. */
export interface ConnectorRef {
  readonly namespace: string;
  readonly name: string;
}

/** Where a proxy listens and how it is trusted: `status.proxy.httpAddress` of a Connector or a ConnectorClass. */
export interface ProxyAddress {
  /** Absolute http or https URL; may carry a path. */
  readonly url: string;
  /** PEM bundle of certificates only; absent when the object names none. */
  readonly caCerts?: string;
  /** Of the tokens that the proxy accepts; absent when the object names none. */
  readonly audience?: string;
}

/**
 * A parsed Connector. Instances are immutable and replaced when the object changes, so identity (===) tells whether
 * anything changed since it was last used.
 */
export interface Connector {
  readonly ref: ConnectorRef;
  readonly className: string;
  readonly proxyAddress?: ProxyAddress;
  /** The whole object, for templates. */
  readonly object: JsonObject;
}

export type ParamType = 'string' | 'array' | 'object';

export interface ConfigurationParam {
  readonly name: string;
  readonly type: ParamType;
  /** Absent: the param is required. */
  readonly default?: JsonValue;
  readonly enum?: readonly JsonValue[];
  /** Of an object: the members that it may have and, those without a default, must have. */
  readonly properties?: ReadonlyMap<string, ParamProperty>;
}

/** A member of an object param; its value is a string. */
export interface ParamProperty {
  readonly default?: string;
  readonly enum?: readonly JsonValue[];
}

/** A named set of template files of a ConnectorClass. */
export interface Configuration {
  readonly name: string;
  /** File name to template text. */
  readonly files: ReadonlyMap<string, string>;
  readonly params: readonly ConfigurationParam[];
}

/** `spec.proxy` of a ConnectorClass. */
export interface ClassProxy {
  /** Whether it refers to a proxy of its own, which gives the Connectors their addresses. */
  readonly hasRef: boolean;
  /** Where a Connector's address names none. */
  readonly audience?: string;
  /** PEM bundle of certificates only, in addition to those of the addresses. */
  readonly caCerts?: string;
}

/** A parsed ConnectorClass; immutable and replaced on change like a Connector. */
export interface ConnectorClass {
  readonly name: string;
  /** Absent: Connectors of the class mount without proxy files. */
  readonly proxy?: ClassProxy;
  readonly proxyAddress?: ProxyAddress;
  readonly configurations: readonly Configuration[];
  /** The whole object, for templates. */
  readonly object: JsonObject;
}

/** A Connector with its class, in the order of the volume's `connectors` attribute. */
export interface ResolvedConnector {
  readonly connector: Connector;
  readonly connectorClass: ConnectorClass;
}

/** The switches of the ConfigMap `connectors-config`; immutable and replaced on change. */
export interface FeatureFlags {
  readonly connectorProxyPermissions: boolean;
  readonly connectorsApproval: boolean;
  readonly multiConnector: boolean;
}
