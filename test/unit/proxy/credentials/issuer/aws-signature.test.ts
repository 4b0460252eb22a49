import assert from 'node:assert/strict';
import { awsSignedHeaders } from '../../../../../src/proxy/credentials/issuer/aws-signature.ts';
import { Secret } from '../../../../../src/shared/secret.ts';

/**
 * The cases of AWS' signing test suite (https://github.com/awslabs/aws-c-auth, `tests/aws-signing-test-suite/v4`) for
 * the root path without a query and without repeated headers. All have the same keys, time, host, region and service.
 */
const keys = {
  accessKeyId: 'AKIDEXAMPLE',
  secretAccessKey: new Secret('wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY'),
  sessionToken: undefined,
};
const nowMs = Date.UTC(2015, 7, 30, 12, 36);
const host = 'example.amazonaws.com';
const scope = { region: 'us-east-1', service: 'service' };
const token = '6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267';
const stsToken =
  'AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==';
const form = (type: string): readonly string[] => [
  ...['Content-Type', type, 'Content-Length', '13'],
  ...['x-amz-content-sha256', '9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e'],
];
const formNames = 'content-length;content-type;host;x-amz-content-sha256;x-amz-date';

interface Case {
  readonly method: 'GET' | 'POST';
  readonly headers?: readonly string[];
  readonly body?: string;
  readonly sessionToken?: string;
  readonly names: string;
  readonly signature: string;
}

const cases: Readonly<Record<string, Case>> = {
  'get-vanilla': {
    method: 'GET',
    names: 'host;x-amz-date',
    signature: '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31',
  },
  'get-header-value-trim': {
    method: 'GET',
    headers: ['My-Header1', ' value1', 'My-Header2', ' "a   b   c"'],
    names: 'host;my-header1;my-header2;x-amz-date',
    signature: 'acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736',
  },
  'get-vanilla-with-session-token': {
    method: 'GET',
    sessionToken: token,
    names: 'host;x-amz-date;x-amz-security-token',
    signature: '07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8',
  },
  'post-vanilla': {
    method: 'POST',
    names: 'host;x-amz-date',
    signature: '5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b',
  },
  'post-header-key-sort': {
    method: 'POST',
    headers: ['My-Header1', 'value1'],
    names: 'host;my-header1;x-amz-date',
    signature: 'c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c',
  },
  'post-header-value-case': {
    method: 'POST',
    headers: ['My-Header1', 'VALUE1'],
    names: 'host;my-header1;x-amz-date',
    signature: 'cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d',
  },
  'post-sts-header-before': {
    method: 'POST',
    sessionToken: stsToken,
    names: 'host;x-amz-date;x-amz-security-token',
    signature: '85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead',
  },
  'post-x-www-form-urlencoded': {
    method: 'POST',
    headers: form('application/x-www-form-urlencoded'),
    body: 'Param1=value1',
    names: formNames,
    signature: 'd3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b',
  },
  'post-x-www-form-urlencoded-parameters': {
    method: 'POST',
    headers: form('application/x-www-form-urlencoded; charset=utf-8'),
    body: 'Param1=value1',
    names: formNames,
    signature: '328d1b9eaadca9f5818ef05e8392801e091653bafec24fcab71e7344e7f51422',
  },
};

describe('a signature for AWS', () => {
  for (const [name, { method, headers = [], body = '', sessionToken, names, signature }] of Object.entries(cases)) {
    it(`is that of the test suite of AWS: ${name}`, () => {
      const credentials = {
        ...keys,
        sessionToken: sessionToken === undefined ? undefined : new Secret(sessionToken),
      };
      const signed = awsSignedHeaders({ method, host, headers, body }, scope, credentials, nowMs);
      assert.deepEqual(signed, [
        ...headers,
        ...['X-Amz-Date', '20150830T123600Z'],
        ...(sessionToken === undefined ? [] : ['X-Amz-Security-Token', sessionToken]),
        'Authorization',
        `AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=${names}, Signature=${signature}`,
      ]);
    });
  }
});
