/**
 * Which folder (or root module) of src may import what. `npm:` names a package, `type:` allows type imports only.
 * A file belongs to the longest of these names that its path begins with. node's own modules are allowed everywhere.
 * docs/architecture.md describes each of them; a test compares the names.
 */
const leaves = ['errors', 'secret', 'log', 'duration', 'json', 'clock', 'abortable', 'wording', 'pem', 'names'];
/** The ground floor: what the driver and the proxy both need. */
const ground = ['kube', 'limits', 'connectors', 'access', ...leaves];
const ports = ['driver/volume/ports', 'type:driver/volume/ports'];

export const layers = {
  errors: [],
  secret: [],
  duration: [],
  json: [],
  clock: [],
  log: [],
  wording: [],
  pem: [],
  names: [],
  version: ['../package'],
  abortable: ['errors'],
  process: [...leaves, 'limits', 'npm:koffi', 'npm:pino', 'npm:prom-client'],
  limits: leaves,
  gotemplate: [...leaves, 'npm:re2js', 'npm:bcryptjs', 'npm:lossless-json'],
  kube: [...leaves, 'limits', 'npm:yaml', 'npm:lossless-json'],
  connectors: [...leaves, 'kube', 'limits', 'npm:yaml', 'npm:lossless-json'],
  access: [...leaves, 'kube', 'limits', 'connectors'],
  'driver/rules': [],
  'driver/host': [...leaves, 'driver/rules', 'limits', 'type:driver/volume/ports', 'npm:koffi'],
  'driver/content': [...leaves, 'driver/rules', 'gotemplate', 'limits', 'type:connectors', 'type:driver/volume/ports'],
  'driver/token': [...ground, 'type:driver/volume/ports'],
  'driver/volume': [...leaves, 'driver/content', 'limits', 'type:connectors', 'type:access'],
  'driver/csi': [
    ...leaves,
    'driver/rules',
    'driver/volume',
    ...ports,
    'process',
    'type:limits',
    'type:access',
    'npm:@grpc/grpc-js',
    'npm:@grpc/proto-loader',
  ],
  driver: [
    ...ground,
    'version',
    'process',
    'gotemplate',
    'driver/rules',
    'driver/host',
    'driver/content',
    'driver/token',
    'driver/volume',
    ...ports,
    'driver/csi',
  ],
  'proxy/proxy-error': [],
  'proxy/upstream': [...leaves, 'limits', 'proxy/proxy-error'],
  'proxy/certificates': [...leaves, 'limits', 'npm:@peculiar/asn1-schema', 'npm:@peculiar/asn1-x509'],
  'proxy/auth': [...ground, 'proxy/proxy-error', 'npm:jose'],
  'proxy/credential': [...ground, 'proxy/proxy-error', 'proxy/upstream'],
  'proxy/probe': [
    ...leaves,
    'connectors',
    'process',
    'limits',
    'gotemplate',
    'proxy/proxy-error',
    'proxy/credential',
    'proxy/upstream',
    'npm:@bufbuild/cel',
  ],
  'proxy/status': [...ground, 'proxy/proxy-error', 'proxy/credential', 'type:proxy/probe', 'type:proxy/certificates'],
  'proxy/server': [
    ...leaves,
    'limits',
    'type:connectors',
    'proxy/proxy-error',
    'proxy/auth',
    'proxy/credential',
    'proxy/upstream',
    'proxy/certificates',
  ],
  proxy: [
    ...ground,
    'version',
    'process',
    'proxy/proxy-error',
    'proxy/auth',
    'proxy/credential',
    'proxy/upstream',
    'proxy/certificates',
    'proxy/server',
    'proxy/probe',
    'proxy/status',
    'npm:prom-client',
  ],
  cli: ['*'],
  main: ['*'],
  program: ['*'],
  '*': [],
};

/** `driver/csi` for driver/csi/node.ts, `errors` for errors.ts; the first folder where the table has no name. */
export function layerOf(place) {
  const parts = place.replace(/\.(js|ts|json)$/, '').split('/');
  for (let length = parts.length; length > 0; length -= 1) {
    const name = parts.slice(0, length).join('/');
    if (Object.hasOwn(layers, name)) return name;
  }
  return parts[0];
}
