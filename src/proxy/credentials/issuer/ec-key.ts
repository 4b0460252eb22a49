import { createECDH, createPrivateKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

interface Curve {
  /** Object identifier in DER. */
  readonly oid: string;
  readonly opensslName: string;
  readonly jwkName: string;
  readonly algorithm: string;
  readonly bytes: number;
}

const curves: readonly Curve[] = [
  { oid: '06082a8648ce3d030107', opensslName: 'prime256v1', jwkName: 'P-256', algorithm: 'ES256', bytes: 32 },
  { oid: '06052b81040022', opensslName: 'secp384r1', jwkName: 'P-384', algorithm: 'ES384', bytes: 48 },
  { oid: '06052b81040023', opensslName: 'secp521r1', jwkName: 'P-521', algorithm: 'ES512', bytes: 66 },
];

/** A length in DER of less than 256 bytes. Keys of these curves are not longer. */
const length = '(?:[0-7].|81..)';
const oids = curves.map(({ oid }) => oid).join('|');
/** All up to the number of the key, with its length (RFC 5915, 3). */
const sec1 = new RegExp(`^30${length}02010104(?<bytes>..)`);
const pkcs8 = new RegExp(
  `^30${length}02010[01]30${length}06072a8648ce3d0201(?<oid>${oids})04${length}30${length}02010104(?<bytes>..)`,
);
/** After the number of the key in SEC 1: its curve. */
const sec1Curve = new RegExp(`^a0..(?<oid>${oids})`);

/**
 * Returns an EC key of a permitted curve. Only the number of the key is taken from the DER, and OpenSSL computes the rest:
 * Node aborts the process for keys that OpenSSL parses and then cannot use, such as those with too long a number.
 * @returns undefined if the DER is none of a named curve, or the number is not in the range of the curve.
 */
export function ecKeyIn(der: Buffer): { readonly key: KeyObject; readonly algorithm: string } | undefined {
  const hex = der.toString('hex');
  const found = pkcs8.exec(hex) ?? sec1.exec(hex);
  const [start = ''] = found ?? [];
  const end = start.length + 2 * Number.parseInt(found?.groups?.['bytes'] ?? '', 16);
  const number = hex.slice(start.length, end);
  const oid = found?.groups?.['oid'] ?? sec1Curve.exec(hex.slice(end))?.groups?.['oid'];
  const curve = curves.find((each) => each.oid === oid);
  if (curve === undefined || number.length > 2 * curve.bytes) return undefined;
  const { opensslName, jwkName, algorithm, bytes } = curve;
  const d = Buffer.from(number.padStart(2 * bytes, '0'), 'hex');
  try {
    const pair = createECDH(opensslName);
    // Throws unless the number is in the range of the curve.
    pair.setPrivateKey(d);
    const point = pair.getPublicKey().subarray(1);
    const [x, y] = [point.subarray(0, bytes), point.subarray(bytes)].map((part) => part.toString('base64url'));
    if (x === undefined || y === undefined) return undefined;
    const jwk = { kty: 'EC', crv: jwkName, d: d.toString('base64url'), x, y };
    return { key: createPrivateKey({ key: jwk, format: 'jwk' }), algorithm };
  } catch {
    return undefined;
  }
}
