import { isFalse, isTrue } from './conditions.js';
import type { ConditionResult } from './conditions.js';

export interface ClassProblems {
  /** Why the class cannot be used. */
  readonly ofClass: string | undefined;
  /** A mistake in a generator of the class. */
  readonly ofGenerator: ConditionResult | undefined;
  /** Why the proxy has no CA. */
  readonly ofCa: string | undefined;
}

/** Returns the conditions of a class that names the proxy's Service. */
export function classResults({ ofClass, ofGenerator, ofCa }: ClassProblems): readonly ConditionResult[] {
  const proxy = ofCa === undefined ? isTrue('ProxyReady', 'Ready') : isFalse('ProxyReady', 'NoCA', ofCa);
  if (ofClass !== undefined) return [proxy, isFalse('Ready', 'Unusable', ofClass)];
  return [proxy, ofGenerator ?? { ...proxy, type: 'Ready' }];
}
