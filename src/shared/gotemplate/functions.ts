import { builtins } from './builtins.ts';
import type { ByteString } from './byte-string.ts';
import type { GoFunction } from './function.ts';
import { sprigFunctions } from './sprig/functions.ts';

/** sprig's functions hide the language's own of the same name, which is `slice`. */
const functions: ReadonlyMap<ByteString, GoFunction> = new Map(
  [...builtins, ...sprigFunctions].map((known) => [known.name, known]),
);

/** All that templates may call. */
export const allFunctions: readonly GoFunction[] = [...functions.values()];

/** The function of this name that templates may call. */
export function findFunction(name: ByteString): GoFunction | undefined {
  return functions.get(name);
}
