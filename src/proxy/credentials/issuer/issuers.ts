import { awsEcr } from './aws-ecr.ts';
import { githubApp } from './github-app.ts';
import { googleServiceAccount } from './google-service-account.ts';
import type { TokenIssuer } from './issuer.ts';
import { oauth2Client } from './oauth2-client.ts';

/** All kinds of credentials whose tokens are requested. */
export const issuers: readonly TokenIssuer[] = [awsEcr, githubApp, googleServiceAccount, oauth2Client];
