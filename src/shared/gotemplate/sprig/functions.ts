import { goFunction, GoError, type GoFunction } from '../function.js';
import { cryptoFunctions } from './crypto.js';
import { dateFunctions } from './dates.js';
import { defaultFunctions } from './defaults.js';
import { dictFunctions } from './dicts.js';
import { encodingFunctions } from './encoding.js';
import { jsonFunctions } from './json.js';
import { listFunctions } from './lists.js';
import { mathFunctions } from './math.js';
import { pathFunctions } from './paths.js';
import { randomFunctions } from './random.js';
import { reflectionFunctions } from './reflection.js';
import { regexFunctions } from './regex.js';
import { semverFunctions } from './semver.js';
import { stringFunctions } from './strings.js';
import { urlFunctions } from './urls.js';
import { wordFunctions } from './word-functions.js';

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
