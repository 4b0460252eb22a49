import { answerTargets } from './answer-targets.js';
import type { FuzzTarget } from './fuzz-run.js';
import { generatorTarget } from './generators/generator-target.js';
import { headersTarget } from './headers-target.js';
import { parserTargets } from './parser-targets.js';
import { requestTargets } from './request-targets.js';
import { templateTarget } from './template-target.js';

/** All readers in the driver and the proxy of what others wrote. */
export function fuzzTargets(): readonly FuzzTarget[] {
  return [...parserTargets, ...requestTargets, ...answerTargets, headersTarget, templateTarget, generatorTarget()];
}
