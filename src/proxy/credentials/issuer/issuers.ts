import { awsEcr } from './aws-ecr.ts';
import { awsWebIdentity } from './aws-web-identity.ts';
import { azureWorkloadIdentity } from './azure-workload-identity.ts';
import { githubApp } from './github-app.ts';
import { googleServiceAccount } from './google-service-account.ts';
import { googleWorkloadIdentity } from './google-workload-identity.ts';
import type { TokenIssuer } from './issuer.ts';
import { oauth2Client } from './oauth2-client.ts';
import { serviceAccountToken, tokenExchange } from './token-exchange.ts';

/** All kinds of credentials whose tokens are requested. */
export const issuers: readonly TokenIssuer[] = [
  ...[awsEcr, githubApp, googleServiceAccount, oauth2Client],
  ...[awsWebIdentity, azureWorkloadIdentity, googleWorkloadIdentity, serviceAccountToken, tokenExchange],
];
