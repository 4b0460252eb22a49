import { limits } from '../../limits/defaults.js';

/** What the value of an attribute is. All values are strings; this says how they are read. */
export type AttributeKind =
  'connector-list' | 'connector-name' | 'connector-namespace' | 'selector-list' | 'params' | 'duration';

/** One row of the table that the parser, the page for authors, the JSON schema and the admission policies go by. */
export interface AttributeRow {
  readonly kind: AttributeKind;
  /** Looked at before the value is split or parsed. */
  readonly maxBytes: number;
  /** Of a list. */
  readonly maxItems?: number;
  /** Of a duration, in milliseconds. The upper bound is the operator's (`--max-token-expiration`). */
  readonly minMs?: number;
  /** The name to use instead. */
  readonly deprecatedBy?: string;
  /** For authors, in Markdown. The table in docs/volumes.md repeats it. */
  readonly meaning: string;
}

const maxBytes = limits.volume.attributeBytes;

/**
 * The volume attributes. An empty one, or one of white space only, counts as absent: substituted variables that are not
 * set arrive so.
 */
export const attributeTable = {
  connectors: {
    kind: 'connector-list',
    maxBytes,
    maxItems: 32,
    meaning: 'comma-separated `NAME` or `NAMESPACE/NAME`, 1 to 32; the order matters',
  },
  'connector.name': {
    kind: 'connector-name',
    maxBytes,
    deprecatedBy: 'connectors',
    meaning: 'deprecated: one connector; not together with `connectors`',
  },
  'connector.namespace': {
    kind: 'connector-namespace',
    maxBytes,
    deprecatedBy: 'connectors',
    meaning: "deprecated: its namespace; default: the pod's",
  },
  'configuration.names': {
    kind: 'selector-list',
    maxBytes,
    meaning: 'comma-separated: `NAME` adds a configuration, `!FILE` leaves a file out',
  },
  'configuration.params': {
    kind: 'params',
    maxBytes,
    meaning: 'JSON: `{"CONFIGURATION": {"PARAM": value}}`; a value is a string, a list or an object',
  },
  'token.expiration': {
    kind: 'duration',
    maxBytes,
    // The API server mints no token that lives shorter.
    minMs: 10 * 60_000,
    meaning: "Go duration from `10m` to `24h`; default: that of the kubelet's token",
  },
} as const satisfies Readonly<Record<string, AttributeRow>>;

export type AttributeName = keyof typeof attributeTable;

/** In the table's order. */
export const attributeNames = Object.keys(attributeTable) as readonly AttributeName[];

/** Attributes under this prefix are the kubelet's; volume authors have no business there and they are not ours to judge. */
export const kubeletPrefix = 'csi.storage.k8s.io/';

export function isAttributeName(name: string): name is AttributeName {
  return Object.hasOwn(attributeTable, name);
}
