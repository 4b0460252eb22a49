import { parsers, rejections } from '../linear-time/parsers.js';
import { allows } from './allowed.js';
import { target } from './fuzz-run.js';
import type { FuzzTarget } from './fuzz-run.js';
import { mutatedText } from './mutations.js';

/** All functions that read what pods, tools, or owners of objects write. */
export const parserTargets: readonly FuzzTarget[] = Object.entries(parsers).map(
  ([name, { run, around = ['…'], samples = [] }]) =>
    target(name, 2, mutatedText([...samples, ...around.map((frame) => frame.replace('…', 'a1'))]), (text) =>
      allows(rejections, () => run(text)),
    ),
);
