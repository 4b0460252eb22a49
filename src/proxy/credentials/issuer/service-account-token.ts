import { bearerHeaders } from '../header-credentials.ts';
import type { TokenIssuer, TokenPlan } from './issuer.ts';
import { SecretKeys } from './secret-keys.ts';
import { identityIn, subjectLife } from './subject-tokens.ts';

/** The token of a service account itself, for a tool that trusts the issuer of the cluster. */
export const serviceAccountToken: TokenIssuer = {
  secretType: 'connectors.alauda.io/service-account-token',

  parse(secret): TokenPlan {
    const identity = identityIn(new SecretKeys(secret), subjectLife.long);
    return { identity, steps: [], headersFor: bearerHeaders };
  },
};
