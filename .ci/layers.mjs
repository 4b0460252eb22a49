/**
 * Which folder (or root module) of src may import what. `npm:` names a package, `type:` allows type imports only.
 * node's own modules are allowed everywhere. docs/architecture.md carries the same table; a test compares the two.
 */
const leaves = ['errors', 'secret', 'log', 'duration', 'json'];
const ports = ['volume/ports', 'type:volume/ports'];

export const layers = {
  errors: [],
  secret: [],
  duration: [],
  json: [],
  log: ['secret', 'npm:pino'],
  metrics: ['npm:prom-client'],
  config: leaves,
  version: ['../package'],
  health: leaves,
  gotemplate: [...leaves, 'npm:re2js', 'npm:bcryptjs', 'npm:lossless-json'],
  host: [...leaves, 'type:volume/ports', 'npm:koffi'],
  kube: [...leaves, 'npm:yaml', 'npm:lossless-json'],
  content: ['gotemplate', ...leaves, 'type:volume/ports'],
  connectors: ['kube', ...leaves, 'type:volume/ports', 'npm:yaml', 'npm:lossless-json'],
  access: ['kube', ...leaves, 'type:volume/ports'],
  token: ['kube', ...leaves, 'type:volume/ports'],
  volume: ['content', ...leaves],
  csi: ['volume', ...ports, ...leaves, 'metrics', 'npm:@grpc/grpc-js', 'npm:@grpc/proto-loader'],
  cli: ['*'],
  main: ['*'],
  '*': [],
};
