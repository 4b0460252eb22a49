import type { Connector, ConnectorClass } from '../../connectors/model.js';
import type { CodedError } from '../../errors.js';

export type ObjectKind = 'connector' | 'class';

/** Connectors and classes as they are now, and word of every change. Keys are `namespace/name`, of classes `name`. */
export interface ConnectorLister {
  /** Whether all classes have been read: one that is not known does not exist. */
  readonly hasReadClasses: boolean;
  keys(kind: ObjectKind): Iterable<string>;
  /** Undefined when there is none; an error when it cannot be understood. */
  connector(key: string): Connector | CodedError | undefined;
  connectorClass(name: string): ConnectorClass | CodedError | undefined;
  /** Called once for each change, after it can be seen. */
  onChange(listener: (kind: ObjectKind, key: string) => void): void;
}
