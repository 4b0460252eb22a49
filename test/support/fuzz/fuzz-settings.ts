export interface FuzzSettings {
  readonly cases: number;
  readonly seed: number;
}

/** `FUZZ_CASES` and `FUZZ_SEED`, else the given number of cases and a seed of the moment. */
export function fuzzSettings(
  cases: number,
  env: Readonly<Record<string, string | undefined>> = process.env,
): FuzzSettings {
  const number = (name: string, otherwise: number): number => {
    const value = env[name] ?? '';
    if (value === '') return otherwise;
    if (!/^-?\d{1,10}$/.test(value)) throw new Error(`${name} must be a whole number`);
    return Number(value);
  };
  return { cases: number('FUZZ_CASES', cases), seed: number('FUZZ_SEED', Date.now() & 0x7fffffff) };
}
