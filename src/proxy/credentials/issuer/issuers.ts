import { awsEcr } from './aws-ecr.js';
import { githubApp } from './github-app.js';
import { googleServiceAccount } from './google-service-account.js';
import type { TokenIssuer } from './issuer.js';
import { oauth2Client } from './oauth2-client.js';

/** All kinds of credentials whose tokens are requested. */
export const issuers: readonly TokenIssuer[] = [awsEcr, githubApp, googleServiceAccount, oauth2Client];
