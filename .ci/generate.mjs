// Generates files: from proto/ the message types in src/driver/csi/generated, and the descriptors as JSON. So neither
// the build nor the running driver parses .proto text. In src/shared/gotemplate/sprig/generated the time zones, in
// src/driver/content/generated the text of activate.sh, in src/image-pulls/generated the files of nodes, and in
// src/shared/connectors/generated the fields of the CRDs.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import protobuf from 'protobufjs';
import { parse } from 'yaml';
import { zoneData, zoneSource } from './zone-data.mjs';

const root = path.join(import.meta.dirname, '..');
const protoDir = path.join(root, 'proto');
const outDir = path.join(root, 'src', 'driver', 'csi', 'generated');
const protos = readdirSync(protoDir).filter((name) => name.endsWith('.proto'));

const newestInput = Math.max(
  statSync(import.meta.filename).mtimeMs,
  ...protos.map((name) => statSync(path.join(protoDir, name)).mtimeMs),
);
const stamp = path.join(outDir, 'stamp');
const isCurrent = (statSync(stamp, { throwIfNoEntry: false })?.mtimeMs ?? 0) > newestInput;

if (!isCurrent) {
  mkdirSync(outDir, { recursive: true });
  for (const name of protos) {
    const parsed = protobuf.parse(readFileSync(path.join(protoDir, name), 'utf8'), { keepCase: true });
    const common = (parsed.imports ?? []).map((file) => protobuf.common.get(file)?.nested?.google);
    for (const google of common) parsed.root.addJSON({ google });
    const descriptor = JSON.stringify(parsed.root.toJSON());
    writeFileSync(path.join(outDir, name.replace(/\.proto$/, '.descriptor.json')), `${descriptor}\n`);
  }
  execFileSync(
    process.execPath,
    [
      path.join(root, 'node_modules/@grpc/proto-loader/build/bin/proto-loader-gen-types.js'),
      ...['--keepCase', '--longs=Number', '--enums=String', '--defaults', '--oneofs', '--grpcLib=@grpc/grpc-js'],
      ...['--importFileExtension=.ts', `--includeDirs=${protoDir}`, `--outDir=${outDir}`],
      ...protos,
    ],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  );
  writeFileSync(stamp, '');
}

const zonesDir = path.join(root, 'src', 'shared', 'gotemplate', 'sprig', 'generated');
const zones = path.join(zonesDir, 'zones.json');
const newestSource = Math.max(
  ...[import.meta.filename, path.join(import.meta.dirname, 'zone-data.mjs'), path.join(root, zoneSource)].map(
    (file) => statSync(file).ctimeMs,
  ),
);

if ((statSync(zones, { throwIfNoEntry: false })?.mtimeMs ?? 0) <= newestSource) {
  mkdirSync(zonesDir, { recursive: true });
  writeFileSync(zones, zoneData(root));
}

/** Returns the names of the fields in a schema of a CRD, nested; `true` if a field's content is not described. */
function fieldsOf({ properties, items }) {
  if (items) return fieldsOf(items);
  return properties ? Object.fromEntries(Object.entries(properties).map(([name, of]) => [name, fieldsOf(of)])) : true;
}

const crds = ['connectors', 'connectorclasses'].map((name) =>
  parse(readFileSync(path.join(root, 'deploy', 'chart', 'charts', 'crds', 'crds', `${name}.yaml`), 'utf8')),
);
const fields = crds.map(({ spec: { names, versions } }) => [
  names.kind,
  { ...fieldsOf(versions[0].schema.openAPIV3Schema), metadata: true },
]);
const fieldsDir = path.join(root, 'src', 'shared', 'connectors', 'generated');
mkdirSync(fieldsDir, { recursive: true });
writeFileSync(path.join(fieldsDir, 'manifest-fields.json'), `${JSON.stringify(Object.fromEntries(fields))}\n`);

const contentDir = path.join(root, 'src', 'driver', 'content');
const script = JSON.stringify(readFileSync(path.join(contentDir, 'activate.sh'), 'utf8'));
mkdirSync(path.join(contentDir, 'generated'), { recursive: true });
writeFileSync(path.join(contentDir, 'generated', 'activate.json'), `${script}\n`);

const nodeFilesDir = path.join(root, 'src', 'image-pulls', 'generated');
const nodeFiles = ['connectors-credential-provider', 'hosts.toml'].map((name) => [
  name,
  readFileSync(path.join(root, 'deploy', 'chart', 'files', 'image-pulls', name), 'utf8'),
]);
mkdirSync(nodeFilesDir, { recursive: true });
writeFileSync(path.join(nodeFilesDir, 'node-files.json'), `${JSON.stringify(Object.fromEntries(nodeFiles))}\n`);
