import type { JsonObject } from '../json.ts';
import { jsonText } from '../json.ts';
import type { Connector, ProxyAddress } from './model.ts';
import { ObjectReader } from '../object-reader.ts';
import { certificatesOnly } from '../pem.ts';
import { limits } from '../limits/defaults.ts';

/**
 * Parses a Connector object. Fields that the driver does not use are not validated; templates can use them.
 * @throws {CodedError} FAILED_PRECONDITION naming the object and the field.
 */
export function parseConnector(object: JsonObject): Connector {
  const owner = `connector ${metadataName(object, 'namespace')}/${metadataName(object, 'name')}`;
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

/** Validates the class name. A hostile writer of a Connector controls it, and it becomes part of a request. */
function parseClassName(spec: ObjectReader): string {
  const name = spec.requiredString('connectorClassName');
  if (name.length > 253 || !/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(name)) {
    throw spec.malformed('connectorClassName', 'must be the name of a ConnectorClass');
  }
  return name;
}

/** Returns `status.proxy.httpAddress` of a Connector or a ConnectorClass; undefined while its URL is not set. */
export function parseProxyAddress(reader: ObjectReader): ProxyAddress | undefined {
  const address = reader.child('status').child('proxy').child('httpAddress');
  const url = address.optionalString('url');
  const trust = parseTrust(address);
  return url === undefined || url === '' ? undefined : { url, ...trust };
}

/**
 * Parses how to verify a proxy, and its audience. Empty strings count as absent. Only certificates of `CACerts` are
 * used: they are written to files of pods, and the field could also contain a private key.
 */
export function parseTrust(reader: ObjectReader): Pick<ProxyAddress, 'caCerts' | 'audience'> {
  const caCerts = certificatesOnly(reader.optionalString('CACerts') ?? '');
  const audience = reader.optionalString('audience') ?? '';
  if (audience.length > limits.objects.audienceCharacters) {
    throw reader.malformed('audience', `must be at most ${limits.objects.audienceCharacters} characters`);
  }
  return { ...(caCerts === '' ? {} : { caCerts }), ...(audience === '' ? {} : { audience }) };
}

/** Returns a name for messages about objects that may be malformed. */
export function metadataName(object: JsonObject, key: 'name' | 'namespace'): string {
  return jsonText(object['metadata'], key) ?? '(unnamed)';
}
