/**
 * Copies a part of a longer text. V8 keeps the whole text in memory as long as a slice of it of 13 characters or more is
 * referenced.
 */
export function flatCopy(part: string): string {
  return Buffer.from(part).toString();
}
