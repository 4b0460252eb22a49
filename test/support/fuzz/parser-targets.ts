import { parsers, rejections } from '../linear-time/parsers.ts';
import { allows } from './allowed.ts';
import { target } from './fuzz-run.ts';
import type { FuzzTarget } from './fuzz-run.ts';
import { mutatedText } from './mutations.ts';

/** All functions that read what pods, tools, or owners of objects write. */
export const parserTargets: readonly FuzzTarget[] = Object.entries(parsers).map(
  ([name, { run, around = ['…'], samples = [] }]) =>
    target(name, 2, mutatedText([...samples, ...around.map((frame) => frame.replace('…', 'a1'))]), (text) =>
      allows(rejections, () => run(text)),
    ),
);
