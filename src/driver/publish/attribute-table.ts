/** A row of the table that defines the parser, the page for authors, the JSON schema and the admission policies. */
interface AttributeRow {
  /** Limit of a list. */
  readonly maxItems?: number;
  /** Minimum of a duration, in milliseconds. The operator sets the maximum (`--max-token-expiration`). */
  readonly minMs?: number;
  /** For authors, in Markdown. The table in docs/volumes.md repeats it. */
  readonly meaning: string;
}

/**
 * The volume attributes. An empty one, or one of white space only, counts as absent: unset variables are substituted
 * so.
 */
export const attributeTable = {
  connectors: {
    maxItems: 32,
    meaning: 'comma-separated `NAME` or `NAMESPACE/NAME`, 1 to 32; the order matters',
  },
  'connector.name': {
    meaning: 'deprecated: one connector; not together with `connectors`',
  },
  'connector.namespace': {
    meaning: "deprecated: its namespace; default: the pod's",
  },
  'configuration.names': {
    meaning: 'comma-separated: `NAME` adds a configuration, `!FILE` leaves a file out',
  },
  'configuration.params': {
    meaning: 'JSON: `{"CONFIGURATION": {"PARAM": value}}`; a value is a string, a list or an object',
  },
  'token.expiration': {
    // The API server's minimum lifetime of a token.
    minMs: 10 * 60_000,
    meaning: "Go duration from `10m` to `24h`; default: that of the kubelet's token",
  },
} as const satisfies Readonly<Record<string, AttributeRow>>;

export type AttributeName = keyof typeof attributeTable;

/** In the table's order. */
export const attributeNames = Object.keys(attributeTable) as readonly AttributeName[];

/** Prefix of the kubelet's attributes, which authors do not set and the parser ignores. */
export const kubeletPrefix = 'csi.storage.k8s.io/';

export function isAttributeName(name: string): name is AttributeName {
  return Object.hasOwn(attributeTable, name);
}
