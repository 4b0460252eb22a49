import assert from 'node:assert/strict';
import { awsEcr } from '../../../../../src/proxy/credentials/issuer/aws-ecr.ts';
import type { IssuedToken, TokenPlan } from '../../../../../src/proxy/credentials/issuer/issuer.ts';
import { TokenFailure } from '../../../../../src/proxy/credentials/issuer/token-response.ts';
import { Secret } from '../../../../../src/shared/secret.ts';
import { outcomeOf, planOf, problemOf, requestOf, stepOf } from '../../../../support/proxy/issuer-plan.ts';
import { awsProblem } from '../../../../support/proxy/aws-verifier.ts';

const keys = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' };
const registry = 'https://123456789012.dkr.ecr.eu-west-1.amazonaws.com';
const nowMs = Date.UTC(2026, 10, 29, 12, 0, 0);

function issue(data: Readonly<Record<string, string>> = keys, urls: readonly string[] = [registry], at = 0): TokenPlan {
  return planOf(awsEcr, data, urls, at);
}

describe('the kind aws-ecr', () => {
  const endpoints: readonly (readonly [registry: string, api: string, service: string, region: string])[] = [
    ['123456789012.dkr.ecr.eu-west-1.amazonaws.com', 'api.ecr.eu-west-1.amazonaws.com', 'ecr', 'eu-west-1'],
    ['123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn', 'api.ecr.cn-north-1.amazonaws.com.cn', 'ecr', 'cn-north-1'],
    [
      '123456789012.dkr.ecr.eusc-de-east-1.amazonaws.eu',
      'api.ecr.eusc-de-east-1.amazonaws.eu',
      'ecr',
      'eusc-de-east-1',
    ],
    [
      '123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com',
      'ecr-fips.us-gov-west-1.amazonaws.com',
      'ecr',
      'us-gov-west-1',
    ],
    ['public.ecr.aws', 'api.ecr-public.us-east-1.amazonaws.com', 'ecr-public', 'us-east-1'],
  ];
  for (const [host, api, service, region] of endpoints) {
    it(`asks ${api} for the login of ${host}, with a signature for ${region}`, async () => {
      const found = issue(keys, [`https://${host}/team`]);
      assert.deepEqual(stepOf(found).endpoint, { scheme: 'https', host: api, port: 443, path: '' });
      assert.equal(stepOf(found).isWellKnown, true);
      const { method, path, headers, body = '' } = await requestOf(found, nowMs);
      const received = Object.fromEntries(
        Array.from({ length: headers.length / 2 }, (_, at) => [headers[2 * at]!.toLowerCase(), headers[2 * at + 1]!]),
      );
      const request = { method, url: path, headers: { ...received, host: api }, body };
      assert.equal(awsProblem(request, keys, { region, service }, nowMs), undefined);
      assert.equal(received['content-type'], 'application/x-amz-json-1.1');
      const target = service === 'ecr' ? 'AmazonEC2ContainerRegistry_V20150921' : 'SpencerFrontendService';
      assert.equal(received['x-amz-target'], `${target}.GetAuthorizationToken`);
    });
  }

  const others = [
    'registry.example.com',
    '123456789012.dkr.ecr.eu-west-1.amazonaws.com.evil.example',
    '123456789012.dkr.ecr.eu-west-1.evil.example',
    '123456789012.dkr.ecr.eu-west-1.evil.example.amazonaws.com',
    '123456789012.dkr-ecr.us-east-1.on.aws',
    '12.dkr.ecr.us-east-1.amazonaws.com',
    'api.ecr.us-east-1.amazonaws.com',
    'evil.example.public.ecr.aws',
  ];
  for (const host of others) {
    it(`is not for ${host}`, () => {
      const problem = problemOf(() => issue(keys, [`https://${host}`]));
      const fix = 'set spec.address to https://ACCOUNT.dkr.ecr.REGION.amazonaws.com';
      assert.ok(
        problem.startsWith(`it is for Amazon ECR, and ${host} is no host of a registry there: ${fix}`),
        problem,
      );
    });
  }

  it('asks the address of the Connector that is an endpoint in a VPC', async () => {
    const vpc = 'vpce-0a1b-c2d3.api.ecr.eu-west-1.vpce.amazonaws.com';
    const addresses = [registry, 'https://s3.eu-west-1.amazonaws.com', `https://${vpc}:8443`];
    for (const at of [0, 2]) {
      const found = issue(keys, addresses, at);
      assert.deepEqual(stepOf(found).endpoint, { scheme: 'https', host: vpc, port: 8443, path: '' });
      assert.equal(stepOf(found).isWellKnown, false);
      const { headers } = await requestOf(found, nowMs);
      assert.match(headers.at(-1) ?? '', /SignedHeaders=content-type;host;x-amz-date;x-amz-target/);
    }
  });

  it('does not ask an endpoint of another region, or without TLS', () => {
    for (const other of ['https://api.ecr.us-east-1.amazonaws.com', 'http://api.ecr.eu-west-1.amazonaws.com']) {
      assert.equal(stepOf(issue(keys, [registry, other])).endpoint.host, 'api.ecr.eu-west-1.amazonaws.com');
      assert.equal(stepOf(issue(keys, [registry, other])).isWellKnown, true);
    }
  });

  it('sends and signs the session token of temporary keys', async () => {
    const { headers } = await requestOf(issue({ ...keys, sessionToken: 'session-token==\n' }), nowMs);
    assert.equal(headers[headers.indexOf('X-Amz-Security-Token') + 1], 'session-token==');
    assert.match(headers.at(-1) ?? '', /;x-amz-security-token;/);
  });

  const unusable: readonly (readonly [name: string, data: Readonly<Record<string, string>>, problem: string])[] = [
    ['no accessKeyId', { secretAccessKey: 'a' }, 'it has no accessKeyId'],
    ['no secretAccessKey', { accessKeyId: 'a' }, 'it has no secretAccessKey'],
    ['a comma in the ID', { ...keys, accessKeyId: 'a, SignedHeaders=' }, 'its accessKeyId is no ID of an access key'],
    ['a space in the token', { ...keys, sessionToken: 'a b' }, 'its sessionToken cannot be sent in a header'],
  ];
  for (const [name, data, problem] of unusable) {
    it(`reports a Secret with ${name}`, () => {
      assert.match(
        problemOf(() => issue(data)),
        new RegExp(`^${problem}: `),
      );
    });
  }

  it('logs in as AWS, and adds no headers elsewhere', () => {
    const found = issue();
    const password = new Secret('password');
    assert.deepEqual(found.registryLogin?.(password), { username: 'AWS', password });
    assert.deepEqual(found.headersFor(password, { method: 'GET', path: '/', isUnrepeatable: false }), []);
  });

  const answer = (status: number, value: unknown): IssuedToken | TokenFailure =>
    outcomeOf(issue(), { status, body: typeof value === 'string' ? value : JSON.stringify(value) }, nowMs);
  const token = (text: string): string => Buffer.from(text).toString('base64');
  const login = { authorizationToken: token('AWS:the-password'), expiresAt: 1_795_996_800.123 };

  it('reads the login and its expiry', () => {
    for (const authorizationData of [[login, { authorizationToken: token('AWS:other') }], login]) {
      const outcome = answer(200, { authorizationData });
      assert.ok(!(outcome instanceof TokenFailure));
      assert.equal(outcome.value.expose(), 'the-password');
      assert.equal(outcome.expiresAtMs, 1_795_996_800_123);
    }
  });

  const wrong: readonly (readonly [status: number, value: unknown, code: string])[] = [
    [200, '', 'no token'],
    [200, {}, 'no authorizationToken'],
    [200, { authorizationData: [] }, 'no authorizationToken'],
    [200, { authorizationData: [{ ...login, authorizationToken: 5 }] }, 'no authorizationToken'],
    [200, { authorizationData: [{ ...login, authorizationToken: token('admin:x') }] }, 'no authorizationToken'],
    [200, { authorizationData: [{ ...login, authorizationToken: token('AWS:') }] }, 'no authorizationToken'],
    [200, { authorizationData: [{ ...login, expiresAt: '2026-11-30T00:00:00Z' }] }, 'no expiry'],
    [200, { authorizationData: [{ ...login, expiresAt: null }] }, 'no expiry'],
    [400, { __type: 'UnrecognizedClientException', message: 'text' }, 'UnrecognizedClientException'],
    [400, { __type: 'com.amazon.coral.service#InvalidSignatureException' }, 'InvalidSignatureException'],
    [400, { __type: 'ExpiredTokenException' }, 'ExpiredTokenException'],
    [400, { __type: 'AccessDeniedException' }, 'AccessDeniedException'],
    [400, { __type: 'CANARY-text' }, 'status 400'],
    [400, { __type: 'constructor' }, 'status 400'],
    [400, { __type: 7 }, 'status 400'],
    [500, { __type: 'ServerException' }, 'status 500'],
    [429, '', 'status 429'],
  ];
  for (const [status, value, code] of wrong) {
    it(`reports ${status} ${JSON.stringify(value)} as ${code}`, () => {
      const outcome = answer(status, value);
      assert.ok(outcome instanceof TokenFailure);
      assert.equal(outcome.code, code);
      assert.equal(outcome.isRejection, status === 400);
      assert.notEqual(outcome.fix, '');
    });
  }
});
