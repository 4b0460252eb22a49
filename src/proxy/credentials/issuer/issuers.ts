import { bearerHeaders } from '../header-credentials.ts';
import { awsEcr } from './aws-ecr.ts';
import { awsWebIdentity } from './aws-web-identity.ts';
import { azureWorkloadIdentity } from './azure-workload-identity.ts';
import { githubApp } from './github-app.ts';
import { googleServiceAccount } from './google-service-account.ts';
import { googleWorkloadIdentity } from './google-workload-identity.ts';
import type { TokenIssuer, TokenPlan } from './issuer.ts';
import { oauth2Client } from './oauth2-client.ts';
import { SecretKeys } from './secret-keys.ts';
import { identityIn, subjectLife } from './subject-tokens.ts';
import { tokenExchange } from './token-exchange.ts';

/** The token of a service account itself, for a tool that trusts the issuer of the cluster. */
const serviceAccountToken: TokenIssuer = {
  secretType: 'connectors.alauda.io/service-account-token',

  parse(secret): TokenPlan {
    const identity = identityIn(new SecretKeys(secret), subjectLife.long);
    return { identity, steps: [], headersFor: bearerHeaders };
  },
};

/** All kinds of credentials whose tokens are requested. */
export const issuers: readonly TokenIssuer[] = [
  ...[awsEcr, githubApp, googleServiceAccount, oauth2Client],
  ...[awsWebIdentity, azureWorkloadIdentity, googleWorkloadIdentity, serviceAccountToken, tokenExchange],
];
