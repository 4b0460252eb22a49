import type { JsonObject } from '../json.js';
import { isJsonObject, jsonMember } from '../json.js';
import type { Connector, ProxyAddress } from './model.js';
import { ObjectReader } from './object-reader.js';
import { certificatesOnly } from '../pem.js';

/**
 * Reads a Connector object. Fields that the driver does not use are not judged; they stay
 * available to templates.
 * @throws {CodedError} FAILED_PRECONDITION naming the object and the field.
 */
export function parseConnector(object: JsonObject): Connector {
  const owner = `connector ${nameOf(object, 'namespace')}/${nameOf(object, 'name')}`;
  const reader = new ObjectReader(owner, object);
  const metadata = reader.child('metadata');
  const proxyAddress = parseProxyAddress(reader);
  return {
    ref: { namespace: metadata.requiredString('namespace'), name: metadata.requiredString('name') },
    className: parseClassName(reader.child('spec')),
    ...(proxyAddress === undefined ? {} : { proxyAddress }),
    object,
  };
}

/** Whoever makes connectors may write anything here, and it goes into a request. */
function parseClassName(spec: ObjectReader): string {
  const name = spec.requiredString('connectorClassName');
  if (name.length > 253 || !/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(name)) {
    throw spec.malformed('connectorClassName', 'must be the name of a ConnectorClass');
  }
  return name;
}

/** `status.proxy.httpAddress` of a Connector or a ConnectorClass; undefined while its URL is not set. */
export function parseProxyAddress(reader: ObjectReader): ProxyAddress | undefined {
  const address = reader.child('status').child('proxy').child('httpAddress');
  const url = address.optionalString('url');
  const trust = parseTrust(address);
  return url === undefined || url === '' ? undefined : { url, ...trust };
}

/** Far longer than any; it goes into requests and messages. */
const maxAudienceLength = 1024;

/**
 * Reads how a proxy is trusted, and the audience that it trusts. Empty texts count as absent. Of `CACerts` only certificates
 * are taken: it goes into files of pods, and its writer may have put a private key next to them.
 */
export function parseTrust(reader: ObjectReader): Pick<ProxyAddress, 'caCerts' | 'audience'> {
  const caCerts = certificatesOnly(reader.optionalString('CACerts') ?? '');
  const audience = reader.optionalString('audience') ?? '';
  if (audience.length > maxAudienceLength) {
    throw reader.malformed('audience', `must be at most ${maxAudienceLength} characters`);
  }
  return { ...(caCerts === '' ? {} : { caCerts }), ...(audience === '' ? {} : { audience }) };
}

/** For messages about objects that may be malformed. */
export function nameOf(object: JsonObject, key: 'name' | 'namespace'): string {
  const metadata = jsonMember(object, 'metadata');
  const name = isJsonObject(metadata) ? jsonMember(metadata, key) : undefined;
  return typeof name === 'string' && name !== '' ? name : '(unnamed)';
}
