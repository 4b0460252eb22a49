import type { Secret } from '../../../shared/secret.js';
import type { Generated, GeneratorRequest } from './generator-job.js';
import type { CelGenerator } from './generator-of-class.js';

/** A Secret as it was read: the same object while it is unchanged. */
export interface GeneratorSecret {
  readonly ref: { readonly namespace: string; readonly name: string };
  readonly data: ReadonlyMap<string, Secret>;
}

/** One use of a generator. */
export interface GeneratorUse {
  readonly generator: CelGenerator;
  readonly secret: GeneratorSecret;
  /** `NAMESPACE/NAME` of the Connector. */
  readonly connector: string;
  /** Value of the header `Host` that the tool gets. */
  readonly host: string;
}

/** Evaluates the expressions of classes. */
export interface GeneratorEvaluator {
  /**
   * Evaluates an expression for a request.
   * @throws {ProxyError} 502 if the class or the Secret is unusable, with the fix; 503 if there is too much work.
   */
  generate(use: GeneratorUse, request: GeneratorRequest, signal: AbortSignal): Promise<Generated>;
  /**
   * Checks an expression without a request: that it can be compiled and, if it depends on the Secret alone, evaluated.
   * @throws {ProxyError} as `generate`.
   */
  check(use: GeneratorUse, signal: AbortSignal): Promise<void>;
}

/** Compiles the expressions of classes, without a Secret. */
export interface GeneratorCompiler {
  /**
   * Compiles an expression.
   * @throws {UnusableGenerator} for a mistake; {ProxyError} as `generate`.
   */
  compile(generator: CelGenerator, className: string, signal: AbortSignal): Promise<void>;
}
