import { createHmac, hash } from 'node:crypto';
import type { Secret } from '../../../shared/secret.ts';
import type { RawHeaders } from '../../tool/headers.ts';

export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: Secret;
  /** Of temporary credentials. */
  readonly sessionToken: Secret | undefined;
}

/** A request to the root path, without a query. */
interface AwsRequest {
  readonly method: string;
  /** As in the `Host` header. */
  readonly host: string;
  /** Without `Host`, each name once. All are signed. */
  readonly headers: RawHeaders;
  readonly body: string;
}

/** The scope of a signature. */
export interface AwsScope {
  readonly region: string;
  readonly service: string;
}

/**
 * Returns the request's headers with those of AWS Signature Version 4, for requests to the root path without a query.
 * See https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html.
 * @param nowMs milliseconds since the epoch. AWS accepts clocks that are up to five minutes off.
 */
export function awsSignedHeaders(
  { method, host, headers, body }: AwsRequest,
  { region, service }: AwsScope,
  { accessKeyId, secretAccessKey, sessionToken }: AwsCredentials,
  nowMs: number,
): RawHeaders {
  const date = new Date(nowMs).toISOString().replaceAll(/[-:]|\.\d+/g, '');
  const sent = [
    ...headers,
    ...['X-Amz-Date', date],
    ...(sessionToken === undefined ? [] : ['X-Amz-Security-Token', sessionToken.expose()]),
  ];
  const signed = new Map([['host', host]]);
  for (let at = 0; at + 1 < sent.length; at += 2) {
    signed.set((sent[at] ?? '').toLowerCase(), (sent[at + 1] ?? '').trim().replaceAll(/ +/g, ' '));
  }
  const names = [...signed.keys()].sort();
  const canonicalHeaders = names.map((name) => `${name}:${signed.get(name) ?? ''}`);
  const canonicalRequest = [method, '/', '', ...canonicalHeaders, '', names.join(';'), hash('sha256', body)].join('\n');
  const scope = [date.slice(0, 8), region, service, 'aws4_request'];
  const key = scope.reduce<string | Buffer>(hmac, `AWS4${secretAccessKey.expose()}`);
  const text = ['AWS4-HMAC-SHA256', date, scope.join('/'), hash('sha256', canonicalRequest)].join('\n');
  const credential = `${accessKeyId}/${scope.join('/')}`;
  const authorization = `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=${names.join(';')}, Signature=${hmac(key, text).toString('hex')}`;
  return [...sent, 'Authorization', authorization];
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
