/**
 * A template that cannot be compiled or rendered. The message is Go's, with template, line, column and the failing
 * expression. Secrets are removed from the values in it.
 */
export class TemplateError extends Error {
  override readonly name: string = 'TemplateError';
  readonly stage: 'parse' | 'exec';
  /** 1-based. */
  readonly line: number;
  /** Bytes before the place on its line; when parsing Go knows the line only. */
  readonly column: number | undefined;
  /** The message without template, place and expression. */
  readonly reason: string;

  constructor(message: string, place: ErrorPlace) {
    super(message);
    this.stage = place.stage;
    this.line = place.line;
    this.column = place.column;
    this.reason = place.reason;
  }
}

interface ErrorPlace {
  readonly stage: 'parse' | 'exec';
  readonly line: number;
  readonly column?: number | undefined;
  readonly reason: string;
}

/** The template was stopped because it takes too much time, memory, depth or output. */
export class TemplateLimitError extends TemplateError {
  override readonly name = 'TemplateLimitError';
}
