/** A member of a JSON object; undefined where there is none. */
export function field(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null
    ? Object.entries(value).find(([name]) => name === key)?.[1]
    : undefined;
}

/** A text member; empty where there is none. */
export function textField(value: unknown, key: string): string {
  const member = field(value, key);
  return typeof member === 'string' ? member : '';
}
