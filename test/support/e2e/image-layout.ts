import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, mkdirSync, renameSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';

/**
 * Writes an image of one layer in the layout of OCI, uncompressed.
 * @param directory to be made.
 * @param bytes of the one file in the layer, all zero.
 */
export async function writeImageLayout(directory: string, bytes: number): Promise<void> {
  const blobs = path.join(directory, 'blobs', 'sha256');
  mkdirSync(blobs, { recursive: true });
  const addBlob = async (file: string, mediaType: string) => {
    const hash = createHash('sha256');
    await pipeline(createReadStream(file), hash);
    const digest = hash.digest('hex');
    const { size } = statSync(file);
    renameSync(file, path.join(blobs, digest));
    return { mediaType, digest: `sha256:${digest}`, size };
  };
  const addJson = (value: object, mediaType: string) => {
    const file = path.join(directory, 'blob');
    writeFileSync(file, JSON.stringify(value));
    return addBlob(file, mediaType);
  };
  execFileSync('truncate', ['-s', String(bytes), 'payload'], { cwd: directory });
  execFileSync('tar', ['-cf', 'layer', 'payload'], { cwd: directory });
  const layer = await addBlob(path.join(directory, 'layer'), 'application/vnd.oci.image.layer.v1.tar');
  const config = await addJson(
    {
      architecture: process.arch === 'x64' ? 'amd64' : process.arch,
      os: 'linux',
      config: {},
      rootfs: { type: 'layers', diff_ids: [layer.digest] },
    },
    'application/vnd.oci.image.config.v1+json',
  );
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  const manifest = await addJson({ schemaVersion: 2, mediaType, config, layers: [layer] }, mediaType);
  writeFileSync(path.join(directory, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [manifest] }));
  writeFileSync(path.join(directory, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
}
