/** A mistake in an expression of a class, with its position. It contains nothing of a Secret. */
export class ExpressionError extends Error {
  override readonly name = 'ExpressionError';
}

/** Returns the position of an offset for messages: `line 2, column 7`. */
export function positionOf(text: string, offset: number): string {
  const before = text.slice(0, offset).split('\n');
  return `line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`;
}
