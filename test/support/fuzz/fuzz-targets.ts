import { answerTargets } from './answer-targets.ts';
import type { FuzzTarget } from './fuzz-run.ts';
import { generatorTarget } from './generators/generator-target.ts';
import { headersTarget } from './headers-target.ts';
import { parserTargets } from './parser-targets.ts';
import { requestTargets } from './request-targets.ts';
import { templateTarget } from './template-target.ts';

/** All readers in the driver and the proxy of what others wrote. */
export function fuzzTargets(): readonly FuzzTarget[] {
  return [...parserTargets, ...requestTargets, ...answerTargets, headersTarget, templateTarget, generatorTarget()];
}
