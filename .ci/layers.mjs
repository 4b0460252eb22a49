/**
 * Imports that each folder or module of src can have. `npm:` names a package, `type:` allows type imports only. A file
 * belongs to the longest of these names that its path begins with. Node's own modules are allowed everywhere.
 * docs/dev/architecture.md describes each of them; a test compares the names.
 */
const shared = (...names) => names.map((name) => `shared/${name}`);
const modules = shared(
  ...['errors', 'secret', 'log', 'duration', 'json', 'clock', 'abortable', 'awaitable', 'message-text', 'pem', 'names'],
  ...['file-signature', 'object-reader', 'per-object'],
);
/** The packages of shared that know Kubernetes or Connectors. */
const domain = [...modules, ...shared('kube', 'limits', 'connectors', 'access')];

export const layers = {
  ...Object.fromEntries(modules.map((name) => [name, []])),
  'shared/abortable': ['shared/errors'],
  'shared/per-object': ['shared/errors'],
  'shared/object-reader': ['shared/errors', 'shared/json'],
  'shared/version': ['../package'],
  'shared/process': [...modules, 'shared/limits', 'npm:koffi', 'npm:pino', 'npm:prom-client', 'npm:sonic-boom'],
  'shared/limits': modules,
  'shared/gotemplate': [...modules, 'npm:re2js', 'npm:bcryptjs'],
  'shared/kube': [...modules, 'shared/limits', 'npm:yaml'],
  'shared/connectors': [...modules, ...shared('kube', 'limits')],
  'shared/access': [...modules, ...shared('kube', 'limits', 'connectors')],
  'shared/command': [...modules, 'shared/process'],
  'shared/doctor': [...modules, ...shared('kube', 'connectors', 'version', 'command'), 'type:shared/process'],

  'driver/limits': [],
  'driver/syntax': [],
  'driver/host': [
    ...[...modules, 'driver/limits', 'driver/syntax', 'npm:koffi'],
    ...['type:driver/publish', 'type:driver/publish/ports'],
  ],
  'driver/content': [
    ...[...modules, 'shared/gotemplate', 'type:shared/connectors'],
    ...['driver/limits', 'driver/syntax', 'type:driver/publish/ports'],
  ],
  'driver/token': [...modules, ...shared('kube', 'limits', 'connectors', 'access'), 'type:driver/publish/ports'],
  'driver/publish': [
    ...[...modules, 'shared/limits', 'type:shared/connectors', 'type:shared/access'],
    ...['driver/limits', 'driver/content', 'type:driver/host'],
  ],
  'driver/connectors': [...modules, ...shared('kube', 'limits', 'connectors'), 'type:driver/publish/ports'],
  'driver/approval': [...domain, 'driver/limits', 'driver/connectors', 'type:driver/publish/ports'],
  'driver/csi': [
    ...[...modules, 'type:shared/limits', 'type:shared/access', 'driver/limits', 'driver/syntax'],
    ...['driver/publish', 'type:driver/publish/ports', 'npm:@grpc/grpc-js', 'npm:@grpc/proto-loader', 'npm:protobufjs'],
  ],
  driver: [
    ...[...modules, ...shared('kube', 'limits', 'connectors', 'version', 'process'), 'type:shared/access'],
    ...['driver/limits', 'driver/syntax', 'driver/host', 'driver/content', 'driver/token', 'driver/publish'],
    ...['type:driver/publish/ports', 'driver/connectors', 'driver/approval', 'driver/csi'],
  ],

  'proxy/limits': [],
  'proxy/proxy-error': [],
  'proxy/failure-rate-limiter': [...modules, 'shared/limits', 'proxy/proxy-error'],
  'proxy/thread-shares': [...modules, 'shared/limits', 'proxy/limits', 'proxy/proxy-error'],
  'proxy/rules': [...modules, ...shared('kube', 'limits'), 'type:shared/connectors', 'proxy/limits', 'npm:yaml'],
  'proxy/tool': [
    ...[...modules, 'shared/limits', 'proxy/limits', 'proxy/proxy-error', 'proxy/rules', 'type:proxy/thread-shares'],
    'npm:undici',
  ],
  'proxy/certificates': [
    ...[...modules, 'shared/limits', 'proxy/limits', 'npm:@peculiar/asn1-schema', 'npm:@peculiar/asn1-x509'],
  ],
  'proxy/auth': [...domain, 'proxy/limits', 'proxy/proxy-error', 'type:proxy/failure-rate-limiter'],
  'proxy/cel': ['npm:@bufbuild/cel'],
  'proxy/connectors': [
    ...[...modules, ...shared('kube', 'limits', 'connectors'), 'proxy/limits', 'type:proxy/tool'],
    'type:proxy/thread-shares',
  ],
  'proxy/secrets': [
    'type:proxy/thread-shares',
    ...[...modules, ...shared('kube', 'limits'), 'proxy/limits', 'proxy/tool', 'proxy/connectors'],
    'type:proxy/credentials',
  ],
  'proxy/credentials': [
    ...[
      ...modules,
      ...shared('access', 'kube', 'limits'),
      'type:shared/connectors',
      'proxy/limits',
      'proxy/proxy-error',
      'proxy/rules',
      'proxy/tool',
    ],
    ...['type:proxy/thread-shares', 'proxy/cel', 'proxy/connectors', 'proxy/secrets'],
    ...['npm:jose', 'npm:@bufbuild/cel', 'npm:@bufbuild/protobuf'],
  ],
  'proxy/probe': [
    ...[...modules, ...shared('limits', 'gotemplate'), 'type:shared/connectors', 'proxy/limits', 'proxy/proxy-error'],
    ...['proxy/tool', 'proxy/cel', 'proxy/connectors', 'type:proxy/secrets', 'proxy/credentials', 'npm:@bufbuild/cel'],
    'type:proxy/thread-shares',
  ],
  'proxy/status': [
    ...[...modules, ...shared('kube', 'limits', 'connectors'), 'proxy/limits', 'proxy/proxy-error'],
    ...['proxy/connectors', 'type:proxy/secrets', 'proxy/credentials', 'proxy/rules', 'type:proxy/probe'],
    ...['type:proxy/thread-shares', 'proxy/certificates'],
  ],
  'proxy/server': [
    ...[...modules, ...shared('process', 'limits'), 'type:shared/connectors', 'proxy/limits', 'proxy/proxy-error'],
    ...['proxy/auth', 'proxy/rules', 'proxy/connectors', 'proxy/credentials', 'proxy/tool', 'type:proxy/certificates'],
    'type:proxy/thread-shares',
  ],
  proxy: [
    ...[...domain, ...shared('version', 'process'), 'type:shared/command', 'proxy/limits', 'proxy/auth'],
    ...[
      'proxy/failure-rate-limiter',
      'proxy/thread-shares',
      'proxy/connectors',
      'proxy/secrets',
      'proxy/credentials',
      'proxy/tool',
    ],
    ...['proxy/certificates', 'proxy/server', 'proxy/probe', 'proxy/status'],
  ],
  // `check` parses a list of Connectors as a volume does.
  'proxy/check': [
    'driver/publish',
    ...[...modules, ...shared('kube', 'connectors', 'access', 'version', 'process', 'command', 'doctor'), 'proxy'],
    ...['proxy/limits', 'proxy/proxy-error', 'proxy/auth', 'proxy/rules', 'proxy/connectors', 'proxy/tool'],
    ...['proxy/server', 'proxy/secrets', 'proxy/credentials', 'proxy/failure-rate-limiter', 'proxy/thread-shares'],
  ],
  'proxy/doctor': [
    ...[...modules, 'type:shared/kube', ...shared('connectors', 'process', 'doctor'), 'proxy'],
    ...['proxy/secrets', 'proxy/status', 'proxy/tool'],
  ],

  'image-pulls': [...modules, ...shared('limits', 'version', 'process', 'doctor'), 'type:shared/command'],
  cli: ['*'],
  main: ['*'],
  program: ['*'],
  '*': [],
};

/**
 * Returns the layer of a file: `driver/csi` for driver/csi/node.ts, `shared/errors` for shared/errors.ts, or its first
 * folder if the table has no name for it.
 */
export function layerOf(place) {
  const parts = place.replace(/\.(js|ts|json)$/, '').split('/');
  for (let length = parts.length; length > 0; length -= 1) {
    const name = parts.slice(0, length).join('/');
    if (Object.hasOwn(layers, name)) return name;
  }
  return parts[0];
}
