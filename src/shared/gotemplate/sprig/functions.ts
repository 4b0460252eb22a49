import { goFunction, GoError, type GoFunction } from '../function.ts';
import { cryptoFunctions } from './crypto.ts';
import { dateFunctions } from './dates.ts';
import { defaultFunctions } from './defaults.ts';
import { dictFunctions } from './dicts.ts';
import { encodingFunctions } from './encoding.ts';
import { jsonFunctions } from './json.ts';
import { listFunctions } from './lists.ts';
import { mathFunctions } from './math.ts';
import { pathFunctions } from './paths.ts';
import { randomFunctions } from './random.ts';
import { reflectionFunctions } from './reflection.ts';
import { regexFunctions } from './regex.ts';
import { semverFunctions } from './semver.ts';
import { stringFunctions } from './strings.ts';
import { urlFunctions } from './urls.ts';
import { wordFunctions } from './word-functions.ts';

const flowFunctions: readonly GoFunction[] = [
  goFunction({ name: 'fail', params: ['string'] }, (_, message) => {
    throw new GoError(message);
  }),
];

/**
 * The text functions of sprig 3.2.3, but for those that reach out of the template: `env`, `expandenv`,
 * `getHostByName`; and those that make certificates. `slice` hides the language's own function of that name.
 */
export const sprigFunctions: readonly GoFunction[] = [
  ...stringFunctions,
  ...wordFunctions,
  ...mathFunctions,
  ...listFunctions,
  ...dictFunctions,
  ...defaultFunctions,
  ...reflectionFunctions,
  ...encodingFunctions,
  ...jsonFunctions,
  ...cryptoFunctions,
  ...randomFunctions,
  ...dateFunctions,
  ...semverFunctions,
  ...regexFunctions,
  ...urlFunctions,
  ...pathFunctions,
  ...flowFunctions,
];
