import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

/** A request as AWS receives it. Header names are in lower case. */
interface ReceivedRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

export interface AwsKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** AWS refuses signatures that are older. */
const maxAgeMs = 5 * 60_000;
/** What AWS requires of a signature: these headers, and every `x-amz-*`. */
const alwaysSigned = ['host', 'x-amz-date'];

/**
 * Verifies a request from its received bytes, as AWS describes it, and says the name of the error that AWS would
 * answer with; undefined if the signature is right.
 */
export function awsProblem(
  request: ReceivedRequest,
  keys: AwsKeys,
  scope: { readonly region: string; readonly service: string },
  nowMs: number,
): string | undefined {
  const { headers } = request;
  const text = (name: string): string => String(headers[name] ?? '');
  const [, keyId, day, region, service, signedNames = '', signature = ''] =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request, SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/.exec(
      text('authorization'),
    ) ?? [];
  if (keyId === undefined || day === undefined) return 'IncompleteSignatureException';
  if (keyId !== keys.accessKeyId) return 'UnrecognizedClientException';
  if (text('x-amz-security-token') !== (keys.sessionToken ?? '')) return 'UnrecognizedClientException';
  const date = text('x-amz-date');
  const [, year, month, dayOfMonth, hour, minute, second] =
    /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(date) ?? [];
  const sentMs = Date.UTC(
    Number(year),
    Number(month) - 1,
    Number(dayOfMonth),
    Number(hour),
    Number(minute),
    Number(second),
  );
  if (!(Math.abs(nowMs - sentMs) <= maxAgeMs)) return 'InvalidSignatureException';
  const names = signedNames.split(';');
  const needed = [...alwaysSigned, ...Object.keys(headers).filter((name) => name.startsWith('x-amz-'))];
  if (!needed.every((name) => names.includes(name))) return 'InvalidSignatureException';
  if (region !== scope.region || service !== scope.service || !date.startsWith(day)) return 'InvalidSignatureException';

  const [path = '', query = ''] = request.url.split('?');
  let canonical = `${request.method}\n${path}\n${query}\n`;
  for (const name of names) canonical += `${name}:${text(name)}\n`;
  canonical += `\n${signedNames}\n${createHash('sha256').update(request.body, 'latin1').digest('hex')}`;
  const digest = createHash('sha256').update(canonical).digest('hex');
  let key = Buffer.from(`AWS4${keys.secretAccessKey}`);
  for (const part of [day, region, service, 'aws4_request']) key = createHmac('sha256', key).update(part).digest();
  const wanted = createHmac('sha256', key);
  wanted.update(`AWS4-HMAC-SHA256\n${date}\n${day}/${region}/${service}/aws4_request\n${digest}`);
  return timingSafeEqual(wanted.digest(), Buffer.from(signature, 'hex')) ? undefined : 'InvalidSignatureException';
}
