import { processorTimeMs } from '../processor-time.ts';

const kilobyte = 1024;
const sizes = { small: kilobyte, medium: 2 * kilobyte, large: 16 * kilobyte };
const characters = Array.from('aA0 \n"\\/%.,:;=-&?@({');

/** Less than this is fast, whatever it is in relation to others. A square of 16 KB takes 50 ms and more, one of 2 KB 0.8 ms. */
const fastMs = { medium: 0.25, large: 4 };
/** The growth from 1 KB to 16 KB: 16 times when linear, 256 times with the square. */
const maxGrowth = 60;
/** On a busy machine several in a row can take long. */
const measurements = 30;

interface Filler {
  readonly name: string;
  readonly make: (length: number) => string;
}

/** Runs of each character, alone, before another one, and in turn with another one. */
const fillers: readonly Filler[] = characters.flatMap((one, at) => [
  { name: JSON.stringify(one), make: (length: number) => one.repeat(length) },
  ...characters.flatMap((other, otherAt) => [
    ...(other === one
      ? []
      : [{ name: JSON.stringify(`${one}…${other}`), make: (length: number) => one.repeat(length - 1) + other }]),
    ...(otherAt <= at
      ? []
      : [{ name: JSON.stringify(`${one}${other}…`), make: (length: number) => (one + other).repeat(length / 2) }]),
  ]),
]);
const made = fillers.map(({ name, make }) => ({
  name,
  small: make(sizes.small),
  medium: make(sizes.medium),
  large: make(sizes.large),
}));

/**
 * Looks for a text whose processor time grows faster than its length. Time counts as the least of several measurements,
 * so other processes and collections of garbage are no reason to fail.
 * @param around texts with one `…` each, in whose place the characters come.
 * @returns the first such text; undefined if there is none.
 */
export function superLinearInput(run: (input: string) => void, around: readonly string[] = ['…']): string | undefined {
  for (const frame of around) {
    const [before = '', after = ''] = frame.split('…');
    const costMs = (filler: string): number => {
      const startMs = processorTimeMs();
      run(before + filler + after);
      return processorTimeMs() - startMs;
    };
    for (const { name, small, medium, large } of made) {
      const mediumMs = costMs(medium);
      if (mediumMs < fastMs.medium) continue;
      const leastMs = (filler: string, times: number): number =>
        Math.min(...Array.from({ length: times }, () => costMs(filler)));
      // One measurement suffices nearly always.
      const isSlow = (times: number): boolean => {
        const largeMs = leastMs(large, times);
        return largeMs >= fastMs.large && largeMs >= maxGrowth * leastMs(small, times);
      };
      if (!isSlow(1) || !isSlow(measurements)) continue;
      const [smallMs, largeMs] = [costMs(small), costMs(large)];
      return `${name} in ${frame}: 1 KB takes ${smallMs.toFixed(2)} ms, 16 KB ${largeMs.toFixed(1)} ms`;
    }
  }
  return undefined;
}
