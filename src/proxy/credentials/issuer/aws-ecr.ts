import { jsonMember, jsonText } from '../../../shared/json.ts';
import type { JsonValue } from '../../../shared/json.ts';
import { Secret } from '../../../shared/secret.ts';
import type { ToolAddress } from '../../connectors/tool-address.ts';
import type { SecretObject } from '../../secrets/secret-source.ts';
import { unusableSecret } from '../../secrets/secret-source.ts';
import { awsSignedHeaders } from './aws-signature.ts';
import type { AwsScope, AwsCredentials } from './aws-signature.ts';
import type { IssuedToken, IssuerUse, TokenIssuer, TokenPlan, TokenStep } from './issuer.ts';
import { providerEndpoint } from './token-request.ts';
import { SecretKeys } from './secret-keys.ts';
import { issuedToken, responseParser } from './token-response.ts';
import type { Fixes } from './token-response.ts';

const contentType = 'application/x-amz-json-1.1';
const body = '{}';

const wrongKeys = 'see whether the access key exists, is active, and has this secretAccessKey';
const expired = 'store a new accessKeyId, secretAccessKey and sessionToken: temporary ones expire';
const denied = 'permit the key ecr:GetAuthorizationToken in IAM (ecr-public: also sts:GetServiceBearerToken)';
const clock = 'see whether the clock of the node is right';

/** Names of errors with the fix. */
const rejections: Fixes = {
  AccessDeniedException: denied,
  ExpiredTokenException: expired,
  IncompleteSignatureException: wrongKeys,
  InvalidClientTokenId: wrongKeys,
  InvalidSignatureException: `${wrongKeys}, and ${clock}`,
  MissingAuthenticationTokenException: wrongKeys,
  NotAuthorized: denied,
  OptInRequired: 'see whether the AWS account is active, and has the region enabled',
  RequestExpired: clock,
  SignatureDoesNotMatch: `${wrongKeys}, and ${clock}`,
  UnrecognizedClientException: `${wrongKeys}; temporary ones need the sessionToken`,
};

/** The password of a registry of Amazon ECR, which AWS issues for an access key. */
export const awsEcr: TokenIssuer = {
  secretType: 'connectors.alauda.io/aws-ecr',

  parse(secret, use): TokenPlan {
    const credentials = credentialsIn(secret);
    return { steps: [ecrStep(ecrApiFor(use), use, () => credentials)], ...ecrUse };
  },
};

/** How a password is used. */
export const ecrUse: Pick<TokenPlan, 'headersFor' | 'registryLogin'> = {
  headersFor: () => [],
  registryLogin: (password) => ({ username: 'AWS', password }),
};

/** Returns the API for the registry that a Connector has. @throws {CodedError} */
export function ecrApiFor({ address, addresses }: IssuerUse): EcrApi {
  const api = [address, ...addresses].map(ecrApiOf).find((each) => each !== undefined);
  if (api !== undefined) return api;
  throw unusableSecret(
    `it is for Amazon ECR, and ${address.host} is no host of a registry there`,
    'set spec.address to https://ACCOUNT.dkr.ecr.REGION.amazonaws.com, or use another type of Secret',
  );
}

/** Returns the request for a password, which is valid no longer than the credentials. */
export function ecrStep(api: EcrApi, use: IssuerUse, credentialsFrom: (input: Secret) => AwsCredentials): TokenStep {
  const found = providerEndpoint(api.host, '', use, (each) => isEcrApi(each, api));
  const { host: name, port } = found.endpoint;
  const host = port === 443 ? name : `${name}:${port}`;
  return {
    ...found,
    request: (nowMs, { value }) => {
      const headers = ['Content-Type', contentType, 'X-Amz-Target', `${api.target}.GetAuthorizationToken`];
      const signed = awsSignedHeaders({ method: 'POST', host, headers, body }, api, credentialsFrom(value), nowMs);
      return { method: 'POST', path: '/', headers: signed, body };
    },
    parse: parseResponse,
  };
}

function credentialsIn(secret: SecretObject): AwsCredentials {
  const keys = new SecretKeys(secret);
  const accessKeyId = keys.required('accessKeyId');
  const secretAccessKey = new Secret(keys.required('secretAccessKey'));
  const sessionToken = keys.optional('sessionToken');
  if (!/^\w{1,128}$/.test(accessKeyId)) {
    throw unusableSecret('its accessKeyId is no ID of an access key', 'correct the key accessKeyId');
  }
  if (sessionToken !== undefined && !/^[\x21-\x7e]+$/.test(sessionToken)) {
    throw unusableSecret('its sessionToken cannot be sent in a header', 'correct the key sessionToken');
  }
  return {
    accessKeyId,
    secretAccessKey,
    sessionToken: sessionToken === undefined ? undefined : new Secret(sessionToken),
  };
}

/**
 * Parses the response of GetAuthorizationToken, whose errors are those of AWS' JSON protocol.
 * See https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetAuthorizationToken.html.
 */
const parseResponse = responseParser(
  rejections,
  (answer) => (jsonText(answer, '__type') ?? '').replace(/^[^#]*#/, ''),
  (answer, _nowMs, { expiresAtMs }): IssuedToken => {
    const data = jsonMember(answer, 'authorizationData');
    // The private registry answers with a list, the public one with an object.
    const entry = Array.isArray(data) ? (data as readonly JsonValue[])[0] : data;
    const token = Buffer.from(jsonText(entry, 'authorizationToken') ?? '', 'base64').toString();
    const [, password] = /^AWS:(.+)$/s.exec(token) ?? [];
    const seconds = Number(jsonMember(entry, 'expiresAt') ?? NaN);
    return issuedToken(password, 'authorizationToken', Math.min(seconds * 1000, expiresAtMs));
  },
);

/** The API that issues the password of a registry of Amazon ECR. */
interface EcrApi extends AwsScope {
  readonly host: string;
  /** The prefix of `X-Amz-Target`. */
  readonly target: string;
}

const privateTarget = 'AmazonEC2ContainerRegistry_V20150921';
const publicApi = { region: 'us-east-1', service: 'ecr-public', target: 'SpencerFrontendService' } as const;

const privateRegistry =
  /^\d{12}\.dkr\.ecr(?<fips>-fips)?\.(?<region>[a-z0-9-]{1,32})\.(?<domain>amazonaws\.(?:com|com\.cn|eu))$/;
/** With the names of interface endpoints in a VPC. */
const privateApi =
  /(?:^|\.)api\.ecr(?:-fips)?\.(?<region>[a-z0-9-]{1,32})\.|^ecr(?:-fips)?\.(?<region2>[a-z0-9-]{1,32})\./;

/**
 * Returns the API for a registry's host, by AWS' rules for names of hosts.
 * See https://docs.aws.amazon.com/general/latest/gr/ecr.html.
 * @returns undefined if the host is no registry of Amazon ECR.
 */
function ecrApiOf({ host }: Pick<ToolAddress, 'host'>): EcrApi | undefined {
  if (host === 'public.ecr.aws') return { ...publicApi, host: 'api.ecr-public.us-east-1.amazonaws.com' };
  const { fips, region, domain } = privateRegistry.exec(host)?.groups ?? {};
  if (region === undefined || domain === undefined) return undefined;
  const name = fips === undefined ? 'api.ecr' : 'ecr-fips';
  return { host: `${name}.${region}.${domain}`, region, service: 'ecr', target: privateTarget };
}

/** Reports whether a host is another name of the API, such as that of an endpoint in a VPC. */
function isEcrApi(host: string, { region, service }: EcrApi): boolean {
  const { region: first, region2 = first } = privateApi.exec(host)?.groups ?? {};
  return service === 'ecr' && region2 === region;
}
