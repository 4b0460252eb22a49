/**
 * Limits of one render. They are counted, not timed: the same template gives the same result under every load. Useful
 * files stay within them, such as a bundle of certificates through any function. A render that reaches them delays only
 * itself, because it does not run in the thread that serves calls (docs/dev/decisions).
 */
export interface RenderLimits {
  /** Work: a step is what takes about a fifth of a microsecond: looking at one element, say. */
  readonly steps: number;
  /** Memory of all values made during the render, in bytes. */
  readonly memoryBytes: number;
  /** Bytes of output. */
  readonly outputBytes: number;
  /** Templates within templates. Go's own bound is 100,000; so many take 40 MB. */
  readonly templateDepth: number;
  /** Hashes and keys that take long. */
  readonly slowTasks: number;
}

export const defaultLimits: RenderLimits = {
  steps: 2_000_000,
  memoryBytes: 8 << 20,
  outputBytes: 1 << 20,
  templateDepth: 10_000,
  slowTasks: 8,
};

/** Limits of a template's text, so that compiling stays within the limits of a render. */
export const parseLimits = {
  textBytes: 1 << 20,
  /** Nodes of the tree. */
  nodes: 30_000,
  /** Parentheses and blocks within each other. */
  depth: 200,
} as const;

/** Lists and maps within each other, when they are printed, compared, copied or written as JSON; also ends cycles. */
const maxValueDepth = 500;

/** A bound was reached. Inside the engine only: the evaluator adds the place and throws a TemplateLimitError. */
export class LimitReached extends Error {
  override readonly name = 'LimitReached';
}

/**
 * To be called at every level of a recursion over a value, which a template can make as deep as it likes, and cyclic.
 * @throws {LimitReached} when `depth` is more than the stack is sure to hold.
 */
export function ensureDepth(depth: number): void {
  if (depth > maxValueDepth) throw new LimitReached(`value nests more than ${maxValueDepth.toString()} levels deep`);
}

/** Steps of what every template consists of, as measured. */
export const stepCosts = {
  statement: 2,
  round: 2,
  operand: 2,
  field: 2,
  call: 12,
  curveKey: 20_000,
  slowTask: 1_000,
} as const;
