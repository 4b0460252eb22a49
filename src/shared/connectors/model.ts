import type { JsonObject, JsonValue } from '../json.ts';

/** Reference to a Connector. */
export interface ConnectorRef {
  readonly namespace: string;
  readonly name: string;
}

/** Address of a proxy and how to verify it: `status.proxy.httpAddress` of a Connector or a ConnectorClass. */
export interface ProxyAddress {
  /** Absolute http or https URL; can have a path. */
  readonly url: string;
  /** PEM bundle of certificates only; absent if the object has none. */
  readonly caCerts?: string;
  /** Audience of the tokens that the proxy accepts; absent if the object has none. */
  readonly audience?: string;
}

/** A parsed Connector; immutable and replaced on change. */
export interface Connector {
  /** Digest of a manifest. Objects of the API server have their resourceVersion. */
  readonly version?: string;
  readonly ref: ConnectorRef;
  readonly className: string;
  readonly proxyAddress?: ProxyAddress;
  /** The whole object, for templates. */
  readonly object: JsonObject;
}

export type ConfigurationParamType = 'string' | 'array' | 'object';

export interface ConfigurationParam {
  readonly name: string;
  readonly type: ConfigurationParamType;
  /** Absent: the param is required. */
  readonly default?: JsonValue;
  readonly enum?: readonly JsonValue[];
  /** For an object: its possible members. Those without a default are required. */
  readonly properties?: ReadonlyMap<string, ParamProperty>;
}

/** A member of an object param. Its value is a string. */
export interface ParamProperty {
  readonly default?: string;
  readonly enum?: readonly JsonValue[];
}

/** A named set of template files of a ConnectorClass. */
export interface Configuration {
  readonly name: string;
  /** Maps file names to template texts. */
  readonly files: ReadonlyMap<string, string>;
  readonly params: readonly ConfigurationParam[];
}

/** `spec.proxy` of a ConnectorClass. */
export interface ClassProxy {
  /** Whether the class references a proxy of its own, which sets the addresses of its Connectors. */
  readonly hasRef: boolean;
  /** Used if a Connector's address has no audience. */
  readonly audience?: string;
  /** PEM bundle of certificates only, added to those of the addresses. */
  readonly caCerts?: string;
}

/** A parsed ConnectorClass; immutable and replaced on change like a Connector. */
export interface ConnectorClass {
  /** As in `Connector`. */
  readonly version?: string;
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

/** The flags of the ConfigMap `connectors-config`; immutable and replaced on change. */
export interface FeatureFlags {
  readonly connectorProxyPermissions: boolean;
  readonly connectorsApproval: boolean;
  readonly multiConnector: boolean;
}
