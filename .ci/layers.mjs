/**
 * Imports that each folder (or root module) of src can have. `npm:` names a package, `type:` allows type imports only.
 * A file belongs to the longest of these names that its path begins with. Node's own modules are allowed everywhere.
 * docs/architecture.md describes each of them; a test compares the names.
 */
const baseModules = [
  'errors',
  'secret',
  'log',
  'duration',
  'json',
  'clock',
  'abortable',
  'awaitable',
  'wording',
  'pem',
  'names',
  'file-signature',
  'spelling',
];
/** Shared packages, which both the driver and the proxy need. */
const sharedPackages = ['kube', 'limits', 'connectors', 'access', ...baseModules];
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
  'file-signature': [],
  spelling: [],
  version: ['../package'],
  abortable: ['errors'],
  awaitable: [],
  process: [...baseModules, 'limits', 'npm:koffi', 'npm:pino', 'npm:prom-client', 'npm:sonic-boom'],
  limits: baseModules,
  gotemplate: [...baseModules, 'npm:re2js', 'npm:bcryptjs'],
  kube: [...baseModules, 'limits', 'npm:yaml'],
  connectors: [...baseModules, 'kube', 'limits', 'npm:yaml'],
  access: [...baseModules, 'kube', 'limits', 'connectors'],
  rules: [...baseModules, 'kube', 'limits', 'type:connectors', 'npm:yaml'],
  'driver/rules': [],
  'driver/host': [...baseModules, 'driver/rules', 'limits', 'type:driver/volume/ports', 'npm:koffi'],
  'driver/content': [
    ...baseModules,
    'driver/rules',
    'gotemplate',
    'limits',
    'type:connectors',
    'type:driver/volume/ports',
  ],
  'driver/token': [...sharedPackages, 'type:driver/volume/ports'],
  'driver/volume': [...baseModules, 'driver/content', 'limits', 'type:connectors', 'type:access'],
  'driver/csi': [
    ...baseModules,
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
    ...sharedPackages,
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
  'proxy/upstream': [...baseModules, 'limits', 'rules', 'proxy/proxy-error', 'npm:undici'],
  'proxy/certificates': [...baseModules, 'limits', 'npm:@peculiar/asn1-schema', 'npm:@peculiar/asn1-x509'],
  'proxy/auth': [...sharedPackages, 'proxy/proxy-error', 'npm:jose'],
  'proxy/cel': ['npm:@bufbuild/cel'],
  'proxy/generator': [
    ...baseModules,
    'limits',
    'process',
    'rules',
    'proxy/cel',
    'proxy/proxy-error',
    'proxy/upstream',
    'npm:@bufbuild/cel',
    'npm:@bufbuild/protobuf',
  ],
  'proxy/credential': [
    ...sharedPackages,
    'rules',
    'proxy/proxy-error',
    'proxy/upstream',
    'proxy/generator',
    'npm:jose',
  ],
  'proxy/probe': [
    ...baseModules,
    'connectors',
    'process',
    'limits',
    'gotemplate',
    'proxy/cel',
    'proxy/proxy-error',
    'proxy/credential',
    'proxy/upstream',
    'npm:@bufbuild/cel',
  ],
  'proxy/status': [
    ...sharedPackages,
    'rules',
    'proxy/proxy-error',
    'proxy/credential',
    'proxy/generator',
    'type:proxy/probe',
    'proxy/certificates',
  ],
  'proxy/server': [
    ...baseModules,
    'process',
    'limits',
    'type:connectors',
    'rules',
    'proxy/proxy-error',
    'proxy/auth',
    'proxy/credential',
    'proxy/upstream',
    'proxy/certificates',
  ],
  proxy: [
    ...sharedPackages,
    'version',
    'process',
    'proxy/proxy-error',
    'proxy/auth',
    'proxy/credential',
    'proxy/upstream',
    'proxy/certificates',
    'proxy/server',
    'proxy/generator',
    'proxy/probe',
    'proxy/status',
    'npm:prom-client',
  ],
  cli: ['*'],
  main: ['*'],
  program: ['*'],
  '*': [],
};

/**
 * Returns the layer of a file: `driver/csi` for driver/csi/node.ts, `errors` for errors.ts, or its first folder if the
 * table has no name for it.
 */
export function layerOf(place) {
  const parts = place.replace(/\.(js|ts|json)$/, '').split('/');
  for (let length = parts.length; length > 0; length -= 1) {
    const name = parts.slice(0, length).join('/');
    if (Object.hasOwn(layers, name)) return name;
  }
  return parts[0];
}
