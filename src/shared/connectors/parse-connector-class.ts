import type { JsonObject } from '../json.ts';
import type {
  ClassProxy,
  Configuration,
  ConfigurationParam,
  ConnectorClass,
  ParamProperty,
  ConfigurationParamType,
} from './model.ts';
import { ObjectReader } from '../object-reader.ts';
import { metadataName, parseProxyAddress, parseTrust } from './parse-connector.ts';

const paramTypes: readonly ConfigurationParamType[] = ['string', 'array', 'object'];

/**
 * Parses a ConnectorClass object. File names and templates are validated when a volume selects the configuration, so
 * that one invalid configuration does not affect the others.
 * @throws {CodedError} FAILED_PRECONDITION naming the object and the field.
 */
export function parseConnectorClass(object: JsonObject): ConnectorClass {
  const reader = new ObjectReader(`connectorclass ${metadataName(object, 'name')}`, object);
  const spec = reader.child('spec');
  const proxyAddress = parseProxyAddress(reader);
  return {
    name: reader.child('metadata').requiredString('name'),
    ...(spec.has('proxy') ? { proxy: parseProxy(spec.child('proxy')) } : {}),
    ...(proxyAddress === undefined ? {} : { proxyAddress }),
    configurations: spec.children('configurations').map(parseConfiguration),
    object,
  };
}

function parseProxy(reader: ObjectReader): ClassProxy {
  return { hasRef: reader.has('ref'), ...parseTrust(reader) };
}

function parseConfiguration(reader: ObjectReader): Configuration {
  const data = reader.child('data');
  return {
    name: reader.requiredString('name'),
    files: new Map(data.keys().map((fileName) => [fileName, data.optionalString(fileName) ?? ''])),
    params: reader.children('params').map(parseParam),
  };
}

function parseParam(reader: ObjectReader): ConfigurationParam {
  const type = reader.optionalString('type') ?? 'string';
  const paramType = paramTypes.find((name) => name === type);
  if (paramType === undefined) throw reader.malformed('type', `must be one of ${paramTypes.join(', ')}`);
  const defaultValue = reader.value('default');
  return {
    name: reader.requiredString('name'),
    type: paramType,
    ...(defaultValue === undefined ? {} : { default: defaultValue }),
    ...(reader.has('enum') ? { enum: reader.list('enum') } : {}),
    ...(paramType === 'object' ? parseProperties(reader.child('properties')) : {}),
  };
}

function parseProperties(reader: ObjectReader): Pick<ConfigurationParam, 'properties'> {
  const names = reader.keys();
  if (names.length === 0) return {};
  return { properties: new Map(names.map((name) => [name, parseProperty(reader.child(name))])) };
}

function parseProperty(reader: ObjectReader): ParamProperty {
  const defaultValue = reader.optionalString('default');
  return {
    ...(defaultValue === undefined ? {} : { default: defaultValue }),
    ...(reader.has('enum') ? { enum: reader.list('enum') } : {}),
  };
}
