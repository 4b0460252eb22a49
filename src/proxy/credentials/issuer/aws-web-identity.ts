import type { JsonValue } from '../../../shared/json.ts';
import { jsonAt, jsonMember, jsonText } from '../../../shared/json.ts';
import { Secret } from '../../../shared/secret.ts';
import { ecrApiFor, ecrStep, ecrUse } from './aws-ecr.ts';
import type { AwsCredentials } from './aws-signature.ts';
import type { TokenIssuer, TokenPlan } from './issuer.ts';
import { SecretKeys } from './secret-keys.ts';
import { identityIn, subjectLife } from './subject-tokens.ts';
import { formRequest, providerEndpoint } from './token-request.ts';
import { TokenFailure, issuedToken, responseParser } from './token-response.ts';
import type { Fixes } from './token-response.ts';

/** Domains of AWS, by partition of the role. */
const domains: Readonly<Record<string, string>> = {
  aws: 'amazonaws.com',
  'aws-cn': 'amazonaws.com.cn',
  'aws-eusc': 'amazonaws.eu',
  'aws-us-gov': 'amazonaws.com',
};

/** Names of errors with the fix. */
const rejections: Fixes = {
  AccessDenied: 'see whether the trust policy of the role has this sub and aud',
  ExpiredTokenException: 'see whether the clock of the API server is right',
  IDPRejectedClaim: 'see whether the identity provider in IAM has this audience',
  InvalidIdentityToken: 'register the issuer of the cluster in IAM, with keys that AWS can read',
  RegionDisabledException: 'activate STS for this region in the AWS account',
  ValidationError: 'see whether roleArn, sessionName and durationSeconds are right',
};

/** A role of AWS IAM that trusts the issuer of the cluster, whose session gets the password of Amazon ECR. */
export const awsWebIdentity: TokenIssuer = {
  secretType: 'connectors.alauda.io/aws-web-identity',

  parse(secret, use): TokenPlan {
    const keys = new SecretKeys(secret);
    const identity = identityIn(keys, subjectLife.short, 'sts.amazonaws.com');
    const { namespace, name } = use.connector;
    const form = {
      Action: 'AssumeRoleWithWebIdentity',
      Version: '2011-06-15',
      RoleArn: keys.matching('roleArn', arn, 'the ARN of a role, arn:aws:iam::ACCOUNT:role/NAME'),
      RoleSessionName: keys.matching(
        ...(['sessionName', /^[\w+=,.@-]{2,64}$/, '2 to 64 letters, digits or one of +=,.@-'] as const),
        `connectors-${namespace}-${name}`.slice(0, 64),
      ),
      DurationSeconds: keys.matching('durationSeconds', seconds, '900 to 43200', '3600'),
    };
    const api = ecrApiFor(use);
    const domain = domains[form.RoleArn.split(':')[1] ?? ''] ?? '';
    // An endpoint in a VPC.
    const isAlias = (host: string): boolean =>
      host.startsWith('vpce-') && host.endsWith(`.sts.${api.region}.vpce.${domain}`);
    return {
      identity,
      steps: [
        {
          ...providerEndpoint(`sts.${api.region}.${domain}`, '', use, isAlias),
          request: (_nowMs, { value }) => formRequest('/', { ...form, WebIdentityToken: value.expose() }),
          parse: parseSession,
        },
        ecrStep(api, use, credentialsIn),
      ],
      ...ecrUse,
    };
  },
};

const arn = /^arn:(?:aws|aws-cn|aws-eusc|aws-us-gov):iam::\d{12}:role\/[\w+=,.@/-]{1,576}$/;
/** From 900 to 43200. */
const seconds = /^(?:9\d\d|[1-9]\d{3}|[1-3]\d{4}|4[0-2]\d{3}|43[01]\d\d|43200)$/;

/**
 * Parses the response of AssumeRoleWithWebIdentity. The token is the credentials of the session, in JSON.
 * See https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html.
 */
const parseSession = responseParser(
  rejections,
  (answer) => {
    const code = jsonText(jsonMember(answer, 'Error'), 'Code');
    if (code !== 'IDPCommunicationError') return code;
    throw new TokenFailure(code, 'try again later, AWS cannot read the keys of the issuer', false);
  },
  (answer) => {
    const path = ['AssumeRoleWithWebIdentityResponse', 'AssumeRoleWithWebIdentityResult', 'Credentials'];
    const session = jsonAt(answer, ...path);
    const texts = ['AccessKeyId', 'SecretAccessKey', 'SessionToken'].map((key) => textAt(session, key));
    const expiresAtMs = Number(jsonMember(session, 'Expiration') ?? NaN) * 1000;
    return issuedToken(texts.includes('') ? undefined : JSON.stringify(texts), 'Credentials', expiresAtMs);
  },
);

/** Returns a text that can be sent in a header; otherwise an empty one. */
function textAt(session: JsonValue | undefined, key: string): string {
  const text = jsonText(session, key) ?? '';
  return /^[\x21-\x7e]+$/.test(text) ? text : '';
}

function credentialsIn(session: Secret): AwsCredentials {
  const [accessKeyId = '', secretAccessKey = '', sessionToken = ''] = JSON.parse(session.expose()) as string[];
  return { accessKeyId, secretAccessKey: new Secret(secretAccessKey), sessionToken: new Secret(sessionToken) };
}
