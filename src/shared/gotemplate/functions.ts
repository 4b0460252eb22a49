import { builtins } from './builtins.js';
import type { ByteString } from './byte-string.js';
import type { GoFunction } from './function.js';
import { sprigFunctions } from './sprig/functions.js';

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
