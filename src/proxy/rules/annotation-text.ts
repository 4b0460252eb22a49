/** Returns the value of an annotation as text. Annotations are strings in the API; in a manifest they can be anything. */
export function annotationText(value: unknown): string {
  return typeof value === 'string' ? value : String(value);
}
